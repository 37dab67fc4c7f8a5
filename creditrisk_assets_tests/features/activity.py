"""Activity events for tests, and what is counted of them spelt out one event at a time."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import strategies as st

from creditrisk_assets.contracts import ACTIVITY_TYPES, BEHAVIOUR, RAW_EVENTS

START = datetime(2024, 1, 31, 12, tzinfo=UTC)
COLUMNS = ("customer_id", "event_id", "event_type", "event_time", "amount", "days_past_due", "utilisation",
           "credit_line")  # fmt: skip
SCHEMA = {name: RAW_EVENTS.schema[name] for name in COLUMNS}
Event = dict[str, object]


def event(customer: str, name: str, kind: str, time: datetime, value: int) -> Event:
    """One event; `value` is what its kind tells: days past due, percent, or USD."""
    told = {"payment_made": "days_past_due", "payment_missed": "days_past_due", "utilisation_spike": "utilisation",
            "credit_line_change": "credit_line"}  # fmt: skip
    empty: Event = dict.fromkeys(COLUMNS)
    empty |= {"customer_id": customer, "event_id": name, "event_type": kind, "event_time": time}
    if kind in told:
        empty[told[kind]] = value / 100 if kind == "utilisation_spike" else value
    return empty


def frame(events: list[Event]) -> pl.DataFrame:
    return pl.DataFrame(events, schema=SCHEMA)


def times() -> st.SearchStrategy[datetime]:
    """Instants of 16 months: month ends and their neighbours, often the same one."""
    steps = st.one_of(st.integers(0, 480), st.sampled_from([0, 29, 31, 60, 91, 92, 366, 397, 398]))
    return st.builds(
        lambda days, shift: START + timedelta(days=days, microseconds=shift), steps, st.sampled_from([0, 0, 0, 1, -1])
    )


def events(most: int = 40) -> st.SearchStrategy[list[Event]]:
    """Events of two customers, with repeated ids that may tell different things."""
    one = st.builds(
        event, st.sampled_from("AB"), st.integers(0, 25).map(str), st.sampled_from(ACTIVITY_TYPES), times(),
        st.integers(0, 120),
    )  # fmt: skip
    return st.lists(one, min_size=1, max_size=most)


def back(instant: datetime, months: int) -> datetime:
    """The instant some calendar months earlier, on the last day of a month that is too short."""
    number = instant.year * 12 + instant.month - 1 - months
    year, month = number // 12, number % 12 + 1
    following = datetime(number // 12 + (month == 12), month % 12 + 1, 1, tzinfo=UTC)
    longest = (following - timedelta(days=1)).day
    return instant.replace(year=year, month=month, day=min(instant.day, longest))


def _value(one: Event) -> int:
    if one["event_type"] == "utilisation_spike":
        return round(float(str(one["utilisation"])) * 100)
    told = one["days_past_due"] if one["days_past_due"] is not None else one["credit_line"]
    return -1 if told is None else int(float(str(told)))


def _within(instant: datetime) -> timedelta:
    return instant - datetime(instant.year, instant.month, 1, tzinfo=UTC)


def spelt_out(all_events: list[Event], customer: str, as_of: datetime) -> dict[str, int | None]:
    """The definition of every column, in plain Python."""
    rows = [
        (e["event_time"], ACTIVITY_TYPES.index(str(e["event_type"])), _value(e), e["event_id"])
        for e in all_events
        if e["customer_id"] == customer
    ]
    latest: dict[object, tuple[datetime, int, int]] = {}
    for time, kind, value, name in rows:
        assert isinstance(time, datetime)
        if back(as_of, 13) < time <= as_of:
            latest[name] = max(latest.get(name, (time, kind, value)), (time, kind, value))
    known = sorted(latest.values())
    long = [one for one in known if one[0] > back(as_of, 12)]
    short = [one for one in known if one[0] > back(as_of, 3)]
    payments = [one for one in long if one[1] < 2]
    first = known[0][0] if known else as_of
    months = (as_of.year - first.year) * 12 + as_of.month - first.month
    months -= _within(first) > _within(as_of)
    newest: dict[int, int | None] = {kind: ([o[2] for o in long if o[1] == kind] or [None])[-1] for kind in (2, 3)}
    found = {
        "days_past_due": payments[-1][2] if payments else 0,
        "worst_12m": max((one[2] for one in payments), default=0),
        "missed_3m": sum(one[1] == 1 for one in short),
        "missed_12m": sum(one[1] == 1 for one in long),
        "paid_12m": sum(one[1] == 0 for one in long),
        "spikes_3m": sum(one[1] == 2 for one in short),
        "spikes_12m": sum(one[1] == 2 for one in long),
        "utilisation": newest[2],
        "credit_line": newest[3],
        "inquiries_12m": sum(one[1] == 4 for one in long),
        "months_observed": min(max(months, 0), 12),
    }
    assert list(found) == [name for name, *_ in BEHAVIOUR]
    return found
