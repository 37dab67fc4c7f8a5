"""The bins of a model gathered to about ten, so that PSI is about moves and not about noise.

A number has up to a hundred bins, and PSI grows with their count whether or not anything has changed:
its customary limits stand for about ten. Neighbours are gathered until they hold a tenth of the
training window; a bin with more than that stands alone, and so do missing values. Levels of a category
stand alone from two loans in a hundred, the rarer ones together, and levels not seen in the window
alone again. Bounds are always bounds of the model's own bins.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.models.binning import Levels, Numeric

Counts = NDArray[np.int64]

MOST = 10
LEAST_SHARE = 0.02
NAMED = 3
"""Rarer levels that a label still lists."""


@dataclass(frozen=True)
class Gathered:
    """Where each bin of a factor goes: `place` (bins,) among the groups, `labels` (groups,) in words.

    `unknown`: group of missing values of a number, of levels not seen of a category.
    """

    place: NDArray[np.int64]
    labels: tuple[str, ...]

    @property
    def unknown(self) -> int:
        """Position of the group that tells nothing: the last."""
        return len(self.labels) - 1

    def counts(self, counts: Counts) -> Counts:
        """Loans by group (groups,) from loans by bin (bins,)."""
        gathered = np.bincount(self.place, counts, len(self.labels))
        return np.asarray(np.rint(gathered), np.int64)


def gather(factor: Numeric | Levels, counts: Counts) -> Gathered:
    """Groups of the bins of a factor by their loans in the training window, `counts` (bins,).

    ValueError when counts and bins do not pair.
    """
    if len(counts) != factor.size:
        raise ValueError(f"{factor.name} has {factor.size} bins, but there are counts of {len(counts)}")
    if isinstance(factor, Numeric):
        starts = _starts(np.asarray(counts[:-1], np.float64), max(float(np.sum(counts)), 1.0))
        labels = [_span(factor, start, end) for start, end in zip(starts, [*starts[1:], factor.size - 1], strict=True)]
        place = np.searchsorted(starts, np.arange(factor.size - 1), side="right") - 1
        return Gathered(np.append(place, len(labels)), (*labels, factor.label(factor.size - 1)))
    return _of_levels(factor, np.asarray(counts, np.float64))


def _starts(counts: NDArray[np.float64], total: float) -> list[int]:
    """First bin of each group of neighbours; a thin rest at the top joins the group below it."""
    starts, held = [0], 0.0
    for number, count in enumerate(counts):
        if number and (held >= total / MOST or (held >= LEAST_SHARE * total and count >= total / MOST)):
            starts.append(number)
            held = 0.0
        held += count
    if len(starts) > 1 and held < LEAST_SHARE * total:
        starts.pop()
    return starts


def _span(factor: Numeric, start: int, end: int) -> str:
    """Bins `start` to below `end` in words."""
    low = f"{factor.edges[start - 1]:g}" if start else ""
    high = f"{factor.edges[end - 1]:g}" if end <= len(factor.edges) else ""
    if low and high:
        return f"{low} to below {high}"
    return f"{low} and more" if low else f"below {high}" if high else "any value"


def _of_levels(factor: Levels, counts: NDArray[np.float64]) -> Gathered:
    known = len(factor.levels)
    common = counts[:known] >= LEAST_SHARE * max(counts.sum(), 1.0)
    # One rare level alone keeps its name; there is nothing to gather it with.
    if (~common).sum() == 1:
        common[:] = True
    rare = [level for level, stays in zip(factor.levels, common, strict=True) if not stays]
    labels = [level for level, stays in zip(factor.levels, common, strict=True) if stays]
    place = np.where(common, np.cumsum(common) - 1, len(labels))
    if rare:
        labels.append(f"rarer: {', '.join(rare)}" if len(rare) <= NAMED else f"{len(rare)} rarer levels")
    return Gathered(np.append(place, len(labels)), (*labels, factor.label(known)))
