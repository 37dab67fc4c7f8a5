"""Micro-batches as PostgreSQL takes them: text to copy, counters by type, latencies by bucket."""

from collections.abc import Iterator
from datetime import datetime

import polars as pl

from creditrisk_assets.serving.statements import INSTANTS, ORDER, SENT

UNREADABLE = "unreadable"
"""Type of messages whose type cannot be read."""
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, float("inf"))
"""Upper bounds of the latency histogram, in seconds."""
ROWS_AT_ONCE = 4_000


def newest(scores: pl.DataFrame) -> pl.DataFrame:
    """Of rows of scores/live what live_risk holds once all are applied: the newest row of every subject."""
    return scores.sort(ORDER).filter(_newest())


def staged(scores: pl.DataFrame) -> Iterator[bytes]:
    """Rows of scores/live as CSV: the columns SENT, and `newest`, which marks the newest row of a subject.

    PostgreSQL's text holds every sign but NUL, which is shown as its symbol.
    """
    rows = scores.sort(ORDER).select(*(_sent(name, scores.schema[name]) for name in SENT), newest=_newest())
    for part in rows.iter_slices(ROWS_AT_ONCE):
        yield part.write_csv(include_header=False).encode()


def _newest() -> pl.Expr:
    return pl.struct("subject", "kind").is_last_distinct()


def _sent(name: str, dtype: pl.DataType) -> pl.Expr:
    if name in INSTANTS:
        return pl.col(name).dt.epoch("us")
    if dtype == pl.String:
        return pl.col(name).str.replace_all("\0", "\N{SYMBOL FOR NULL}", literal=True)
    return pl.col(name)


def counters(events: pl.DataFrame) -> pl.DataFrame:
    """Rows of raw/events by topic and type: topic, event_type, events, good, bad, replayed, flags.

    Rows decoded anew are counted as replayed only. Flags are summed where `events` has that column.
    """
    good, anew = pl.col("error").is_null(), pl.col("replayed")
    flags = pl.col("flags").sum() if "flags" in events.columns else pl.lit(0)
    return (
        events.group_by("topic", pl.col("event_type").fill_null(UNREADABLE))
        .agg(
            events=anew.not_().sum(),
            good=(good & ~anew).sum(),
            bad=(~good & ~anew).sum(),
            replayed=anew.sum(),
            flags=flags,
        )
        .sort("topic", "event_type")
    )


def latencies(events: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Good events by topic and bucket: topic, at_most (seconds), events, microseconds (their sum).

    The time from the broker to `now`; a clock that runs ahead makes it 0. Those decoded anew waited for
    a fix, and are left out.
    """
    waited = (pl.lit(now) - pl.col("broker_time")).dt.total_microseconds().clip(lower_bound=0)
    bounds = pl.Series([int(bound * 1e6) for bound in BUCKETS[:-1]])
    told = events.filter(pl.col("error").is_null(), pl.col("broker_time").is_not_null(), ~pl.col("replayed"))
    at_most = pl.col("bucket").replace_strict(range(len(BUCKETS)), BUCKETS, return_dtype=pl.Float64)
    return (
        told.select("topic", waited=waited)
        .with_columns(bucket=pl.lit(bounds).search_sorted(pl.col("waited"), side="left"))
        .group_by("topic", "bucket")
        .agg(events=pl.len(), microseconds=pl.col("waited").sum())
        .sort("topic", "bucket")
        .select("topic", at_most.alias("at_most"), "events", "microseconds")
    )
