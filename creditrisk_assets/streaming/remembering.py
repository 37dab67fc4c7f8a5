"""What the stream remembers when a run begins: read once from the lake, then kept up by the micro-batches."""

from datetime import datetime

import polars as pl

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import ACTIVITY_TYPES, SCORES_CHALLENGER, SCORES_LOANS, Instant
from creditrisk_assets.features.behaviour import LOOKBACK_MONTHS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.deriving import APPLICANT, APPLICATION, Memory
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.store import Store

_ACTIVITY = (
    "customer_id", "event_id", "event_type", "event_time", "amount", "days_past_due", "utilisation", "credit_line",
)  # fmt: skip


def remembered(
    lake: Lake, events: Events, live: Store, reached: datetime | None, shadow: Store | None = None
) -> Memory:
    """The memory after the micro-batch `reached`; of nothing but the book when that is None.

    `live` is the table scores/live. With `shadow`, the table scores/shadow, it is the memory of the challenger:
    what it said of loans and applications, and what the champion said where it has not.
    """
    memory = Memory()
    books = (SCORES_LOANS,) if shadow is None else (SCORES_CHALLENGER, SCORES_LOANS)
    memory.learn(_first_to_say("customer", [_book(lake, book) for book in books]))
    if reached is None:
        return memory
    _read_events(memory, events, reached)
    told = [_applications(table, reached) for table in ([live] if shadow is None else [shadow, live])]
    memory.learn(_first_to_say("event_id", told))
    return memory


def _book(lake: Lake, table: Table) -> pl.DataFrame:
    """What was said of loans before the stream."""
    columns = {"loan_id": pl.String, "pd_low": pl.Float64, "pd_high": pl.Float64}
    found = lake.scan(table, columns=list(columns)).collect() if lake.exists(table) else pl.DataFrame(schema=columns)
    return found.rename({"loan_id": "customer"}).with_columns(as_of=pl.lit(None, Instant))


def _applications(table: Store, reached: datetime) -> pl.DataFrame:
    """What was said of applications up to a micro-batch."""
    scored = table.scan(table.files(pl.col("min.ingested_at") <= reached)).filter(
        pl.col("kind") == "application", pl.col("ingested_at") <= reached
    )
    return scored.select("event_id", "as_of", "pd_low", "pd_high", customer=APPLICANT).collect()


def _first_to_say(key: str, told: list[pl.DataFrame]) -> pl.DataFrame:
    """Rows of the first frame, and those of the next ones whose `key` is in none before."""
    first, *others = told
    for other in others:
        first = pl.concat([first, other.join(first, on=key, how="anti")])
    return first


def _read_events(memory: Memory, events: Events, reached: datetime) -> None:
    events.refresh()
    rows = events.scan(events.files(pl.col("min.ingested_at") <= reached)).filter(
        pl.col("ingested_at") <= reached, pl.col("error").is_null()
    )
    oldest = pl.col("event_time").max().dt.offset_by(f"-{LOOKBACK_MONTHS}mo")
    acted = rows.filter(pl.col("event_type").is_in(list(ACTIVITY_TYPES))).select(_ACTIVITY)
    # Silent customers keep the months before their own newest event, whenever that was.
    memory.activity.add(acted.filter(pl.col("event_time") > oldest.over("customer_id")).collect())
    seen = rows.filter(pl.col("event_type") == APPLICATION).select("event_id").collect()
    memory.first_seen(seen["event_id"])
