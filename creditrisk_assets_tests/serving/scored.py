"""Micro-batches of a made-up stream with their scores; what PostgreSQL must hold after them, and what it holds."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from creditrisk_assets.contracts import ACTIVITY, APPLICATIONS, RAW_EVENTS, REASONS, SCORES_LIVE, TIERS
from creditrisk_assets.serving import reading
from creditrisk_assets.serving.connection import Connection
from creditrisk_assets.serving.frames import BUCKETS
from creditrisk_assets.serving.live import positions
from creditrisk_assets.streaming.offsets import OffsetRange
from creditrisk_assets.streaming.table import MicroBatch

START = datetime(2026, 11, 21, 9, 0, 0, 123456, tzinfo=UTC)
NOW = START + timedelta(seconds=100)
"""Every event ends its waiting here, so that a replay can be told from none."""
FLAGGED = ("REVOL_UTIL>=80", 'a "b"')
FACTORS = ("debt_to_income", 'fi"co', "utilisation, revolving", "")

ALL = 1_000_000

Row = dict[str, Any]


@dataclass(frozen=True)
class Event:
    """One message: who, when, and whether it can be read; `anew` decodes the oldest bad one instead."""

    subject: str
    application: bool
    seconds: float
    good: bool = True
    partition: int = 0
    anew: bool = False


@dataclass(frozen=True)
class Scored:
    """A micro-batch, and its rows of scores/live."""

    batch: MicroBatch
    scores: pl.DataFrame


def stream(batches: Sequence[Sequence[Event]]) -> list[Scored]:
    """Micro-batches that follow one another; one without events only moves an offset."""
    made, ends, bad, newest = [], Counter[tuple[str, int]](), [], {}
    previous = None
    for number, events in enumerate(batches):
        instant = START + timedelta(seconds=number)
        rows: list[Row] = []
        for event in events:
            if event.anew and bad:
                rows.append(bad.pop(0) | {"ingested_at": instant, "error": None, "replayed": True})
                continue
            place = (APPLICATIONS if event.application else ACTIVITY, event.partition)
            rows.append(_message(event, place, ends[place], instant))
            ends[place] += 1
            if not event.good:
                bad.append(rows[-1])
        if not events:
            ends[APPLICATIONS, 0] += 1
        scores = _scores(rows, newest)
        ranges = tuple(OffsetRange(topic, 0, partition, 0, end) for (topic, partition), end in sorted(ends.items()))
        made.append(Scored(MicroBatch(instant, previous, ranges, _frame(rows, RAW_EVENTS)), scores))
        previous = instant if rows else previous
    return made


def _message(event: Event, place: tuple[str, int], offset: int, instant: datetime) -> Row:
    topic, partition = place
    return {
        "ingest_day": instant.date(), "ingested_at": instant, "topic": topic, "epoch": 0, "partition": partition,
        "offset": offset, "replayed": False, "broker_time": START + timedelta(seconds=event.seconds),
        "event_id": f"{topic}/{partition}/{offset}", "customer_id": event.subject,
        "event_type": ("loan_application" if event.application else "payment_made") if event.good else None,
        "event_time": START + timedelta(seconds=event.seconds),
        "error": None if event.good else "event_type: missing",
    }  # fmt: skip


def _scores(rows: list[Row], newest: dict[str, datetime]) -> pl.DataFrame:
    """One row per application, and one per customer of the micro-batch at the last of their events."""
    found: dict[tuple[str, ...], Row] = {}
    for row in rows:
        if row["error"] is not None:
            continue
        who = row["customer_id"]
        if row["topic"] == APPLICATIONS:
            found[row["event_id"],] = _score(row, "application", row["event_time"])
        else:
            newest[who] = max(newest.get(who, row["event_time"]), row["event_time"])
            found["customer", who] = _score(row, "behaviour", newest[who])
    return _frame(list(found.values()), SCORES_LIVE)


def _score(row: Row, kind: str, as_of: datetime) -> Row:
    pd = (len(row["customer_id"]) * 37 + row["offset"] * 11) % 97 / 97
    kept = {name: row[name] for name in ("ingest_day", "ingested_at", "topic", "epoch", "partition", "offset")}
    return kept | {
        "subject": row["customer_id"], "kind": kind, "event_id": row["event_id"], "as_of": as_of,
        "model_date": date(2026, 10, 1), "feature_set": "application", "pd": pd, "pd_low": pd / 3,
        "pd_high": (pd + 1) / 2, "log_odds": 0.1, "log_odds_sd": 0.2, "base": 0.3, "points": round(600 * pd),
        "band": 1 + round(7 * pd), "decision": "refer", "decision_probability": 0.1 + 0.2, "policy": "2026-1",
        **{f"reason_{n}": FACTORS[n - 1] if n <= row["offset"] % 5 else None for n in REASONS},
        **{f"contribution_{n}": 0.1 * n if n <= row["offset"] % 5 else None for n in REASONS},
        **dict.fromkeys(("pd_term", "pd_term_low", "pd_term_high"), pd if kind == "application" else None),
        **(_flags(row["offset"]) if kind == "application" else {}),
    }  # fmt: skip


def _flags(offset: int) -> Row:
    tier = TIERS[offset % 3]
    reasons = None if tier == "Low" else ",".join(FLAGGED[: 1 + offset % 2])
    return {"tier": tier, "watchlist": tier == "Watchlist", "rule_reasons": reasons, "rules": "2026-01"}


def _frame(rows: list[Row], table: Any) -> pl.DataFrame:
    whole = [dict.fromkeys(table.schema.names()) | row for row in rows]
    return pl.DataFrame(whole, schema=table.schema, orient="row")


@dataclass(frozen=True)
class Held:
    """What the serving tables must hold."""

    live: dict[tuple[str, str], Row]
    decisions: dict[tuple[Any, ...], Row]
    counters: dict[tuple[str, str], tuple[int, ...]]
    latency: dict[tuple[str, float], tuple[int, int]]
    ends: dict[tuple[str, int], int]


def held_after(applied: Sequence[Scored]) -> Held:
    """Row by row, as anyone would reckon it."""
    live: dict[tuple[str, str], Row] = {}
    decisions, ends = {}, {}
    counters, latency = Counter[tuple[str, str, str]](), Counter[tuple[str, float, str]]()
    for one in applied:
        for row in one.scores.iter_rows(named=True):
            place = (row["topic"], row["epoch"], row["partition"], row["offset"])
            served = {name: row[name] for name in row if not name.startswith(("reason", "contribution"))}
            served["reasons"] = [row[f"reason_{n}"] for n in REASONS if row[f"reason_{n}"] is not None]
            served["contributions"] = [row[f"contribution_{n}"] for n in REASONS if row[f"reason_{n}"] is not None]
            decisions[place] = served
            known = live.get((row["kind"], row["subject"]))
            if known is None or _age(known) < _age(served):
                live[row["kind"], row["subject"]] = served
        for row in one.batch.frame.iter_rows(named=True):
            _reckon(row, counters, latency)
        ends |= {(one.topic, one.partition): one.end for one in one.batch.ranges}
    names = ("events", "good", "bad", "replayed", "flags")
    return Held(
        live,
        decisions,
        {(topic, kind): tuple(counters[topic, kind, name] for name in names) for topic, kind, _ in counters},
        {(topic, most): (latency[topic, most, "n"], latency[topic, most, "sum"]) for topic, most, _ in latency},
        ends,
    )


def _age(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("as_of", "ingested_at", "topic", "epoch", "partition", "offset"))


def _reckon(row: Row, counters: Counter[tuple[str, str, str]], latency: Counter[tuple[str, float, str]]) -> None:
    kind = (row["topic"], row["event_type"] or "unreadable")
    if row["replayed"]:
        counters[*kind, "replayed"] += 1
        return
    counters[*kind, "events"] += 1
    counters[*kind, "bad" if row["error"] else "good"] += 1
    if row["error"] is None:
        waited = max(timedelta(0), NOW - row["broker_time"])
        most = BUCKETS[bisect_left(BUCKETS, waited.total_seconds())]
        latency[row["topic"], most, "n"] += 1
        latency[row["topic"], most, "sum"] += waited // timedelta(microseconds=1)


def held(connection: Connection) -> Held:
    """What the serving tables do hold."""
    live = reading.worst(connection, ALL).drop("updated_at").rows(named=True)
    decisions = reading.decisions(connection, ALL).rows(named=True)
    return Held(
        {(row["kind"], row["subject"]): row for row in live},
        {(row["topic"], row["epoch"], row["partition"], row["offset"]): row for row in decisions},
        {row[:2]: row[2:] for row in reading.counters(connection).rows()},
        {row[:2]: row[2:] for row in reading.latency(connection).rows()},
        {(place.topic, place.partition): at.next for place, at in positions(connection).items()},
    )


def same(found: Held, expected: Held) -> None:
    for one, other in ((found.live, expected.live), (found.decisions, expected.decisions)):
        assert one == {key: {name: row[name] for name in _names(one)} for key, row in other.items()}
    assert found.counters == expected.counters
    assert found.latency == expected.latency
    assert found.ends == expected.ends


def _names(rows: dict[object, dict[str, object]]) -> Sequence[str]:
    return list(next(iter(rows.values()), {}))
