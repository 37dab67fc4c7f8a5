"""Every message gives one row: a good one its fields, a bad one a sentence and its bytes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import ACTIVITY, ACTIVITY_TYPES, APPLICATIONS, EVENT_TYPES, RAW_EVENTS, Instant
from creditrisk_assets.streaming.decoding import EVENT_SCHEMA, decode
from creditrisk_assets.streaming.envelope import MEASURES, PAYLOADS, TYPES_OF
from creditrisk_assets.streaming.messages import DEEPEST, LARGEST
from creditrisk_assets_tests.raw.written import loan
from creditrisk_assets_tests.streaming.enveloped import (
    AMOUNTS,
    HAPPENED,
    RECEIVED,
    accepted,
    activity,
    application,
    decoded,
    packed,
    rejected,
)

GOOD = packed(activity())


def test_the_envelope_knows_every_event_type_and_measure_of_the_contract() -> None:
    assert tuple(name for types in TYPES_OF.values() for name in types) == EVENT_TYPES
    assert tuple(PAYLOADS) == ACTIVITY_TYPES
    assert {name for fields in PAYLOADS.values() for name in fields} == set(MEASURES) <= set(RAW_EVENTS.schema)


@pytest.mark.parametrize("event_type", ACTIVITY_TYPES)
def test_an_activity_becomes_a_row_with_the_fields_of_its_type(event_type: str) -> None:
    row = accepted(packed(activity(event_type)))
    expected = dict.fromkeys(EVENT_SCHEMA) | AMOUNTS[event_type] | {
        "event_id": "e-1", "event_type": event_type, "customer_id": "c-1",
        "event_time": datetime(2026, 11, 21, 9, 3, 2, 123456, tzinfo=UTC),
        "value": packed(activity(event_type)).decode(),
    }  # fmt: skip
    assert row == expected


@pytest.mark.parametrize("customer", [None, "c-7"])
def test_an_application_names_itself_and_its_customer_where_it_is_known(customer: str | None) -> None:
    row = accepted(packed(application(customer_id=customer)), APPLICATIONS)
    assert (row["application_id"], row["customer_id"], row["event_type"]) == ("a-1", customer, "loan_application")
    assert accepted(packed(application()), APPLICATIONS)["customer_id"] is None


def test_a_topic_that_is_not_of_the_stream_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="'clicks' is not one of the stream: loan-applications, customer-activity"):
        decode("clicks", [GOOD])


def nested(levels: int) -> bytes:
    return GOOD[:-1] + b', "more": ' + b"[" * levels + b"]" * levels + b"}"


POISON: dict[str, tuple[bytes | None, str]] = {
    "tombstone": (None, "message: a tombstone, which has no value; events are never deleted"),
    "empty": (b"", "message: empty; send one JSON object"),
    "blank": (b" \r\n\t", "message: empty; send one JSON object"),
    "five megabytes": (GOOD + b" " * 5_000_000, f"message: {5_000_000 + len(GOOD)} bytes, more than 1048576"),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, "message: starts with a byte order mark; send UTF-8 without one"),
    "not UTF-8": (GOOD.replace(b"e-1", b"e-\xff"), "message: not UTF-8 from byte 30; encode it in UTF-8"),
    "not UTF-8 where nobody reads": (GOOD[:-1] + b', "more": "\xff"}', "message: not UTF-8 from byte 19"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "message: not UTF-8 from byte 0"),
    "two objects": (GOOD + GOOD, "message: not one JSON object (trailing characters"),
    "two objects on two lines": (GOOD + b"\n" + GOOD, "message: not one JSON object (trailing characters"),
    "cut off": (GOOD[:-5], "message: not one JSON object ("),
    "no JSON": (b"hello", "message: not one JSON object ("),
    "a list": (b"[" + GOOD + b"]", "message: expected object, got array"),
    "a number": (b"5", "message: expected object, got int"),
    "null": (b"null", "message: expected object, got null"),
    "NaN": (GOOD.replace(b"312.5", b"NaN"), "message: not one JSON object (invalid character"),
    "NaN where nobody reads": (GOOD[:-1] + b', "more": NaN}', "message: not one JSON object (invalid character"),
    "infinity": (GOOD.replace(b"312.5", b"1e999"), "payload.amount: number out of range"),
    "deep nesting": (nested(DEEPEST), f"message: nested more than {DEEPEST} levels deep"),
    "very deep nesting": (nested(100_000), f"message: nested more than {DEEPEST} levels deep"),
    "open brackets": (b"[" * 500_000, "message: expected object, got array"),
    "lone surrogate": (GOOD.replace(b"e-1", b"\\ud800"), "message: not one JSON object ("),
    "NUL": (GOOD.replace(b"e-1", b"e\\u0000"), "event_id: holds a control character; identifiers are plain text"),
    "raw newline in a text": (GOOD.replace(b"e-1", b"e\n1"), "message: not one JSON object (invalid character"),
}  # fmt: skip


@pytest.mark.parametrize("kind", POISON)
def test_poison_is_named_and_kept_beside_good_messages(kind: str) -> None:
    value, told = POISON[kind]
    assert told in rejected(value)


def but(**changes: object) -> bytes:
    """A payment with other fields; `...` stands for a field left out."""
    return packed({name: value for name, value in activity(**changes).items() if value is not ...})  # type: ignore[arg-type]


PAID = AMOUNTS["payment_made"]
WRONG = {
    "unknown version": (but(version=2), "version: 2 is not known; send version 1, or update the platform"),
    "version as text": (but(version="1"), "version: expected int, got str; mend it and send the event again"),
    "no version": (but(version=...), "version: missing; mend it and send the event again"),
    "huge version": (but(version=10**40), "version: "),
    "no event_id": (but(event_id=...), "event_id: missing"),
    "event_id as number": (but(event_id=5), "event_id: expected str, got int"),
    "empty event_id": (but(event_id=""), "event_id: expected str of length >= 1"),
    "endless event_id": (but(event_id="e" * 201), "event_id: expected str of length <= 200"),
    "no event_type": (packed({"version": 1, "event_id": "e"}), "event_type: missing"),
    "unknown event_type": (
        GOOD.replace(b"payment_made", b"payment_lost"),
        "event_type: 'payment_lost' does not belong to topic customer-activity; send one of payment_made, ",
    ),
    "event_type as number": (GOOD.replace(b'"payment_made"', b"1"), "event_type: expected str"),
    "event_type of the other topic": (packed(application()), "event_type: 'loan_application' does not belong to topic"),
    "no event_time": (but(event_time=...), "event_time: missing"),
    "event_time without a zone": (but(event_time="2026-11-21T09:03:02"), "event_time: expected datetime with a time"),
    "event_time as number": (but(event_time=1_795_000_000), "event_time: expected datetime, got int"),
    "event_time of no calendar": (but(event_time="2026-02-30T09:03:02Z"), "event_time: invalid RFC3339"),
    "future event_time": (
        but(event_time="2026-11-21T09:08:03.000001Z"),
        "event_time: 2026-11-21 09:08:03 UTC is more than 5 minutes after the broker's time 2026-11-21 09:03:03 UTC;",
    ),
    "ancient event_time": (but(event_time="0001-01-01T00:00:00+05:30"), "event_time: 0000-12-31 18:30:00 UTC is not"),
    "no customer_id": (but(customer_id=...), "customer_id: missing"),
    "no payload": (but(payload=...), "payload: missing"),
    "payload as list": (but(payload=[]), "payload: expected object, got array"),
    "missing field": (but(payload={"amount": 1}), "payload.days_past_due: missing"),
    "field of another type": (but(event_type="utilisation_spike", payload=PAID), "payload.utilisation: missing"),
    "null field": (but(payload=PAID | {"amount": None}), "payload.amount: expected float, got null"),
    "wrong type": (but(payload=PAID | {"amount": "312.5"}), "payload.amount: expected float, got str"),
    "negative amount": (but(payload=PAID | {"amount": -0.01}), "payload.amount: expected float >= 0.0; mend it"),
    "int overflow": (but(payload=PAID | {"days_past_due": 10**30}), "payload.days_past_due: expected float <= 10000.0"),
    "half a day": (but(payload=PAID | {"days_past_due": 1.5}), "payload.days_past_due: 1.5 is not a whole number"),
    "duplicate keys, one of them wrong": (
        GOOD.replace(b'"amount": 312.5', b'"amount": "x", "amount": 312.5'), "payload.amount: expected float, got str",
    ),
    "two event types": (GOOD[:-1] + b', "event_type": "credit_inquiry"}', "event_type: 'credit_inquiry' does not"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_field_is_named_with_what_to_do(kind: str) -> None:
    value, told = WRONG[kind]
    error = rejected(value)
    assert told in error
    assert ";" in error


HARMLESS = {
    "raw newlines between fields": json.dumps(activity(), indent=2).encode(),
    "blanks around": b" \n" + GOOD + b"\r\n",
    "further fields": packed(activity(payload=PAID | {"utilisation": "?"}, source="app")),
    "a whole number of days as 30.0": packed(activity(payload={"amount": 1, "days_past_due": 30.0})),
    "an escaped pair of surrogates": packed(activity(event_id="\U0001f600")),
    "many brackets, not deep": packed(activity(more=[[]] * 200)),
    "brackets in a text": packed(activity(more="[{" * 200 + '"')),
    "as deep as allowed": nested(DEEPEST - 1),
    "a mebibyte": GOOD[:-1] + b"," + b" " * (LARGEST - len(GOOD) - 7) + b'"m":1}',
    "event_type first": packed({"event_type": "payment_made"} | activity()),
    "event_type last": packed({key: activity()[key] for key in reversed(activity())}),
    "another time zone": packed(activity(event_time="2026-11-21T14:33:02.123456+05:30")),
    "five minutes ahead": packed(activity(event_time="2026-11-21T09:08:03Z")),
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_is_odd_but_clear_is_good(kind: str) -> None:
    assert accepted(HARMLESS[kind])["customer_id"] == "c-1"


def test_of_duplicate_keys_the_last_counts() -> None:
    assert accepted(GOOD.replace(b'"amount": 312.5', b'"amount": 1, "amount": 2'))["amount"] == 2


def test_times_are_told_in_utc() -> None:
    assert accepted(HARMLESS["another time zone"])["event_time"] == datetime(2026, 11, 21, 9, 3, 2, 123456, tzinfo=UTC)


def test_without_a_broker_time_nothing_is_in_the_future() -> None:
    far = packed(activity(event_time="2090-01-01T00:00:00Z"))
    assert decode(ACTIVITY, [far]).events["error"].to_list() == [None]
    assert decode(ACTIVITY, [far], pl.Series([None], dtype=Instant)).events["error"].to_list() == [None]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"loan_amnt": ...}, "payload.loan_amnt: missing; mend it and send the application again"),
        ({"term": None}, "payload.term: missing"),
        ({"term": "three years"}, "payload.term: 'three years' cannot be read as term"),
        ({"loan_amnt": -5}, "payload.loan_amnt: -5.0 is not 1 to 1000000.0"),
        ({"loan_amnt": {}}, "payload.loan_amnt: expected float | str | null, got object"),
        ({"loan_amnt": True}, "payload.loan_amnt: expected float | str | null, got bool"),
        ({"loan_amnt": "1e999"}, "payload.loan_amnt: 1e999 is not 1 to 1000000.0"),
        ({"open_acc": 2.5}, "payload.open_acc: 2.5 is not a whole number"),
        ({"grade": "H"}, "payload.grade: H is not one of A, B"),
        ({"title": "x" * 10_001}, "payload.title: longer than 10000 bytes"),
        ({"title": "a\x00b"}, "payload.title: holds a NUL byte"),
        ({"earliest_cr_line": 199704}, "payload.earliest_cr_line: '199704' cannot be read as month"),
        ({"loan_amnt": None, "term": "x"}, "payload.loan_amnt: missing; payload.term: 'x' cannot be read as term;"),
        ({"purpose": "x\x00" * 20, "grade": "\x07"}, "payload.purpose: holds a NUL byte; payload.grade: \ufffd is not"),
    ],
)  # fmt: skip
def test_an_application_that_cannot_be_scored_is_told_with_every_reason(changes: dict[str, Any], told: str) -> None:
    payload = {name: value for name, value in (loan() | changes).items() if value is not ...}
    assert told in rejected(packed(application(payload)), APPLICATIONS)


def test_an_application_needs_an_identifier() -> None:
    assert "application_id: missing" in rejected(packed(activity() | {"event_type": "loan_application"}), APPLICATIONS)


SHIFTS = st.integers(-10, 10).map(lambda minutes: RECEIVED + timedelta(minutes=minutes))
NUMBERS = st.one_of(st.floats(), st.integers(), st.none(), st.text(max_size=3), st.booleans())
ACTIVITIES = st.builds(
    lambda event_type, payload, changes, happened: packed(
        activity(event_type, payload, event_time=happened.isoformat()) | changes
    ),
    st.sampled_from(ACTIVITY_TYPES),
    st.one_of(st.none(), st.dictionaries(st.sampled_from(MEASURES), NUMBERS)),
    st.dictionaries(st.sampled_from(("version", "event_id", "customer_id", "more")), NUMBERS, max_size=1),
    SHIFTS,
)
POISONS = st.one_of(st.none(), st.binary(max_size=40), st.sampled_from([value for value, _ in POISON.values()][6:]))
MESSAGES = st.lists(st.one_of(ACTIVITIES, ACTIVITIES, POISONS), max_size=8)


@given(MESSAGES)
def test_every_message_gives_exactly_one_row_in_order(values: list[bytes | None]) -> None:
    events = decoded(ACTIVITY, *values).events
    assert events.schema == EVENT_SCHEMA
    for value, row in zip(values, events.iter_rows(named=True), strict=True):
        if row["error"] is None:
            assert value is not None
            assert (row["value"].encode(), row["raw"]) == (value, None)
            assert row["event_time"] <= RECEIVED + timedelta(minutes=5)
        else:
            assert (row["value"], row["raw"]) == (None, value)


@given(MESSAGES)
def test_good_rows_keep_the_contract_of_raw_events(values: list[bytes | None]) -> None:
    events = decoded(ACTIVITY, *values).events
    assert not any(events.select(RAW_EVENTS.column(name).broken().any()).item() for name in EVENT_SCHEMA)


@given(MESSAGES, MESSAGES)
def test_a_message_is_decoded_alike_in_whatever_company(one: list[bytes | None], other: list[bytes | None]) -> None:
    apart = pl.concat([decoded(ACTIVITY, *one).events, decoded(ACTIVITY, *other).events])
    assert_frame_equal(decoded(ACTIVITY, *one, *other).events, apart)


@given(st.datetimes(datetime(1930, 1, 1), datetime(2099, 12, 31)))  # noqa: DTZ001 - the zone is added below
def test_times_keep_every_microsecond(naive: datetime) -> None:
    time = naive.replace(tzinfo=UTC)
    value = packed(activity(event_time=time.isoformat()))
    assert decode(ACTIVITY, [value]).events["event_time"].to_list() == [time]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_what_nobody_reads_never_matters(more: object) -> None:
    value = packed(activity(more=more, happened=HAPPENED))
    assert decoded(ACTIVITY, value).events["error"].to_list() == [None]


def test_no_messages_give_no_rows() -> None:
    for topic in (ACTIVITY, APPLICATIONS):
        found = decode(topic, [])
        assert (found.events.schema, found.events.height, found.loans.height) == (EVENT_SCHEMA, 0, 0)


def test_bad_messages_alone_give_their_rows() -> None:
    for topic in (ACTIVITY, APPLICATIONS):
        found = decode(topic, [None, b"x"], pl.Series([RECEIVED] * 2, dtype=Instant))
        assert found.events["error"].null_count() == 0
        assert found.loans.height == 0
