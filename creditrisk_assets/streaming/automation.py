"""Keeping the stream quick: files merged, old runs and decisions forgotten, yesterday checked."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import polars as pl
from pydantic import Field

from creditrisk_assets.automation import close_stream_day, drain_stream
from creditrisk_assets.contracts import FEATURES_BEHAVIOUR, RAW_EVENTS, SCORES_LIVE, SCORES_SHADOW
from creditrisk_assets.partitions import KEY_FORMAT
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.resources.history import forget_runs
from creditrisk_assets.resources.lake import DeltaLakeIOManager

PARTITION = "dagster/partition"


class Kept(dg.Config):
    """For how many days what is kept that the lake does not need."""

    runs: int = Field(7, description="Days of drain runs, with their events and materializations.")
    decisions: int = Field(90, description="Days of decisions in PostgreSQL; the lake keeps them all.")


@dg.op(description="Merge small files of the stream's tables and forget what is old, beside a running stream.")
def keep_quick(context: dg.OpExecutionContext, config: Kept, lake: dg.ResourceParam[DeltaLakeIOManager]) -> None:
    """Compact and vacuum the three tables; the transactions that say how far the stream is stay as they are."""
    from creditrisk_assets.streaming.store import Store
    from creditrisk_assets.streaming.upkeep import upkeep

    for table in (RAW_EVENTS, FEATURES_BEHAVIOUR, SCORES_LIVE):
        done = upkeep(Store(lake.lake, table))
        context.log.info(f"{table.name}: {done.merged} files into {done.into}, {done.removed} removed")
    _say_what_yesterday_holds(context, lake)
    before = datetime.now(UTC) - timedelta(days=config.runs)
    context.log.info(f"{forget_runs(context.instance, drain_stream.name, before)} old runs forgotten")
    if settings().postgres_url is not None:
        from creditrisk_assets.serving.connection import connect
        from creditrisk_assets.serving.live import forget

        with connect("writer") as connection:
            context.log.info(f"{forget(connection, config.decisions)} old decisions forgotten")


def _say_what_yesterday_holds(context: dg.OpExecutionContext, lake: DeltaLakeIOManager) -> None:
    """One materialization a day that outlives the runs which made it: their events are forgotten with them."""
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    for table in (RAW_EVENTS, FEATURES_BEHAVIOUR, SCORES_LIVE):
        rows = lake.lake.scan(table, [yesterday]).select(pl.len()).collect().item()
        if rows:
            context.log_event(
                dg.AssetMaterialization(
                    list(table.key),
                    partition=yesterday.strftime(KEY_FORMAT),
                    metadata={"dagster/partition_row_count": rows},
                )
            )


@dg.job(description="Keep the tables and the history of the stream small.")
def keep_stream_quick() -> None:
    """Once a day, at any time."""
    keep_quick()


@dg.schedule(
    job=close_stream_day,
    cron_schedule="15 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def yesterdays_stream(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Check the day that ended against the contracts of its tables."""
    day = (context.scheduled_execution_time - timedelta(days=1)).strftime(KEY_FORMAT)
    return dg.RunRequest(tags={PARTITION: day})  # a job of checks alone has no partitions to name one of


score_in_shadow = dg.define_asset_job(
    "score_in_shadow",
    selection=dg.AssetSelection.assets(list(SCORES_SHADOW.key)),
    description="Score by the challenger what the stream decided on a day.",
)


@dg.schedule(
    job=score_in_shadow,
    cron_schedule="30 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def yesterdays_shadow(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Let the challenger say what it would have decided on the day that ended."""
    return dg.RunRequest(partition_key=(context.scheduled_execution_time - timedelta(days=1)).strftime(KEY_FORMAT))


SCHEDULES = (
    dg.ScheduleDefinition(
        job=keep_stream_quick,
        cron_schedule="30 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    ),
    yesterdays_stream,
    yesterdays_shadow,
)
