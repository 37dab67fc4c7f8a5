"""From messages to rows of raw/events: one row for each message, in order, whatever the message is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from creditrisk_assets.contracts import APPLICATIONS, FEATURES_LOANS, RAW_EVENTS, Instant
from creditrisk_assets.contracts.parts import FIRST_DAY, LAST_DAY
from creditrisk_assets.streaming.applications import applied, payloads, stacked
from creditrisk_assets.streaming.envelope import MEASURES
from creditrisk_assets.streaming.messages import DEEPEST, NOT_UTF8, TOO_DEEP, in_blocks, not_utf8, sentence, too_deep

FUTURE = pl.duration(minutes=5)
"""How far the clock of a producer may be ahead of the broker's."""

EVENT_COLUMNS = (
    "event_id", "event_type", "event_time", "customer_id", "application_id", *MEASURES, "value", "error", "raw",
)  # fmt: skip
EVENT_SCHEMA = pl.Schema({name: RAW_EVENTS.schema[name] for name in EVENT_COLUMNS})

_PLACE = "__place"
_IDENTIFIERS = ("event_id", "customer_id", "application_id")


@dataclass(frozen=True)
class Decoded:
    """What came of n messages.

    `events` (n): EVENT_COLUMNS of raw/events in the order of the messages. A good one has its
    fields and its text in `value`; a bad one has nothing but `error` and its bytes in `raw`.
    `loans`: rows of features/loans of the good applications in the same order, see
    `applications.applications`; none for other topics.
    """

    events: pl.DataFrame
    loans: pl.DataFrame


def decode(topic: str, values: Sequence[bytes | None], broker_time: pl.Series | None = None) -> Decoded:
    """Decode the messages of a topic; `broker_time` (n instants) are their timestamps, where they have one.

    Never raises for a message; ValueError for a topic that is not one of the stream's.
    """
    parts, faults = in_blocks(topic, values, lambda found: (_rows(topic, found), _payloads(topic, found)))
    raw = pl.Series("raw", values, dtype=pl.Binary)
    good = _good(raw, faults)
    rows = pl.concat((fields for fields, _ in parts), rechunk=True)
    rows = rows.with_columns(good, _texts(raw.gather(good)).alias("value"), _times(broker_time, good))
    sent = stacked([payload for _, payload in parts])
    told = _told(rows, values)
    if told:
        faults |= told
        kept = ~rows[_PLACE].is_in(list(told))
        rows, sent = rows.filter(kept), sent.filter(kept) if sent.width else sent
    loans = pl.DataFrame(schema=FEATURES_LOANS.schema)
    if topic == APPLICATIONS:
        read = applied(sent, rows["application_id"], rows["event_time"])
        faults |= {rows[_PLACE][place]: _unfit(reasons) for place, reasons in read.faults.items()}
        loans = read.loans
    return Decoded(_events(rows, raw, faults), loans)


def _good(raw: pl.Series, faults: dict[int, str]) -> pl.Series:
    every = pl.Series(_PLACE, range(len(raw)), dtype=pl.Int64)
    return every.filter(~every.is_in(list(faults))) if faults else every


def _rows(topic: str, found: Sequence[Any]) -> pl.DataFrame:
    """The fields of good messages; those that its type does not have are empty."""
    payloads = [message.payload for message in found]
    taken: dict[str, list[Any]] = {
        "event_id": [message.event_id for message in found],
        "event_type": [type(message).__name__ for message in found],
        "event_time": [message.event_time.timestamp() for message in found],
        "customer_id": [message.customer_id for message in found],
        "application_id": [message.application_id if topic == APPLICATIONS else None for message in found],
    }
    taken |= {name: [getattr(payload, name, None) for payload in payloads] for name in MEASURES}
    types = {name: pl.Float64 if name in ("event_time", *MEASURES) else pl.String for name in taken}
    microseconds = (pl.col("event_time") * 1_000_000).round().cast(pl.Int64)
    return pl.DataFrame(taken, schema=types).with_columns(microseconds.cast(Instant).alias("event_time"))


