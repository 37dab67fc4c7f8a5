"""Back from the archive: equal rows, the stream where it stood, and nothing damaged or foreign taken for it."""

from datetime import date
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.archive.errors import ArchiveError, DamagedError, NotEmptyError
from creditrisk_assets.archive.events import archive_day
from creditrisk_assets.archive.restoring import Restored, restore
from creditrisk_assets.archive.storage import Archive
from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming import events as events_module
from creditrisk_assets.streaming.errors import AlreadyTakenError
from creditrisk_assets.streaming.events import Events
from creditrisk_assets_tests.archive.days import (
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    Kept,
    a_busy_week,
    rows,
    transactions,
)
from creditrisk_assets_tests.streaming.flowing import applied, did, take
from creditrisk_assets_tests.streaming.test_stream_tables import messages, span

WEEK = (MONDAY, TUESDAY, WEDNESDAY)


def archived(kept: Kept, *days: date) -> None:
    for day in days:
        archive_day(kept.events, kept.archive, day)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "restored"))


def test_an_empty_lake_gets_equal_rows_and_the_stream_stands_where_it_stood(anywhere: Kept, elsewhere: Lake) -> None:
    a_busy_week(anywhere)
    archived(anywhere, *WEEK)
    done = list(restore(anywhere.archive, elsewhere))
    assert [one.day for one in done] == list(WEEK)
    assert sum(one.rows for one in done) == rows(anywhere.lake).height
    assert_frame_equal(rows(elsewhere), rows(anywhere.lake))
    assert transactions(elsewhere) == transactions(anywhere.lake)


def test_micro_batches_come_back_one_by_one_so_that_other_tables_follow_them(kept: Kept, elsewhere: Lake) -> None:
    a_busy_week(kept)
    archived(kept, *WEEK)
    list(restore(kept.archive, elsewhere))
    told = [[(one.ingested_at, one.previous, one.ranges) for one in Events(lake).after(None)]
            for lake in (kept.lake, elsewhere)]  # fmt: skip
    assert told[0] == told[1]


def test_the_stream_goes_on_exactly_once_after_a_restore(kept: Kept, elsewhere: Lake) -> None:
    for start in (0, 3):
        kept.clock.on(MONDAY, 9 + start)
        kept.events.take(messages(span(start, start + 3)), [span(start, start + 3)])
    archived(kept, MONDAY)
    list(restore(kept.archive, elsewhere))
    kept.clock.on(TUESDAY)
    events = Events(elsewhere, clock=kept.clock)
    with pytest.raises(AlreadyTakenError):
        events.take(messages(span(0, 6)), [span(0, 6)])
    events.take(messages(span(4, 9)), [span(4, 9)])
    assert rows(elsewhere)["offset"].to_list() == list(range(9))


@pytest.mark.parametrize("last", WEEK)
def test_a_restore_up_to_a_day_stands_where_the_stream_stood_when_it_ended(
    kept: Kept, elsewhere: Lake, last: date
) -> None:
    stood = {}
    for day in WEEK:
        kept.take(day, f"{day} a", bad=2)
        if day == TUESDAY:
            kept.replay(day)
        stood[day] = (rows(kept.lake), transactions(kept.lake))
    archived(kept, *WEEK)  # only now, when the stream is days further
    list(restore(kept.archive, elsewhere, last=last))
    assert_frame_equal(rows(elsewhere), stood[last][0])
    assert transactions(elsewhere) == stood[last][1]


def test_a_restore_that_died_is_run_again(kept: Kept, elsewhere: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    a_busy_week(kept)
    monkeypatch.setattr(events_module, "ROWS_AT_ONCE", 1)
    archived(kept, *WEEK)
    commits = 0
    take_in = Events.commit

    def dying(self: Events, prepare: object) -> object:
        nonlocal commits
        commits += 1
        if commits == 3:
            raise KeyboardInterrupt
        return take_in(self, prepare)  # type: ignore[arg-type, type-var]

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Events, "commit", dying)
        list(restore(kept.archive, elsewhere))
    assert 0 < rows(elsewhere).height < rows(kept.lake).height
    done = list(restore(kept.archive, elsewhere))
    assert done[0].held > 0
    assert sum(one.held + one.rows for one in done) == rows(kept.lake).height
    assert_frame_equal(rows(elsewhere), rows(kept.lake))
    assert transactions(elsewhere) == transactions(kept.lake)


def test_a_lake_that_holds_it_all_is_left_as_it_is(kept: Kept) -> None:
    a_busy_week(kept)
    archived(kept, *WEEK)
    version = kept.lake.version(RAW_EVENTS)
    done = list(restore(kept.archive, kept.lake))
    assert sum(one.held for one in done) == rows(kept.lake).height
    assert {one.rows for one in done} == {0}
    assert kept.lake.version(RAW_EVENTS) == version


