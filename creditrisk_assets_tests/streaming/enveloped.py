"""Messages as tests write them: events in their envelope, good or with whatever is done to them."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import polars as pl

from creditrisk_assets.contracts import ACTIVITY, APPLICATIONS, Instant
from creditrisk_assets.streaming.decoding import Decoded, decode
from creditrisk_assets_tests.raw.written import loan

HAPPENED = "2026-11-21T09:03:02.123456Z"
RECEIVED = datetime(2026, 11, 21, 9, 3, 3, tzinfo=UTC)
AMOUNTS: dict[str, dict[str, Any]] = {
    "payment_made": {"amount": 312.5, "days_past_due": 0},
    "payment_missed": {"amount": 312.5, "days_past_due": 30},
    "utilisation_spike": {"utilisation": 0.83},
    "credit_line_change": {"credit_line": 5000.0},
    "credit_inquiry": {},
}


def activity(event_type: str = "payment_made", payload: object = None, **changes: object) -> dict[str, Any]:
    """An activity of a customer; the payload is that of its type unless one is given."""
    plain = {"version": 1, "event_id": "e-1", "event_type": event_type, "event_time": HAPPENED, "customer_id": "c-1"}
    return {**plain, "payload": AMOUNTS[event_type] if payload is None else payload, **changes}


def application(payload: object = None, **changes: object) -> dict[str, Any]:
    """An application; the payload is that of a valid loan unless one is given."""
    plain = {"version": 1, "event_id": "e-1", "event_type": "loan_application", "event_time": HAPPENED}
    return {**plain, "application_id": "a-1", "payload": loan() if payload is None else payload, **changes}


def packed(event: dict[str, Any]) -> bytes:
    """The event as it is sent."""
    return json.dumps(event).encode()


def decoded(topic: str, *values: bytes | None) -> Decoded:
    """What comes of the messages, all of which the broker received at the same instant."""
    return decode(topic, values, pl.Series([RECEIVED] * len(values), dtype=Instant))


def beside_good_ones(value: bytes | None, topic: str = ACTIVITY) -> dict[str, Any]:
    """The row of a message between two good ones, which must not suffer from it."""
    good = packed(activity() if topic == ACTIVITY else application())
    found = decoded(topic, good, value, good)
    events = found.events
    assert events.height == 3
    assert events["error"][0] is events["error"][2] is None
    assert events["value"][0] == events["value"][2] == good.decode()
    if topic == APPLICATIONS:
        assert found.loans.height == 2 + (events["error"][1] is None)
    return events.row(1, named=True)


def rejected(value: bytes | None, topic: str = ACTIVITY) -> str:
    """Why a message is in quarantine, where it keeps its bytes and nothing else."""
    row = beside_good_ones(value, topic)
    assert row.pop("raw") == value
    error = row.pop("error")
    assert isinstance(error, str)
    assert set(row.values()) == {None}
    return error


def accepted(value: bytes, topic: str = ACTIVITY) -> dict[str, Any]:
    """The row of a good message."""
    row = beside_good_ones(value, topic)
    assert row["error"] is row["raw"] is None
    assert row["value"] == value.decode()
    return row


def errors(found: Decoded) -> Iterable[str | None]:
    return found.events["error"].to_list()