def _payloads(topic: str, found: Sequence[Any]) -> pl.DataFrame:
    """What applications told of the loan; nothing for other topics."""
    return payloads([message.payload for message in found]) if topic == APPLICATIONS else pl.DataFrame()


def _texts(raw: pl.Series) -> pl.Series:
    """The messages as text, null where one is not UTF-8: msgspec does not look into what it skips."""
    try:
        return raw.cast(pl.String)
    except pl.exceptions.ComputeError:
        texts = [value.decode() if not_utf8(value) is None else None for value in raw]
        return pl.Series(texts, dtype=pl.String)


def _times(broker_time: pl.Series | None, good: pl.Series) -> pl.Series:
    if broker_time is None:
        return pl.repeat(None, len(good), dtype=Instant, eager=True).alias("broker_time")
    return broker_time.cast(Instant).gather(good).alias("broker_time")


def _told(rows: pl.DataFrame, values: Sequence[bytes | None]) -> dict[int, str]:
    """What the types of the envelope cannot say: faults by the place of the message."""
    rules = _rules()
    odd = rows.filter(pl.any_horizontal(broken for broken, _ in rules).fill_null(False))
    said = pl.coalesce(pl.when(broken).then(told) for broken, told in rules)
    found: dict[int, str] = {}
    for place, told in odd.select(_PLACE, said).iter_rows():
        value = values[place]
        assert value is not None
        if told == NOT_UTF8:
            found[place] = NOT_UTF8.format(not_utf8(value))
        elif told != TOO_DEEP or too_deep(value):
            found[place] = sentence(told)
    return found


def _rules() -> list[tuple[pl.Expr, pl.Expr]]:
    """What is wrong, and the sentence that says so; the first that holds for a row counts."""
    time, broker, days, text = (pl.col(name) for name in ("event_time", "broker_time", "days_past_due", "value"))
    clock = "; set the producer's clock, or send the time at which it happened"
    shown = [instant.dt.strftime("%Y-%m-%d %H:%M:%S UTC") for instant in (time, broker)]
    brackets = text.str.count_matches("[", literal=True) + text.str.count_matches("{", literal=True)
    return [
        (text.is_null(), pl.lit(NOT_UTF8)),
        *((pl.col(name).str.contains(r"[\x00-\x1f\x7f]"),
           pl.lit(f"{name}: holds a control character; identifiers are plain text")) for name in _IDENTIFIERS),
        (time > broker + FUTURE,
         pl.format(f"event_time: {{}} is more than 5 minutes after the broker's time {{}}{clock}", *shown)),
        (~time.dt.date().is_between(FIRST_DAY, LAST_DAY),
         pl.format(f"event_time: {{}} is not between {FIRST_DAY} and {LAST_DAY}{clock}", shown[0])),
        (days != days.round(),
         pl.format("payload.days_past_due: {} is not a whole number; mend it and send the event again", days)),
        (brackets > DEEPEST, pl.lit(TOO_DEEP)),
    ]  # fmt: skip


def _unfit(reasons: Sequence[str]) -> str:
    return sentence("; ".join(f"payload.{reason}" for reason in reasons) + "; mend it and send the application again")


def _events(rows: pl.DataFrame, raw: pl.Series, faults: dict[int, str]) -> pl.DataFrame:
    """EVENT_COLUMNS of every message, good or bad."""
    if not faults:
        whole = rows.with_columns(error=pl.lit(None, pl.String), raw=pl.lit(None, pl.Binary))
        return whole.select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items())
    told = pl.DataFrame(
        {_PLACE: list(faults), "error": list(faults.values())}, schema={_PLACE: pl.Int64, "error": pl.String}
    )
    told = told.with_columns(raw.gather(told[_PLACE]))
    kept = rows.join(told, on=_PLACE, how="anti")
    every = pl.concat([kept, told], how="diagonal").sort(_PLACE)
    return every.select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items())
