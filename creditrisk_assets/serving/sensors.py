"""The sensor that keeps what the dashboard shows of the stream up to date, without a run for every event."""

import time

import dagster as dg
import polars as pl

from creditrisk_assets.automation import aggregate_stream
from creditrisk_assets.contracts import RAW_EVENTS, SERVING_ROLL_RATES
from creditrisk_assets.resources.lake import DeltaLakeIOManager
from creditrisk_assets.serving.assets import EVENTS_VERSION, events_version

PAUSE = 600.0
"""Seconds between two runs at least."""


@dg.sensor(job=aggregate_stream, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def stream_totals(
    context: dg.SensorEvaluationContext, lake: dg.ResourceParam[DeltaLakeIOManager]
) -> dg.RunRequest | dg.SkipReason:
    """Add the stream up at once when it never was, and on news every ten minutes."""
    version = events_version(lake)
    told, known = _last(context.instance)
    if version < 0 or version == known:
        return dg.SkipReason("there are no events" if version < 0 else f"no events since version {version}")
    latest = context.instance.get_run_records(dg.RunsFilter(job_name=aggregate_stream.name), limit=1)
    asked = max([run.create_timestamp.timestamp() for run in latest], default=0.0)
    left = PAUSE - (time.time() - max(told, asked))
    if left > 0:
        return dg.SkipReason(f"added up {PAUSE - left:.0f} s ago: again in {left:.0f} s")
    if lake.lake.scan(RAW_EVENTS).select(pl.len()).collect().item() == 0:
        return dg.SkipReason("there are no events")
    return dg.RunRequest(tags={"creditrisk/why": f"version {version} of {RAW_EVENTS.name}, {known} was added up"})


def _last(instance: dg.DagsterInstance) -> tuple[float, int]:
    """When roll rates were last materialized, and the version of raw/events they know; (0, -1) when they never were."""
    event = instance.get_latest_materialization_event(dg.AssetKey(list(SERVING_ROLL_RATES.key)))
    if event is None or event.asset_materialization is None:
        return 0.0, -1
    noted = event.asset_materialization.metadata.get(EVENTS_VERSION)
    return event.timestamp, int(str(noted.value)) if noted is not None else -1
