"""Is a feature missing more, or less, often than it used to be? Shares against the twelve months before.

The share missing among the n loans of a vintage has its exact binomial interval (Clopper and Pearson,
Biometrika 26, 1934), and fails where the share of the N loans before, (K + 1/2) / (N + 1), lies outside. For
that share is an estimate as well: the interval is taken as if the vintage had n / (1 + n / N) loans, which adds
the variances of the two. Small vintages hence do not alarm; nor do large ones, for a feature is told only where
its share also moved by an amount that matters.
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
    trailing = ordered.rolling("vintage", period=f"{TRAILING}mo", offset=f"-{TRAILING}mo", closed="left")
    before = trailing.agg(pl.col("loans", *names).sum())
    missing, earlier = (frame.select(names).to_numpy().astype(np.float64) for frame in (ordered, before))
    loans, total = (frame["loans"].to_numpy().astype(np.float64)[:, None] for frame in (ordered, before))
    reference = np.where(total > 0, (earlier + 0.5) / (total + 1), np.nan)
    share = missing / np.maximum(loans, 1)
    low, high = _interval(share, loans / (1 + loans / np.maximum(total, 1)), alpha / len(names))
    failed = (reference < low) | (reference > high)
    if material:
        failed &= _matters(share, reference)
    figures = {"loans": np.broadcast_to(loans, missing.shape), "missing": missing, "share": share, "low": low,
               "high": high, "before": reference, "failed": failed}  # fmt: skip
    frame = pl.DataFrame({name: values.ravel() for name, values in figures.items()}).fill_nan(None)
    labels = ordered.select("vintage", feature=pl.lit(names, pl.List(pl.String))).explode("feature")
    return pl.concat([labels, frame], how="horizontal").select(COMPLETENESS.names()).cast(COMPLETENESS)


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
