"""What the dashboard asks: the worst, the newest, and one."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from creditrisk_assets.serving import reading
from creditrisk_assets.serving.connection import Connection
from creditrisk_assets.serving.live import apply
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.serving.scored import NOW, START, Event, held_after, stream

MADE = stream(
    [[Event(f"s{(number * 3 + k) % 17}", k % 3 > 0, float(number * 10 + k)) for k in range(9)] for number in range(8)]
)


@pytest.fixture
def reader(postgres: Database) -> Iterator[Connection]:
    with postgres.connect() as writer:
        for one in MADE:
            apply(writer, one.batch, one.scores, NOW)
    with postgres.connect("reader") as connection:
        yield connection


def test_the_watch_list_has_the_worst_first_and_of_equal_ones_the_newest(reader: Connection) -> None:
    found = reading.worst(reader).select("pd", "ingested_at", "subject").rows()
    assert found == sorted(found, key=lambda row: (-row[0], -row[1].timestamp(), row[2]))
    assert len(found) == len(held_after(MADE).live)
    assert reading.worst(reader, 3).select("pd", "ingested_at", "subject").rows() == found[:3]


def test_one_kind_can_be_asked_for(reader: Connection) -> None:
    live = held_after(MADE).live
    for kind in ("application", "behaviour"):
        expected = sum(1 for kept, _ in live if kept == kind)
        assert 0 < expected < len(live)
        for frame in (reading.worst(reader, kind=kind), reading.newest(reader, kind=kind)):  # type: ignore[arg-type]
            assert frame["kind"].unique().to_list() == [kind]
            assert frame.height == expected


def test_the_newest_rows_are_those_that_changed_last(reader: Connection) -> None:
    found = reading.newest(reader, 5)
    assert found["ingested_at"].unique().to_list() == [START + timedelta(seconds=7)]
    everything = reading.newest(reader)
    assert everything["ingested_at"].is_sorted(descending=True)
    assert everything.height == len(held_after(MADE).live)


def test_one_subject_is_found_with_its_reasons(reader: Connection) -> None:
    found = reading.one(reader, "s3")
    assert found["kind"].to_list() == ["application", "behaviour"]
    for row in found.drop("updated_at").rows(named=True):
        expected = held_after(MADE).live[row["kind"], "s3"]
        assert row == {name: expected[name] for name in row}
    assert reading.one(reader, "nobody").is_empty()
    assert reading.one(reader, "nobody").schema == found.schema


def test_decisions_are_told_newest_first_superseded_ones_too(reader: Connection) -> None:
    found = reading.decisions(reader, 1000)
    assert found.height == len(held_after(MADE).decisions)
    assert found["ingested_at"].is_sorted(descending=True)


def test_the_watch_list_of_many_reads_only_its_top(postgres: Database) -> None:
    postgres.rows(
        """
        INSERT INTO serving.live_risk
        SELECT 'application', 'a' || n, 1 / (1 + exp(2.5 + 2 * sin(n))), 0, 1, NULL, NULL, NULL, 600, 1, 'refer', .5,
               '{}', '{}', 'p', '2026-10-01', 'application', now(), 'e', 't', 0, 0, n, now(), now()
        FROM generate_series(1, 50000) AS n
        """
    )
    postgres.rows("ANALYZE serving.live_risk")
    plan = "\n".join(
        line
        for (line,) in postgres.rows(
            "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT subject FROM serving.live_risk "
            "ORDER BY pd_step DESC, pd DESC, ingested_at DESC, subject LIMIT 50"
        )
    )
    assert "live_risk_worst_first" in plan
    assert "Incremental Sort" in plan
