"""A bounded run: it ends when it may, reports all it did, and takes exactly the offsets it is asked for."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition

from creditrisk_assets.contracts import ACTIVITY, APPLICATIONS, RAW_EVENTS
from creditrisk_assets.serving.errors import ServingError, ServingUnavailableError
from creditrisk_assets.streaming import drain as drain_module
from creditrisk_assets.streaming.drain import Drained, Limits, drain, exactly, ranges_asked
from creditrisk_assets.streaming.errors import RangeError, RetentionPassedError
from creditrisk_assets.streaming.offsets import Caps, OffsetRange, as_json
from creditrisk_assets.streaming.progress import Progress, joined
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.streaming.brokers import eventually
from creditrisk_assets_tests.streaming.clients import admin, bounds
from creditrisk_assets_tests.streaming.flowing import Platform, applied, did, partition_of, poison, some_messages

QUICK = Limits(seconds=60.0, idle=0.2, pace=0.0, report=0.0)


class Told:
    """Keeps what a run reports."""

    def __init__(self) -> None:
        self.stretches: list[Progress] = []

    def __call__(self, progress: Progress, elapsed: float) -> None:
        assert elapsed >= 0
        self.stretches.append(progress)


def counted(ranges: list[OffsetRange]) -> int:
    return sum(len(one) for one in ranges)


def add_up(told: Told, done: Drained) -> None:
    """Stretches tell what the whole run did, once."""
    for name in ("batches", "good", "bad", "rows", "bytes", "repeats", "unscored", "scored", "updated"):
        assert sum(getattr(one, name) for one in told.stretches) == getattr(done.total, name), name
    assert joined([part for one in told.stretches for part in one.ranges]) == done.total.ranges
    assert counted(done.total.ranges) == done.total.rows


def test_a_run_ends_when_nothing_comes_and_its_stretches_add_up(platform: Platform) -> None:
    messages = some_messages(3, 60)
    platform.send(*messages)
    told, at_work = Told(), []
    with platform.pipeline(rows=7) as pipeline:
        done = drain(pipeline, QUICK, told, lambda: at_work.append(pipeline.reached))
    assert done.reason == "idle"
    assert done.total.rows == 60
    assert len(told.stretches) > 3
    assert at_work == [None]
    add_up(told, done)
    figures = done.total.figures(done.elapsed)
    assert figures["lag"] == 0
    assert figures["events_per_second"] > 0
    assert 0 <= figures["latency_p50"] <= figures["latency_p95"] <= figures["latency_max"] < 60
    assert {"seconds_fetch", "seconds_decode", "seconds_commit", "seconds_derive", "seconds_lake"} < set(figures)
    assert "loan-applications[0] 0 to" in " ".join(done.total.told())


def test_a_run_without_news_reports_nothing_and_has_no_latency(platform: Platform) -> None:
    told = Told()
    with platform.pipeline() as pipeline:
        done = drain(pipeline, QUICK, told)
    assert (done.reason, told.stretches, done.total.rows) == ("idle", [], 0)
    figures = done.total.figures(done.elapsed)
    assert "latency_p50" not in figures
    assert figures["lag"] == 0


def midnight() -> Iterator[datetime]:
    """A clock that comes to the next day after a few micro-batches."""
    start = datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC)
    for number in range(1_000):
        yield start + timedelta(milliseconds=150 * number)


def test_the_end_of_a_day_splits_a_stretch(platform: Platform) -> None:
    platform.send(*some_messages(4, 40))
    told, clock = Told(), midnight()
    with platform.pipeline(clock=lambda: next(clock), rows=4) as pipeline:
        done = drain(pipeline, Limits(60.0, 0.2, 0.0, report=1e9), told)
    days = platform.lake.scan(RAW_EVENTS).group_by("ingest_day").len().sort("ingest_day").collect()
    assert days.height == 2
    assert [(one.day, one.rows) for one in told.stretches] == days.rows()
    add_up(told, done)


def test_a_run_past_its_time_ends_once_another_is_at_work(platform: Platform) -> None:
    platform.send(did("c-1"))
    with platform.pipeline() as pipeline, platform.pipeline() as other:

        def successor(progress: Progress, elapsed: float) -> None:
            platform.send(did("c-2"))
            assert other.step() is not None

        done = drain(pipeline, Limits(0.0, 60.0, 0.0, 0.0), successor)
    assert done.reason == "taken over"
    assert done.elapsed < 30


def test_a_run_past_its_time_ends_when_another_came_between_its_micro_batches(platform: Platform) -> None:
    bootstrap = platform.broker.bootstrap
    with platform.pipeline() as other:

        def at(point: str) -> None:
            if point == "after_fetch":
                platform.send(applied(5))
                wanted = OffsetRange(APPLICATIONS, 0, partition_of(bootstrap, APPLICATIONS), 0, 1)
                assert other.intake.take([wanted]).batch is not None

        with platform.pipeline(at) as pipeline:
            platform.send(did("c-1"))
            done = drain(pipeline, Limits(0.0, 60.0, 0.0, 0.0), Told())
            assert not pipeline.overtaken()
    assert done.reason == "taken over"
    assert done.total.rows == 1


def test_a_run_without_a_successor_ends_after_its_grace(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_module, "GRACE", 0.5)
    monkeypatch.setattr(drain_module, "LOOK", 0.05)
    with platform.pipeline() as pipeline:
        done = drain(pipeline, Limits(0.5, 60.0, 0.0), Told())
    assert done.reason == "time"
    assert 1.0 <= done.elapsed < 30


def test_an_idle_run_ends_though_postgresql_is_down_and_says_so(served: Platform, postgres: Database) -> None:
    told = Told()
    with served.pipeline() as pipeline:
        served.send(did("c-1"))
        pipeline.step()
        postgres.stop()
        served.send(did("c-2"), did("c-3"))
        with pytest.raises(ServingUnavailableError, match="PostgreSQL does not answer"):
            drain(pipeline, QUICK, told)
    assert sum(one.rows for one in told.stretches) == 2
    assert served.lake.scan(RAW_EVENTS).select(pl.len()).collect().item() == 3


def test_postgresql_that_comes_back_is_caught_up_with_though_nothing_new_comes(
    served: Platform, postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("creditrisk_assets.streaming.serving.RETRY", 0.0)
    with served.pipeline() as pipeline:
        served.send(did("c-1"))
        postgres.stop()

        def back(progress: Progress, elapsed: float) -> None:
            postgres.start()

        done = drain(pipeline, Limits(60.0, 2.0, 0.0, 0.0), back)
        assert pipeline.follower is not None
        assert pipeline.follower.error is None
    assert done.reason == "idle"
    assert postgres.rows("SELECT subject FROM serving.live_risk") == [("c-1",)]


def test_what_was_done_is_reported_though_the_run_then_fails(platform: Platform) -> None:
    told = Told()
    bootstrap = platform.broker.bootstrap
    platform.send(*(did("c-1", days=number) for number in range(10)))
    partition = partition_of(bootstrap, ACTIVITY)

    def at(point: str) -> None:
        if point == "after_scores":
            with admin(bootstrap) as client:
                client.delete_records({TopicPartition(ACTIVITY, partition): 8})
                eventually(lambda: bounds(bootstrap, ACTIVITY, partition)[0] == 8)

    with platform.pipeline(at, rows=4) as pipeline, pytest.raises(RetentionPassedError, match="offsets 4 to 7"):
        drain(pipeline, Limits(60.0, 20.0, 0.0, 1e9), told)
    assert [one.rows for one in told.stretches] == [4]


def test_what_is_in_the_lake_is_reported_though_postgresql_refuses_it(served: Platform, postgres: Database) -> None:
    served.send(*(did("c-1", days=-number) for number in range(9)))
    told = Told()
    with served.pipeline(rows=4) as pipeline:
        postgres.rows("ALTER TABLE serving.decisions RENAME TO elsewhere")
        with pytest.raises(ServingError, match="creditrisk migrate"):
            drain(pipeline, QUICK, told)
    figures = [one.figures(1.0) for one in told.stretches]
    assert sum(one["rows"] for one in figures) >= 4
    assert not any("latency_p50" in one for one in figures)


def test_exactly_the_offsets_asked_for_are_taken_in_as_many_micro_batches_as_it_needs(platform: Platform) -> None:
    platform.send(*(did("c-1", days=number, amount=number) for number in range(20)))
    partition = partition_of(platform.broker.bootstrap, ACTIVITY)
    wanted = (OffsetRange(ACTIVITY, 0, partition, 0, 15),)
    told = Told()
    with platform.pipeline() as pipeline:
        pipeline.intake.caps = Caps(bytes=600)
        done = exactly(pipeline, wanted, told)
        assert (done.total.rows, done.total.ranges) == (15, list(wanted))
        assert done.total.batches > 1
        add_up(told, done)
        again = exactly(pipeline, wanted, Told())
        assert again.total.batches == 0
        with pytest.raises(RangeError, match="offsets 15 to 15 are not committed"):
            exactly(pipeline, (OffsetRange(ACTIVITY, 0, partition, 16, 18),), Told())
    assert len(told.stretches) == 1


def test_an_exact_range_also_catches_up_with_what_others_left(platform: Platform) -> None:
    platform.send(applied(1))
    with platform.pipeline() as pipeline:
        assert pipeline.intake.take().batch is not None
        exactly(pipeline, (), Told())
        assert pipeline.scores.reached() == pipeline.intake.events.reached()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("offsets 3 to 5", r"ranges: JSON is malformed.*; write them as \[\{\"topic\": \"customer-activity\""),
        ('{"topic": "x"}', "ranges: Expected `array`, got `object`; write them as"),
        ('[{"topic": "x", "epoch": 0, "partition": 0, "start": 0}]', "missing required field `end`"),
        ('[{"topic": "x", "epoch": 0, "partition": "0", "start": 0, "end": 1}]', "Expected `int`, got `str`"),
        ('[{"topic": "x", "epoch": 0, "partition": 0, "start": 5, "end": 3}]', r"x\[0\] from 5 to 3: end lies"),
    ],
)
def test_ranges_that_nobody_can_read_are_refused_with_how_to_write_them(text: str, told: str) -> None:
    with pytest.raises(RangeError, match=told):
        ranges_asked(text)


SPANS = st.lists(
    st.builds(
        lambda topic, epoch, partition, start, length: OffsetRange(topic, epoch, partition, start, start + length),
        st.sampled_from([ACTIVITY, APPLICATIONS]), st.integers(0, 1), st.integers(0, 1), st.integers(0, 50),
        st.integers(0, 10),
    )
)  # fmt: skip


@given(SPANS)
def test_ranges_are_read_as_they_were_written(ranges: list[OffsetRange]) -> None:
    assert ranges_asked(as_json(ranges)) == tuple(ranges)


@given(SPANS)
def test_joined_ranges_hold_the_same_offsets_and_none_is_empty(ranges: list[OffsetRange]) -> None:
    apart: list[OffsetRange] = []
    for one in ranges:
        taken = {(other.place, other.epoch, at) for other in apart for at in range(other.start, other.end)}
        if not any((one.place, one.epoch, at) in taken for at in range(one.start, one.end)):
            apart.append(one)
    found = joined(apart)
    assert counted(found) == counted(apart)
    assert all(len(one) for one in found)
    assert {(one.place, one.epoch, at) for one in found for at in range(one.start, one.end)} == {
        (one.place, one.epoch, at) for one in apart for at in range(one.start, one.end)
    }
    assert joined(reversed(apart)) == found


def test_offsets_that_another_took_are_not_told_as_ones_own() -> None:
    progress = Progress(ranges=joined([OffsetRange("x", 0, 0, 0, 10), OffsetRange("x", 0, 0, 20, 30)]))
    assert progress.told() == ["x[0] 0 to 9", "x[0] 20 to 29"]


def test_poison_and_good_ones_are_told_apart_in_figures(platform: Platform) -> None:
    platform.send(did("c-1"), poison(), poison(APPLICATIONS), applied(1), applied(1))
    told = Told()
    with platform.pipeline() as pipeline:
        done = drain(pipeline, QUICK, told)
    found = done.total.figures(1.0)
    assert {name: found[name] for name in ("good", "bad", "repeats", "unscored", "scored", "updated", "rows")} == {
        "good": 3, "bad": 2, "repeats": 1, "unscored": 0, "scored": 2, "updated": 1, "rows": 5,
    }  # fmt: skip
    json.dumps(found)
