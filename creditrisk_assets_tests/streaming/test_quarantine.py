"""Quarantine: bad messages wait with their bytes, and go on once after a fix."""

from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.offsets import OffsetRange, Place, Position
from creditrisk_assets.streaming.quarantine import quarantined, replay
from creditrisk_assets_tests.streaming.clients import new_topic, send
from creditrisk_assets_tests.streaming.taking import as_text, drain, fixed, intake, rows


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def topic(bootstrap: str, lake: Lake) -> str:
    """A topic that was taken: two messages are good after a fix, one never."""
    name = new_topic(bootstrap)
    send(bootstrap, name, [b"good", b"bad 1", b"bad for ever", b"good too", b"bad 4"])
    with (one := intake(bootstrap, lake, name)).log:
        drain(one)
    return name


def test_bad_messages_are_listed_with_reason_and_bytes(lake: Lake, topic: str) -> None:
    events = Events(lake)
    found = quarantined(events)
    assert found["offset"].to_list() == [1, 2, 4]
    assert found["raw"].to_list() == [b"bad 1", b"bad for ever", b"bad 4"]
    assert found["error"].unique().to_list() == ["it says so itself"]
    day = found["ingested_at"].dt.date()[0]
    assert quarantined(events, topic, day).equals(found)
    assert quarantined(events, "another topic").is_empty()
    assert quarantined(events, day=day.replace(year=2020)).is_empty()


def test_what_is_good_now_goes_on_once_at_its_own_place(lake: Lake, topic: str) -> None:
    events = Events(lake)
    before = events.reached()
    done = replay(events, fixed)
    assert (done.tried, done.good) == (3, 2)
    (batch,) = events.after(before)
    assert batch.frame["value"].to_list() == ["bad 1", "bad 4"]
    assert batch.frame["offset"].to_list() == [1, 4]
    assert batch.frame["replayed"].all()
    assert batch.frame["broker_time"].null_count() == 0
    assert batch.ranges == ()
    assert batch.previous == before
    assert quarantined(events)["offset"].to_list() == [2]
    for again in (replay(events, fixed), replay(Events(lake), fixed, topic)):
        assert (again.tried, again.good, again.batch) == (1, 0, None)
    good = rows(lake).filter(pl.col("error").is_null())
    assert good["offset"].to_list() == [0, 1, 3, 4]
    assert events.positions([Place(topic, 0)]) == {Place(topic, 0): Position(0, 5)}
    assert events.rows([OffsetRange(topic, 0, 0, 1, 2)])["replayed"].to_list() == [False, True]


def test_without_a_fix_nothing_happens(lake: Lake, topic: str) -> None:
    events = Events(lake)
    version = lake.version(events.contract)
    assert replay(events, as_text).good == 0
    assert lake.version(events.contract) == version


def test_two_replays_at_once_and_a_stream_beside_them_let_every_message_go_on_once(
    bootstrap: str, lake: Lake, topic: str
) -> None:
    one, other, stream = Events(lake), Events(lake), intake(bootstrap, lake, topic)
    calls = 0

    def interrupted(name, values, times):  # type: ignore[no-untyped-def]
        nonlocal calls
        calls += 1
        if calls == 1:
            assert replay(other, fixed).good == 2
            send(bootstrap, topic, [b"good 5", b"bad 6"])
            drain(stream)
        return fixed(name, values, times)

    with stream.log:
        done = replay(one, interrupted)
    assert (calls, done.good) == (2, 1)  # what came meanwhile
    good = rows(lake).filter(pl.col("error").is_null())
    assert good["offset"].to_list() == [0, 1, 3, 4, 5, 6]


def test_a_stream_beside_it_does_not_make_a_replay_decode_twice(bootstrap: str, lake: Lake, topic: str) -> None:
    stream = intake(bootstrap, lake, topic)
    calls = 0

    def interrupted(name, values, times):  # type: ignore[no-untyped-def]
        nonlocal calls
        calls += 1
        send(bootstrap, topic, [b"good 5"])
        drain(stream)
        return fixed(name, values, times)

    with stream.log:
        assert replay(Events(lake), interrupted).good == 2
    assert calls == 1
    assert rows(lake)["ingested_at"].n_unique() == 3
