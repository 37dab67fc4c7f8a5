"""Is the quadratic good enough? Importance weights from the exact likelihood of every loan.

Pareto-smoothed importance sampling (Vehtari, Simpson, Gelman, Yao and Gabry 2024): k-hat below
min(1 - 1/log10 S, 0.7) says that S weighted draws of the quadratic posterior stand for the exact
one. The weights are then used, not only looked at: the published draws are resampled by them.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.models.design import Coded, Design
from creditrisk_assets.models.evidence import Window
from creditrisk_assets.models.kernels import compiled, survive_trials

Array = NDArray[np.float64]

FEWEST_EFFECTIVE = 400.0
ROWS = 512
TERMS = 5


@dataclass(frozen=True)
class Certificate:
    """`k_hat`, `effective` draws of S = len(weights), and the normalised smoothed `weights` (S,)."""

    k_hat: float
    effective: float
    weights: Array

    @property
    def passed(self) -> bool:
        """Do the weighted draws stand for the exact posterior?"""
        draws = len(self.weights)
        limit = min(1 - 1 / math.log10(draws), 0.7)
        return self.k_hat < limit and self.effective >= FEWEST_EFFECTIVE

    def resampled(self, seed: int, count: int) -> NDArray[np.int64]:
        """Indices (count,) of a systematic resample by weight, in a random order."""
        generator = np.random.default_rng(seed)
        ticks = (np.arange(count) + generator.random()) / count
        found = np.searchsorted(np.cumsum(self.weights), ticks).clip(max=len(self.weights) - 1)
        return generator.permutation(found)


def _sums_over_defaults(design: Design, loans: Coded) -> Array:
    """How often each coefficient (p,) enters the log-odds of a trial that ended in default."""
    bad = loans.rows(np.flatnonzero(loans.outcome & (loans.months > 0)))
    sums, parts = np.zeros(len(design.parameters)), design.parts
    share, start = design.periods.share, parts["effects"].start
    sums[design.hazard] = np.bincount(design.periods.band[design.rows_of(bad)], minlength=len(share)) @ share
    for place, (factor, values) in enumerate(zip(design.columns.factor, design.columns.table, strict=True)):
        sums[start + place] = values[bad.codes[factor]].sum()
    for code, group in zip(bad.codes[-2:], design.binning.groups, strict=True):
        size = len(group.levels)
        sums[parts[group.name]] = np.bincount(code, minlength=size + 1)[:size]
    sums[parts["vintage"]] = np.bincount(bad.vintage, minlength=len(design.vintages))
    return sums


class _Survival:
    """Log-likelihood of the trials that were survived, under S draws `theta` (S, p)."""

    def __init__(self, design: Design, theta: Array) -> None:
        parts = design.parts
        self._design = design
        self._effects = np.ascontiguousarray(theta[:, parts["effects"]].T, np.float32)
        unseen = np.zeros((1, len(theta)))
        levels = [np.vstack([theta[:, parts[group.name]].T, unseen]) for group in design.binning.groups]
        # Odds of levels are multiplied, not log-odds added: the exponential is taken once per level, not per loan.
        self._levels = [_odds(values, 15) for values in (*levels, theta[:, parts["vintage"]].T)]
        self._baseline = np.exp(theta[:, design.hazard] @ design.periods.share.T)
        tried = design.periods.trials[:, None, :] > 0
        self._top = np.where(tried, self._baseline, 0.0).max(axis=2).astype(np.float32)
        signs = [(-1) ** term / (term + 1) for term in range(TERMS)]
        powers = [sign * (design.periods.trials @ (self._baseline ** (term + 1)).T) for term, sign in enumerate(signs)]
        self._powers = np.array(powers, np.float32)

    def __call__(self, loans: Coded) -> Array:
        """(S,): single precision per loan, summed in double; off by at most 0.005 nats over a million loans."""
        total = np.zeros(len(self._baseline))
        columns, trials = self._design.columns, self._design.periods.trials
        table = columns.table.astype(np.float32)
        for start in range(0, len(loans), ROWS):
            block = loans.rows(slice(start, start + ROWS))
            matrix = np.empty((len(block), len(table)), np.float32)
            for place, (factor, values) in enumerate(zip(columns.factor, table, strict=True)):
                matrix[:, place] = values[block.codes[factor]]
            compiled(survive_trials)(
                _odds(matrix @ self._effects, 40), *self._levels, block.codes[-2], block.codes[-1], block.vintage,
                self._design.rows_of(block), trials, self._baseline, self._powers, self._top, total,
            )  # fmt: skip
        return total


def _odds(log_odds: Any, most: float) -> NDArray[np.float32]:
    """Single precision odds; log-odds end at `most`, so that products with those of levels stay finite."""
    odds: NDArray[np.float32] = np.clip(log_odds, -most, most, dtype=np.float32, casting="same_kind", order="C")
    return np.exp(odds, out=odds)


def exact_log_likelihood(design: Design, loans: Coded, theta: Array) -> Array:
    """Bernoulli log-likelihood of all trials of `loans` under each row of `theta` (S, p): shape (S,)."""
    tried = loans.rows(np.flatnonzero(loans.months > 0))
    survival, middle = _Survival(design, theta), len(tried) // 2
    with ThreadPoolExecutor(2) as pool:
        # Always two halves, added in order: the sum does not depend on the machine.
        halves = list(pool.map(survival, (tried.rows(slice(0, middle)), tried.rows(slice(middle, None)))))
    return theta @ _sums_over_defaults(design, tried) - halves[0] - halves[1]


def certify(window: Window, loans: Coded, theta: Array) -> Certificate:
    """Weigh draws `theta` (S, p) of the quadratic posterior by the exact likelihood of the loans it summarises."""
    import arviz as az

    shift = theta - window.point
    quadratic = shift @ window.gradient - 0.5 * np.einsum("sp,sp->s", shift @ window.information, shift)
    log_ratio = exact_log_likelihood(window.design, loans, theta) - window.log_likelihood - quadratic
    log_weights, k_hat = az.psislw(log_ratio)
    weights = np.exp(np.asarray(log_weights) - np.max(log_weights))
    weights /= weights.sum()
    return Certificate(float(k_hat), float(1 / np.square(weights).sum()), weights)
