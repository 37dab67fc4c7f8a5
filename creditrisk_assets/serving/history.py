"""What happened to a customer, and what became of their PD: from the events and scores of the stream."""

from typing import Any

import polars as pl

from creditrisk_assets.contracts import RAW_EVENTS, SCORES_LIVE
from creditrisk_assets.serving.tables import ServedTables
from creditrisk_assets.serving.wording import with_unit

SAID = {
    "loan_application": "Applied", "payment_made": "Paid", "payment_missed": "Missed a payment",
    "utilisation_spike": "Utilisation spike", "credit_line_change": "Credit line changed",
    "credit_inquiry": "Credit inquiry",
}  # fmt: skip
POINTS = ("as_of", "kind", "pd", "pd_low", "pd_high", "decision", "ingested_at")
_TOLD = ("event_time", "event_type", "amount", "days_past_due", "utilisation", "credit_line", "event_id")
MOST = 500
"""Rows of a history: the newest."""


def scored(tables: ServedTables, customer: str) -> pl.DataFrame:
    """PD of a customer over time (POINTS), ascending; of one instant the last scored. No row without a stream."""
    if not tables.exists(SCORES_LIVE):
        return pl.DataFrame(schema={name: SCORES_LIVE.schema[name] for name in POINTS})
    mine = (pl.col("subject") == customer) | (pl.col("customer_id") == customer)
    found = tables.rows(SCORES_LIVE, mine, POINTS).sort("as_of", "ingested_at")
    return found.unique(["as_of", "kind"], keep="last", maintain_order=True).tail(MOST)


def events(tables: ServedTables, customer: str) -> pl.DataFrame:
    """What a customer did, newest first: time, event, detail; repeats told once, at most `MOST` rows."""
    if not tables.exists(RAW_EVENTS):
        return pl.DataFrame(schema={"time": pl.Datetime("us", "UTC"), "event": pl.String, "detail": pl.String})
    mine = pl.col("error").is_null() & ((pl.col("customer_id") == customer) | (pl.col("application_id") == customer))
    found = tables.rows(RAW_EVENTS, mine, _TOLD).unique("event_id", maintain_order=True)
    newest = found.sort("event_time", descending=True).head(MOST)
    details = pl.Series("detail", [detail(row) for row in newest.iter_rows(named=True)], dtype=pl.String)
    return newest.select(
        time="event_time",
        event=pl.col("event_type").cast(pl.String).replace(SAID),
        detail=details,
    )


def detail(event: dict[str, Any]) -> str:
    """The figures of an event in words."""
    told: list[str] = []
    if event["amount"] is not None:
        told.append(with_unit(event["amount"], "USD"))
    if event["days_past_due"]:
        told.append(f"{with_unit(event['days_past_due'], 'days')} past due")
    if event["utilisation"] is not None:
        told.append(f"{100 * event['utilisation']:.0f} % of the limit")
    if event["credit_line"] is not None:
        told.append(f"now {with_unit(event['credit_line'], 'USD')}")
    return ", ".join(told)
