"""Tables of the lake in the few figures that a metric holds; pure functions of frames."""

from collections import Counter
from datetime import UTC, datetime, time

import polars as pl

from creditrisk_assets.contracts import ALL_PURPOSES, ALL_TERMS

NEWEST_DRIFT, NEWEST_CALIBRATION = 3, 12
"""Vintages looked at: one alone may be a whim, and defaults of one are few."""
MOST_REASONS = 30
FILES, OTHER = "loan_files", "other"

Rows = list[tuple[tuple[str, ...], int]]


def quarantine(frame: pl.DataFrame, topics: tuple[str, ...]) -> Rows:
    """Rows of serving/quarantine by source and class of the reason, which is what stands before its first colon.

    Every file counts as loan_files and all but the most frequent classes as other, so that the number of series
    is bounded.
    """
    counted = frame.select(
        "rows",
        source=pl.when(pl.col("source").is_in(list(topics))).then("source").otherwise(pl.lit(FILES)),
        reason=pl.col("reason").str.extract(r"^([\w.]{1,60}):").fill_null(OTHER),
    )
    sums = (
        counted.group_by("source", "reason").agg(pl.col("rows").sum()).sort("rows", "source", "reason", descending=True)
    )
    found = Counter[tuple[str, ...]]()
    for number, (source, reason, rows) in enumerate(sums.iter_rows()):
        found[source, reason if number < MOST_REASONS else OTHER] += rows
    return sorted(found.items())


def drift(frame: pl.DataFrame) -> pl.DataFrame:
    """Features of the newest vintages of monitoring/drift: feature, psi (the largest), verdict (the worst)."""
    verdicts = ("stable", "watch", "drifted")
    severity = pl.col("verdict").replace_strict(verdicts, range(3), return_dtype=pl.Int8).max()
    newest = frame.filter(pl.col("vintage").is_in(frame["vintage"].unique().top_k(NEWEST_DRIFT).implode()))
    return (
        newest.group_by("feature")
        .agg(pl.col("psi").max(), severity=severity)
        .with_columns(verdict=pl.col("severity").replace_strict(range(3), verdicts, return_dtype=pl.String))
        .sort("psi", "feature", descending=[True, False])
        .select("feature", "psi", "verdict")
    )


def calibration(frame: pl.DataFrame) -> pl.DataFrame:
    """Newest vintages of monitoring/performance that could have defaults: vintage, observed, expected, light, alarm."""
    tried = frame.filter(pl.col("light").is_not_null()).top_k(NEWEST_CALIBRATION, by="vintage")
    return tried.select("vintage", "observed", "expected", "light", "alarm")


def portfolio(totals: pl.DataFrame, movements: pl.DataFrame) -> dict[str, float]:
    """Figures of the newest reporting dates: reported (s), balance, expected losses and the allowance by stage (USD).

    Nothing before the first reporting date.
    """
    whole = totals.filter((pl.col("term_months") == ALL_TERMS) & (pl.col("purpose") == ALL_PURPOSES))
    found: dict[str, float] = {}
    for row in whole.top_k(1, by="model_date").iter_rows(named=True):
        found["reported"] = datetime.combine(row["model_date"], time(), UTC).timestamp()
        found["balance"] = row["balance"]
        for name in ("expected_loss_12m", "expected_loss_lifetime"):
            draws = row[name]
            found[name] = sum(draws) / len(draws) if draws else 0.0
    closing = movements.filter((pl.col("movement") == "closing") & (pl.col("model_date") == pl.col("model_date").max()))
    stages = closing.select("stage", "allowance").iter_rows()
    return found | {f"stage_{stage}": allowance for stage, allowance in stages} if found else {}
