"""Assets of the serving stage: small tables with everything a page of the dashboard needs."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import polars as pl

from creditrisk_assets.contracts import (
    FEATURES_BEHAVIOUR,
    FEATURES_LOANS,
    RAW_EVENTS,
    RAW_LOANS_QUARANTINE,
    SCORES_LINEAGE,
    SCORES_LOANS,
    SERVING_DEFAULT_CURVES,
    SERVING_LOSS_DRAWS,
    SERVING_QUARANTINE,
    SERVING_ROLL_RATES,
    SERVING_SEGMENTS,
)
from creditrisk_assets.partitions import models_before_a_vintage, vintages
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.resources.lake import DeltaLakeIOManager
from creditrisk_assets.scores.champion import MODELS
from creditrisk_assets.scores.policy import load_policy
from creditrisk_assets.serving.rejected import OF_EVENTS, rejected_events, rejected_loans
from creditrisk_assets.serving.roll_rates import roll_rates as rolled
from creditrisk_assets.serving.totals import add_up
from creditrisk_assets.shell import Part, asset_out, at_once, catalogue, together
from creditrisk_assets.workloads import BOOK

KINDS = {"polars", "deltalake"}
EVENTS_VERSION = "events_version"
"""Metadata of a materialization: the Delta version of raw/events it knew."""

Delta = dg.ResourceParam[DeltaLakeIOManager]
_whole = dg.AllPartitionMapping()


@dg.multi_asset(
    name="vintage_totals",
    outs={table.key[1]: asset_out(table, KINDS) for table in (SERVING_SEGMENTS, SERVING_LOSS_DRAWS,
                                                              SERVING_DEFAULT_CURVES)},
    deps=[
        *(dg.AssetDep(list(table.key)) for table in (FEATURES_LOANS, SCORES_LOANS, SCORES_LINEAGE)),
        *(dg.AssetDep(list(table.key), partition_mapping=models_before_a_vintage) for table in MODELS),
    ],
    partitions_def=vintages,
    **at_once(BOOK),
    can_subset=True,
)  # fmt: skip
def vintage_totals(context: dg.AssetExecutionContext, lake: Delta) -> Iterator[dg.Output[pl.DataFrame]]:
    """Add up what is lent, expected to be lost and observed to default, vintage by vintage and draw by draw."""
    months = [date.fromisoformat(key) for key in context.partition_keys]
    policy = load_policy(settings().policy)
    totals = add_up(lake.lake, months, policy.loss_given_default)
    told: dict[str, Any] = {"policy": policy.version, "loss_given_default": policy.loss_given_default}
    yield from together(
        context,
        lake,
        [
            Part(SERVING_SEGMENTS, pl.concat(totals.segments), told),
            Part(SERVING_LOSS_DRAWS, pl.concat(totals.loss_draws), told),
            Part(SERVING_DEFAULT_CURVES, pl.concat(totals.default_curves)),
        ],
    )


@dg.asset(
    **catalogue(SERVING_ROLL_RATES, KINDS), deps=[dg.AssetDep(list(FEATURES_BEHAVIOUR.key), partition_mapping=_whole)]
)
def roll_rates(context: dg.AssetExecutionContext, lake: Delta) -> pl.LazyFrame:
    """How customers of the stream move between classes of days past due from one month end to the next."""
    context.add_output_metadata({EVENTS_VERSION: events_version(lake)})
    if not lake.lake.exists(FEATURES_BEHAVIOUR):
        return pl.LazyFrame(schema=SERVING_ROLL_RATES.schema)
    columns = ["customer_id", "as_of", "days_past_due", "ingested_at", "offset"]
    return rolled(lake.lake.scan(FEATURES_BEHAVIOUR, columns=columns), datetime.now(UTC))


@dg.asset(
    **catalogue(SERVING_QUARANTINE, KINDS),
    deps=[dg.AssetDep(list(table.key), partition_mapping=_whole) for table in (RAW_LOANS_QUARANTINE, RAW_EVENTS)],
)
def quarantine(context: dg.AssetExecutionContext, lake: Delta) -> pl.DataFrame:
    """What the platform rejected and nobody has mended yet, counted by where it came from and why."""
    context.add_output_metadata({EVENTS_VERSION: events_version(lake)})
    found = [pl.LazyFrame(schema=SERVING_QUARANTINE.schema)]
    if lake.lake.exists(RAW_LOANS_QUARANTINE):
        found.append(rejected_loans(lake.lake.scan(RAW_LOANS_QUARANTINE, columns=["file", "line", "reasons"])))
    if lake.lake.exists(RAW_EVENTS):
        found.append(rejected_events(lake.lake.scan(RAW_EVENTS, columns=OF_EVENTS)))
    return pl.concat(found).sort(SERVING_QUARANTINE.primary).collect()


def events_version(lake: DeltaLakeIOManager) -> int:
    """Newest version of raw/events, -1 when there is none."""
    return lake.lake.version(RAW_EVENTS) if lake.lake.exists(RAW_EVENTS) else -1
