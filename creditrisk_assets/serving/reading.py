"""Questions to the serving tables, for the dashboard and the exporter; every answer is a frame."""

from typing import Any, Literal

import polars as pl

from creditrisk_assets.serving.connection import Connection
from creditrisk_assets.serving.errors import told

Kind = Literal["application", "behaviour"]

_INSTANT = pl.Datetime("us", "UTC")
RISK: dict[str, pl.DataType | type[pl.DataType]] = {
    "kind": pl.String, "subject": pl.String,
    "pd": pl.Float64, "pd_low": pl.Float64, "pd_high": pl.Float64,
    "pd_term": pl.Float64, "pd_term_low": pl.Float64, "pd_term_high": pl.Float64,
    "points": pl.Int32, "band": pl.Int32, "decision": pl.String, "decision_probability": pl.Float64,
    "reasons": pl.List(pl.String), "contributions": pl.List(pl.Float64),
    "policy": pl.String, "model_date": pl.Date, "feature_set": pl.String, "as_of": _INSTANT, "event_id": pl.String,
    "tier": pl.String, "watchlist": pl.Boolean, "rule_reasons": pl.String, "rules": pl.String,
    "topic": pl.String, "epoch": pl.Int32, "partition": pl.Int32, "offset": pl.Int64, "ingested_at": _INSTANT,
    "updated_at": _INSTANT,
}  # fmt: skip
"""Columns of serving.live_risk."""
DECISIONS = {name: dtype for name, dtype in RISK.items() if not name.startswith("pd_term") and name != "updated_at"}
"""Columns of serving.decisions."""
COUNTERS = {
    "topic": pl.String,
    "event_type": pl.String,
    **dict.fromkeys(("events", "good", "bad", "replayed", "flags"), pl.Int64),
}
LATENCY = {"topic": pl.String, "at_most": pl.Float64, "events": pl.Int64, "microseconds": pl.Int64}
STREAM = {
    "ingested_at": _INSTANT, "micro_batches": pl.Int64, "events": pl.Int64, "decisions": pl.Int64,
    "updated_at": _INSTANT,
}  # fmt: skip
OFFSETS = {
    "topic": pl.String, "epoch": pl.Int32, "partition": pl.Int32, "end_offset": pl.Int64, "updated_at": _INSTANT,
}  # fmt: skip

FLAGGED_FIRST = ("decline", "refer", "approve")
RECENT = 5_000
"""Decisions among which the latest of a kind are looked for: a rare kind must not read them all."""

_KIND = "(%(kind)s::text IS NULL OR live.kind = %(kind)s)"


_RECENT = """
    SELECT subject, kind, topic, epoch, partition, "offset", ingested_at
    FROM serving.decisions ORDER BY ingested_at DESC LIMIT %(recent)s
"""
_ONE_DECISION = f"""
    FROM serving.live_risk AS live
    WHERE live.decision = %(decision)s AND {_KIND}
    ORDER BY pd_step DESC, pd DESC, ingested_at DESC, subject
    LIMIT %(limit)s
"""


def newest(connection: Connection, limit: int = 100, kind: Kind | None = None) -> pl.DataFrame:
    """The rows of live_risk that changed last, newest first."""
    return _answer(
        connection,
        RISK,
        f"""
        FROM serving.decisions AS decided
        JOIN serving.live_risk AS live USING (subject, kind, topic, epoch, partition, "offset")
        WHERE {_KIND}
        ORDER BY decided.ingested_at DESC, topic, partition, "offset" DESC
        LIMIT %(limit)s
        """,
        {"limit": limit, "kind": kind},
    )


def worst(connection: Connection, limit: int = 100, kind: Kind | None = None) -> pl.DataFrame:
    """The watch list: highest PD first, and of equal ones the newest."""
    return _answer(
        connection,
        RISK,
        f"""
        FROM serving.live_risk AS live
        WHERE {_KIND}
        ORDER BY pd_step DESC, pd DESC, ingested_at DESC, subject
        LIMIT %(limit)s
        """,
        {"limit": limit, "kind": kind},
    )


def latest(
    connection: Connection, limit: int = 100, kind: Kind | None = None, decision: str | None = None
) -> pl.DataFrame:
    """The rows of live_risk that changed last, newest first, among the newest `RECENT` decisions."""
    return _answer(
        connection,
        RISK,
        f"""
        FROM ({_RECENT}) AS decided
        JOIN serving.live_risk AS live USING (subject, kind, topic, epoch, partition, "offset")
        WHERE {_KIND} AND (%(decision)s::text IS NULL OR live.decision = %(decision)s)
        ORDER BY decided.ingested_at DESC, topic, partition, "offset" DESC
        LIMIT %(limit)s
        """,
        {"limit": limit, "kind": kind, "decision": decision, "recent": RECENT},
    )


def flagged(
    connection: Connection, limit: int = 100, kind: Kind | None = None, decision: str | None = None
) -> pl.DataFrame:
    """Everyone, declined before referred before approved, each from the highest PD down; of equal ones the newest."""
    parts: list[pl.DataFrame] = []
    for wanted in FLAGGED_FIRST if decision is None else (decision,):
        room = limit - sum(part.height for part in parts)
        if not room:
            break
        values = {"limit": room, "kind": kind, "decision": wanted}
        parts.append(_answer(connection, RISK, _ONE_DECISION, values))
    return pl.concat(parts)


def one(connection: Connection, subject: str) -> pl.DataFrame:
    """What is known of one subject: no row, or one of each kind."""
    return _answer(
        connection,
        RISK,
        "FROM serving.live_risk AS live WHERE subject = %(subject)s ORDER BY kind",
        {"subject": subject},
    )


def decisions(connection: Connection, limit: int = 100) -> pl.DataFrame:
    """The decisions made last, newest first, later ones of a subject beside earlier ones."""
    return _answer(
        connection,
        DECISIONS,
        'FROM serving.decisions AS live ORDER BY ingested_at DESC, topic, partition, "offset" DESC LIMIT %(limit)s',
        {"limit": limit},
    )


def counters(connection: Connection) -> pl.DataFrame:
    """Events applied by topic and type."""
    return _answer(connection, COUNTERS, "FROM serving.stream_counters AS live ORDER BY topic, event_type")


def latency(connection: Connection) -> pl.DataFrame:
    """Good events by topic and upper bound of their seconds from the broker to here."""
    return _answer(connection, LATENCY, "FROM serving.stream_latency AS live ORDER BY topic, at_most")


def stream(connection: Connection) -> pl.DataFrame:
    """The newest micro-batch applied, and how many there were; no row before the first."""
    return _answer(connection, STREAM, "FROM serving.stream AS live")


def offsets(connection: Connection) -> pl.DataFrame:
    """How far every partition is applied, and when."""
    return _answer(connection, OFFSETS, "FROM serving.stream_offsets AS live ORDER BY topic, epoch, partition")


def _answer(
    connection: Connection,
    schema: dict[str, Any],
    source: str,
    values: dict[str, Any] | None = None,
) -> pl.DataFrame:
    names = ", ".join(f'live."{name}"' for name in schema)
    with told():
        rows = connection.execute(f"SELECT {names} {source}", values or {}).fetchall()
    return pl.DataFrame(rows, schema=schema, orient="row")
