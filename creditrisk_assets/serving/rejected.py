"""What was rejected and why, of loan files and of the stream: rows of serving/quarantine."""

import polars as pl

from creditrisk_assets.contracts import SERVING_QUARANTINE, Instant
from creditrisk_assets.raw.reasons import general
from creditrisk_assets.streaming.table import PLACE

OF_EVENTS = (*PLACE, "ingested_at", "replayed", "error")
"""Columns of raw/events that are looked at."""
_SEVERAL = "; payload."


def rejected_loans(quarantine: pl.LazyFrame) -> pl.LazyFrame:
    """serving/quarantine of raw/loans_quarantine; the newest row of a file is its last."""
    told = quarantine.select("line", source="file", reason="reasons").explode("reason")
    counted = told.with_columns(general(pl.col("reason"))).group_by("source", "reason").agg(
        rows=pl.col("line").n_unique(), newest=pl.format("line {}", pl.col("line").max())
    )  # fmt: skip
    return SERVING_QUARANTINE.conform(counted.with_columns(newest_at=pl.lit(None, Instant)))


def rejected_events(events: pl.LazyFrame) -> pl.LazyFrame:
    """serving/quarantine of raw/events (OF_EVENTS): messages in quarantine that were not decoded anew since.

    An application tells everything that is wrong with it in one sentence; advice on what to do is left out.
    """
    replayed = events.filter("replayed").select(PLACE)
    bad = events.filter(pl.col("error").is_not_null()).join(replayed, on=list(PLACE), how="anti")
    bad = bad.with_columns(reason=pl.col("error").str.replace_all(_SEVERAL, "\npayload.", literal=True).str.split("\n"))
    told = bad.explode("reason").with_columns(general(pl.col("reason")).str.replace(r"(?s); .*$", ""))
    told = told.unique([*PLACE, "reason"]).sort("ingested_at", *PLACE)
    counted = told.group_by(pl.col("topic").alias("source"), "reason", maintain_order=True).agg(
        rows=pl.len(),
        newest=pl.format("partition {}, offset {}", pl.col("partition").last(), pl.col("offset").last()),
        newest_at=pl.col("ingested_at").last(),
    )
    return SERVING_QUARANTINE.conform(counted)
