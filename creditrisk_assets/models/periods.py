"""Bands of months on book, the time axis of the baselines: one for all loans, and shapes of their own for terms.

A loan of sixty months defaults later than one of thirty-six: their odds are not proportional. The
baseline is that of the most common term; every other one deviates from it, band by band.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

FIRST_TRIAL = 5
"""Month on book of the first trial: one month to the missed due date, four to 120 days late."""
STARTS = (5, 6, 7, 8, 9, 11, 13, 16, 19, 25, 37)
LONGEST = 72
"""Months on book beyond which nothing is told apart: the longest term and a year of collection."""
FEWEST_DEFAULTS = 10


@dataclass(frozen=True)
class Shape:
    """How one term deviates: `term` in months, `starts` the first months of its bands, a subset of all starts."""

    term: int
    starts: tuple[int, ...]


@dataclass(frozen=True)
class Periods:
    """Bands of trial months with one baseline hazard each; `starts` are their first months.

    Without `starts` there is a single trial, the whole term. A cell is a band of one stratum of
    terms: first the bands of all loans without a shape, then those of each of the `shapes`. `trials`,
    `band` and `first` have a row per stratum and month on book, see `row`.
    """

    starts: tuple[int, ...] = ()
    shapes: tuple[Shape, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """What the bands are called: 5, 6, 9-10, 37+, or `term`."""
        return _labels(self.starts) if self.starts else ("term",)

    @property
    def shape_labels(self) -> tuple[str, ...]:
        """What the bands of the shapes are called: `60: 5-8`, `60: 9+`."""
        return tuple(f"{shape.term}: {label}" for shape in self.shapes for label in _labels(shape.starts))

    def stratum(self, term: int) -> int:
        """Number of the stratum of a term: 0 for terms without a shape of their own."""
        return next((n for n, shape in enumerate(self.shapes, start=1) if shape.term == term), 0)

    @staticmethod
    def row(months: NDArray[np.int64] | int, stratum: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row (n,) of the tables for loans tried up to a month on book, by stratum."""
        return np.asarray(months + stratum * (LONGEST + 1), np.int64)

    @cached_property
    def share(self) -> Matrix:
        """(cells, bands + bands of shapes): the coefficients that make up the baseline of a cell."""
        count = len(self.labels)
        blocks = [np.hstack([np.eye(count), np.zeros((count, len(self.shape_labels)))])]
        at = count
        for shape in self.shapes:
            block = blocks[0].copy()
            block[np.arange(count), at + np.searchsorted(shape.starts, self.starts, side="right") - 1] = 1.0
            blocks.append(block)
            at += len(shape.starts)
        return np.vstack(blocks)

    @cached_property
    def band(self) -> NDArray[np.int64]:
        """(rows,): the cell of a trial month."""
        months = np.arange(LONGEST + 1)
        plain = np.maximum(np.searchsorted(self.starts, months, side="right") - 1, 0)
        return np.concatenate([plain + n * len(self.labels) for n in range(len(self.shapes) + 1)])

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """(rows,): the first cell of the stratum."""
        return np.repeat(np.arange(len(self.shapes) + 1) * len(self.labels), LONGEST + 1)

    @cached_property
    def trials(self) -> Matrix:
        """(rows, cells): trials in each cell of a loan tried up to that month on book."""
        return np.asarray(np.kron(np.eye(len(self.shapes) + 1), self._tried), np.float64)

    @cached_property
    def _tried(self) -> Matrix:
        """(LONGEST + 1, bands): the same within a stratum."""
        if not self.starts:
            return np.asarray(np.minimum(np.arange(LONGEST + 1.0), 1.0)[:, None], np.float64)
        tried = np.arange(self.starts[0], LONGEST + 1)
        reached = np.arange(LONGEST + 1)[:, None] >= tried
        bands = np.searchsorted(self.starts, tried, side="right")[:, None] - 1 == np.arange(len(self.starts))
        return np.asarray(reached.astype(np.float64) @ bands, np.float64)


WHOLE_TERM = Periods()


def _labels(starts: tuple[int, ...]) -> tuple[str, ...]:
    told = [str(a) if a == b - 1 else f"{a}-{b - 1}" for a, b in pairwise(starts)]
    return (*told, f"{starts[-1]}+")


def fit_periods(months: NDArray[np.int64], outcome: NDArray[np.bool_]) -> Periods:
    """Bands with at least ten defaults each, none beyond what was observed.

    `months` (rows,) as `exposed` makes them. Every band keeps a start of `STARTS`, so that models
    of neighbouring dates can be compared.
    """
    reached = int(months.max(initial=FIRST_TRIAL))
    return Periods(_kept(tuple(start for start in STARTS if start <= reached), months, outcome))


def _kept(starts: tuple[int, ...], months: NDArray[np.int64], outcome: NDArray[np.bool_]) -> tuple[int, ...]:
    """The first start, and every later one before which, and from which on, ten defaults were gathered."""
    tried = outcome & (months > 0)  # the shortest terms are over before the first trial
    counts = np.bincount(np.searchsorted(starts, months[tried], side="right") - 1, minlength=len(starts))
    kept, gathered = [starts[0]], 0
    for start, count in zip(starts[1:], counts[:-1], strict=True):
        gathered += int(count)
        if gathered >= FEWEST_DEFAULTS:
            kept.append(start)
            gathered = 0
    if len(kept) > 1 and gathered + int(counts[-1]) < FEWEST_DEFAULTS:
        kept.pop()
    return tuple(kept)


def fit_shapes(
    periods: Periods, terms: NDArray[np.int64], months: NDArray[np.int64], outcome: NDArray[np.bool_]
) -> Periods:
    """The periods with a shape for every term beside the most common one that has ten defaults in two bands or more.

    `terms`, `months` and `outcome` (rows,), see `fit_periods`.
    """
    known, counts = np.unique(terms, return_counts=True)
    shapes = []
    for term in np.delete(known, counts.argmax()).tolist() if len(periods.starts) > 1 else ():
        mine = terms == term
        starts = _kept(periods.starts, months[mine], outcome[mine])
        if len(starts) > 1:
            shapes.append(Shape(term, starts))
    return Periods(periods.starts, tuple(shapes))
