"""The scored vintages of a lake held against what has become of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from creditrisk_assets.contracts import MONITORING_CALIBRATION, MONITORING_PERFORMANCE
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.monitoring.calibration import calibration
from creditrisk_assets.monitoring.expected import Expecting
from creditrisk_assets.monitoring.performance import performance
from creditrisk_assets.monitoring.so_far import SCORED
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.scores.by_vintage import draws_of_model, scored_vintages


@dataclass
class Evaluated:
    """Rows of monitoring/calibration and monitoring/performance; `unscored`: vintages with loans, or none, unscored."""

    calibration: pl.DataFrame
    performance: pl.DataFrame
    unscored: list[date] = field(default_factory=list)


def evaluate(lake: Lake, vintages: Sequence[date]) -> Evaluated:
    """Both tables for some vintages; one without a scored loan has no row.

    ValueError names a model date of scores/lineage that has no posterior any more.
    """
    tables = [pl.DataFrame(schema=MONITORING_CALIBRATION.schema)], [pl.DataFrame(schema=MONITORING_PERFORMANCE.schema)]
    expecting: tuple[Model, Expecting] | None = None
    told = set()
    for one in scored_vintages(lake, vintages, SCORED):
        if one.model is None or one.loans.is_empty():
            continue
        if expecting is None or expecting[0] != one.model:  # vintages in a row share a model
            expecting = one.model, Expecting(draws_of_model(lake, one.model), one.model.model_date)
        found = expecting[1].add(one.vintage, one.loans)
        tables[0].append(calibration(found))
        tables[1].append(performance(found))
        told.add(one.vintage)
    return Evaluated(pl.concat(tables[0]), pl.concat(tables[1]), sorted(set(vintages) - told))
