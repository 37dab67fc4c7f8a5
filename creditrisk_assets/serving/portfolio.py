"""The book in figures: what the overview shows of the rows of serving/segments and serving/loss_draws it is given."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import DECISIONS
from creditrisk_assets.scores.scale import BAND_EDGES
from creditrisk_assets.serving.selection import Selection

Matrix = NDArray[np.float64]

ENDS = (0.05, 0.95)
"""Quantiles of a 90 % credible interval."""
CLASSES = ("Low", "Moderate", "Elevated", "High")
"""Risk classes, two bands each: PD within twelve months below 2 %, 4.5 %, 10 %, and above."""
BANDS = pl.DataFrame(
    {
        "band": pl.Series(range(1, 9), dtype=pl.Int32),
        "pd_range": [
            f"< {100 * BAND_EDGES[0]:g} %",
            *(f"{100 * low:g}-{100 * high:g} %" for low, high in pairwise(BAND_EDGES)),
            f"≥ {100 * BAND_EDGES[-1]:g} %",
        ],
        "risk_class": [name for name in CLASSES for _ in range(2)],
    }
)
"""band, the range of its PD in words, and its risk class."""

QUARTER = pl.col("vintage").dt.truncate("1q")


@dataclass(frozen=True)
class Estimate:
    """Posterior mean and the ends of its 90 % credible interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Totals:
    """A selection of scored loans: counts, USD, shares. None where there is nothing to divide by.

    `expected_defaults` and `expected_loss` are those within twelve months. `observed_rate` and
    `expected_rate` are the defaults of matured loans within twelve months, happened and expected.
    """

    loans: int
    exposure: float
    expected_loss: Estimate
    mean_pd: Estimate | None
    approved: float | None
    referred: float | None
    declined: float | None
    matured: int
    observed_rate: float | None
    expected_rate: float | None


@dataclass(frozen=True, eq=False)
class LossDraws:
    """Rows of serving/loss_draws as matrices (rows, draws); `keys` holds their other columns and the row number.

    Draws of one number are alike in the level of risk whatever their model, so sums go number by number.
    """

    keys: pl.DataFrame
    defaults: Matrix
    loss: Matrix

    def chosen(self, selection: Selection) -> "LossDraws":
        """The rows that are selected."""
        keys = selection(self.keys)
        rows = keys["row"].to_numpy()
        return LossDraws(keys, self.defaults[rows], self.loss[rows])


def loss_draws(frame: pl.DataFrame) -> LossDraws:
    """serving/loss_draws ready to be added up."""
    keys = frame.select("vintage", "term_months", "purpose", "loans", "exposure").with_row_index("row")
    return LossDraws(keys, matrix(frame["expected_defaults"]), matrix(frame["expected_loss"]))


def matrix(column: pl.Series) -> Matrix:
    """A column of equally long lists as (rows, length)."""
    width = int(column.list.len().max() or 0) if column.len() else 0  # type: ignore[arg-type]
    return column.explode().to_numpy().astype(np.float64).reshape(-1, width) if width else np.zeros((0, 0))


def totals(segments: pl.DataFrame, draws: LossDraws) -> Totals:
    """Figures of the segments given, with intervals from the draws that belong to them."""
    names = ("loans", "exposure", "expected_loss", "expected_defaults", "matured", "matured_defaults",
             "matured_expected_defaults")  # fmt: skip
    decided = (pl.col("loans").filter(pl.col("decision") == name).sum().alias(name) for name in DECISIONS)
    sums = segments.select(pl.col(names).sum(), *decided).row(0, named=True)
    loans, matured = int(sums["loans"]), int(sums["matured"])
    defaults = estimate(float(sums["expected_defaults"]), draws.defaults.sum(axis=0))
    return Totals(
        loans=loans,
        exposure=float(sums["exposure"]),
        expected_loss=estimate(float(sums["expected_loss"]), draws.loss.sum(axis=0)),
        mean_pd=Estimate(defaults.mean / loans, defaults.low / loans, defaults.high / loans) if loans else None,
        approved=sums["approve"] / loans if loans else None,
        referred=sums["refer"] / loans if loans else None,
        declined=sums["decline"] / loans if loans else None,
        matured=matured,
        observed_rate=sums["matured_defaults"] / matured if matured else None,
        expected_rate=sums["matured_expected_defaults"] / matured if matured else None,
    )


