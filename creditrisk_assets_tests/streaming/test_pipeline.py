"""The hot path from Kafka to PostgreSQL: whatever stops between two stages, and however many are at work."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from kafka import TopicPartition
from polars.testing import assert_frame_equal
from pydantic import SecretStr

from creditrisk_assets.contracts import ACTIVITY, FEATURES_BEHAVIOUR, RAW_EVENTS, SCORES_LIVE
from creditrisk_assets.serving import live
from creditrisk_assets.serving.errors import LoginRefusedError, ServingUnavailableError
from creditrisk_assets.serving.frames import newest
from creditrisk_assets.streaming import pipeline as pipeline_module
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.table import MicroBatch
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.serving.scored import Scored, held, held_after
from creditrisk_assets_tests.streaming.brokers import eventually
from creditrisk_assets_tests.streaming.clients import admin, bounds
from creditrisk_assets_tests.streaming.flowing import (
    START,
    Platform,
    applied,
    derived_in_one_go,
    did,
    everything,
    partition_of,
    poison,
    some_messages,
    take,
)

TABLES = (RAW_EVENTS, FEATURES_BEHAVIOUR, SCORES_LIVE)
MESSAGES = [applied(1, "c-1"), did("c-1"), did("c-2"), poison(), applied(2), applied(1, "c-1")]


class StoppedError(Exception):
    """The process stops here."""


def stop(where: str, after: int = 0) -> Callable[[str], None]:
    """Stop at a point, the first time or later."""
    left = after

    def at(point: str) -> None:
        nonlocal left
        if point == where:
            left -= 1
            if left < 0:
                raise StoppedError(point)

    return at


def stored(platform: Platform) -> dict[str, pl.DataFrame]:
    return {table.name: platform.lake.scan(table).collect().sort(table.primary) for table in TABLES}


def micro_batches(platform: Platform) -> list[MicroBatch]:
    return list(Events(platform.lake).after(None))


def all_is_served(platform: Platform) -> None:
    """PostgreSQL holds what follows from the lake, row by row."""
    assert platform.database is not None
    scores = platform.lake.scan(SCORES_LIVE).collect()
    batches = micro_batches(platform)
    expected = held_after([Scored(one, scores.filter(ingested_at=one.ingested_at)) for one in batches])
    with platform.database.connect() as connection:
        assert live.reached(connection) == batches[-1].ingested_at
        found = held(connection)
    assert {key: row["pd"] for key, row in found.live.items()} == {k: row["pd"] for k, row in expected.live.items()}
    assert set(found.decisions) == set(expected.decisions)
    assert found.counters == expected.counters


def all_is_there(platform: Platform, messages: int) -> None:
    """The tables are those of one deriver that never stopped, and PostgreSQL holds what follows."""
    found = stored(platform)
    assert found["raw/events"].height == messages
    features, scores = derived_in_one_go(platform)
    assert_frame_equal(found["features/behaviour"], features, check_exact=True)
    assert_frame_equal(found["scores/live"], scores, check_exact=True)
    all_is_served(platform)


def test_one_step_takes_messages_through_all_stages(served: Platform) -> None:
    served.send(*MESSAGES)
    with served.pipeline() as pipeline:
        step = pipeline.step()
        assert pipeline.step() is None
    assert step is not None
    assert (step.taken.good, step.taken.bad, step.others) == (5, 1, 0)
    assert (step.derived.scores.height, step.derived.features.height, step.derived.repeats) == (4, 2, 1)
    assert list(step.seconds) == ["plan", "fetch", "decode", "commit", "derive", "lake", "postgres"]
    assert step.visible_at is not None
    found = stored(served)
    assert [rows.height for rows in found.values()] == [6, 2, 4]
    for table in TABLES:
        assert table.violations(found[table.name].lazy()) == {}
    assert_frame_equal(found["scores/live"], step.derived.scores.sort(SCORES_LIVE.primary))
    all_is_served(served)


def test_without_postgresql_the_lake_holds_it_all(platform: Platform) -> None:
    platform.send(*MESSAGES)
    with platform.pipeline() as pipeline:
        step = pipeline.step()
        pipeline.finish()
    assert step is not None
    assert step.visible_at is not None
    assert stored(platform)["scores/live"].height == 4


POINTS = ("after_commit", "after_features", "after_scores", "before_postgres", "after_postgres")


@pytest.mark.parametrize("point", POINTS)
def test_what_a_stage_lacks_is_caught_up_with(served: Platform, point: str) -> None:
    served.send(*MESSAGES)
    with served.pipeline(stop(point), rows=3) as pipeline, pytest.raises(StoppedError):
        everything(pipeline)
    with served.pipeline(rows=3) as pipeline:
        assert pipeline.catch_up() == (1 if point in POINTS[:2] else 0)
        assert pipeline.catch_up() == 0
        all_is_served(served)
        everything(pipeline)
    all_is_there(served, 6)


def test_stopped_at_every_point_the_tables_are_those_of_a_run_that_was_not(served: Platform) -> None:
    messages = some_messages(1, 120)
    served.send(*messages)
    for point in (*POINTS, *POINTS):
        with served.pipeline(stop(point, after=1), rows=5) as pipeline, pytest.raises(StoppedError):
            pipeline.catch_up()
            everything(pipeline)
    with served.pipeline(rows=5) as pipeline:
        pipeline.catch_up()
        everything(pipeline)
    all_is_there(served, len(messages))


def test_a_micro_batch_is_served_while_the_next_one_is_taken(served: Platform) -> None:
    served.send(*MESSAGES)
    fetched, fetches = threading.Event(), 0

    def at(point: str) -> None:
        nonlocal fetches
        fetches += point == "after_fetch"
        if fetches == 2:
            fetched.set()
        assert point != "before_postgres" or fetched.wait(60)

    with served.pipeline(at, rows=3) as pipeline:
        first = pipeline.step()
        assert not fetched.is_set()
        second = pipeline.step()
        assert first is not None
        assert second is not None
        assert first.visible_at is not None
        assert second.visible_at is not None
        assert first.visible_at < second.visible_at
        assert {"derive", "lake", "postgres"} < set(first.seconds)
    all_is_there(served, 6)


def test_what_fails_beside_the_next_step_is_told_there_and_caught_up_with(served: Platform) -> None:
    served.send(*MESSAGES)
    with served.pipeline(stop("before_postgres"), rows=3) as pipeline:
        assert pipeline.step() is not None
        with pytest.raises(StoppedError):
            pipeline.step()
    with served.pipeline() as pipeline:
        pipeline.catch_up()
    all_is_there(served, 6)


def test_while_postgresql_is_down_the_lake_goes_on_and_what_it_missed_is_served_in_order(
    served: Platform, postgres: Database
) -> None:
    with served.pipeline() as pipeline:
        assert pipeline.follower is not None
        for number in range(5):
            if number == 1:
                postgres.stop()
            served.send(did("c-1", days=number), applied(number, f"c-{number}"))
            step = pipeline.step()
            assert step is not None
            assert (step.visible_at is None) is (number > 0)
        assert "PostgreSQL does not answer" in str(pipeline.follower.error)
        with pytest.raises(ServingUnavailableError, match="start it"):
            pipeline.finish()
        assert len(micro_batches(served)) == 5
        postgres.start()
        pipeline.finish()
        assert pipeline.follower.error is None
        all_is_served(served)
        served.send(did("c-9"))
        step = pipeline.step()
        assert step is not None
        assert step.visible_at is not None
    all_is_served(served)


def offsets(database: Database) -> dict[int, int]:
    """How far PostgreSQL is, by partition of the activity topic."""
    with database.connect("reader") as connection:
        return {place.partition: at.next for place, at in live.positions(connection).items() if place.topic == ACTIVITY}


def test_the_offsets_of_postgresql_follow_a_micro_batch_without_rows(served: Platform, postgres: Database) -> None:
    served.send(did("c-1"), did("c-1", days=1))
    bootstrap = served.broker.bootstrap
    partition = partition_of(bootstrap, ACTIVITY)
    with admin(bootstrap) as client:
        client.delete_records({TopicPartition(ACTIVITY, partition): 2})
    eventually(lambda: bounds(bootstrap, ACTIVITY, partition) == (2, 2))
    with served.pipeline() as pipeline:
        assert pipeline.step() is None  # where all partitions begin
        assert offsets(postgres) == {partition: 2, 1 - partition: 0}
        served.send(did("c-1", days=2))
        assert pipeline.step() is not None
    assert offsets(postgres) == {partition: 3, 1 - partition: 0}
    all_is_there(served, 1)


class WrongPassword(Database):
    """The same database for somebody who does not know the password."""

    @property
    def url(self) -> SecretStr:
        return SecretStr(super().url.get_secret_value().replace("creditrisk@", "creditrisk:forgotten@"))


def test_while_postgresql_refuses_the_login_the_lake_goes_on_as_if_it_were_down(
    served: Platform, postgres: Database
) -> None:
    locked_out = replace(served, database=WrongPassword(postgres.server, postgres.name))
    with locked_out.pipeline() as pipeline:
        for number in range(2):
            served.send(did("c-1", days=number))
            step = pipeline.step()
            assert step is not None
            assert step.visible_at is None
        with pytest.raises(LoginRefusedError, match="refuses the login of creditrisk"):
            pipeline.finish()
    assert len(micro_batches(served)) == 2
    with served.pipeline() as pipeline:
        pipeline.catch_up()
    all_is_served(served)


def test_a_postgresql_that_was_emptied_is_filled_again_within_the_next_step(
    served: Platform, postgres: Database
) -> None:
    with served.pipeline() as pipeline:
        for number in range(3):
            served.send(did("c-1", days=number))
            pipeline.step()
        tables = ("stream", "stream_offsets", "stream_counters", "stream_latency", "live_risk", "decisions")
        postgres.rows("TRUNCATE " + ", ".join(f"serving.{table}" for table in tables))
        served.send(did("c-2"))
        step = pipeline.step()
        assert step is not None
        assert step.visible_at is not None
    all_is_there(served, 4)


def test_a_micro_batch_is_not_served_before_its_scores_are_there(served: Platform, postgres: Database) -> None:
    with served.pipeline(stop("after_features", after=1)) as pipeline:
        served.send(did("c-1"))
        pipeline.step()
        served.send(did("c-2"))
        with pytest.raises(StoppedError):
            pipeline.step()
        first, second = micro_batches(served)
        assert pipeline.follower is not None
        assert pipeline.follower.catch_up(wait=True)
        with postgres.connect() as connection:
            assert live.reached(connection) == first.ingested_at
    with served.pipeline() as pipeline:
        pipeline.catch_up()
        with postgres.connect() as connection:
            assert live.reached(connection) == second.ingested_at
    all_is_served(served)


def test_two_at_work_find_each_others_micro_batches_and_end_with_the_same_tables(served: Platform) -> None:
    with served.pipeline(rows=4) as one, served.pipeline(rows=4) as other:
        others = 0
        for number in range(6):
            served.send(*some_messages(number, 10))
            for pipeline in (one, other, one):
                pipeline.intake.events.refresh()
                step = pipeline.step()
                others += 0 if step is None else step.others
        assert others > 0
        assert other.overtaken()
        everything(one)
    with served.pipeline() as pipeline:
        pipeline.catch_up()
    all_is_there(served, 60)


def test_of_two_with_the_same_range_one_wins_and_the_other_finds_nothing_to_do(served: Platform) -> None:
    served.send(*MESSAGES)
    with served.pipeline() as other:
        at = lambda point: other.step() and None if point == "after_decode" else None  # noqa: E731
        with served.pipeline(at) as one:
            assert one.step() is None
            assert one.overtaken()
            assert not other.overtaken()
            assert one.catch_up() == 1
            assert not one.overtaken()
    assert stored(served)["raw/events"].height == 6
    all_is_served(served)


def test_what_was_appended_to_raw_events_beside_the_stream_is_derived_with_the_next_micro_batch(
    served: Platform,
) -> None:
    with served.pipeline() as pipeline:
        served.send(did("c-1"))
        pipeline.step()
        take(Events(served.lake), applied(77, "c-7"))
        assert pipeline.overtaken()
        served.send(did("c-7"))
        step = pipeline.step()
    assert step is not None
    assert step.others == 1
    assert step.derived.scores["subject"].to_list() == ["c-7"]
    rows = newest(stored(served)["scores/live"])
    assert set(rows["subject"]) == {"c-1", "c-7", "a-77"}
    all_is_served(served)


def test_who_starts_beside_another_warms_up_and_catches_up_with_what_came_meanwhile(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "AT_WORK", timedelta(hours=1))  # however slow the machine is
    served.send(*MESSAGES)
    with served.pipeline() as pipeline, served.pipeline() as other:
        everything(pipeline)
        served.send(did("c-2", days=1), applied(9, "c-9"))
        everything(other)
        assert pipeline.overtaken()
        pipeline.warm_up()
        assert pipeline.reached == other.reached
    all_is_there(served, 8)


def test_who_starts_alone_does_not_warm_up(platform: Platform) -> None:
    with platform.pipeline(clock=lambda: START) as pipeline, platform.pipeline(clock=lambda: START) as other:
        pipeline.warm_up()
        platform.send(did("c-1"))
        everything(pipeline)
        platform.send(did("c-2"))
        everything(other)
        pipeline.warm_up()
        assert pipeline.overtaken()
