"""What the stream remembers when a run begins: read once from the lake, then kept up by the micro-batches."""

from datetime import datetime

import polars as pl

from creditrisk_assets.contracts import ACTIVITY_TYPES, SCORES_LIVE, SCORES_LOANS
from creditrisk_assets.features.behaviour import LOOKBACK_MONTHS
from creditrisk_assets.models.behaviour import prior_of
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.deriving import APPLICATION, Memory
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.store import Store

_ACTIVITY = (
    "customer_id", "event_id", "event_type", "event_time", "amount", "days_past_due", "utilisation", "credit_line",
)  # fmt: skip


def remembered(lake: Lake, events: Events, live: Store, reached: datetime | None) -> Memory:
    """The memory after the micro-batch `reached`; of nothing but the book when that is None.

    `live` is the table scores/live. A customer counts by their newest application: of the stream, else of the book.
    """
    memory = Memory()
    if lake.exists(SCORES_LOANS):
        book = lake.scan(SCORES_LOANS, columns=["loan_id", "pd_low", "pd_high"]).collect()
        _learn(memory, book.rename({"loan_id": "customer"}))
    if reached is None:
        return memory
    _read_events(memory, events, reached)
    known = live.scan(live.files(pl.lit(True)), list(SCORES_LIVE.schema)).filter(
        pl.col("kind") == "application", pl.col("ingested_at") <= reached
    )
    scored = known.sort("ingested_at", "topic", "epoch", "partition", "offset").select(
        "pd_low", "pd_high", customer=pl.coalesce("customer_id", "subject")
    )
    _learn(memory, scored.collect())
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
    seen = rows.filter(pl.col("event_type") == APPLICATION).select("event_id").collect()["event_id"]
    memory.seen.add(seen, seen.to_frame().select().to_numpy().reshape(len(seen), 0))


def _learn(memory: Memory, scored: pl.DataFrame) -> None:
    import numpy as np

    priors = prior_of(scored["pd_low"].to_numpy(), scored["pd_high"].to_numpy())
    memory.priors.add(scored["customer"], np.column_stack(priors))
