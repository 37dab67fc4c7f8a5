"""Roll rates against a walk over every customer and month."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.contracts import BUCKETS, FEATURES_BEHAVIOUR, SERVING_ROLL_RATES
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets.serving.roll_rates import bucket, roll_rates

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 7, 15, tzinfo=UTC)
COLUMNS = ("customer_id", "as_of", "days_past_due", "ingested_at", "offset")
Told = tuple[int, int, int]
"""customer, day of the year, days past due; later ones are ingested later."""


def told(rows: list[Told]) -> pl.LazyFrame:
    found = [
        (f"c{customer}", START + timedelta(days=day), days, NOW + timedelta(seconds=number), number)
        for number, (customer, day, days) in enumerate(rows)
    ]
    return pl.LazyFrame(found, schema={name: FEATURES_BEHAVIOUR.schema[name] for name in COLUMNS}, orient="row")


def named(days: int) -> str:
    return BUCKETS[sum(days >= start for start in (1, 30, 60, 90))]


def walked(rows: list[Told], now: datetime) -> Counter[tuple[date, str, str]]:
    counted: Counter[tuple[date, str, str]] = Counter()
    newest = max(START + timedelta(days=day) for _, day, _ in rows)
    over = min(now, newest).date().replace(day=1)
    for customer in {customer for customer, *_ in rows}:
        ends: dict[date, str] = {}
        for month in (add_months(START.date(), number) for number in range(12)):
            for back in range(3):  # this month, or one of the two before
                first = add_months(month, -back)
                mine = [(day, number, days) for number, (who, day, days) in enumerate(rows) if who == customer
                        and (START + timedelta(days=day)).date().replace(day=1) == first]  # fmt: skip
                if mine:
                    ends[month] = named(max(mine)[2])
                    break
        for month, at_end in ends.items():
            if month < over and add_months(month, -1) in ends:
                counted[month, ends[add_months(month, -1)], at_end] += 1
    return counted


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 250), st.integers(0, 130)), min_size=1, max_size=30),
    st.integers(1, 300),
)
def test_customers_roll_as_a_walk_over_each_of_them_says(rows: list[Told], day: int) -> None:
    now = START + timedelta(days=day)
    found = roll_rates(told(rows), now).collect()
    assert {row[:3]: row[3] for row in found.rows()} == walked(rows, now)
    assert SERVING_ROLL_RATES.violations(found.lazy()) == {}


@pytest.mark.parametrize(
    ("days", "name"),
    [(0, "current"), (1, "1-29"), (29, "1-29"), (30, "30-59"), (60, "60-89"), (89, "60-89"), (90, "90+"), (400, "90+")],
)
def test_buckets_start_where_their_names_say(days: int, name: str) -> None:
    assert pl.select(bucket(pl.lit(days))).item() == name


def test_who_is_silent_keeps_the_bucket_for_two_months_and_is_then_left_out() -> None:
    rows = [(1, 20, 40), (2, 250, 0)]  # one event in January; somebody else shows that the months are over
    found = roll_rates(told(rows), datetime(2027, 1, 1, tzinfo=UTC)).collect()
    assert found.rows() == [(date(2026, month, 1), "30-59", "30-59", 1) for month in (2, 3)]


def test_a_late_event_is_told_by_what_was_ingested_last() -> None:
    found = roll_rates(told([(1, 5, 0), (1, 40, 0), (1, 40, 35), (1, 70, 35)]), NOW).collect()
    assert found.rows() == [(date(2026, 2, 1), "current", "30-59", 1)]


def test_without_events_there_is_no_row() -> None:
    assert roll_rates(told([]), NOW).collect().equals(pl.DataFrame(schema=SERVING_ROLL_RATES.schema))
