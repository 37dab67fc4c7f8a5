"""Assets of the stream: one bounded run carries events from Kafka to live scores, micro-batch by micro-batch."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    FEATURES_BEHAVIOUR,
    MODELS_BEHAVIOUR,
    MODELS_DIAGNOSTICS,
    MODELS_MOMENTS,
    MODELS_POSTERIOR,
    MODELS_PROMOTIONS,
    RAW_EVENTS,
    SCORES_CHALLENGER,
    SCORES_LIVE,
    SCORES_LOANS,
    SCORES_SHADOW,
)
from creditrisk_assets.partitions import KEY_FORMAT, ingest_days
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.resources.lake import DeltaLakeIOManager, commit_metadata, output_metadata
from creditrisk_assets.shell import at_once, catalogue
from creditrisk_assets.workloads import STREAM, VINTAGE

if TYPE_CHECKING:  # the clients of Kafka and PostgreSQL cost every process that loads the platform .7 s
    from creditrisk_assets.streaming.drain import Drained
    from creditrisk_assets.streaming.pipeline import Pipeline
    from creditrisk_assets.streaming.progress import Progress

EVERYTHING = dg.AllPartitionMapping()
GROUP = "streaming"
"""Apart from the vintages of their stages: what is materialised together has one time axis."""
TABLES = (RAW_EVENTS, FEATURES_BEHAVIOUR, SCORES_LIVE)
MODELS = (MODELS_POSTERIOR, MODELS_MOMENTS, MODELS_DIAGNOSTICS)


class DrainConfig(dg.Config):
    """How a run drains the stream; the defaults suit the sensor."""

    ranges: str | None = Field(
        None,
        description='Exactly these offsets, as the metadata of a run tells them: [{"topic": "customer-activity", '
        '"epoch": 0, "partition": 0, "start": 0, "end": 100}]. What is in the lake already is left alone.',
    )
    seconds: float = Field(300.0, description="Age at which a successor takes over.")
    idle_seconds: float = Field(15.0, description="Seconds without news after which the run ends.")
    pace_seconds: float = Field(0.25, description="Least time from one micro-batch to the next.")


def _spec(table: Table, meaning: str, deps: list[Table], kinds: set[str]) -> dg.AssetSpec:
    found = [dg.AssetDep(list(one.key), partition_mapping=None if one in TABLES else EVERYTHING) for one in deps]
    shown = catalogue(table, kinds) | {"group_name": GROUP}
    return dg.AssetSpec(**shown, deps=found, description=meaning, partitions_def=ingest_days, skippable=True)


@dg.multi_asset(
    name="stream",
    specs=[
        _spec(
            RAW_EVENTS,
            "Every message of the stream, exactly once: good ones decoded, bad ones with their reason.",
            [],
            {"kafka", "deltalake"},
        ),
        _spec(
            FEATURES_BEHAVIOUR,
            "What customers did lately, counted in trailing windows with every micro-batch.",
            [RAW_EVENTS],
            {"polars", "deltalake"},
        ),
        _spec(
            SCORES_LIVE,
            "Applications scored as they come, customers updated by what they do.",
            [RAW_EVENTS, FEATURES_BEHAVIOUR, *MODELS, MODELS_BEHAVIOUR, MODELS_PROMOTIONS, SCORES_LOANS],
            {"polars", "deltalake", "postgres"},
        ),
    ],
    can_subset=True,
    **at_once(STREAM),
)
def stream(
    context: dg.AssetExecutionContext, config: DrainConfig, lake: dg.ResourceParam[DeltaLakeIOManager]
) -> Iterator[dg.MaterializeResult[None]]:
    """Drain Kafka into the lake and the serving tables; without raw/events derive the days again from it."""
    if dg.AssetKey(list(RAW_EVENTS.key)) not in context.selected_asset_keys:
        yield from _derive_again(context, lake)
        return
    from creditrisk_assets.streaming.assembly import assembled
    from creditrisk_assets.streaming.drain import Limits, drain
    from creditrisk_assets.streaming.upkeep import upkeep

    with assembled(lake.lake, settings()) as pipeline:
        told = _telling(context, pipeline)
        if config.ranges is not None:
            _exactly(context, pipeline, config.ranges, told)
            return
        limits = Limits(seconds=config.seconds, idle=config.idle_seconds, pace=config.pace_seconds)
        done = drain(pipeline, limits, told, lambda: context.log.info("caught up, at work"))
        _conclude(context, done)
        # Whoever was taken over has the time: the successor streams beside it.
        for table in (pipeline.intake.events, pipeline.features, pipeline.scores):
            kept = upkeep(table)
            context.log.info(f"{table.contract.name}: {kept.merged} files into {kept.into}, {kept.removed} removed")


def _exactly(
    context: dg.AssetExecutionContext, pipeline: "Pipeline", ranges: str, told: Callable[["Progress", float], None]
) -> None:
    from creditrisk_assets.streaming.drain import exactly, ranges_asked

    done = exactly(pipeline, ranges_asked(ranges), told)
    if not done.total.batches:
        context.log.info("these offsets are in the lake already: nothing to do")


def _telling(context: dg.AssetExecutionContext, pipeline: "Pipeline") -> Callable[["Progress", float], None]:
    """Report a stretch as materializations of its day, with figures that the UI plots over time."""

    def tell(progress: "Progress", elapsed: float) -> None:
        assert progress.day is not None
        figures, ranges = progress.figures(elapsed), progress.told()
        context.log.info(f"{progress.rows} events, lag {figures['lag']}: {'; '.join(ranges)}")
        for error in progress.refused.values():
            context.log.error(f"the other topic goes on: {error}")
        if pipeline.follower is not None and pipeline.follower.error is not None:
            context.log.warning(f"the lake goes on, PostgreSQL follows when it can: {pipeline.follower.error}")
        rows = {RAW_EVENTS: progress.rows, FEATURES_BEHAVIOUR: progress.updated, SCORES_LIVE: progress.scored}
        for table, count in rows.items():
            metadata = {
                **figures,
                "new_rows": count,
                "ranges": dg.MetadataValue.md("\n".join(f"- {r}" for r in ranges)),
            }
            context.log_event(
                dg.AssetMaterialization(list(table.key), partition=progress.day.strftime(KEY_FORMAT), metadata=metadata)
            )

    return tell


def _conclude(context: dg.AssetExecutionContext, done: "Drained") -> None:
    context.log.info(f"ended: {done.reason} after {done.elapsed:.0f} s; {done.total.figures(done.elapsed)}")
    if done.total.unscored:
        context.log.warning(
            f"{done.total.unscored} events have no score: either no posterior has passed its gates, or they break a "
            "contract that was narrowed since they came. Materialise models/posterior, then scores/live of these days"
        )


def _derive_again(context: dg.AssetExecutionContext, lake: DeltaLakeIOManager) -> Iterator[dg.MaterializeResult[None]]:
    from creditrisk_assets.streaming.assembly import models_in_charge
    from creditrisk_assets.streaming.rederiving import derived_again, replaced

    scoring = models_in_charge(lake.lake, settings())
    for key in context.partition_keys:
        derived = derived_again(lake.lake, scoring, date.fromisoformat(key))
        for table in (FEATURES_BEHAVIOUR, SCORES_LIVE):
            if dg.AssetKey(list(table.key)) in context.selected_asset_keys:
                written = replaced(lake.lake, table, derived, commit_metadata(table, context.run.run_id, [derived.day]))
                metadata = output_metadata(table, lake.lake.uri(table), written, [derived.day])
                told = metadata | {"batches": derived.batches, "unscored": derived.unscored}
                context.log_event(dg.AssetMaterialization(list(table.key), partition=key, metadata=told))
    yield from ()


@dg.asset(
    **catalogue(SCORES_SHADOW, {"polars", "deltalake"}) | {"group_name": GROUP},
    deps=[
        *(list(table.key) for table in (RAW_EVENTS, SCORES_LIVE)),
        *(dg.AssetDep(list(table.key), partition_mapping=EVERYTHING) for table in (*MODELS, SCORES_CHALLENGER)),
        *(list(table.key) for table in (MODELS_BEHAVIOUR, MODELS_PROMOTIONS)),
    ],
    partitions_def=ingest_days,
    **at_once(VINTAGE),
)
def shadow(context: dg.AssetExecutionContext, lake: dg.ResourceParam[DeltaLakeIOManager]) -> dg.MaterializeResult[None]:
    """Score in shadow, by the model that challenges, what the stream decided on a day."""
    from creditrisk_assets.streaming.assembly import models_in_shadow
    from creditrisk_assets.streaming.shadow import shadowed

    scoring, rows = models_in_shadow(lake.lake, settings()), {}
    if scoring is None:
        context.log.warning("no challenger: no posterior of its feature set passed, or CREDITRISK_CHALLENGER is none")
    for key in sorted(context.partition_keys):  # a day is written before the next one remembers it
        day = date.fromisoformat(key)
        found = shadowed(lake.lake, scoring, day)
        lake.lake.overwrite(SCORES_SHADOW, found, [day], commit_metadata(SCORES_SHADOW, context.run.run_id, [day]))
        rows[key] = found.height
    return dg.MaterializeResult(metadata={"partition_rows": rows, "dagster/partition_row_count": sum(rows.values())})
