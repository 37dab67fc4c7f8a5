"""The contract of a lake on S3: whatever a folder does, a bucket does."""

from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.resources.appending import append
from creditrisk_assets.resources.delta import Lake, LakeError
from creditrisk_assets.resources.objects import Objects
from creditrisk_assets.serving.tables import ServedTables
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.offsets import Place, Position
from creditrisk_assets.streaming.upkeep import upkeep
from creditrisk_assets_tests.resources.books import FEBRUARY, JANUARY, LOANS, TOTAL, loans
from creditrisk_assets_tests.resources.stores import S3Server
from creditrisk_assets_tests.streaming.test_stream_tables import offsets, span, take


@pytest.fixture
def lake(bucket: str) -> Lake:
    return Lake(f"{bucket}/deep/lake/")


def test_partitions_are_replaced_and_read_back_at_any_version(lake: Lake) -> None:
    assert not lake.exists(LOANS)
    with pytest.raises(LakeError, match=r"raw/loans does not exist at s3://.*/deep/lake/raw/loans: materialize"):
        lake.scan(LOANS)
    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY), [JANUARY, FEBRUARY])
    done = lake.overwrite(LOANS, loans(JANUARY, each=5), [JANUARY])
    assert (done.version, done.rows) == (1, 5)
    assert_frame_equal(lake.scan(LOANS, [JANUARY]).collect().sort("loan_id"), loans(JANUARY, each=5))
    assert_frame_equal(lake.scan(LOANS, version=0).collect().sort("loan_id"), loans(JANUARY, FEBRUARY))


def test_storage_options_say_the_same_as_the_environment(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    root, options = f"{s3.bucket()}/lake", dict(s3.environment)
    for name in options:
        monkeypatch.delenv(name)
    lake = Lake(root, options)
    lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    assert_frame_equal(lake.scan(LOANS).collect().sort("loan_id"), loans(JANUARY))
    lake.put_bytes("note.txt", b"note")
    assert lake.get_bytes("note.txt") == b"note"


def test_artifacts_come_back_as_they_were_put(lake: Lake) -> None:
    for data in (b"old", b"\x89HDF\x00new" * 2_000_000):  # the second is put in several pieces
        address = lake.put_bytes("models/posterior/2016-01-01.nc", data)
        assert lake.get_bytes("models/posterior/2016-01-01.nc") == data
    assert address == f"{lake.base}/artifacts/models/posterior/2016-01-01.nc"
    with pytest.raises(FileNotFoundError, match=r"nothing\.nc"):
        lake.get_bytes("nothing.nc")


def test_rows_are_added_by_a_decision_on_all_there_are(lake: Lake) -> None:
    for amount in (1.0, 2.0):
        added = append(lake, TOTAL, lambda before, amount=amount: pl.DataFrame({"amount": [amount]}), {})  # type: ignore[misc]
        assert added is not None
    assert append(lake, TOTAL, lambda before: None, {}) is None
    assert sorted(lake.scan(TOTAL).collect()["amount"]) == [1.0, 2.0]


def test_readers_see_small_tables_of_the_newest_version(lake: Lake) -> None:
    tables = ServedTables(lake)
    assert not tables.exists(LOANS)
    lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    assert tables.frame(LOANS).height == tables.facts(LOANS).rows == loans(JANUARY).height
    assert tables.rows(LOANS, pl.col("vintage") == FEBRUARY).is_empty()


def test_stream_tables_take_every_offset_once_and_are_kept_quick(lake: Lake) -> None:
    events = Events(lake)
    for n in range(12):
        take(events, span(n, n + 1))
    before = [(batch.ingested_at, batch.previous, batch.ranges) for batch in events.after(None)]
    done = upkeep(events)
    assert (done.merged, done.into) == (12, 1)
    other = Events(lake)
    assert other.positions([Place("topic", 0)]) == {Place("topic", 0): Position(0, 12)}
    assert [(batch.ingested_at, batch.previous, batch.ranges) for batch in other.after(None)] == before
    take(other, span(12, 14))
    events.refresh()
    assert offsets(events) == list(range(14))


def test_files_of_a_crash_are_removed_once_they_are_old(lake: Lake) -> None:
    events = Events(lake)
    take(events, span(0, 3))
    left = "ingest_day=2026-01-01/part-of-a-crash.parquet"
    Objects(lake.uri(RAW_EVENTS)).put(left, b"half")
    assert upkeep(events).removed == 0  # it is young
    assert Objects(lake.uri(RAW_EVENTS)).get(left) == b"half"
    assert upkeep(events, timedelta(hours=1)).removed == 0
    assert offsets(events) == [0, 1, 2]
