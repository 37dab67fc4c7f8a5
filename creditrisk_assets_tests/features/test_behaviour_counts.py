"""What is counted of a customer: windows, repeats, order, late events."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk_assets.contracts import BEHAVIOUR, FEATURES_BEHAVIOUR
from creditrisk_assets.features.behaviour import behaviour, facts
from creditrisk_assets_tests.features.activity import Event, event, events, frame, spelt_out, times

NOW = datetime(2025, 6, 15, 9, tzinfo=UTC)


def asked(*pairs: tuple[str, datetime]) -> pl.DataFrame:
    schema = {"customer_id": pl.String, "as_of": FEATURES_BEHAVIOUR.schema["as_of"]}
    return pl.DataFrame(pairs, schema=schema, orient="row")


def counted(known: list[Event], customer: str, as_of: datetime) -> dict[str, object]:
    row = behaviour(facts(frame(known)), asked((customer, as_of))).row(0, named=True)
    return {name: row[name] for name, *_ in BEHAVIOUR}


@settings(deadline=None)
@given(events(), times())
def test_counts_are_what_their_definition_says(known: list[Event], as_of: datetime) -> None:
    for customer in "AB":
        assert counted(known, customer, as_of) == spelt_out(known, customer, as_of)


@settings(deadline=None)
@given(events(), times(), st.data())
def test_neither_order_nor_repeats_change_a_count(known: list[Event], as_of: datetime, data: st.DataObject) -> None:
    repeats = data.draw(st.lists(st.sampled_from(known), max_size=20))
    shuffled = data.draw(st.permutations(known + repeats))
    for customer in "AB":
        assert counted(shuffled, customer, as_of) == counted(known, customer, as_of)


@settings(deadline=None)
@given(events(), times(), events())
def test_other_customers_and_later_events_do_not_matter(known: list[Event], as_of: datetime, more: list[Event]) -> None:
    mine = [one for one in known if one["customer_id"] == "A"]
    later = [
        {**one, "event_id": f"later {n}", "event_time": as_of + timedelta(seconds=1)} for n, one in enumerate(more)
    ]
    others = [{**one, "customer_id": "C"} for one in more]
    assert counted(mine + later + others, "A", as_of) == counted(mine, "A", as_of)


@pytest.mark.parametrize(("age", "seen"), [(timedelta(0), 1), (timedelta(microseconds=-1), 0)])
def test_a_window_holds_its_end_and_not_its_start(age: timedelta, seen: int) -> None:
    assert counted([event("A", "1", "payment_missed", NOW - age, 30)], "A", NOW)["missed_3m"] == seen
    three_months_ago = datetime(2025, 3, 15, 9, tzinfo=UTC)
    at_the_start = event("A", "1", "payment_missed", three_months_ago - age, 30)
    assert counted([at_the_start], "A", NOW)["missed_3m"] == 1 - seen


def test_windows_are_months_of_the_calendar() -> None:
    first_of_december = event("A", "1", "credit_inquiry", datetime(2023, 12, 1, tzinfo=UTC), 0)
    leap_year = datetime(2024, 11, 30, tzinfo=UTC)
    assert counted([first_of_december], "A", leap_year)["inquiries_12m"] == 1
    assert counted([first_of_december], "A", leap_year + timedelta(days=1))["inquiries_12m"] == 0


def test_an_event_that_comes_late_counts_where_it_belongs_in_time() -> None:
    paid = event("A", "2", "payment_made", NOW, 0)
    missed_before = event("A", "1", "payment_missed", NOW - timedelta(days=31), 29)
    found = counted([paid, missed_before], "A", NOW)
    assert (found["days_past_due"], found["worst_12m"], found["missed_3m"]) == (0, 29, 1)


def test_an_event_id_is_its_customers_own() -> None:
    known = [event(customer, "1", "payment_missed", NOW, 30) for customer in "AB"]
    assert [counted(known, customer, NOW)["missed_3m"] for customer in "AB"] == [1, 1]


def test_customers_without_events_have_counts_of_nothing_and_rows_keep_the_order_asked() -> None:
    known = facts(frame([event("B", "1", "payment_missed", NOW, 30)]))
    found = behaviour(known, asked(("C", NOW), ("B", NOW), ("A", NOW)))
    assert found["customer_id"].to_list() == ["C", "B", "A"]
    assert found["missed_12m"].to_list() == [0, 1, 0]
    assert found["utilisation"].to_list() == [None, None, None]
    assert found["months_observed"].to_list() == [0, 0, 0]


def test_counts_keep_the_contract() -> None:
    found = behaviour(facts(frame([event("A", "1", "utilisation_spike", NOW, 93)])), asked(("A", NOW)))
    declared = [FEATURES_BEHAVIOUR.column(name) for name in ("customer_id", "as_of", *(n for n, *_ in BEHAVIOUR))]
    assert found.schema == pl.Schema({column.name: column.dtype for column in declared})
    assert not any(found.select(column.broken().any()).item() for column in declared)


def test_what_is_no_activity_counts_for_nothing() -> None:
    strange = [
        event("A", "1", "loan_application", NOW, 0),
        {**event("A", "2", "payment_missed", NOW, 30), "customer_id": None},
        {**event("A", "3", "payment_missed", NOW, 30), "event_time": None},
    ]
    assert facts(frame(strange)).is_empty()
    assert behaviour(facts(frame([])), asked(("A", NOW)))["missed_12m"].to_list() == [0]


def test_amounts_beyond_a_whole_number_stay_countable() -> None:
    assert counted([event("A", "1", "credit_line_change", NOW, 10**12)], "A", NOW)["credit_line"] == 2_000_000_000
