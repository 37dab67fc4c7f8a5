"""Stream tables: every row once, whoever else writes, and tables that follow able to catch up."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.resources.delta import Lake, LakeError
from creditrisk_assets.streaming import events as events_module
from creditrisk_assets.streaming.errors import AlreadyTakenError, RangeError
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.offsets import OffsetRange, Place, Position
from creditrisk_assets.streaming.table import MicroBatch, StreamTable

DERIVED = Table(
    ("scores", "derived"),
    "What follows from events.",
    (
        Column("ingest_day", pl.Date, "day", nullable=False),
        Column("ingested_at", pl.Datetime("us", "UTC"), "micro-batch", nullable=False),
        Column("offset", pl.Int64, "offset", nullable=False),
    ),
    primary=("offset",),
    partition="ingest_day",
)
PLACE = Place("topic", 0)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ODD = timedelta(microseconds=7)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def events(lake: Lake) -> Events:
    return Events(lake)


def span(start: int, end: int, topic: str = "topic", partition: int = 0, epoch: int = 0) -> OffsetRange:
    return OffsetRange(topic, epoch, partition, start, end)


def messages(*ranges: OffsetRange) -> pl.DataFrame:
    """One good row for every offset."""
    rows = [
        {"topic": one.topic, "epoch": one.epoch, "partition": one.partition, "offset": offset, "replayed": False}
        for one in ranges
        for offset in range(one.start, one.end)
    ]
    schema = {name: dtype for name, dtype in RAW_EVENTS.schema.items() if not name.startswith("ingest")}
    return pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema)


def take(events: Events, *ranges: OffsetRange) -> MicroBatch:
    return events.take(messages(*ranges), ranges).batch


def offsets(events: Events) -> list[int]:
    return [offset for batch in events.after(None) for offset in batch.frame["offset"]]


def derived(batch: MicroBatch) -> pl.DataFrame:
    return batch.frame.select("ingest_day", "ingested_at", "offset")


def test_a_micro_batch_moves_its_partitions_and_says_so_in_the_history(lake: Lake, events: Events) -> None:
    ranges = (span(0, 3), span(7, 7, partition=1))
    batch = take(events, *ranges)
    assert batch.ranges == ranges
    assert batch.frame["ingested_at"].unique().to_list() == [batch.ingested_at]
    assert batch.frame["ingest_day"].unique().to_list() == [batch.ingested_at.date()]
    for reader in (events, Events(lake)):
        assert reader.places(["topic"]) == {PLACE, Place("topic", 1)}
        assert reader.positions(reader.places(["topic"])) == {PLACE: Position(0, 3), Place("topic", 1): Position(0, 7)}
        assert reader.reached() == batch.ingested_at
    entry = DeltaTable(lake.uri(RAW_EVENTS)).history(1)[0]
    assert [one["end"] for one in json.loads(entry["ranges"])] == [3, 7]
    assert (entry["rows"], entry["bad"]) == ("3", "0")


def test_a_range_that_was_taken_is_not_taken_again(events: Events) -> None:
    take(events, span(0, 3))
    with pytest.raises(AlreadyTakenError):
        take(events, span(0, 3))
    assert offsets(events) == [0, 1, 2]


def test_of_a_range_that_was_taken_in_part_the_rest_is_taken(events: Events) -> None:
    take(events, span(0, 3))
    batch = take(events, span(1, 5), span(0, 2, partition=1))
    assert batch.ranges == (span(3, 5), span(0, 2, partition=1))
    assert batch.frame["offset"].to_list() == [3, 4, 0, 1]


def test_a_range_that_leaves_a_gap_is_refused(events: Events) -> None:
    take(events, span(0, 3))
    with pytest.raises(RangeError, match="offsets 3 to 3 are not committed"):
        take(events, span(4, 5))
    assert offsets(events) == [0, 1, 2]


@pytest.mark.parametrize("rounds", [1, 5])
def test_of_two_writers_with_the_same_range_one_wins(lake: Lake, rounds: int) -> None:
    one, other = Events(lake), Events(lake)
    for writer in (one, other):
        writer.create()
        assert writer.positions([PLACE]) == {}
    for n in range(rounds):
        take(one, span(10 * n, 10 * n + 10))
        with pytest.raises(AlreadyTakenError):  # its handle is older, and it believes that nothing is taken
            take(other, span(10 * n, 10 * n + 10))
    assert offsets(one) == list(range(10 * rounds))


def test_writers_of_different_topics_both_win_and_their_micro_batches_follow_one_another(lake: Lake) -> None:
    one, other = Events(lake, clock=lambda: NOON + ODD), Events(lake, clock=lambda: NOON - timedelta(hours=1))
    one.create()
    other.create()
    for n in range(3):
        take(one, span(n, n + 1))
        take(other, span(n, n + 1, topic="other"))
    batches = list(Events(lake).after(None))
    assert [batch.frame["topic"][0] for batch in batches] == ["topic", "other"] * 3
    assert [batch.ingested_at for batch in batches] == [NOON + timedelta(milliseconds=n) for n in range(6)]
    assert [batch.previous for batch in batches] == [None, *(batch.ingested_at for batch in batches[:-1])]


def test_offsets_without_rows_are_taken_and_no_micro_batch_follows_from_them(events: Events) -> None:
    batch = take(events, span(0, 3))
    events.take(messages(), [span(3, 9)])
    assert events.positions([PLACE]) == {PLACE: Position(0, 9)}
    assert events.reached() == batch.ingested_at
    assert len(list(events.after(None))) == 1
    assert take(events, span(9, 10)).previous == batch.ingested_at


def test_a_commit_whose_answer_was_lost_is_not_done_again(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    events.create()
    write = Events._write

    def answer_lost(self: Events, *arguments: object) -> None:
        write(self, *arguments)  # type: ignore[arg-type]
        monkeypatch.setattr(Events, "_write", write)
        raise OSError("connection reset")

    monkeypatch.setattr(Events, "_write", answer_lost)
    assert take(events, span(0, 3)).ranges == (span(0, 3),)
    assert offsets(events) == [0, 1, 2]


def test_a_handle_is_opened_anew_every_hundred_commits_and_nothing_is_noticed(events: Events) -> None:
    for n in range(205):
        take(events, span(n, n + 1))
    assert events._commits < 100
    assert offsets(events) == list(range(205))


def test_rows_of_ranges_are_read_from_the_few_files_that_hold_them(
    events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(20):
        take(events, span(10 * n, 10 * n + 10), span(5 * n, 5 * n + 5, topic="other"))
    opened: list[int] = []
    scan = Events.scan

    def counted(self: Events, files: list[str], columns: list[str] | None = None) -> pl.LazyFrame:
        opened.append(len(files))
        return scan(self, files, columns)

    monkeypatch.setattr(Events, "scan", counted)
    found = events.rows([span(57, 63), span(2, 2, topic="other")])
    assert found["offset"].to_list() == list(range(57, 63))
    assert opened[0] <= 8
    assert events.rows([]).is_empty()
    assert events.rows([span(0, 3, epoch=1)]).is_empty()
    assert len(list(events.after(events.reached()))) == 0
    assert opened[-1] == 0


def test_a_table_that_follows_does_every_micro_batch_once_and_in_order(lake: Lake, events: Events) -> None:
    table = StreamTable(lake, DERIVED)
    first, second = take(events, span(0, 2)), take(events, span(2, 5))
    with pytest.raises(RangeError, match="has reached micro-batch None"):
        table.append(derived(second), second)
    table.append(derived(first), first)
    for batch in events.after(table.reached()):
        table.append(derived(batch), batch)
    assert table.reached() == second.ingested_at
    assert table.positions([PLACE]) == {PLACE: Position(0, 5)}
    for batch in (first, second):
        with pytest.raises(AlreadyTakenError, match="is done already"):
            table.append(derived(batch), batch)
    assert list(events.after(table.reached())) == []
    assert lake.scan(DERIVED).collect()["offset"].sort().to_list() == [0, 1, 2, 3, 4]


def test_a_micro_batch_from_which_nothing_follows_is_done_all_the_same(lake: Lake, events: Events) -> None:
    table = StreamTable(lake, DERIVED)
    batch = take(events, span(0, 2))
    table.append(derived(batch).clear(), batch)
    assert table.reached() == batch.ingested_at


def test_two_that_catch_up_at_once_do_every_micro_batch_once(lake: Lake, events: Events) -> None:
    for n in range(6):
        take(events, span(n, n + 1))
    one, other = StreamTable(lake, DERIVED), StreamTable(lake, DERIVED)
    one.create()
    other.create()
    for place, batch in enumerate(events.after(None)):
        for table in (one, other) if place % 2 else (other, one):
            try:
                table.append(derived(batch), batch)
                won = table
            except AlreadyTakenError:
                assert table is not won
    assert lake.scan(DERIVED).collect()["offset"].sort().to_list() == list(range(6))


def test_micro_batches_read_back_are_those_that_were_committed(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "ROWS_AT_ONCE", 4)
    committed = [take(events, span(3 * n, 3 * n + 3), span(n, n + 1, partition=1)) for n in range(5)]
    found = list(events.after(None))
    for before, after in zip(committed, found, strict=True):
        assert (after.ingested_at, after.previous, after.ranges) == (before.ingested_at, before.previous, before.ranges)
        assert_frame_equal(after.frame, before.frame)
    assert [batch.ingested_at for batch in events.after(committed[2].ingested_at)] == [
        batch.ingested_at for batch in committed[3:]
    ]


def test_a_column_declared_since_is_added(lake: Lake) -> None:
    events = Events(lake)
    older = Table(RAW_EVENTS.key, "older", RAW_EVENTS.columns[:-1], RAW_EVENTS.primary, RAW_EVENTS.partition)
    StreamTable(lake, older).create()
    take(events, span(0, 2))
    assert offsets(events) == [0, 1]
    assert set(lake.columns(RAW_EVENTS)) == set(RAW_EVENTS.schema)


def test_a_table_stored_otherwise_is_refused_with_the_remedy(lake: Lake) -> None:
    columns = tuple(Column("offset", pl.String, "") if c.name == "offset" else c for c in RAW_EVENTS.columns)
    StreamTable(lake, Table(RAW_EVENTS.key, "other", columns, partition="ingest_day")).create()
    with pytest.raises(LakeError, match=r"column offset is stored as \"string\", declared Int64: delete"):
        take(Events(lake), span(0, 2))


def test_a_frame_without_a_declared_column_is_refused_by_name(lake: Lake, events: Events) -> None:
    batch = take(events, span(0, 2))
    with pytest.raises(LakeError, match="scores/derived: the frame lacks the declared offset"):
        StreamTable(lake, DERIVED).append(derived(batch).drop("offset"), batch)
