"""Messages of every sort with the truth about them: applications, activity, repeats, late events and poison."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from creditrisk_assets.contracts import ACTIVITY, ACTIVITY_TYPES, APPLICATIONS
from creditrisk_assets_tests.raw.written import loan
from creditrisk_assets_tests.streaming.enveloped import activity, application, packed

APPLYING, REPEATED, LATE, POISONED = 0.08, 0.05, 0.1, 0.01
"""Shares of the messages."""


def _negative(good: bytes) -> bytes:
    """The loan, or a payment, of less than nothing."""
    event = json.loads(good)
    if event["event_type"] == "loan_application":
        event["payload"]["loan_amnt"] = "-5000"
    else:
        event |= {"event_type": "payment_made", "payload": {"amount": -0.01, "days_past_due": 0}}
    return packed(event)


def _ahead(good: bytes) -> bytes:
    """What happens in an hour: a possible date, but for the clock of the broker that receives it now."""
    return packed(json.loads(good) | {"event_time": f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"})


POISON: tuple[Callable[[bytes], bytes | None], ...] = (
    lambda good: None,
    lambda good: b"",
    lambda good: b"\xef\xbb\xbf" + good,
    lambda good: good[:-1] + b"\xff}",
    lambda good: good + good,
    lambda good: good[: len(good) // 2],
    lambda good: good.replace(b'"version": 1', b'"version": 2'),
    lambda good: good.replace(b'"event_type": "', b'"event_type": "un'),
    lambda good: good.replace(b'"event_time": "20', b'"event_time": "30'),
    lambda good: good.replace(b'"payload": {', b'"payload": {"deep": ' + b"[" * 200 + b"]" * 200 + b", "),
    lambda good: good.replace(b'"event_id": "', b'"event_id": "\\u0000'),
    lambda good: good.replace(b'"event_type"', b'"more": NaN, "event_type"'),
    lambda good: bytes(range(256)),
    _negative,
    _ahead,
)
"""What makes a good message a bad one."""


@dataclass(frozen=True)
class Message:
    """One message as it is sent, and whether it is good."""

    topic: str
    key: bytes
    value: bytes | None
    good: bool = True


@dataclass
class Mixture:
    """Messages without end, the same for the same seed but for their time: they happen when they are made.

    `book` are customers who have a loan already; others apply in the stream, some are never heard of before.
    """

    seed: int
    book: Sequence[str]
    _number: int = 0
    _applied: list[str] = field(default_factory=list)
    _sent: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def next(self) -> Message:
        """The next message."""
        draw = self._random.random()
        if draw < REPEATED and self._sent:
            return self._random.choice(self._sent)
        self._number += 1
        message = self._application() if self._random.random() < APPLYING else self._activity()
        if draw > 1 - POISONED:
            return Message(message.topic, message.key, self._random.choice(POISON)(message.value or b""), False)
        if len(self._sent) < 2_000:
            self._sent.append(message)
        else:
            self._sent[self._random.randrange(2_000)] = message
        return message

    def _happened(self) -> str:
        late = self._random.random() < LATE
        ago = timedelta(days=self._random.randint(1, 500)) if late else timedelta(seconds=self._random.random() * 60)
        return f"{datetime.now(UTC) - ago:%Y-%m-%dT%H:%M:%S.%fZ}"

    def _application(self) -> Message:
        who, known = f"A{self._number}", self._random.random() < 0.3
        changes = {
            "loan_amnt": str(self._random.randrange(1_000, 40_000, 25)),
            "annual_inc": str(self._random.randint(15_000, 250_000)),
            "dti": str(self._random.randint(0, 40)),
            "purpose": self._random.choice(["credit_card", "car", "small_business", "debt_consolidation"]),
        }
        whose: dict[str, Any] = {"customer_id": self._customer()} if known else {}
        event = application(
            loan(self._number, **changes),
            event_id=f"e{self._number}",
            application_id=who,
            event_time=self._happened(),
            **whose,
        )
        self._applied.append(who)
        return Message(APPLICATIONS, who.encode(), packed(event))

    def _activity(self) -> Message:
        kind, who = self._random.choice(list(ACTIVITY_TYPES)), self._customer()
        payload = {
            "payment_made": {"amount": self._random.randint(1, 900), "days_past_due": self._random.choice([0, 0, 30])},
            "payment_missed": {"amount": 312.5, "days_past_due": self._random.choice([30, 60, 90])},
            "utilisation_spike": {"utilisation": round(self._random.uniform(0.5, 1.2), 3)},
            "credit_line_change": {"credit_line": float(self._random.randrange(500, 20_000, 500))},
            "credit_inquiry": {},
        }[kind]
        event = activity(kind, payload, event_id=f"e{self._number}", customer_id=who, event_time=self._happened())
        return Message(ACTIVITY, who.encode(), packed(event))

    def _customer(self) -> str:
        draw = self._random.random()
        if draw < 0.4 and self._applied:
            return self._random.choice(self._applied[-200:])
        if draw < 0.6:
            return f"nobody{self._random.randint(1, 40)}"
        return self._random.choice(self.book[:300])
