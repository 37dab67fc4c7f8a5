"""The memory of the stream: whatever the micro-batches, the same counts as from all events at once."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk_assets.features.behaviour import FACTS, behaviour, facts
from creditrisk_assets.streaming.history import History
from creditrisk_assets_tests.features.activity import Event, event, events, frame

NOW = datetime(2025, 6, 15, 9, tzinfo=UTC)


def newest(told: pl.DataFrame) -> pl.DataFrame:
    return told.group_by("customer_id").agg(as_of=pl.col("time").max()).sort("customer_id")


@settings(deadline=None)
@given(events(60), st.data())
def test_counts_do_not_depend_on_how_events_came_in(known: list[Event], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(known)), max_size=8)))
    history, customers = History(), pl.Series(["A", "B", "nobody"])
    for start, end in zip([0, *cuts], [*cuts, len(known)], strict=True):
        history.add(frame(known[start:end]))
        told = facts(frame(known[:end]))
        as_of = newest(told)
        assert behaviour(history.of(customers), as_of).equals(behaviour(told, as_of))
        held = newest(history.of(customers))
        assert held.equals(as_of)


def test_repeats_are_forgotten_however_late_they_come() -> None:
    history = History()
    batch = frame([event(f"{n % 50}", f"{n}", "payment_made", NOW - timedelta(days=n % 300), 0) for n in range(1000)])
    for _ in range(40):
        history.add(batch)
    assert len(history) <= 2 * batch.height


def test_what_is_too_old_to_count_is_forgotten() -> None:
    history, most = History(), 0
    for month in range(120):
        time = NOW + timedelta(days=30 * month)
        history.add(frame([event(f"{n}", f"{month}", "payment_made", time, 0) for n in range(200)]))
        most = max(most, len(history))
    assert most <= 3 * 200 * 14


def test_a_customer_who_fell_silent_is_remembered() -> None:
    history, silent = History(), pl.Series(["silent"])
    history.add(frame([event("silent", "1", "payment_missed", NOW - timedelta(days=2_000), 30)]))
    for month in range(60):
        history.add(frame([event(f"{n}", f"{month}", "payment_made", NOW, 0) for n in range(100)]))
    assert history.of(silent)["value"].to_list() == [30]


def test_nobody_is_known_at_first() -> None:
    history = History()
    history.add(frame([]))
    assert len(history) == 0
    assert history.of(pl.Series(["A"])).schema == FACTS
    assert history.of(pl.Series([], dtype=pl.String)).is_empty()


def test_a_row_takes_little_memory() -> None:
    history, count = History(), 50_000
    generator = np.random.default_rng(1)
    customers = pl.Series(generator.integers(0, 5_000, count)).cast(pl.String)
    times = pl.Series(NOW.timestamp() * 1e6 - generator.integers(0, 10**12, count)).cast(pl.Int64)
    batch = frame([event("A", "1", "payment_made", NOW, 0)]).drop("customer_id", "event_id", "event_time")
    history.add(
        pl.DataFrame({"customer_id": customers, "event_id": pl.int_range(count, eager=True).cast(pl.String)})
        .with_columns(times.cast(FACTS["time"]).alias("event_time"))
        .join(batch, how="cross")
    )
    assert len(history) == count
    assert history.bytes <= 30 * count
