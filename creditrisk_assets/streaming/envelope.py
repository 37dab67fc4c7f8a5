"""Version 1 of the envelope: which fields a message must have, of which type and within which bounds.

The types are made from the contract of raw/events and raw/loans, so that a bound is declared once.
msgspec reads a message against them in one pass and skips what it does not know, but only where
that is valid JSON. Of fields that stand twice in a message the last one counts.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import Meta

from creditrisk_assets.columns import Column
from creditrisk_assets.contracts import ACTIVITY, ACTIVITY_TYPES, APPLICATIONS, RAW_EVENTS, RAW_LOANS
from creditrisk_assets.raw.sources import ALIASES

VERSION = 1
LONGEST_IDENTIFIER = 200
"""Characters: what fits into an index of the serving tables."""

PAYLOADS: Mapping[str, tuple[str, ...]] = {
    "payment_made": ("amount", "days_past_due"),
    "payment_missed": ("amount", "days_past_due"),
    "utilisation_spike": ("utilisation",),
    "credit_line_change": ("credit_line",),
    "credit_inquiry": (),
}
"""Fields that the payload of an activity must have; further ones are kept in the message and ignored."""

MEASURES = ("amount", "days_past_due", "utilisation", "credit_line")
APPLICATION_COLUMNS = tuple(column for column in RAW_LOANS.columns if column.known == "application")
"""What is read of an application's payload: nothing that became known later."""

OLD_NAMES = {new: old for old, new in ALIASES.items() if new in RAW_LOANS.names("application")}
"""How older files call some of these columns; read where the payload lacks the new name."""

_Identifier = Annotated[str, Meta(min_length=1, max_length=LONGEST_IDENTIFIER)]
_COMMON: list[tuple[str, Any]] = [
    ("version", Literal[1]),
    ("event_id", _Identifier),
    ("event_time", Annotated[datetime, Meta(tz=True)]),
]


def _measure(name: str) -> Any:
    """Whole numbers are read as numbers, too: 30.0 days are 30; `decoding` refuses the half ones."""
    column = RAW_EVENTS.column(name)
    return Annotated[float, Meta(ge=_bound(column.low), le=_bound(column.high))]


def _bound(limit: Any) -> float | None:
    return None if limit is None else float(limit)


def _applied(column: Column) -> Any:
    """Numbers come as numbers or as LendingClub spells them; an integer in a text keeps its spelling."""
    return float | str | None if column.parse in ("number", "count") else str | int | float | None


def _struct(name: str, fields: list[Any], **options: Any) -> Any:
    return msgspec.defstruct(name, fields, gc=False, kw_only=True, **options)


def _event(event_type: str, fields: list[Any]) -> Any:
    return _struct(event_type, [*_COMMON, *fields], tag_field="event_type", tag=event_type)


Application = _struct("Application", [
    (name, _applied(column), None)
    for column in APPLICATION_COLUMNS
    for name in (column.name, OLD_NAMES.get(column.name))
    if name is not None
])  # fmt: skip
_application = _event("loan_application", [
    ("application_id", _Identifier), ("customer_id", _Identifier | None, None), ("payload", Application),
])  # fmt: skip
_activities = [
    _event(name, [("customer_id", _Identifier),
                  ("payload", _struct(f"{name}_payload", [(field, _measure(field)) for field in PAYLOADS[name]]))])
    for name in ACTIVITY_TYPES
]  # fmt: skip

DECODERS: Mapping[str, msgspec.json.Decoder[Any]] = {
    APPLICATIONS: msgspec.json.Decoder(_application),
    ACTIVITY: msgspec.json.Decoder(Union[tuple(_activities)]),  # noqa: UP007 - the members are made above
}
"""Reader of the messages of a topic."""

TYPES_OF: Mapping[str, tuple[str, ...]] = {APPLICATIONS: ("loan_application",), ACTIVITY: ACTIVITY_TYPES}
"""Event types that belong to a topic."""
