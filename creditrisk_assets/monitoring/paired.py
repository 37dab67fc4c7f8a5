"""Two PDs of the same loans: what they differ by, and by how much that could be chance.

All intervals are of 95 %, by the normal distribution, and paired: both models see the same loans, so
what is common to them cancels. Loans count as independent of each other.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

QUANTILE = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Difference:
    """Challenger less champion with its standard error, None where too few loans tell it."""

    value: float
    error: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Lower and upper end."""
        return None if self.error is None else (self.value - QUANTILE * self.error, self.value + QUANTILE * self.error)

    def winner(self, *, more_is_better: bool) -> Literal["champion", "challenger"] | None:
        """Who is better; None while the interval holds 0."""
        ends = self.interval
        if ends is None or ends[0] <= 0 <= ends[1]:
            return None
        return "challenger" if (self.value > 0) == more_is_better else "champion"


def mean_difference(champion: Vector, challenger: Vector) -> Difference:
    """Of mean losses (n,) per loan, n of at least one: the mean of the differences, error s / sqrt(n)."""
    each = challenger - champion
    error = float(each.std(ddof=1) / math.sqrt(each.size)) if each.size > 1 else None
    return Difference(float(each.mean()), error)


def auc_difference(outcome: NDArray[np.bool_], champion: Vector, challenger: Vector) -> Difference | None:
    """Of the areas under both ROC curves; None without a default and a non-default.

    The error needs two of each. Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988, by midranks as in
    Sun and Xu, IEEE Signal Processing Letters 21(11), 2014.
    """
    bads, goods = int(outcome.sum()), int((~outcome).sum())
    if not bads or not goods:
        return None
    (bad_one, good_one), (bad_other, good_other) = (_components(outcome, pd) for pd in (champion, challenger))
    of_bads, of_goods = bad_other - bad_one, good_other - good_one
    value = float(of_bads.mean())
    if min(bads, goods) < 2:
        return Difference(value, None)
    return Difference(value, math.sqrt(of_bads.var(ddof=1) / bads + of_goods.var(ddof=1) / goods))


def _components(outcome: NDArray[np.bool_], pd: Vector) -> tuple[Vector, Vector]:
    """Share of goods below each bad, and of bads above each good, ties one half."""
    ranks = midranks(pd)
    bads, goods = pd[outcome], pd[~outcome]
    return (ranks[outcome] - midranks(bads)) / goods.size, 1 - (ranks[~outcome] - midranks(goods)) / bads.size


def midranks(values: Vector) -> Vector:
    """Ranks (n,) from 1, the mean of those they share where values are equal."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[group], np.float64)


def rank_correlation(one: Vector, other: Vector) -> float | None:
    """Spearman's correlation, ties by midranks; None where one side says the same of all loans."""
    if one.size < 2:
        return None
    a, b = (ranks - ranks.mean() for ranks in (midranks(one), midranks(other)))
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(np.clip(a @ b / scale, -1, 1)) if scale else None


def log_losses(outcome: NDArray[np.bool_], pd: Vector) -> Vector:
    """Negative log-likelihood (n,) of every loan, as `metrics.log_loss` averages it."""
    tiny = np.finfo(np.float64).eps
    kept = np.clip(pd, tiny, 1 - tiny)
    return np.asarray(-np.where(outcome, np.log(kept), np.log1p(-kept)), np.float64)
