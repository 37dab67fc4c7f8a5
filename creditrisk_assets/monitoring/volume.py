"""Did a vintage shrink or explode against the ones before it? A robust forecast of log counts.

Books grow, so a vintage is not compared with the mean of the last twelve but with their trend: the
Theil-Sen line (median of all pairwise slopes; Sen, JASA 63, 1968) through their log counts, carried
one month on. The scale is 1.4826 times the median absolute residual from that line (Rousseeuw and
Croux, JASA 88, 1993), widened for extrapolating by one month, and never below the Poisson noise of the
count that was expected. A month gone wrong among the twelve moves neither line nor scale.
"""

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

TRAILING = 12
"""Vintages before one that it is judged by; the first twelve of a book are judged by nothing."""

CRITICAL = 5.15
"""|z| above which 1 % of the vintages of an unchanged book lie whose log counts are normal about their trend.

Far above the normal 2.58: the scale is the median of twelve residuals from a line fitted to them. Of counts that are
only Poisson about their trend fewer than .1 % lie there. From 20,000 drawn books each; the tests draw others.
"""

MATERIAL = 1.5
"""Factor between count and forecast below which nobody need be told, however steady the book was."""

VOLUME = pl.Schema(
    {"vintage": pl.Date, "loans": pl.Int64, "expected": pl.Float64, "z": pl.Float64, "status": pl.String}
)


def volume(counts: pl.DataFrame, *, critical: float = CRITICAL, material: float = MATERIAL) -> pl.DataFrame:
    """Judge each vintage by the twelve before it: vintage, loans, expected, z, status; one row a month, in order.

    counts: vintage, rows. Months in between without loans count as zero. Status is usual, shrunk,
    exploded, or too young (fewer than twelve vintages before it; expected and z are then empty).
    """
    if counts.is_empty():
        return pl.DataFrame(schema=VOLUME)
    months = counts.select(pl.date_range(pl.col("vintage").min(), pl.col("vintage").max(), "1mo"))
    table = months.join(counts.select("vintage", loans="rows"), on="vintage", how="left")
    table = table.sort("vintage").with_columns(pl.col("loans").fill_null(0))
    logs = np.log(table["loans"].to_numpy() + 0.5)
    expected, scale = np.full((2, len(logs)), np.nan)
    if len(logs) > TRAILING:
        before = np.lib.stride_tricks.sliding_window_view(logs, TRAILING)[:-1]
        expected[TRAILING:], scale[TRAILING:] = forecast(before)
    away = logs - expected
    table = table.with_columns(expected=pl.Series(np.exp(expected) - 0.5), z=pl.Series(away / scale)).fill_nan(None)
    beyond = (np.abs(away / scale) > critical) & (np.abs(away) > math.log(material))
    words = np.where(beyond, np.where(away < 0, "shrunk", "exploded"), "usual")
    words = np.where(np.isnan(away), "too young", words)
    return table.with_columns(status=pl.Series(words.tolist(), dtype=pl.String)).select(VOLUME.names())


def forecast(before: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Next log count and its scale, each (n,), from the log counts before it, (n, months), oldest first."""
    size = before.shape[1]
    time = np.arange(size, dtype=np.float64)
    first, second = np.triu_indices(size, 1)
    slope = np.median((before[:, second] - before[:, first]) / (time[second] - time[first]), axis=1)
    level = np.median(before - slope[:, None] * time, axis=1)
    residual = np.median(np.abs(before - level[:, None] - slope[:, None] * time), axis=1)
    expected = level + slope * size
    extrapolated = 1 + 1 / size + (size - time.mean()) ** 2 / float(((time - time.mean()) ** 2).sum())
    spread = 1.4826 * residual * math.sqrt(extrapolated)
    return expected, np.maximum(spread, np.exp(-expected / 2))
