"""A micro-batch in PostgreSQL: all of it or nothing, once, and the newest row of everyone."""

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creditrisk_assets.contracts import APPLICATIONS
from creditrisk_assets.serving import reading
from creditrisk_assets.serving.connection import Connection
from creditrisk_assets.serving.errors import GapError, ServingError
from creditrisk_assets.serving.frames import newest
from creditrisk_assets.serving.live import Applied, apply, forget, positions, reached
from creditrisk_assets.streaming.offsets import Place, Position
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.serving.scored import NOW, START, Event, Scored, held, held_after, same, stream

EVENTS = st.builds(
    Event,
    subject=st.sampled_from(["a", "bb", "ccc", 'o"d,d\n', "ünïcode", "\\N"]),
    application=st.booleans(),
    seconds=st.sampled_from([-200.0, -3.0, 0.0, 1.5, 60.0, 99.7, 99.95, 100.0, 130.0]),
    good=st.sampled_from([True, True, True, False]),
    partition=st.integers(0, 1),
    anew=st.sampled_from([False, False, False, True]),
)
BATCHES = st.lists(st.lists(EVENTS, max_size=6), min_size=1, max_size=7)


@pytest.fixture
def writer(postgres: Database) -> Iterator[Connection]:
    with postgres.connect("writer") as connection:
        yield connection


def put(connection: Connection, one: Scored) -> Applied:
    return apply(connection, one.batch, one.scores, NOW)


@pytest.fixture(scope="module")
def emptied(postgres_server):  # type: ignore[no-untyped-def]
    """One database for all examples of a property."""
    from creditrisk_assets_tests.serving.databases import fresh

    with fresh(postgres_server) as database, database.connect("owner") as owner, database.connect() as connection:

        def empty() -> Connection:
            owner.execute(
                "TRUNCATE serving.live_risk, serving.decisions, serving.stream, serving.stream_offsets, "
                "serving.stream_counters, serving.stream_latency"
            )
            return connection

        yield empty


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BATCHES, st.lists(st.integers(0, 6), max_size=12))
def test_any_order_with_replays_and_two_writers_ends_where_a_recomputation_does(emptied, batches, order) -> None:  # type: ignore[no-untyped-def]
    connection, made = emptied(), stream(batches)
    at = None
    for one in (made[number % len(made)] for number in order):
        before = held(connection)
        if one.batch.frame.is_empty():
            put(connection, one)
            continue
        if at is not None and one.batch.ingested_at <= at:
            assert put(connection, one) == Applied()
            assert held(connection) == before
        elif one.batch.previous != at:
            with pytest.raises(GapError, match="apply those in between"):
                put(connection, one)
            assert held(connection) == before
        else:
            put(connection, one)
            at = one.batch.ingested_at
    for one in made:
        put(connection, one)
    last = [one.batch.ingested_at for one in made if not one.batch.frame.is_empty()]
    assert reached(connection) == (last[-1] if last else None)
    same(held(connection), held_after(made))


@given(BATCHES)
def test_what_live_risk_will_hold_follows_from_scores_live(batches) -> None:  # type: ignore[no-untyped-def]
    made = stream(batches)
    rows = newest(pl.concat(one.scores for one in made))
    expected = held_after(made).live
    assert {(row["kind"], row["subject"]): row["event_id"] for row in rows.iter_rows(named=True)} == {
        key: row["event_id"] for key, row in expected.items()
    }


def applications(*batches: Sequence[tuple[str, float]]) -> list[Scored]:
    return stream([[Event(subject, True, seconds) for subject, seconds in batch] for batch in batches])


def test_what_a_micro_batch_changed_is_told(writer: Connection) -> None:
    first, second = applications([("a", 1), ("b", 2), ("a", 3)], [("a", 2), ("c", 5)])
    assert put(writer, first) == Applied(events=3, decisions=3, subjects=2)
    assert put(writer, second) == Applied(events=2, decisions=2, subjects=1)  # a is known as of 3 s
    assert put(writer, second) == Applied()
    assert positions(writer) == {Place(APPLICATIONS, 0): Position(0, 5)}
    assert reading.stream(writer).select("micro_batches", "events", "decisions").row(0) == (2, 5, 5)


