"""The archive in Dagster: partitions, the blocking checks, and schedules that know what is due."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from creditrisk_assets.archive.due import due
from creditrisk_assets.archive.events import archive_day
from creditrisk_assets.automation import QUIET, RANGE_END, RANGE_START
from creditrisk_assets.contracts import ARCHIVE_EVENTS, ARCHIVE_REPORTS, RAW_EVENTS
from creditrisk_assets.definitions import build_defs
from creditrisk_assets.resources.archive import ArchiveStore
from creditrisk_assets.resources.lake import DeltaLakeIOManager
from creditrisk_assets_tests.archive.days import MONDAY, TUESDAY, WEDNESDAY, Kept, a_busy_week, rows
from creditrisk_assets_tests.archive.reported import APRIL, JANUARY, with_cards, with_drift


def definitions(kept: Kept, root: str | None = "") -> dg.Definitions:
    manager = DeltaLakeIOManager(root=kept.lake.root)
    archive = ArchiveStore(root=kept.archive.objects.root if root == "" else root)
    return build_defs(resource_overrides={"lake": manager, "io_manager": manager, "archive": archive})


def run(kept: Kept, job: str, *days: date, root: str | None = "") -> dg.ExecuteInProcessResult:
    tags = {RANGE_START: days[0].isoformat(), RANGE_END: days[-1].isoformat()} if days else {}
    found = definitions(kept, root).resolve_job_def(job)
    return found.execute_in_process(run_config=QUIET, tags=tags, raise_on_error=False)


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def test_days_are_archived_listed_in_the_lake_and_checked(anywhere: Kept) -> None:
    a_busy_week(anywhere)
    result = run(anywhere, "archive_events", MONDAY, TUESDAY)
    assert result.success
    assert checks(result) == {"keeps_its_contract": True, "day_can_be_restored": True}
    listed = anywhere.lake.scan(ARCHIVE_EVENTS).collect()
    assert set(listed["ingest_day"]) == {MONDAY, TUESDAY}
    assert listed["rows"].sum() == rows(anywhere.lake).filter(rows(anywhere.lake)["ingest_day"] <= TUESDAY).height
    assert new_objects(result) == [listed.height] * 2
    assert new_objects(run(anywhere, "archive_events", MONDAY, TUESDAY)) == [0] * 2


def new_objects(result: dg.ExecuteInProcessResult) -> list[object]:
    """What the run added, as each of its partitions tells."""
    return [event.materialization.metadata["new_objects"].value for event in result.get_asset_materialization_events()]


@pytest.mark.parametrize("damage", ["object", "rows"])
def test_an_archive_that_cannot_be_restored_fails_its_blocking_check(kept: Kept, damage: str) -> None:
    a_busy_week(kept)
    manifest = archive_day(kept.events, kept.archive, MONDAY).manifest
    assert manifest is not None
    if damage == "object":
        Path(kept.archive.objects.base, manifest.group, manifest.entries[0].name).write_bytes(b"rotten")
        told = f"{manifest.entries[0].name}: damaged"
    else:
        kept.lake.open(RAW_EVENTS).delete("event_id IS NOT NULL")
        told = "rows are archived, the lake holds"
    result = run(kept, "archive_events", MONDAY)
    assert not result.success
    (failed,) = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert failed.check_name == "day_can_be_restored"
    assert told in str(failed.metadata["found"].value)


def test_reports_are_archived_listed_in_the_lake_and_checked(kept: Kept) -> None:
    with_drift(kept.lake, JANUARY)
    with_cards(kept.lake, APRIL)
    result = run(kept, "archive_reports")
    assert result.success
    assert checks(result) == {"keeps_its_contract": True, "reports_can_be_read": True}
    assert kept.lake.scan(ARCHIVE_REPORTS).collect().height == 3


@pytest.mark.parametrize(("job", "days"), [("archive_events", [MONDAY]), ("archive_reports", [])])
def test_without_an_archive_a_run_says_which_setting_names_one(kept: Kept, job: str, days: list[date]) -> None:
    result = run(kept, job, *days, root=None)
    (failure,) = result.get_step_failure_events()
    assert "CREDITRISK_ARCHIVE is not set: name a folder or s3://bucket/prefix" in str(failure.step_failure_data)


def test_a_day_is_due_until_its_newest_micro_batch_is_archived(kept: Kept) -> None:
    assert due(kept.events, kept.archive, WEDNESDAY) == []
    a_busy_week(kept)
    assert due(kept.events, kept.archive, WEDNESDAY) == [MONDAY, TUESDAY]
    archive_day(kept.events, kept.archive, MONDAY)
    assert due(kept.events, kept.archive, WEDNESDAY) == [TUESDAY]
    assert due(kept.events, kept.archive, date(2026, 6, 1)) == []  # too long ago to look at every day


def test_a_day_to_which_rows_came_late_is_due_again(kept: Kept) -> None:
    kept.take(MONDAY, "a")
    archive_day(kept.events, kept.archive, MONDAY)
    assert due(kept.events, kept.archive, TUESDAY) == []
    kept.take(MONDAY, "late", hour=23)
    assert due(kept.events, kept.archive, TUESDAY) == [MONDAY]


def evaluated(kept: Kept, name: str, root: str | None = "") -> Any:
    found = definitions(kept, root)
    schedule = found.resolve_schedule_def(name)
    moment = datetime(2026, 2, 4, 1, 15, tzinfo=UTC)
    resources = {
        "lake": DeltaLakeIOManager(root=kept.lake.root),
        "archive": ArchiveStore(root=kept.archive.objects.root if root == "" else root),
    }
    repository = found.get_repository_def()
    with dg.build_schedule_context(
        scheduled_execution_time=moment, resources=resources, repository_def=repository
    ) as context:
        return schedule.evaluate_tick(context)


def test_the_schedule_asks_for_every_day_that_is_not_archived(kept: Kept) -> None:
    a_busy_week(kept)
    requests = evaluated(kept, "archived_days").run_requests
    assert requests is not None
    assert [one.partition_key for one in requests] == ["2026-02-02", "2026-02-03"]
    assert len({one.run_key for one in requests}) == 2
    for day in (MONDAY, TUESDAY):
        archive_day(kept.events, kept.archive, day)
    assert evaluated(kept, "archived_days").skip_message == "every day of the stream is archived"


@pytest.mark.parametrize("name", ["archived_days", "archived_reports"])
def test_a_schedule_without_an_archive_skips_and_says_why(kept: Kept, name: str) -> None:
    assert str(evaluated(kept, name, None).skip_message).startswith("CREDITRISK_ARCHIVE is not set")


def test_reports_are_looked_at_once_a_day(kept: Kept) -> None:
    assert len(evaluated(kept, "archived_reports").run_requests or []) == 1
