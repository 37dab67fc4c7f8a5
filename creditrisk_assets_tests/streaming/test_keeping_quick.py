"""The daily job of the stream: fewer files, forgotten runs, and a day that stays on record."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.definitions import build_defs
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.lake import DeltaLakeIOManager
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.offsets import OffsetRange, Place, Position

BATCHES = 12
PLACE = Place("customer-activity", 0)


def written(lake: Lake) -> None:
    """Micro-batches of yesterday, one row each."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    events = Events(lake, clock=lambda: yesterday)
    schema = {name: dtype for name, dtype in RAW_EVENTS.schema.items() if not name.startswith("ingest")}
    for offset in range(BATCHES):
        row = dict.fromkeys(schema) | {
            "topic": PLACE.topic, "epoch": 0, "partition": 0, "offset": offset, "replayed": False, "error": "bad",
        }  # fmt: skip
        events.take(pl.DataFrame([row], schema=schema), [OffsetRange(PLACE.topic, 0, 0, offset, offset + 1)])


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Lake, dg.DagsterInstance]:
    """A lake and the history of Dagster after the job."""
    lake = Lake(str(tmp_path / "lake"))
    written(lake)
    manager = DeltaLakeIOManager(root=lake.root)
    instance = dg.DagsterInstance.ephemeral()
    definitions = build_defs(resource_overrides={"lake": manager, "io_manager": manager})
    definitions.resolve_job_def("keep_stream_quick").execute_in_process(instance=instance)
    return lake, instance


def test_small_files_are_merged_and_nothing_else_changes(kept: tuple[Lake, dg.DagsterInstance]) -> None:
    lake, _ = kept
    events = Events(lake)
    assert len(events.files(pl.lit(True))) == 1
    assert lake.scan(RAW_EVENTS).select("offset").collect()["offset"].sort().to_list() == list(range(BATCHES))
    assert events.positions([PLACE]) == {PLACE: Position(0, BATCHES)}
    assert len(list(events.after(None))) == BATCHES


def test_yesterday_stays_on_record_when_its_runs_are_forgotten(kept: tuple[Lake, dg.DagsterInstance]) -> None:
    _, instance = kept
    event = instance.get_latest_materialization_event(dg.AssetKey(["raw", "events"]))
    assert event is not None
    found = event.asset_materialization
    assert found is not None
    assert found.partition == (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    assert found.metadata["dagster/partition_row_count"].value == BATCHES
    assert instance.get_latest_materialization_event(dg.AssetKey(["scores", "live"])) is None


def test_the_schedules_of_the_stream_are_on_from_the_start() -> None:
    definitions = build_defs()
    schedules = [definitions.resolve_schedule_def(name) for name in ("keep_stream_quick_schedule", "yesterdays_stream")]
    assert {one.default_status for one in schedules} == {dg.DefaultScheduleStatus.RUNNING}


def test_the_day_that_ended_is_checked_and_no_other(kept: tuple[Lake, dg.DagsterInstance]) -> None:
    lake, instance = kept
    manager = DeltaLakeIOManager(root=lake.root)
    definitions = build_defs(resource_overrides={"lake": manager, "io_manager": manager})
    at = datetime.now(UTC).replace(hour=0, minute=15, second=0, microsecond=0)
    schedule = definitions.resolve_schedule_def("yesterdays_stream")
    with dg.build_schedule_context(
        scheduled_execution_time=at, repository_def=definitions.get_repository_def()
    ) as context:
        asked = schedule.evaluate_tick(context).run_requests
    assert asked is not None
    (request,) = asked
    assert request.tags["dagster/partition"] == (at - timedelta(days=1)).date().isoformat()
    yesterday, today = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC)
    assert checked(definitions, instance, yesterday), "what the stream wrote keeps its contract"
    rows = lake.scan(RAW_EVENTS).collect().with_columns(partition=pl.lit(-1, pl.Int32))
    lake.overwrite(RAW_EVENTS, rows, [yesterday.date()])
    assert not checked(definitions, instance, yesterday)
    assert checked(definitions, instance, today), "a broken day does not make another one look broken"


def checked(definitions: dg.Definitions, instance: dg.DagsterInstance, day: datetime) -> bool:
    """Does raw/events of a day pass the check of the daily job?"""
    job = definitions.resolve_job_def("close_stream_day")
    tags = {"dagster/partition": day.date().isoformat()}
    result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    found = {one.asset_key.to_user_string(): one.passed for one in result.get_asset_check_evaluations()}
    return found["raw/events"]
