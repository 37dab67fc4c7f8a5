"""Counts of behaviour in steps: few bins per column, in which the risk rises or falls throughout.

Fitted on learning data only. Values are pooled until their default rates are in order (pool adjacent
violators, Ayer et al. 1955), then neighbours are merged while a bin holds too few defaults, or while
the data can hardly tell the two apart.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

Vector = NDArray[np.float64]

FEWEST = 30
"""Defaults, and customers without one, in every bin."""
LEAST_GAIN = 2.0
"""Nats of log-likelihood that an edge must be worth: about the 95 % point of a likelihood-ratio test."""
MOST_BINS = 8
_FINEST = 200


@dataclass(frozen=True)
class Steps:
    """A column in bins: `edges` ascending, a value on an edge lies above it; `shares` of the bins in learning.

    Where a column may be empty its first edge is 0, and an empty value is in the bin before it.
    """

    name: str
    edges: tuple[int, ...]
    shares: tuple[float, ...]

    @property
    def may_be_empty(self) -> bool:
        """Has the column a bin for empty values?"""
        return self.edges[0] == 0

    @property
    def size(self) -> int:
        """Number of bins."""
        return len(self.edges) + 1

    @property
    def reference(self) -> int:
        """The bin of most customers: the effects of the others are told against it."""
        return int(np.argmax(self.shares))

    def codes(self, frame: pl.DataFrame) -> NDArray[np.intp]:
        """Bin of every row, shape (rows,). ValueError where the column is absent, or empty and may not be."""
        if self.name not in frame.columns:
            raise ValueError(f"features/behaviour has no column {self.name!r}: materialise it again")
        values = frame[self.name]
        if values.null_count() and not self.may_be_empty:
            row = values.is_null().arg_max()
            raise ValueError(f"features/behaviour.{self.name} is empty in row {row}: count the behaviour again")
        numbers = values.fill_null(-1).to_numpy()
        return np.searchsorted(np.array(self.edges), numbers, side="right")

    def label(self, code: int) -> str:
        """The bin in words."""
        if self.may_be_empty and code == 0:
            return "not told"
        low = self.edges[code - 1] if code else 0
        if code == len(self.edges):
            return f"{low} and more"
        high = self.edges[code] - 1
        return str(low) if low == high else f"{low} to {high}"


def fit_steps(values: pl.Series, outcome: NDArray[np.bool_], *, may_be_empty: bool) -> Steps | None:
    """Bins of a column of whole numbers from 0 up (n,) and of defaults (n,); None where it tells nothing."""
    known = values.is_not_null().to_numpy()
    edges = _edges(values.drop_nulls().to_numpy().astype(np.int64), outcome[known])
    if may_be_empty and values.null_count():
        edges = (0, *edges)
    if not edges:
        return None
    codes = np.searchsorted(np.array(edges), values.fill_null(-1).to_numpy(), side="right")
    shares = np.bincount(codes, minlength=len(edges) + 1) / len(codes)
    return Steps(values.name, edges, tuple(shares.tolist()))


def _edges(values: NDArray[np.int64], outcome: NDArray[np.bool_]) -> tuple[int, ...]:
    if values.size == 0:
        return ()
    starts = np.unique(values)
    if starts.size > _FINEST:
        # The smallest value is the start of the first bin, whatever the quantiles are.
        quantiles = np.quantile(values, np.arange(1, _FINEST) / _FINEST, method="higher")
        starts = np.unique(np.append(quantiles, starts[0]))
    code = np.searchsorted(starts, values, side="right") - 1
    count = np.bincount(code, minlength=starts.size).astype(np.float64)
    bad = np.bincount(code, outcome, starts.size).astype(np.float64)
    rising = np.sum((values - values.mean()) * (outcome - outcome.mean())) >= 0
    bins = _pooled(starts, count, bad, rising=bool(rising))
    return tuple(int(start) for start, *_ in _merged(bins)[1:])


Bin = tuple[float, float, float]
"""Smallest value, customers, defaults."""


def _pooled(starts: NDArray[np.int64], count: Vector, bad: Vector, *, rising: bool) -> list[Bin]:
    """Pool neighbours until default rates rise (or fall) from bin to bin."""
    bins: list[Bin] = []
    for one in zip(starts.tolist(), count.tolist(), bad.tolist(), strict=True):
        bins.append(one)
        while len(bins) > 1 and (bins[-1][2] * bins[-2][1] > bins[-2][2] * bins[-1][1]) is not rising:
            _join(bins, len(bins) - 2)
    return bins


def _merged(bins: list[Bin]) -> list[Bin]:
    """Merge the neighbours that lose least until every bin is large enough and every edge is worth its while."""
    while len(bins) > 1:
        few = [min(bad, count - bad) < FEWEST for _, count, bad in bins]
        losses = [_loss(one, other) for one, other in pairwise(bins)]
        forced = [place for place in range(len(losses)) if few[place] or few[place + 1]]
        place = min(forced or range(len(losses)), key=losses.__getitem__)
        if not forced and losses[place] >= LEAST_GAIN and len(bins) <= MOST_BINS:
            break
        _join(bins, place)
    return bins


def _join(bins: list[Bin], place: int) -> None:
    (start, count, bad), (_, more, worse) = bins[place : place + 2]
    bins[place : place + 2] = [(start, count + more, bad + worse)]


def _loss(one: Bin, other: Bin) -> float:
    """Log-likelihood in nats that is lost by one rate for two bins."""
    together = (one[0], one[1] + other[1], one[2] + other[2])
    return _fitted(one) + _fitted(other) - _fitted(together)


def _fitted(one: Bin) -> float:
    _, count, bad = one
    return sum(part * float(np.log(part / count)) for part in (bad, count - bad) if part)