def estimate(mean: float, draws: Matrix) -> Estimate:
    """A posterior mean with the interval of its draws (draws,); without draws the interval is the mean."""
    if not draws.size:
        return Estimate(mean, mean, mean)
    low, high = np.quantile(draws, ENDS)
    return Estimate(mean, float(low), float(high))


def rates() -> list[pl.Expr]:
    """Sums and shares of rows of serving/segments, to aggregate by: see `Totals` for their meaning."""
    loans, exposure, matured = (pl.col(name).sum() for name in ("loans", "exposure", "matured"))
    return [
        loans,
        exposure,
        pl.col("expected_loss").sum(),
        (pl.col("expected_defaults").sum() / loans).alias("mean_pd"),
        (pl.col("loans").filter(pl.col("decision") == "approve").sum() / loans).alias("approved"),
        matured,
        pl.when(matured > 0).then(pl.col("matured_defaults").sum() / matured).alias("observed_rate"),
        pl.when(matured > 0).then(pl.col("matured_expected_defaults").sum() / matured).alias("expected_rate"),
    ]


def by_quarter(segments: pl.DataFrame) -> pl.DataFrame:
    """`rates` by quarter of issue, ascending; the figures of sparklines."""
    return segments.group_by(quarter=QUARTER).agg(rates()).sort("quarter")


def decisions_by_quarter(segments: pl.DataFrame) -> pl.DataFrame:
    """quarter, decision, its rank, loans and share of the quarter's loans; every decision in every quarter."""
    counted = segments.group_by(quarter=QUARTER, decision="decision").agg(pl.col("loans").sum())
    every = (
        counted.select("quarter")
        .unique()
        .join(pl.DataFrame({"decision": DECISIONS, "rank": range(len(DECISIONS))}), how="cross")
    )
    return (
        every.join(counted, on=["quarter", "decision"], how="left")
        .with_columns(pl.col("loans").fill_null(0))
        .with_columns(share=pl.col("loans") / pl.col("loans").sum().over("quarter"))
        .sort("quarter", "rank")
    )


def by_band(segments: pl.DataFrame) -> pl.DataFrame:
    """band, pd_range, risk_class, loans, exposure and share of all loans; eight rows, empty bands too."""
    counted = segments.group_by("band").agg(pl.col("loans").sum(), pl.col("exposure").sum())
    return (
        BANDS.join(counted, on="band", how="left")
        .with_columns(pl.col("loans", "exposure").fill_null(0))
        .with_columns(share=(pl.col("loans") / pl.col("loans").sum()).fill_nan(0.0))
        .sort("band")
    )


def by_segment(segments: pl.DataFrame, past: pl.DataFrame, draws: LossDraws, key: str) -> pl.DataFrame:
    """`rates` by purpose or term_months, worst first, with loss_rate of the exposure, its 90 % interval and history.

    `history` is the mean PD by quarter of the segments `past`, ascending.
    """
    found = segments.group_by(key).agg(rates())
    history = past.group_by(key, quarter=QUARTER).agg(rates()).sort("quarter")
    chosen = draws.keys
    names = chosen[key].unique(maintain_order=True)
    sums = _summed(draws.loss, chosen[key], names)
    lent = chosen.group_by(key).agg(lent=pl.col("exposure").sum())
    low, high = np.quantile(sums, ENDS, axis=1) if sums.size else (np.zeros(0), np.zeros(0))
    ends = pl.DataFrame({key: names, "low": low, "high": high})
    return (
        found.join(history.group_by(key, maintain_order=True).agg(history=pl.col("mean_pd")), on=key)
        .join(ends, on=key, how="left")
        .join(lent, on=key, how="left")
        .with_columns(
            loss_rate=pl.col("expected_loss") / pl.col("exposure"),
            loss_rate_low=pl.col("low") / pl.col("lent"),
            loss_rate_high=pl.col("high") / pl.col("lent"),
        )
        .drop("low", "high", "lent")
        .sort("loss_rate", descending=True)
    )


def _summed(values: Matrix, key: pl.Series, names: pl.Series) -> Matrix:
    """Sums of rows (rows, draws) by key, in the order of `names`: (names, draws)."""
    belongs = key.to_numpy()[None, :] == names.to_numpy()[:, None]
    return np.asarray(belongs.astype(np.float64) @ values, np.float64)