def test_a_lake_that_holds_other_rows_of_these_offsets_is_refused_and_left_alone(kept: Kept, elsewhere: Lake) -> None:
    a_busy_week(kept)
    archived(kept, *WEEK)
    kept.clock.on(WEDNESDAY, 20)
    take(Events(elsewhere, clock=kept.clock), did("somebody else"))
    before = rows(elsewhere)
    with pytest.raises(NotEmptyError, match="restore into an empty lake, and start the stream afterwards"):
        list(restore(kept.archive, elsewhere))
    assert_frame_equal(rows(elsewhere), before)


def test_a_lake_that_has_taken_these_offsets_in_an_older_micro_batch_is_refused(kept: Kept, elsewhere: Lake) -> None:
    kept.take(TUESDAY, "a", "b")
    archived(kept, TUESDAY)
    kept.clock.on(MONDAY)
    take(Events(elsewhere, clock=kept.clock), did("a"))
    with pytest.raises(NotEmptyError, match=r"has taken customer-activity\[0\] up to offset 0 of epoch 0"):
        list(restore(kept.archive, elsewhere))
    assert rows(elsewhere).height == 1


def test_a_lake_that_holds_a_micro_batch_that_is_not_archived_is_refused(kept: Kept, elsewhere: Lake) -> None:
    kept.take(TUESDAY, "a")
    archived(kept, TUESDAY)
    kept.clock.on(MONDAY)
    take(Events(elsewhere, clock=kept.clock), applied(1))  # of the other topic
    with pytest.raises(NotEmptyError, match=r"holds micro-batch 2026-02-02 09:.*, which is not in the archive"):
        list(restore(kept.archive, elsewhere))


@pytest.mark.parametrize("damage", ["changed", "cut", "missing"])
def test_a_damaged_object_is_refused_by_its_name(kept: Kept, elsewhere: Lake, damage: str) -> None:
    a_busy_week(kept)
    archived(kept, *WEEK)
    manifest = kept.archive.newest("events/day=2026-02-03")
    assert manifest is not None
    path = Path(kept.archive.objects.base, manifest.group, manifest.entries[0].name)
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if damage == "cut" else data[:100] + b"\0" + data[101:])
    with pytest.raises(DamagedError, match=f"{manifest.entries[0].name}: (damaged|missing)"):
        list(restore(kept.archive, elsewhere))
    assert set(rows(elsewhere)["ingest_day"]) == {MONDAY}


def test_a_damaged_manifest_is_refused_by_its_name(kept: Kept, elsewhere: Lake) -> None:
    a_busy_week(kept)
    archived(kept, MONDAY)
    path = Path(kept.archive.objects.base, "events/day=2026-02-02/manifests/000001.json")
    path.write_bytes(path.read_bytes().replace(b'"rows": 5', b'"rows": 4'))
    with pytest.raises(DamagedError, match=r"manifests/000001\.json: its checksum is"):
        list(restore(kept.archive, elsewhere))


def test_some_days_are_restored_alone_and_the_next_ones_after_them(kept: Kept, elsewhere: Lake) -> None:
    a_busy_week(kept)
    archived(kept, *WEEK)
    (one,) = restore(kept.archive, elsewhere, TUESDAY, TUESDAY)
    assert one == Restored(TUESDAY, rows(elsewhere).height, 0)
    list(restore(kept.archive, elsewhere, WEDNESDAY))
    assert set(rows(elsewhere)["ingest_day"]) == {TUESDAY, WEDNESDAY}
    with pytest.raises(NotEmptyError):
        list(restore(kept.archive, elsewhere, MONDAY, MONDAY))


def test_a_day_that_is_not_archived_is_missed_and_left_out_only_by_name(kept: Kept, elsewhere: Lake) -> None:
    a_busy_week(kept)
    archived(kept, MONDAY, WEDNESDAY)
    with pytest.raises(
        ArchiveError, match=r"after 2026-02-02 10:.* up to 2026-02-03 12:.* leave them out with --from 2026-02-04"
    ):
        list(restore(kept.archive, elsewhere))
    assert set(rows(elsewhere)["ingest_day"]) == {MONDAY}
    list(restore(kept.archive, elsewhere, WEDNESDAY))
    assert set(rows(elsewhere)["ingest_day"]) == {MONDAY, WEDNESDAY}


def test_an_archive_that_begins_later_than_the_stream_is_restored_only_by_name(kept: Kept, elsewhere: Lake) -> None:
    a_busy_week(kept)
    archived(kept, TUESDAY)
    with pytest.raises(ArchiveError, match=r"from the beginning up to 2026-02-02 10:.* with --from 2026-02-03"):
        list(restore(kept.archive, elsewhere))
    assert rows(elsewhere).is_empty()
    list(restore(kept.archive, elsewhere, TUESDAY))
    assert_frame_equal(rows(elsewhere), rows(kept.lake).filter(rows(kept.lake)["ingest_day"] == TUESDAY))


def test_nothing_to_restore_is_said(kept: Kept, elsewhere: Lake) -> None:
    with pytest.raises(ArchiveError, match="holds no day from 2026-02-02 to the last"):
        list(restore(Archive(kept.archive.objects), elsewhere, MONDAY))
    assert not elsewhere.exists(RAW_EVENTS)
