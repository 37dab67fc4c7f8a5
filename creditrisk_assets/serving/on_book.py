"""What the whole book can lose as of a reporting date: rows of portfolio/totals and portfolio/loss_distribution."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from creditrisk_assets.contracts import ALL_PURPOSES, ALL_TERMS
from creditrisk_assets.serving.portfolio import Estimate, estimate

LEVELS = {"value_at_risk_95": 0.95, "value_at_risk_99": 0.99, "value_at_risk_999": 0.999}
FIGURES = {
    "expected_loss": "Expected", "value_at_risk_95": "VaR 95 %", "value_at_risk_99": "VaR 99 %",
    "value_at_risk_999": "VaR 99.9 %", "expected_shortfall_99": "Shortfall beyond 99 %",
}  # fmt: skip
"""Figures of portfolio/loss_distribution in USD, and what they are called."""
FACTORS = {"with": "with the common factor", "without": "without it"}


@dataclass(frozen=True)
class Book:
    """Loans on book and their principal (USD); losses discounted, defaults in loans, intervals from the draws."""

    reporting_date: date
    loans: int
    balance: float
    loss_12m: Estimate
    loss_lifetime: Estimate
    defaults_12m: Estimate


def newest_date(*frames: pl.DataFrame) -> date | None:
    """The newest reporting date of tables with a model_date; None when all are empty."""
    days = [day for frame in frames if isinstance(day := frame["model_date"].max(), date)]
    return max(days, default=None)


def book(totals: pl.DataFrame, day: date) -> Book | None:
    """The row of all loans; None without one, or when nothing was on book."""
    mine = totals.filter(
        pl.col("model_date") == day, pl.col("term_months") == ALL_TERMS, pl.col("purpose") == ALL_PURPOSES
    )
    if mine.is_empty() or not mine["loans"][0]:
        return None
    row = mine.row(0, named=True)
    names = ("expected_loss_12m", "expected_loss_lifetime", "expected_defaults_12m")
    sums = [_of_draws(np.asarray(row[name], np.float64)) for name in names]
    return Book(day, int(row["loans"]), float(row["balance"]), *sums)


def losses(distribution: pl.DataFrame, day: date) -> pl.DataFrame:
    """figure, name, and of each factor USD with, with_low, with_high, without, without_low, without_high.

    A row for each of FIGURES; none when the date was not reckoned.
    """
    rows = {row["factor"]: row for row in _of(distribution, day).iter_rows(named=True)}
    columns = [f"{factor}{end}" for factor in FACTORS for end in ("", "_low", "_high")]
    schema = {"figure": pl.String, "name": pl.String, **dict.fromkeys(columns, pl.Float64)}
    if not rows:
        return pl.DataFrame(schema=schema)
    told = [
        {"figure": figure, "name": name}
        | {f"{factor}{end}": row[f"{figure}{end}"] for factor, row in rows.items() for end in ("", "_low", "_high")}
        for figure, name in FIGURES.items()
    ]
    return pl.DataFrame(told, schema=schema)


def correlation(distribution: pl.DataFrame, day: date) -> tuple[Estimate, float, float] | None:
    """Asset correlation that the factor amounts to, Basel's, and VaR 99.9 % by Vasicek's closed form in USD."""
    rows = _of(distribution, day).filter(pl.col("factor") == "with")
    if rows.is_empty():
        return None
    row = rows.row(0, named=True)
    mine = Estimate(row["correlation"], row["correlation_low"], row["correlation_high"])
    return mine, float(row["basel_correlation"]), float(row["vasicek_999"])


def curve(distribution: pl.DataFrame, day: date) -> pl.DataFrame:
    """Points: factor in words, loss (USD), exceeded: the chance that more is lost, for every point that is kept."""
    rows = _of(distribution, day).select("factor", exceeded=pl.col("levels"), loss=pl.col("losses"))
    named = pl.col("factor").replace_strict(FACTORS, return_dtype=pl.String)
    points = rows.explode("exceeded", "loss").with_columns(factor=named, exceeded=1 - pl.col("exceeded"))
    return points.sort("factor", "loss")


def levels(distribution: pl.DataFrame, day: date) -> pl.DataFrame:
    """label, factor in words, loss, low, high (USD), exceeded: the values at risk, as points of `curve`."""
    found = losses(distribution, day)
    parts = [
        found.filter(pl.col("figure").is_in(list(LEVELS))).select(
            label=pl.col("name"), factor=pl.lit(words), loss=factor, low=f"{factor}_low", high=f"{factor}_high",
            exceeded=1 - pl.col("figure").replace_strict(LEVELS, default=None, return_dtype=pl.Float64),
        )
        for factor, words in FACTORS.items()
    ]  # fmt: skip
    return pl.concat(parts).filter(pl.col("loss").is_not_null())


def _of(frame: pl.DataFrame, day: date) -> pl.DataFrame:
    return frame.filter(pl.col("model_date") == day)


def _of_draws(draws: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Estimate:
    return estimate(float(draws.mean()), draws)
