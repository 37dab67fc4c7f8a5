"""What the monitoring stage says of one model: of the vintages it scored, as far as they were looked at."""

from dataclasses import dataclass
from datetime import date

import polars as pl

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    MONITORING_CALIBRATION,
    MONITORING_CHALLENGER,
    MONITORING_DRIFT,
    MONITORING_PERFORMANCE,
    MONITORING_POPULATION,
    MONITORING_RULE_AGREEMENT,
    SCORES_LINEAGE,
)
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.resources.delta import Lake


@dataclass(frozen=True)
class Monitored:
    """Rows of the monitoring tables that tell of one model; empty where nobody has looked yet.

    `vintages`: those it scored. `challenger`: vintages on which it was champion or challenger.
    """

    vintages: tuple[date, ...]
    performance: pl.DataFrame
    calibration: pl.DataFrame
    drift: pl.DataFrame
    population: pl.DataFrame
    agreement: pl.DataFrame
    challenger: pl.DataFrame


def monitored(lake: Lake, model: Model | None) -> Monitored:
    """Of a model in the lake; of None, one that scores nothing: all empty."""
    vintages = _scored_by(lake, model)
    compared = pl.DataFrame(schema=MONITORING_CHALLENGER.schema)
    if model is not None and lake.exists(MONITORING_CHALLENGER):
        roles = [
            (pl.col(f"{role}_feature_set") == model.feature_set) & (pl.col(f"{role}_model_date") == model.model_date)
            for role in ("champion", "challenger")
        ]
        compared = lake.scan(MONITORING_CHALLENGER).filter(pl.any_horizontal(roles)).sort("vintage").collect()
    tables = (MONITORING_PERFORMANCE, MONITORING_CALIBRATION, MONITORING_DRIFT, MONITORING_POPULATION,
              MONITORING_RULE_AGREEMENT)  # fmt: skip
    told = [_told(lake, table, vintages, model) for table in tables]
    return Monitored(tuple(vintages), told[0], told[1], told[2], told[3], told[4], compared)


def _scored_by(lake: Lake, model: Model | None) -> list[date]:
    if model is None or not lake.exists(SCORES_LINEAGE):
        return []
    mine = (pl.col("model_date") == model.model_date) & (pl.col("feature_set") == model.feature_set)
    found = lake.scan(SCORES_LINEAGE).filter(mine, pl.col("scored") > 0).select(pl.col("vintage").sort()).collect()
    return found["vintage"].to_list()


def _told(lake: Lake, table: Table, vintages: list[date], model: Model | None) -> pl.DataFrame:
    """Rows of its vintages; those that another model left there before are of no use."""
    if model is None or not vintages or not lake.exists(table):
        return pl.DataFrame(schema=table.schema)
    rows = lake.scan(table, vintages).filter(pl.col("model_date") == model.model_date)
    if "feature_set" in table.schema:
        rows = rows.filter(pl.col("feature_set") == model.feature_set)
    return rows.sort(table.primary).collect()
