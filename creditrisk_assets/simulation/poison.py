"""Messages that are bad in a known way, each made of a good one; the quarantine must keep every one of them.

Not among them: a message above the limit of Kafka itself, which no producer can send.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from creditrisk_assets.contracts import ACTIVITY, APPLICATIONS

FUTURE = timedelta(days=3_650)
"""How far ahead an event from the future lies."""
Event = dict[str, Any]


def poisoned(kind: str, topic: str, good: bytes, event_id: str, start: datetime) -> bytes | None:
    """A message spoilt in the way `kind` (one of KINDS of the topic), with an event id of its own where it has one."""
    event: Event = {**json.loads(good), "event_id": event_id}
    spoil = _BYTES.get(kind)
    if spoil:
        return spoil(json.dumps(event).encode())
    return json.dumps(_FIELDS[topic][kind](event, start)).encode()


def _but(**changes: Any) -> Callable[[Event, datetime], Event]:
    """The event with other fields; None leaves one out."""
    return lambda event, _: {name: value for name, value in (event | changes).items() if value is not None}


def _payment(**changes: Any) -> Callable[[Event, datetime], Event]:
    """A payment whose payload is wrong; None leaves a field out."""
    payload = {"amount": 312.5, "days_past_due": 0} | changes
    told = {name: value for name, value in payload.items() if value is not None}
    return _but(event_type="payment_made", payload=told)


def _applied(**changes: Any) -> Callable[[Event, datetime], Event]:
    return lambda event, _: event | {"payload": event["payload"] | changes}


def _later(event: Event, start: datetime) -> Event:
    return event | {"event_time": (start + FUTURE).isoformat()}


_BYTES: Mapping[str, Callable[[bytes], bytes | None]] = {
    "tombstone": lambda _: None,
    "empty": lambda _: b"",
    "blank": lambda _: b" \r\n\t",
    "no JSON": lambda _: b"hello",
    "null": lambda _: b"null",
    "a list": lambda good: b"[" + good + b"]",
    "two objects": lambda good: good + b"\n" + good,
    "truncated": lambda good: good[: len(good) * 2 // 3],
    "byte order mark": lambda good: b"\xef\xbb\xbf" + good,
    "invalid UTF-8": lambda good: good[:-1] + b', "more": "\xff"}',
    "UTF-16": lambda good: good.decode().encode("utf-16"),
    "deep nesting": lambda good: good[:-1] + b', "more": ' + b"[" * 200 + b"]" * 200 + b"}",
    "NaN": lambda good: good[:-1] + b', "more": NaN}',
}
_COMMON: Mapping[str, Callable[[Event, datetime], Event]] = {
    "unknown version": _but(version=2),
    "no version": _but(version=None),
    "no event_id": _but(event_id=None),
    "event_id as number": _but(event_id=5),
    "control character": _but(event_id="a\x00b"),
    "unknown event_type": _but(event_type="payment_lost"),
    "no event_time": _but(event_time=None),
    "time without a zone": _but(event_time="2026-11-21T09:03:02"),
    "future time": _later,
    "no payload": _but(payload=None),
}
_FIELDS: Mapping[str, Mapping[str, Callable[[Event, datetime], Event]]] = {
    ACTIVITY: {
        **_COMMON,
        "event_type of the other topic": _but(event_type="loan_application"),
        "no customer_id": _but(customer_id=None),
        "negative amount": _payment(amount=-0.01),
        "wrong type": _payment(amount="312.5"),
        "not a number": _payment(amount=float("nan")),
        "missing field": _payment(days_past_due=None),
        "int overflow": _payment(days_past_due=10**30),
        "half a day": _payment(days_past_due=1.5),
    },
    APPLICATIONS: {
        **_COMMON,
        "event_type of the other topic": _but(event_type="payment_made"),
        "no application_id": _but(application_id=None),
        "negative amount": _applied(loan_amnt=-5),
        "wrong type": _applied(loan_amnt=True),
        "not a number": _applied(loan_amnt=float("nan")),
        "missing field": _applied(term=None),
        "unknown grade": _applied(grade="H"),
    },
}
KINDS: Mapping[str, tuple[str, ...]] = {topic: (*_BYTES, *fields) for topic, fields in _FIELDS.items()}
"""What may be wrong with a message of a topic."""
