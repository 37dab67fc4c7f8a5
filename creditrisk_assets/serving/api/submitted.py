"""Applications as they are sent to the API: the payload of the stream, but nothing that is not known may stand in it.

A producer of the stream cannot be asked back, so the stream skips what it does not know. Whoever
calls the API can: a misspelt field would silently score as missing, and is refused with its place.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

from creditrisk_assets.contracts.parts import FIRST_DAY, LAST_DAY
from creditrisk_assets.streaming.envelope import LONGEST_IDENTIFIER, Application
from creditrisk_assets.streaming.messages import sentence

LARGEST = 65_536
"""Bytes of a single application: thirty times what one takes."""
LARGEST_BATCH = 8_388_608
MOST = 1_000
"""Applications of a batch."""
AHEAD = timedelta(minutes=5)
"""How far the clock of a caller may be ahead of ours."""
MEND = "mend it and send the application again"

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLACE = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<place>.*)`)?", re.DOTALL)
_FIELD = re.compile(r"Object (?P<how>missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL)

_Payload = msgspec.defstruct(
    "Payload", [(field.encode_name, field.type, None) for field in msgspec.structs.fields(Application)],
    gc=False, kw_only=True, forbid_unknown_fields=True,
)  # fmt: skip


class Submitted(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """An application: its identifier, when it was made (now, if left out), and what the borrower told."""

    application_id: Annotated[str, Meta(min_length=1, max_length=LONGEST_IDENTIFIER)]
    event_time: Annotated[datetime, Meta(tz=True)] | None = None
    payload: Any


class _Submitted(Submitted, kw_only=True, forbid_unknown_fields=True, gc=False):
    payload: _Payload  # type: ignore[valid-type]


class _Batch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    applications: list[Raw]


class _GoodBatch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    applications: list[_Submitted]


@dataclass(frozen=True)
class Fault:
    """What is wrong with an application: where (names from the outside in), what, and what to do about it."""

    place: tuple[str | int, ...]
    said: str
    remedy: str = MEND

    def told(self) -> dict[str, Any]:
        """As answered; `loc` starts with the body."""
        return {"loc": ["body", *self.place], "msg": self.said, "remedy": self.remedy}

    def within(self, *place: str | int) -> "Fault":
        """The same, seen from further out."""
        return Fault((*place, *self.place), self.said, self.remedy)


class MisfitError(ValueError):
    """A body that is no application and no batch of them; `faults` say why."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(fault.said for fault in faults))
        self.faults = faults


_ONE, _MANY = msgspec.json.Decoder(_Submitted), msgspec.json.Decoder(_Batch)
_ALL_GOOD = msgspec.json.Decoder(_GoodBatch)


def one(body: bytes | Raw, now: datetime) -> Submitted:
    """The application in a body, with its time; MisfitError says what is wrong."""
    return _timed(_read(_ONE, body), now)


def _timed(found: Submitted, now: datetime) -> Submitted:
    if _CONTROL.search(found.application_id):
        raise MisfitError(Fault(("application_id",), "holds a control character", "identifiers are plain text"))
    time = found.event_time or now
    if not FIRST_DAY <= time.date() <= LAST_DAY or time > now + AHEAD:
        said = f"{time:%Y-%m-%d %H:%M:%S%z} is not between {FIRST_DAY} and {AHEAD.seconds // 60} minutes from now"
        raise MisfitError(Fault(("event_time",), said, "send when the borrower applied, or leave it out for now"))
    found.event_time = time
    return found


def many(body: bytes, now: datetime) -> tuple[dict[int, Submitted], dict[int, tuple[Fault, ...]]]:
    """The good applications of a batch and the faults of the others, by position; MisfitError where it is no batch."""
    sent, read = _sent(body)
    if not 0 < len(sent) <= MOST:
        remedy = f"send 1 to {MOST} at a time"
        raise MisfitError(Fault(("applications",), f"{len(sent)} applications", remedy))
    good: dict[int, Submitted] = {}
    bad: dict[int, tuple[Fault, ...]] = {}
    for position, value in enumerate(sent):
        try:
            good[position] = _timed(read(value), now)
        except MisfitError as error:
            bad[position] = error.faults
    return good, bad


def _sent(body: bytes) -> tuple[Sequence[Any], Callable[[Any], Submitted]]:
    """The applications of a batch and what reads one: all at once, or one by one where any cannot be read."""
    try:
        return _ALL_GOOD.decode(body).applications, lambda whole: whole
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _read(_MANY, body).applications, lambda raw: _read(_ONE, raw)


def _read(decoder: msgspec.json.Decoder[Any], body: bytes | Raw) -> Any:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise MisfitError(_invalid(str(error))) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        told = sentence(str(error).removeprefix("JSON is malformed: "))
        raise MisfitError(Fault((), f"not one JSON object in UTF-8 ({told})", "send plain JSON")) from error


def _invalid(told: str) -> Fault:
    found = _PLACE.fullmatch(told)
    assert found is not None
    what, place = found["what"], _names(found["place"] or "")
    if field := _FIELD.fullmatch(what):
        name = sentence(field["name"])[:80]
        missing = field["how"].startswith("missing")
        remedy = "send it" if missing else "spell it as GET /openapi.json lists it, or leave it out"
        return Fault((*place, name), "missing" if missing else "not a known field", remedy)
    return Fault(place, sentence(what.replace("`", "")))


def _names(path: str) -> tuple[str | int, ...]:
    """`payload.term` and `[3].payload` as names."""
    return tuple(int(part) if part.isdecimal() else part for part in re.split(r"[.\[\]]+", path) if part)
