"""Is a feature missing more, or less, often than it used to be? Shares against the twelve months before.

The share missing among the n loans of a vintage has its exact binomial interval (Clopper and Pearson,
Biometrika 26, 1934), and fails where the share of the N loans before, (K + 1/2) / (N + 1), lies outside. For
that share is an estimate as well: the interval is taken as if the vintage had n / (1 + n / N) loans, which adds
the variances of the two. Small vintages hence do not alarm; nor do large ones, for a feature is told only where
its share also moved by an amount that matters. One vintage gone wrong must not spoil the twelve after it: the
share before is taken with and without the vintage in which it was highest, and lowest, and the nearest counts.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import FEATURES_LOANS

TRAILING = 12
ALPHA = 0.01
"""Probability that some feature of an unchanged vintage is beyond its interval, at most."""

LARGE, SMALL, ODDS = 0.05, 0.01, 2.0
"""A share matters that moved by LARGE, or by SMALL and to ODDS times the odds it had (or a fraction of them)."""

FEATURES = tuple(column.name for column in FEATURES_LOANS.columns if column.known == "application" and column.nullable)
"""Features that may be missing."""

COMPLETENESS = pl.Schema({
    "vintage": pl.Date, "feature": pl.String, "loans": pl.Int64, "missing": pl.Int64, "share": pl.Float64,
    "low": pl.Float64, "high": pl.Float64, "before": pl.Float64, "failed": pl.Boolean,
})  # fmt: skip


def missing_counts(features: pl.LazyFrame, names: Sequence[str] = FEATURES) -> pl.DataFrame:
    """Loans and empty values of every feature by vintage, in order: vintage, loans, and a column a feature."""
    counts = [pl.col(name).null_count().cast(pl.Int64) for name in names]
    grouped = features.group_by("vintage").agg(pl.len().cast(pl.Int64).alias("loans"), *counts)
    return grouped.sort("vintage").collect(engine="streaming")


def completeness(counts: pl.DataFrame, *, alpha: float = ALPHA, material: bool = True) -> pl.DataFrame:
    """Judge every feature of every vintage by the vintages of the twelve months before; columns COMPLETENESS.

    counts: as `missing_counts` gives them. low and high hold the share missing with probability 1 - alpha /
    features, so that an unchanged vintage fails with alpha at most whatever the features have to do with each
    other; `before` is the share they are held against, empty (and passed) without any vintage before.
    `material` False tells every feature outside its interval, however little it moved.
    """
    names = [name for name in counts.columns if name not in ("vintage", "loans")]
    if counts.is_empty() or not names:
        return pl.DataFrame(schema=COMPLETENESS)
    ordered = counts.sort("vintage")
    missing, loans = (ordered.select(columns).to_numpy().astype(np.float64) for columns in (names, ["loans"]))
    share = missing / np.maximum(loans, 1)
    reference, total = _before(ordered["vintage"], missing, loans, share)
    low, high = _interval(share, loans / (1 + loans / np.maximum(total, 1)), alpha / len(names))
    failed = (reference < low) | (reference > high)
    if material:
        failed &= _matters(share, reference)
    figures = {"loans": np.broadcast_to(loans, missing.shape), "missing": missing, "share": share, "low": low,
               "high": high, "before": reference, "failed": failed}  # fmt: skip
    frame = pl.DataFrame({name: values.ravel() for name, values in figures.items()}).fill_nan(None)
    labels = ordered.select("vintage", feature=pl.lit(names, pl.List(pl.String))).explode("feature")
    return pl.concat([labels, frame], how="horizontal").select(COMPLETENESS.names()).cast(COMPLETENESS)


def _before(
    vintages: pl.Series, missing: NDArray[np.float64], loans: NDArray[np.float64], share: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share missing of the twelve months before, (vintages, features), nan without any; and their loans, (vintages, 1).

    Of the three shares, of all of them and without the month of the highest or lowest one, the nearest to `share`.
    """
    month = (vintages.dt.year().cast(pl.Int64) * 12 + vintages.dt.month()).to_numpy()
    at = month - month[0] + TRAILING
    gone, lent = (np.zeros((at[-1] + 1, values.shape[1])) for values in (missing, loans))
    gone[at], lent[at] = missing, loans
    window = np.lib.stride_tricks.sliding_window_view
    gone, lent = (window(values, TRAILING, axis=0)[at - TRAILING] for values in (gone, lent))  # (vintages, …, months)
    shares = np.where(lent > 0, gone / np.maximum(lent, 1), np.nan)
    hits, total = gone.sum(axis=2), lent.sum(axis=2)
    found = [(hits + 0.5) / (total + 1)]
    highest, lowest = np.nan_to_num(shares, nan=-1).argmax(axis=2), np.nan_to_num(shares, nan=2).argmin(axis=2)
    for extreme in (highest[..., None], lowest[..., None]):
        out_gone, out_lent = (
            np.take_along_axis(np.broadcast_to(values, gone.shape), extreme, 2)[..., 0] for values in (gone, lent)
        )
        rest = total - out_lent
        found.append(np.where(rest > 0, (hits - out_gone + 0.5) / (rest + 1), found[0]))
    stacked = np.stack(found)
    nearest = np.abs(stacked - share).argmin(axis=0)
    return np.where(total > 0, np.take_along_axis(stacked, nearest[None], 0)[0], np.nan), total


def _interval(
    share: NDArray[np.float64], size: NDArray[np.float64], alpha: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Clopper-Pearson of a share among `size` loans, which need not be whole."""
    from scipy.special import betaincinv

    hits = share * size
    low = np.where(hits > 0, betaincinv(np.maximum(hits, 1e-9), size - hits + 1, alpha / 2), 0.0)
    high = np.where(hits < size, betaincinv(hits + 1, np.maximum(size - hits, 1e-9), 1 - alpha / 2), 1.0)
    return low, high


def _matters(share: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.bool_]:
    moved = np.abs(share - before)
    kept = np.clip(share, 1e-9, 1 - 1e-9)
    odds = kept / (1 - kept) / (before / (1 - before))
    return (moved >= LARGE) | ((moved >= SMALL) & ((odds >= ODDS) | (odds <= 1 / ODDS)))
