"""What is behind, what is missing, and how late the stream is."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from creditrisk_assets.contracts import TABLES
from creditrisk_assets.serving.pipeline import SOURCES, delays, freshness, spelled
from creditrisk_assets.serving.reading import LATENCY
from creditrisk_assets.serving.tables import Facts
from creditrisk_assets_tests.test_architecture import SNAPSHOT

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def everything(at: datetime = NOON) -> dict[str, Facts]:
    return {table.name: Facts(3, 10, at) for table in TABLES.values()}


def row(known: dict[str, Facts], name: str) -> dict[str, object]:
    return freshness(known).row(by_predicate=pl.col("table") == name, named=True)


def test_sources_are_among_those_that_the_assets_declare() -> None:
    declared = {name: set(spec["deps"]) for name, spec in json.loads(SNAPSHOT.read_text()).items()}
    for name, sources in SOURCES.items():
        assert set(sources) <= declared[name], name
    outside = {name for name in declared if name not in SOURCES}
    assert all(not declared[name] for name in outside), "these assets depend on something and are never behind"


def test_tables_of_one_moment_are_fresh() -> None:
    found = freshness(everything())
    assert set(found["status"]) == {"fresh"}
    assert sorted(found["table"]) == sorted(table.name for table in TABLES.values())


def test_a_table_with_a_newer_source_is_behind_and_says_which_first_of_all() -> None:
    known = everything() | {"models/posterior": Facts(4, 11, NOON + timedelta(hours=2))}
    assert row(known, "scores/loans")["told"] == "models/posterior is 2 hours newer"
    assert row(known, "features/loans")["status"] == "fresh"
    assert freshness(known)["status"][0] == "behind"


def test_what_follows_the_stream_may_do_so_a_while_later() -> None:
    soon = everything() | {"raw/events": Facts(4, 11, NOON + timedelta(minutes=1))}
    late = everything() | {"raw/events": Facts(4, 11, NOON + timedelta(minutes=40))}
    assert row(soon, "scores/live")["status"] == row(soon, "serving/quarantine")["status"] == "fresh"
    assert row(late, "scores/live")["status"] == row(late, "serving/quarantine")["status"] == "behind"


def test_a_table_never_written_is_missing_and_makes_nothing_behind() -> None:
    known = everything()
    del known["models/behaviour"], known["raw/events"]
    assert row(known, "raw/events")["status"] == "missing"
    assert row(known, "raw/events")["rows"] is None
    assert row(known, "scores/live")["status"] == "fresh"
    assert set(freshness({})["status"]) == {"missing"}


@pytest.mark.parametrize(
    ("span", "told"),
    [(timedelta(days=3, hours=5), "3 days"), (timedelta(hours=1), "1 hour"), (timedelta(minutes=59), "59 minutes"),
     (timedelta(seconds=12), "12 seconds"), (timedelta(milliseconds=3), "a moment")],
)  # fmt: skip
def test_spans_are_told_in_their_largest_unit(span: timedelta, told: str) -> None:
    assert spelled(span) == told


def test_delays_are_upper_bounds_of_the_classes_that_hold_the_quantiles() -> None:
    rows = [("a", 0.25, 50, 5_000_000), ("a", 0.5, 45, 18_000_000), ("a", 1.0, 4, 3_000_000),
            ("a", float("inf"), 1, 90_000_000), ("b", 0.25, 1, 100_000)]  # fmt: skip
    found = delays(pl.DataFrame(rows, schema=LATENCY, orient="row").sample(fraction=1, shuffle=True, seed=1))
    first = found.row(0, named=True)
    assert first == {"topic": "a", "events": 100, "mean": 1.16, "p50": 0.25, "p95": 0.5, "p99": 1.0}
    assert found["p99"].to_list() == [1.0, 0.25]


def test_nothing_streamed_has_no_delays() -> None:
    assert delays(pl.DataFrame(schema=LATENCY)).is_empty()
