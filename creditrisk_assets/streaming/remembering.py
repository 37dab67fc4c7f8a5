"""What the stream remembers when a run begins: read once from the lake, then kept up by the micro-batches."""

from datetime import datetime

import polars as pl

from creditrisk_assets.contracts import ACTIVITY_TYPES, SCORES_LOANS, Instant
from creditrisk_assets.features.behaviour import LOOKBACK_MONTHS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.deriving import APPLICANT, APPLICATION, Memory
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.store import Store

_ACTIVITY = (
    "customer_id", "event_id", "event_type", "event_time", "amount", "days_past_due", "utilisation", "credit_line",
)  # fmt: skip


def remembered(lake: Lake, events: Events, live: Store, reached: datetime | None) -> Memory:
    """The memory after the micro-batch `reached`; of nothing but the book when that is None.

    `live` is the table scores/live.
    """
    memory = Memory()
    if lake.exists(SCORES_LOANS):
        book = lake.scan(SCORES_LOANS, columns=["loan_id", "pd_low", "pd_high"])
        memory.learn(book.rename({"loan_id": "customer"}).with_columns(as_of=pl.lit(None, Instant)).collect())
    if reached is None:
        return memory
    _read_events(memory, events, reached)
    scored = live.scan(live.files(pl.col("min.ingested_at") <= reached)).filter(
        pl.col("kind") == "application", pl.col("ingested_at") <= reached
    )
    memory.learn(scored.select("as_of", "pd_low", "pd_high", customer=APPLICANT).collect())
    return memory


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
