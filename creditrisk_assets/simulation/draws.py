"""Random draws and columns that several parts of the simulation share."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

Reals = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def generator(*key: int) -> np.random.Generator:
    """Random numbers owned by one key: whoever draws elsewhere cannot shift them."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(key)))


def pick(rng: np.random.Generator, shares: Sequence[float], size: int) -> Wholes:
    """Indices 0..len(shares)-1 drawn with the given relative shares; shape (size,)."""
    cumulated = np.cumsum(shares)
    return np.searchsorted(cumulated / cumulated[-1], rng.random(size), side="right").astype(np.int64)


def logistic(value: Reals) -> Reals:
    """1 / (1 + exp(-value)); with 1.7 times a standard normal it is uniform to within a percent."""
    chance: Reals = 1.0 / (1.0 + np.exp(-value))
    return chance


def named(names: Sequence[str], index: Wholes) -> pl.Series:
    """Text column of the names at the given indices."""
    return pl.Series(list(names), dtype=pl.String).gather(index)


def whole(value: Reals | Wholes, known: Flags | None = None) -> pl.Series:
    """Integer column, empty where the value is not known; reals are cut towards zero."""
    column = pl.Series(value.astype(np.int64))
    return column if known is None else column.set(pl.Series(~known), None)


def real(value: Reals, decimals: int, known: Flags | None = None) -> pl.Series:
    """Real column rounded to the published number of decimals, empty where not known."""
    column = pl.Series(np.round(value, decimals))
    return column if known is None else column.set(pl.Series(~known), None)


def month_number(month: date) -> int:
    """Months since year 0, so that months add and subtract as integers."""
    return month.year * 12 + month.month - 1


def month_of(number: int) -> date:
    """First day of the month with this number; the inverse of `month_number`."""
    return date(number // 12, number % 12 + 1, 1)
