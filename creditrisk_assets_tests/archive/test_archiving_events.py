"""Raw events into the archive: every row once, by day, in objects that nobody changes."""

import re
from datetime import timedelta

import polars as pl
import pytest

from creditrisk_assets.archive.errors import OvertakenError
from creditrisk_assets.archive.events import archive_day, group_of
from creditrisk_assets.archive.index import events_index
from creditrisk_assets.archive.manifest import digest, sealed
from creditrisk_assets.archive.storage import Archive
from creditrisk_assets.contracts import ARCHIVE_EVENTS, RAW_EVENTS
from creditrisk_assets.streaming import events as events_module
from creditrisk_assets.streaming.upkeep import upkeep
from creditrisk_assets_tests.archive.days import MONDAY, TUESDAY, Kept, a_busy_week, rows

NAME = re.compile(r"(loan-applications|customer-activity)-0-(\d{20})-(\d{20})(-replayed)?-[0-9a-f]{12}\.parquet")


def everything(kept: Kept) -> list[str]:
    return [one.name for one in kept.archive.objects.listed("events")]


def test_a_day_becomes_objects_that_tell_their_offsets_and_a_manifest_with_checksums(anywhere: Kept) -> None:
    a_busy_week(anywhere)
    done = archive_day(anywhere.events, anywhere.archive, MONDAY)
    manifest = done.manifest
    assert manifest is not None
    assert (done.rows, manifest.rows) == (5, rows(anywhere.lake).filter(ingest_day=MONDAY).height)
    assert manifest == anywhere.archive.newest("events/day=2026-02-02")
    assert list(anywhere.archive.faults(manifest)) == []
    for entry in manifest.entries:
        assert entry.span is not None
        found = NAME.fullmatch(entry.name)
        assert found is not None
        assert (found[1], int(found[2]), int(found[3])) == (entry.span.topic, entry.span.start, entry.span.end)
    (part,) = manifest.parts
    stored = rows(anywhere.lake).filter(ingest_day=MONDAY)["ingested_at"]
    assert (part.first, part.last) == (stored.min(), stored.max())
    assert everything(anywhere) == sorted(
        [f"{manifest.group}/{entry.name}" for entry in manifest.entries] + [f"{manifest.group}/manifests/000001.json"]
    )


def test_nothing_is_archived_twice(anywhere: Kept) -> None:
    a_busy_week(anywhere)
    archive_day(anywhere.events, anywhere.archive, MONDAY)
    before = everything(anywhere)
    again = archive_day(anywhere.events, anywhere.archive, MONDAY)
    assert (again.rows, again.objects, again.bytes) == (0, 0, 0)
    assert everything(anywhere) == before


def test_merging_the_files_of_the_lake_changes_nothing_in_the_archive(kept: Kept) -> None:
    a_busy_week(kept)
    archive_day(kept.events, kept.archive, MONDAY)
    assert upkeep(kept.events, fewest=2).merged > 0
    assert archive_day(kept.events, kept.archive, MONDAY).objects == 0


def test_rows_that_come_after_a_day_was_archived_become_a_further_part_under_the_next_manifest(kept: Kept) -> None:
    kept.take(MONDAY, "a", bad=1)
    first = archive_day(kept.events, kept.archive, MONDAY).manifest
    kept.take(MONDAY, "b", "c", hour=23)
    second = archive_day(kept.events, kept.archive, MONDAY)
    assert first is not None
    assert second.manifest is not None
    assert (second.rows, second.manifest.version, len(second.manifest.parts)) == (2, 2, 2)
    assert second.manifest.entries[: len(first.entries)] == first.entries
    assert second.manifest.parts[0] == first.parts[0]
    assert second.manifest.previous == digest(sealed(first))
    assert "events/day=2026-02-02/manifests/000001.json" in everything(kept)


def test_a_day_without_rows_and_a_lake_without_a_table_leave_no_trace(kept: Kept) -> None:
    assert archive_day(kept.events, kept.archive, MONDAY).manifest is None
    assert not kept.lake.exists(RAW_EVENTS)
    kept.take(TUESDAY, "a")
    assert archive_day(kept.events, kept.archive, MONDAY).manifest is None
    assert everything(kept) == []


def test_rows_decoded_anew_are_kept_apart_from_the_messages_they_came_from(kept: Kept) -> None:
    a_busy_week(kept)
    manifest = archive_day(kept.events, kept.archive, TUESDAY).manifest
    assert manifest is not None
    replayed = [entry for entry in manifest.entries if entry.span is not None and entry.span.replayed]
    assert replayed
    assert all("-replayed-" in entry.name for entry in replayed)
    stored = rows(kept.lake).filter(pl.col("replayed"), ingest_day=TUESDAY)
    assert sum(entry.rows for entry in replayed) == stored.height > 0


def test_a_large_day_is_archived_piece_by_piece_and_no_micro_batch_is_split(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        kept.take(MONDAY, f"a{number}", f"b{number}", hour=number + 1)
    monkeypatch.setattr(events_module, "ROWS_AT_ONCE", 4)
    manifest = archive_day(kept.events, kept.archive, MONDAY).manifest
    assert manifest is not None
    assert [part.rows for part in manifest.parts] == [4, 4, 4]
    assert all(one.last < other.first for one, other in zip(manifest.parts, manifest.parts[1:], strict=False))


def test_of_two_that_archive_one_day_at_once_the_second_looks_again(kept: Kept) -> None:
    kept.take(MONDAY, "a")
    overtaken: list[str] = []

    def late(point: str) -> None:
        if point == "before_manifest" and not overtaken:
            overtaken.append(point)
            kept.take(MONDAY, "b", hour=11)
            archive_day(kept.events, Archive(kept.archive.objects), MONDAY)

    done = archive_day(kept.events, Archive(kept.archive.objects, late), MONDAY)
    assert (done.rows, done.objects) == (0, 0)
    assert done.manifest is not None
    assert (done.manifest.version, done.manifest.rows) == (1, 2)
    assert kept.archive.orphans(done.manifest.group, done.manifest) != []


def test_a_writer_that_is_always_overtaken_says_so(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.take(MONDAY, "a")
    monkeypatch.setattr(type(kept.archive.objects), "create", lambda self, name, data: "manifests" not in name)
    with pytest.raises(OvertakenError, match=r"events/day=2026-02-02/manifests/000001.json: another was faster"):
        archive_day(kept.events, kept.archive, MONDAY)


def test_the_index_lists_every_object_as_its_contract_declares(kept: Kept) -> None:
    a_busy_week(kept)
    manifests = [archive_day(kept.events, kept.archive, day).manifest for day in (MONDAY, TUESDAY)]
    found = events_index([one for one in manifests if one is not None])
    assert ARCHIVE_EVENTS.shape_differences(found.schema) == []
    assert ARCHIVE_EVENTS.violations(found.lazy()) == {}
    assert found["rows"].sum() == rows(kept.lake).filter(pl.col("ingest_day") <= TUESDAY).height
    assert events_index([]).schema == ARCHIVE_EVENTS.schema
    assert group_of(MONDAY + timedelta(days=1)) == "events/day=2026-02-03"
