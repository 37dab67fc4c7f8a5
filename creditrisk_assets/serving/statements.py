"""The SQL of the serving tables, made from one list of columns."""

from creditrisk_assets.contracts import REASONS

PLACE = ("topic", "epoch", "partition", "offset")
SCALARS = {
    "topic": "text", "epoch": "integer", "partition": "integer", "offset": "bigint",
    "kind": "text", "subject": "text",
    "pd": "double precision", "pd_low": "double precision", "pd_high": "double precision",
    "points": "integer", "band": "smallint", "decision": "text", "decision_probability": "double precision",
    "policy": "text", "model_date": "date", "feature_set": "text", "event_id": "text",
    "tier": "text", "watchlist": "boolean", "rule_reasons": "text", "rules": "text",
}  # fmt: skip
"""Columns of scores/live that are kept as they are, in the order in which they are sent."""
ORDER = ("as_of", "ingested_at", *PLACE)
"""Of two rows of a subject the one that is later in this order is the newer."""
TERM = ("pd_term", "pd_term_low", "pd_term_high")
INSTANTS = ("as_of", "ingested_at")
RANKED = tuple(f"{what}_{n}" for what in ("reason", "contribution") for n in REASONS)


def _names(names: tuple[str, ...], table: str = "") -> str:
    return ", ".join(f'{table}"{name}"' for name in names)


_typed = SCALARS | dict.fromkeys(TERM, "double precision") | dict.fromkeys(INSTANTS, "bigint")
_typed |= {name: "text" if name.startswith("reason") else "double precision" for name in RANKED}
SENT = tuple(_typed)
"""Columns of the temporary table, in their order; `newest` follows."""

LOCK = "SELECT pg_advisory_xact_lock(7301101)"
"""One micro-batch after another: two writers of one subject would wait for each other forever."""

REACHED = "SELECT ingested_at FROM serving.stream"
REACH = """
    INSERT INTO serving.stream AS known (ingested_at, micro_batches, events, decisions) VALUES (%s, 1, %s, %s)
    ON CONFLICT (is_the_only_row) DO UPDATE SET
        ingested_at = excluded.ingested_at,
        micro_batches = known.micro_batches + 1,
        events = known.events + excluded.events,
        decisions = known.decisions + excluded.decisions,
        updated_at = now()
"""
ENDS = "SELECT topic, epoch, partition, end_offset FROM serving.stream_offsets ORDER BY epoch"
ADVANCE = """
    INSERT INTO serving.stream_offsets AS known (topic, epoch, partition, end_offset)
    SELECT * FROM unnest(%s::text[], %s::int[], %s::int[], %s::bigint[])
    ON CONFLICT (topic, epoch, partition) DO UPDATE SET end_offset = excluded.end_offset, updated_at = now()
    WHERE known.end_offset < excluded.end_offset
"""
COUNT = """
    INSERT INTO serving.stream_counters AS known (topic, event_type, events, good, bad, replayed, flags)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
    ON CONFLICT (topic, event_type) DO UPDATE SET
        events = known.events + excluded.events,
        good = known.good + excluded.good,
        bad = known.bad + excluded.bad,
        replayed = known.replayed + excluded.replayed,
        flags = known.flags + excluded.flags
"""
DELAY = """
    INSERT INTO serving.stream_latency AS known (topic, at_most, events, microseconds)
    SELECT * FROM unnest(%s::text[], %s::float8[], %s::bigint[], %s::bigint[])
    ON CONFLICT (topic, at_most) DO UPDATE SET
        events = known.events + excluded.events,
        microseconds = known.microseconds + excluded.microseconds
"""
STAGE = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS micro_batch ("
    + ", ".join(f'"{name}" {kind}' for name, kind in _typed.items())
    + ", newest boolean) ON COMMIT DELETE ROWS"
)
COPY = f"COPY pg_temp.micro_batch ({_names(SENT)}, newest) FROM STDIN (FORMAT csv)"

_INSTANT = "'epoch'::timestamptz + \"{}\" * '1 microsecond'::interval"
_reasons = ", ".join(f"reason_{n}" for n in REASONS)
_contributions = ", ".join(f"contribution_{n}" for n in REASONS)
_MADE = ("reasons", "contributions", *INSTANTS)
_MAKING = ", ".join(
    (
        f"array_remove(ARRAY[{_reasons}], NULL)",
        f"array_remove(ARRAY[{_contributions}], NULL)",
        *(_INSTANT.format(name) for name in INSTANTS),
    )
)
_KEPT = (*SCALARS, *TERM)

DECIDE = f"""
    INSERT INTO serving.decisions ({_names((*SCALARS, *_MADE))})
    SELECT {_names(tuple(SCALARS))}, {_MAKING} FROM pg_temp.micro_batch
"""  # noqa: S608 - names of our own
UPSERT = f"""
    INSERT INTO serving.live_risk AS known ({_names((*_KEPT, *_MADE))}, updated_at)
    SELECT {_names(_KEPT)}, {_MAKING}, now() FROM pg_temp.micro_batch WHERE newest
    ON CONFLICT (subject, kind) DO UPDATE SET
        ({_names(tuple(name for name in (*_KEPT, *_MADE) if name not in ("subject", "kind")))}, updated_at)
      = ({_names(tuple(name for name in (*_KEPT, *_MADE) if name not in ("subject", "kind")), "excluded.")}, now())
    WHERE ({_names(ORDER, "known.")}) < ({_names(ORDER, "excluded.")})
"""  # noqa: S608 - names of our own
EMPTY = (
    "TRUNCATE serving.live_risk, serving.decisions, serving.stream, serving.stream_offsets, serving.stream_counters, "
    "serving.stream_latency"
)
FORGET = "SELECT serving.forget_decisions(make_interval(days => %s))"
