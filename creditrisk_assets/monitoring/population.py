"""Can a classifier tell a vintage from the training window? A test of all features together.

PSI looks at one feature at a time and cannot see that two of them have come apart. A classifier can: if
its out-of-fold AUC is beyond chance, the two populations differ (Lopez-Paz & Oquab, Revisiting
Classifier Two-Sample Tests, ICLR 2017). Ours is Fisher's linear discriminant with ridge on the gathered
bins of every feature and on the products of all pairs of features, which sees margins and dependence.

Folds share training loans, so the spread of an average over folds is not that of a single one (measured:
1.4 times as wide with boosted trees). The null law is therefore permuted, not assumed: labels change
places, and the ridge solves for all permutations in one go. The p-value is exact for any sample size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.monitoring.gathering import Gathered

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Codes = NDArray[np.uint8]

FEWEST = 50
"""Loans below which a vintage is not tested."""
MOST_NOW, MOST_THEN = 2_000, 4_000
"""Loans of either side that take part: every n-th of more."""
FOLDS = 5
PERMUTATIONS = 199
RIDGE = 0.3
"""Of the unit variance that every column has."""
LEANED_ON = 3


@dataclass(frozen=True)
class Told:
    """What the classifier found: AUC out of fold, its spread without any difference, and the p-value.

    `features`: those whose absence costs the most AUC, with what it costs, largest first.
    """

    auc: float
    spread: float
    p_value: float
    features: tuple[tuple[str, float], ...]
    loans: int
    reference_loans: int


@dataclass(frozen=True)
class _Columns:
    """Standardised columns (n, D) of loans, and which features (D, F) each of them speaks of."""

    values: Matrix
    about: NDArray[np.bool_]

    @cached_property
    def folds(self) -> list[NDArray[np.int64]]:
        """Rows of each fold, drawn without a look at the side they are on."""
        fold = np.arange(len(self.values)) % FOLDS
        np.random.default_rng(len(fold)).shuffle(fold)
        return [np.flatnonzero(fold == number) for number in range(FOLDS)]


def two_samples(then: Codes, now: Codes, gathered: Sequence[Gathered], names: Sequence[str]) -> Told | None:
    """Test bins (features, loans) of the training window and of a vintage; None below FEWEST loans on either side.

    `gathered` and `names` (features,): groups of the bins and names of the features. Two calls with the
    same loans give the same figures. ValueError when bins and features do not pair.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    if not len(then) == len(now) == len(gathered) == len(names):
        raise ValueError(f"{len(names)} features need as many rows of bins, not {len(then)} and {len(now)}")
    if min(then.shape[1], now.shape[1]) < FEWEST:
        return None
    then, now = every(then, MOST_THEN), every(now, MOST_NOW)
    side = np.append(np.zeros(then.shape[1]), np.ones(now.shape[1]))
    # Matrices of some hundred rows: threads of the linear algebra would only wait for each other.
    with threadpool_limits(limits=1):
        aucs, without = _out_of_fold(_columns(np.hstack([then, now]), gathered), _permuted(side))
    cost = aucs[0] - without
    ranked = [(names[place], float(cost[place])) for place in np.argsort(-cost, kind="stable") if cost[place] > 0]
    beyond = int((aucs[1:] >= aucs[0]).sum())
    return Told(
        float(aucs[0]), float(aucs[1:].std()), (1 + beyond) / (1 + PERMUTATIONS), tuple(ranked[:LEANED_ON]),
        now.shape[1], then.shape[1],
    )  # fmt: skip


def every(codes: Codes, most: int) -> Codes:
    """Every n-th loan of codes (features, loans), at most `most`.

    Loans stand in order of their vintage, so that each vintage keeps its share.
    """
    return codes[:, :: max(1, -(-codes.shape[1] // most))]


def _columns(codes: Codes, gathered: Sequence[Gathered]) -> _Columns:
    """An indicator for each group but the first, then the product of every pair of features' middle ranks."""
    count = len(codes)
    parts, about, ranks = [], [], []
    for number, (row, groups) in enumerate(zip(codes, gathered, strict=True)):
        place, size = groups.place[row], len(groups.labels)
        parts.append(np.eye(size)[place][:, 1:])
        about += [np.arange(count) == number] * (size - 1)
        held = np.bincount(place, minlength=size)
        middle = held.cumsum() - held / 2
        ranks.append(_standardised(middle[place][:, None])[:, 0])
    first, second = np.triu_indices(count, 1)
    rank = np.array(ranks)
    parts.append((rank[first] * rank[second]).T)
    about += [np.isin(np.arange(count), pair) for pair in zip(first, second, strict=True)]
    return _Columns(_standardised(np.hstack(parts)), np.array(about).reshape(-1, count))


def _standardised(values: Matrix) -> Matrix:
    """Columns of mean zero and variance one; a constant column is zero."""
    centred = values - values.mean(axis=0)
    scale = centred.std(axis=0)
    return np.asarray(np.divide(centred, scale, out=np.zeros_like(centred), where=scale > 1e-12))


def _permuted(side: Vector) -> Matrix:
    """(n, 1 + PERMUTATIONS): the sides as they are, then with their places changed."""
    draw = np.random.default_rng(side.size)
    return np.column_stack([side, *(draw.permutation(side) for _ in range(PERMUTATIONS))])


def _out_of_fold(columns: _Columns, labels: Matrix) -> tuple[Vector, Vector]:
    """AUC averaged over folds (labels,), and of the first labels when nothing is known of each feature (F,)."""
    whole, without = [], []
    for held_out in columns.folds:
        x, weights = columns.values[held_out], _weights(columns, held_out, labels)
        scores = x @ weights
        whole.append(_auc(labels[held_out], scores))
        left = scores[:, :1] - (x * weights[:, 0]) @ columns.about
        without.append(_auc(np.repeat(labels[held_out, :1], left.shape[1], axis=1), left))
    return np.asarray(np.mean(whole, axis=0)), np.asarray(np.mean(without, axis=0))


def _weights(columns: _Columns, held_out: NDArray[np.int64], labels: Matrix) -> Matrix:
    """Coefficients (D, labels) of the discriminant learned without some rows."""
    from scipy.linalg import solve

    x, target = np.delete(columns.values, held_out, axis=0), np.delete(labels, held_out, axis=0)
    moments = x.T @ x / len(x) + RIDGE * np.eye(x.shape[1])
    solved: Matrix = solve(moments, x.T @ (target - target.mean(axis=0)) / len(x), assume_a="pos")
    return solved


def _auc(labels: Matrix, scores: Matrix) -> Vector:
    """AUC of each column (n, k), ties one half; one half where a column has one side only."""
    from scipy.stats import rankdata

    ranks: Any = rankdata(scores, axis=0)
    now = labels.sum(axis=0)
    pairs = now * (len(labels) - now)
    above = (ranks * labels).sum(axis=0) - now * (now + 1) / 2
    return np.asarray(np.divide(above, pairs, out=np.full(now.size, 0.5), where=pairs > 0))
