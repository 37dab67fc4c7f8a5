"""Messages as they came, read against the envelope; or a sentence that says what is wrong with one."""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from creditrisk_assets.streaming.envelope import DECODERS, TYPES_OF, VERSION

LARGEST = 1_048_576
"""Bytes of a message: what Kafka itself takes by default."""

DEEPEST = 64
"""Levels of objects and arrays within one another; far fewer than would exhaust any parser's stack."""

LONGEST_SENTENCE = 2_000
BLOCK = 500
"""Messages whose structs live at once."""

Made = TypeVar("Made")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_RESEND = "mend it and send the event again"
_PLACE = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<place>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def messages(topic: str, values: Sequence[bytes | str | None]) -> tuple[list[Any], dict[int, str]]:
    """The good messages in their order as structs of the envelope, and the faults of the others by position.

    Never raises for a message; ValueError for a topic that has no envelope.
    """
    if topic not in DECODERS:
        raise ValueError(f"topic {topic!r} is not one of the stream: {', '.join(DECODERS)}")
    read = DECODERS[topic].decode
    found: list[Any] = []
    faults: dict[int, str] = {}
    for position, value in enumerate(values):
        if value is None or len(value) > LARGEST:
            faults[position] = _unusable(value)
            continue
        try:
            found.append(read(value))
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            faults[position] = sentence(_unread(value, error, topic))
    return found, faults


def in_blocks(
    topic: str, values: Sequence[bytes | str | None], make: Callable[[list[Any]], Made]
) -> tuple[list[Made], dict[int, str]]:
    """What `make` makes of the good messages, block by block, one at least; and the faults as `messages` tells them.

    The structs of a block take the place of those before, which is worth a third of the time: memory
    that was just used is at hand.
    """
    made, faults = [], {}
    for start in range(0, max(len(values), 1), BLOCK):
        found, wrong = messages(topic, values[start : start + BLOCK])
        made.append(make(found))
        faults.update({start + position: fault for position, fault in wrong.items()})
    return made, faults


def sentence(text: str) -> str:
    """The text as one line of bearable length that every store can hold."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)[:LONGEST_SENTENCE]


def too_deep(value: bytes | str) -> bool:
    """Whether objects and arrays of valid JSON lie more than DEEPEST levels within one another."""
    text = value if isinstance(value, str) else value.decode()
    depth = deepest = 0
    for mark in re.findall(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', text):
        depth += (mark in "[{") - (mark in "]}")
        deepest = max(deepest, depth)
    return deepest > DEEPEST


TOO_DEEP = f"message: nested more than {DEEPEST} levels deep; send the fields of the envelope only"
NOT_UTF8 = "message: not UTF-8 from byte {}; encode it in UTF-8"


def _unusable(value: bytes | str | None) -> str:
    if value is None:
        return "message: a tombstone, which has no value; events are never deleted, send what happened instead"
    return f"message: {len(value)} bytes, more than {LARGEST}; send the fields of the envelope only"


def _unread(value: bytes | str, error: Exception, topic: str) -> str:
    """What is wrong with a message that cannot be read: its encoding first, then its form, then its fields."""
    if isinstance(value, bytes):
        if value.startswith(_BYTE_ORDER_MARK):
            return "message: starts with a byte order mark; send UTF-8 without one"
        if (place := not_utf8(value)) is not None:
            return NOT_UTF8.format(place)
    if not value.strip():
        return "message: empty; send one JSON object"
    if isinstance(error, RecursionError):
        return TOO_DEEP
    if not isinstance(error, msgspec.ValidationError):
        told = str(error).removeprefix("JSON is malformed: ")
        return f"message: not one JSON object ({told}); send each event as a message of its own"
    return _invalid(str(error), topic)


def not_utf8(value: bytes) -> int | None:
    """The first byte that is not UTF-8, None when all are."""
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


def _invalid(told: str, topic: str) -> str:
    found = _PLACE.fullmatch(told)
    assert found is not None
    what, place = found["what"], found["place"] or ""
    if missing := _MISSING.fullmatch(what):
        return f"{'.'.join(filter(None, (place, missing[1])))}: missing; {_RESEND}"
    value = what.removeprefix("Invalid enum value ").removeprefix("Invalid value ")[:80]
    if place == "version" and value != what:
        return f"version: {value} is not known; send version {VERSION}, or update the platform"
    if place == "event_type" and value != what:
        return f"event_type: {value} does not belong to topic {topic}; send one of {', '.join(TYPES_OF[topic])}"
    plain = what.replace("`", "")
    return f"{place or 'message'}: {plain[:1].lower()}{plain[1:]}; {_RESEND}"
