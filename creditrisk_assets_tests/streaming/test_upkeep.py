"""Upkeep of stream tables: fewer files, the same rows and transactions, beside a writer that never stops."""

import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.resources.delta import Lake, LakeError
from creditrisk_assets.streaming import upkeep as upkeep_module
from creditrisk_assets.streaming.errors import AlreadyTakenError
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.offsets import OffsetRange, Place, Position
from creditrisk_assets.streaming.upkeep import Upkept, upkeep
from creditrisk_assets_tests.streaming.brokers import eventually
from creditrisk_assets_tests.streaming.test_stream_tables import messages, offsets, span, take

PLACE = Place("topic", 0)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def test_rows_and_positions_outlive_a_merge_and_the_files_become_few(lake: Lake) -> None:
    events = Events(lake)
    for n in range(25):
        take(events, span(n, n + 1))
    before = [(batch.ingested_at, batch.previous, batch.ranges) for batch in events.after(None)]
    done = upkeep(events)
    assert (done.merged, done.into) == (25, 1)
    for reader in (events, Events(lake)):
        assert reader.positions([PLACE]) == {PLACE: Position(0, 25)}
        assert [(batch.ingested_at, batch.previous, batch.ranges) for batch in reader.after(None)] == before
    take(events, span(25, 27))
    assert offsets(events) == list(range(27))
    assert upkeep(events).merged == 0  # two are not worth it
    assert upkeep(Events(lake), fewest=2).merged == 2
    assert offsets(events) == list(range(27))


def test_files_of_a_merge_are_skipped_as_others_are(lake: Lake) -> None:
    events = Events(lake)
    for n in range(10):
        take(events, span(n, n + 1))
    upkeep(events)
    take(events, span(10, 13))
    everything = events.files(pl.lit(True))
    assert len(everything) == 2
    assert len(events.files(pl.col("max.offset") >= 10)) == len(events.files(pl.col("min.offset") < 10)) == 1
    assert len(events.files(pl.col("null_count.error") < pl.col("num_records"))) == 0
    batches = list(events.after(None))
    assert len(events.files(pl.col("max.ingested_at") > batches[9].ingested_at)) == 1
    assert events.scan(everything).collect().schema == RAW_EVENTS.schema
    assert lake.scan(RAW_EVENTS).filter(ingested_at=batches[3].ingested_at).collect()["offset"].to_list() == [3]


def test_files_that_nobody_needs_go_once_they_are_old(lake: Lake) -> None:
    events = Events(lake)
    take(events, span(0, 3))
    folder = Path(lake.uri(RAW_EVENTS))
    known = next(folder.rglob("*.parquet"))
    young, old = (known.with_name(f"part-of-a-crash-{age}.parquet") for age in ("young", "old"))
    for path, hours in ((young, 0.5), (old, 7)):
        path.write_bytes(known.read_bytes())
        then = time.time() - hours * 3600
        os.utime(path, (then, then))
    assert upkeep(events) == Upkept(0, 0, 1)
    assert (known.exists(), young.exists(), old.exists()) == (True, True, False)
    assert offsets(events) == [0, 1, 2]


def test_files_are_kept_for_an_hour_at_least(lake: Lake) -> None:
    with pytest.raises(LakeError, match="keep files for an hour at least, not 0:59:00"):
        upkeep(Events(lake), timedelta(minutes=59))


def log_of(lake: Lake) -> list[Path]:
    """Files of the log, oldest first."""
    return sorted(Path(lake.uri(RAW_EVENTS)).glob("_delta_log/0*"))


def test_the_log_stays_short_however_long_the_stream_flows(lake: Lake) -> None:
    events, reader = Events(lake), Events(lake)
    take(events, span(0, 1))
    reader.create()
    for begin in range(1, 90, 30):
        for path in log_of(lake):  # the micro-batches before were ten minutes ago
            os.utime(path, (time.time() - 600, time.time() - 600))
        for n in range(begin, begin + 30):
            take(events, span(n, n + 1))
    assert len(log_of(lake)) < 60
    assert log_of(lake)[0].name > f"{50:020}"
    assert reader.refresh()
    for follower in (events, reader, Events(lake)):
        assert follower.positions([PLACE]) == {PLACE: Position(0, 91)}
        assert offsets(follower) == list(range(91))


def test_a_writer_that_slept_while_the_log_was_shortened_writes_nothing_twice(lake: Lake) -> None:
    awake, sleeper = Events(lake), Events(lake)
    take(awake, span(0, 1))
    sleeper.create()
    for n in range(1, 41):
        take(awake, span(n, n + 1))
    for path in log_of(lake):
        os.utime(path, (time.time() - 600, time.time() - 600))
    for n in range(41, 61):
        take(awake, span(n, n + 1))
    assert log_of(lake)[0].name > f"{2:020}"
    with pytest.raises(AlreadyTakenError):
        take(sleeper, span(1, 2))
    take(sleeper, span(61, 62))
    assert offsets(awake) == list(range(62))


def test_a_table_of_before_is_told_how_long_to_keep_its_log_while_a_writer_goes_on(lake: Lake) -> None:
    events = Events(lake)
    take(events, span(0, 1))
    lake.open(RAW_EVENTS).alter.set_table_properties({"delta.logRetentionDuration": "interval 2 days"})
    upkeep(events)
    assert lake.open(RAW_EVENTS).metadata().configuration == events.properties
    take(events, span(1, 2))
    version = lake.open(RAW_EVENTS).version()
    upkeep(events)
    assert lake.open(RAW_EVENTS).version() == version
    assert offsets(events) == [0, 1]


def test_of_two_merges_at_once_one_gives_up_and_no_row_is_there_twice(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Events(lake)
    for n in range(10):
        take(events, span(n, n + 1))
    older = lake.open(RAW_EVENTS)
    assert upkeep(events).merged == 10
    with monkeypatch.context() as patch:
        patch.setattr(upkeep_module, "_table", lambda store: older)
        assert upkeep_module._merge(events, fewest=2) == 0
    assert offsets(events) == list(range(10))


def test_a_writer_beside_it_loses_nothing_and_does_not_wait(lake: Lake) -> None:
    child = subprocess.Popen(
        [sys.executable, __file__, lake.root], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        events = Events(lake)
        done: list[Upkept] = []

        def often_enough() -> bool:
            done.append(upkeep(events))
            return sum(one.merged > 0 for one in done) >= 6

        eventually(lambda: lake.exists(RAW_EVENTS))
        eventually(often_enough, every=0.1)
        out, _ = child.communicate("\n", timeout=60)
        assert child.returncode == 0
    finally:
        child.kill()
        child.wait()
    commits, slowest = out.split()
    assert int(commits) > 20
    assert float(slowest) < 5
    events.refresh()
    assert events.positions([PLACE]) == {PLACE: Position(0, 10 * int(commits))}
    assert offsets(events) == list(range(10 * int(commits)))


def write_until_told(root: str) -> None:
    """Append micro-batches until a line comes in; print how many, and the slowest in seconds."""
    import threading

    told = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), told.set()), daemon=True).start()
    events, count, slowest = Events(Lake(root)), 0, 0.0
    while not told.is_set():
        began = time.perf_counter()
        one = OffsetRange("topic", 0, 0, 10 * count, 10 * count + 10)
        events.take(messages(one), [one])
        count, slowest = count + 1, max(slowest, time.perf_counter() - began)
    sys.stdout.write(f"{count} {slowest}")


if __name__ == "__main__":
    write_until_told(sys.argv[1])