def test_a_micro_batch_without_rows_moves_offsets_once_those_before_it_are_applied(writer: Connection) -> None:
    first, second, empty = applications([("a", 1)], [("a", 2)], [])
    for before, end in ((None, {}), (first, {Place(APPLICATIONS, 0): Position(0, 1)})):
        if before is not None:
            put(writer, before)
        assert put(writer, empty) == Applied()
        assert positions(writer) == end
    put(writer, second)
    put(writer, empty)
    assert positions(writer) == {Place(APPLICATIONS, 0): Position(0, 3)}
    assert reached(writer) == second.batch.ingested_at


def test_an_event_that_comes_late_does_not_take_the_place_of_a_newer_one(writer: Connection) -> None:
    for one in applications([("a", 10)], [("a", 5)]):
        put(writer, one)
    found = reading.one(writer, "a")
    assert found["as_of"].item() == START + timedelta(seconds=10)
    assert reading.decisions(writer)["offset"].to_list() == [1, 0]


def test_a_new_epoch_goes_on_from_its_own_offsets(writer: Connection) -> None:
    from dataclasses import replace

    first, second = applications([("a", 1), ("b", 2)], [("a", 3)])
    anew = (replace(second.batch.ranges[0], epoch=1, start=0, end=1),)
    lifted = [frame.with_columns(pl.lit(1, pl.Int32).alias("epoch")) for frame in (second.batch.frame, second.scores)]
    put(writer, first)
    put(writer, Scored(replace(second.batch, ranges=anew, frame=lifted[0]), lifted[1]))
    assert positions(writer) == {Place(APPLICATIONS, 0): Position(1, 1)}
    assert reading.offsets(writer)["end_offset"].to_list() == [2, 1]


def test_scores_of_another_micro_batch_are_refused(writer: Connection) -> None:
    first, second = applications([("a", 1)], [("b", 1)])
    with pytest.raises(ValueError, match="give its own"):
        apply(writer, first.batch, second.scores)


def test_two_decisions_at_one_place_are_refused_and_nothing_is_changed(writer: Connection) -> None:
    (one,) = applications([("a", 1)])
    with pytest.raises(ServingError, match=r"two rows of scores/live have one place"):
        apply(writer, one.batch, pl.concat([one.scores, one.scores]))
    assert reached(writer) is None
    assert put(writer, one).decisions == 1


def test_a_sign_that_postgresql_cannot_hold_is_shown(writer: Connection) -> None:
    put(writer, applications([("a\0b", 1)])[0])
    assert reading.worst(writer)["subject"].to_list() == ["a␀b"]


def test_a_connection_that_would_not_commit_is_refused(postgres: Database) -> None:
    with postgres.connect() as connection:
        connection.autocommit = False
        with pytest.raises(ValueError, match="commit by itself"):
            put(connection, applications([("a", 1)])[0])


def test_of_two_writers_one_wins_and_the_other_finds_nothing_to_do(postgres: Database) -> None:
    made = applications(*[[(f"s{number}", number), ("a", number)] for number in range(40)])
    together = threading.Barrier(2)
    done: list[list[Applied]] = [[], []]

    def write(which: int) -> None:
        with postgres.connect() as connection:
            for one in made:
                together.wait(30)
                done[which].append(put(connection, one))

    threads = [threading.Thread(target=write, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for one, other in zip(*done, strict=True):
        assert sorted((one.events, other.events)) == [0, 2]
    with postgres.connect("reader") as connection:
        same(held(connection), held_after(made))


def test_old_decisions_are_forgotten_and_live_risk_stays(postgres: Database, writer: Connection) -> None:
    put(writer, applications([("a", 1), ("b", 2)])[0])
    postgres.rows(
        "UPDATE serving.decisions SET ingested_at = now() - make_interval(days => CASE subject WHEN 'a' THEN 31 "
        "ELSE 29 END)"
    )
    assert forget(writer, 30) == 1
    assert reading.decisions(writer)["subject"].to_list() == ["b"]
    assert reading.worst(writer).height == 2
    assert forget(writer, 30) == 0
