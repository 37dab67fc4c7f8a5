"""Vintages side by side: cumulative default as observed and as expected, and how customers roll between months."""

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import BUCKETS
from creditrisk_assets.models.outcomes import HORIZON
from creditrisk_assets.serving.portfolio import ENDS, matrix
from creditrisk_assets.serving.selection import Selection

By = Literal["year", "quarter"]

POINTS = 2_000
"""Most rows of curves that are drawn one by one; beyond, every third month."""
SPANS = {"year": "1y", "quarter": "1q"}
PLACE = ["start", "month"]
NORMAL_95 = 1.6448536269514722


def curves(frame: pl.DataFrame, selection: Selection, by: By = "year") -> pl.DataFrame:
    """Cumulative default of rows of serving/default_curves by cohort, a year or quarter of issue, and month on book.

    start, cohort (2016, 2016 Q1), year, month, loans, observed, expected, low, high (90 % interval). Vintages and
    terms of a cohort are weighted by their loans, and only months that all of them reach are given: `observed` is
    empty where one of them is not observed that long, `expected` where one of them has no model.
    """
    chosen = selection(frame).with_columns(start=pl.col("vintage").dt.truncate(SPANS[by])).sort(PLACE)
    loans = pl.col("loans").sum()
    weighed = {
        name: pl.when(pl.col(name).is_not_null().all()).then((pl.col(name) * pl.col("loans")).sum() / loans)
        for name in ("observed", "expected")
    }
    found = chosen.group_by(PLACE, maintain_order=True).agg(pl.len().alias("parts"), loans, **weighed)
    whole = pl.col("parts") == pl.col("parts").first().over("start")
    found = found.with_columns(whole=whole).join(_bands(chosen, found), on=PLACE, how="left").filter("whole")
    return found.select(
        "start", label(by).alias("cohort"), pl.col("start").dt.year().cast(pl.String).alias("year"), "month", "loans",
        "observed", "expected", "low", "high",
    ).sort(PLACE)  # fmt: skip


def label(by: By) -> pl.Expr:
    """A cohort in words, from its `start`."""
    year = pl.col("start").dt.year().cast(pl.String)
    return year if by == "year" else pl.format("{} Q{}", year, pl.col("start").dt.quarter())


def _bands(chosen: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """start, month, low and high of the places where every part has draws; `chosen` sorted by place."""
    places = found.filter(pl.col("expected").is_not_null()).select(PLACE)
    rows = chosen.join(places, on=PLACE, how="semi", maintain_order="left")
    if rows.is_empty():
        return places.with_columns(low=pl.lit(None, pl.Float64), high=pl.lit(None, pl.Float64))
    weights = rows["loans"].to_numpy().astype(np.float64)
    starts = np.flatnonzero((rows.select(PLACE) != rows.select(PLACE).shift(1)).fill_null(True).max_horizontal())
    sums = np.add.reduceat(matrix(rows["draws"]) * weights[:, None], starts, axis=0)
    shares: NDArray[np.float64] = sums / np.add.reduceat(weights, starts)[:, None]
    low, high = np.quantile(shares, ENDS, axis=1)
    return places.with_columns(low=pl.Series(low), high=pl.Series(high))


def drawn(found: pl.DataFrame) -> pl.DataFrame:
    """Rows of `curves` few enough to be drawn."""
    if found.height <= POINTS:
        return found
    return found.filter((pl.col("month") % 3 == 0) | (pl.col("month") == 1))


def summary(found: pl.DataFrame, months: int = HORIZON) -> pl.DataFrame:
    """One row per cohort of `curves`, newest first, at a number of months on book.

    cohort, loans, observed_months, observed, expected, low, high, verdict (above, inside or below the interval; too
    early, no model) and history, the observed curve. `low` and `high` are wider than those of the curves: they hold
    what so many loans would show in nine cases of ten, chance included (normal approximation of the binomial).
    """
    chance = NORMAL_95 * (pl.col("expected") * (1 - pl.col("expected")) / pl.col("loans")).sqrt()
    low = pl.col("expected") - ((pl.col("expected") - pl.col("low")) ** 2 + chance**2).sqrt()
    high = pl.col("expected") + ((pl.col("high") - pl.col("expected")) ** 2 + chance**2).sqrt()
    at = found.filter(pl.col("month") == months)
    at = at.select("start", "observed", "expected", low=low.clip(0, 1), high=high.clip(0, 1))
    seen = pl.col("observed").is_not_null()
    cohorts = found.group_by("start").agg(
        pl.col("cohort").first(),
        pl.col("loans").first(),
        observed_months=pl.col("month").filter(seen).max().fill_null(0),
        history=pl.col("observed").filter(seen).sort_by(pl.col("month").filter(seen)),
    )
    verdict = (
        pl.when(pl.col("observed").is_null()).then(pl.lit("too early"))
        .when(pl.col("low").is_null()).then(pl.lit("no model"))
        .when(pl.col("observed") > pl.col("high")).then(pl.lit("above"))
        .when(pl.col("observed") < pl.col("low")).then(pl.lit("below"))
        .otherwise(pl.lit("inside"))
    )  # fmt: skip
    told = cohorts.join(at, on="start", how="left").with_columns(verdict=verdict).sort("start", descending=True)
    return told.select(
        "cohort", "loans", "observed_months", "observed", "expected", "low", "high", "verdict", "history"
    )


def roll_rates(frame: pl.DataFrame, months: int = 12) -> pl.DataFrame:
    """Rows of serving/roll_rates over the newest `months`: from_bucket, to_bucket, customers, share of from_bucket.

    `turn` tells worse, same and better apart; every pair of buckets is there, in order, without a share where
    nobody was in the first. Empty without rows.
    """
    if frame.is_empty():
        return pl.DataFrame(
            schema={"from_bucket": pl.String, "to_bucket": pl.String, "customers": pl.Int64, "share": pl.Float64,
                    "turn": pl.String}
        )  # fmt: skip
    newest = frame.filter(pl.col("month").rank("dense", descending=True) <= months)
    ranks = pl.DataFrame({"bucket": BUCKETS, "rank": range(len(BUCKETS))})
    pairs = ranks.select(pl.all().name.prefix("from_")).join(ranks.select(pl.all().name.prefix("to_")), how="cross")
    counted = newest.group_by("from_bucket", "to_bucket").agg(pl.col("customers").sum())
    found = pairs.join(counted, on=["from_bucket", "to_bucket"], how="left").with_columns(
        pl.col("customers").fill_null(0)
    )
    turn = pl.col("to_rank") - pl.col("from_rank")
    return (
        found.with_columns(
            share=(pl.col("customers") / pl.col("customers").sum().over("from_bucket")).fill_nan(None),
            turn=pl.when(turn > 0)
            .then(pl.lit("worse"))
            .when(turn < 0)
            .then(pl.lit("better"))
            .otherwise(pl.lit("same")),
        )
        .sort("from_rank", "to_rank")
        .drop("from_rank", "to_rank")
    )
