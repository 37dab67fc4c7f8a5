"""How many defaults a posterior foretells: the predictive distribution of a count, and what a count says against it.

Given a draw the defaults of n loans are a sum of unequal coin tosses. Its distribution is taken as the
binomial with the same mean and variance, which for PDs of loans is off by less than 1e-3 in a tail of
5 % (Ehm, 1991, Binomial approximation to the Poisson binomial distribution; Pekoez, Roellin, Cekanavicius
and Shwom, 2009). Over the draws these binomials are mixed, so the uncertainty of the coefficients and of
the vintage effect, forecast by the AR(1) of the draw, is part of every tail: defaults of one vintage come
together, and a test that held its level against independent loans alone would cry wolf in every recession.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

STEPS = 401
"""Quantiles of the Gamma distribution that stand for it in `ratio_interval`."""


@dataclass(frozen=True)
class PredictiveCount:
    """Mixture over D draws of counts with `mean` (D,), sums of PDs, and `squares` (D,), sums of squared PDs.

    ValueError unless 0 <= squares <= mean, as sums over PDs from 0 to 1 are.
    """

    mean: Vector
    squares: Vector

    def __post_init__(self) -> None:
        mean, squares = self.mean, self.squares
        if mean.ndim != 1 or mean.shape != squares.shape or mean.size == 0:
            raise ValueError(f"mean {mean.shape} and squares {squares.shape} must be two vectors of one value a draw")
        if not ((squares >= 0) & (squares <= mean * (1 + 1e-9)) & np.isfinite(mean)).all():
            raise ValueError("sums of PDs and of their squares must come from PDs between 0 and 1: check the scores")

    def at_most(self, count: int) -> float:
        """P(X <= count)."""
        from scipy.special import betainc

        if count < 0:
            return 0.0
        some = self.mean > 0
        chance = np.minimum(self.squares[some] / self.mean[some], 1.0)
        trials = self.mean[some] / np.maximum(chance, np.finfo(np.float64).tiny)
        open_still = count < trials - 1e-6  # at as many defaults as loans nothing is left above
        below = np.ones(self.mean.size)
        at = np.flatnonzero(some)[open_still]
        below[at] = betainc(trials[open_still] - count, count + 1.0, 1 - chance[open_still])
        return float(below.mean())

    def p_value(self, count: int) -> float:
        """Mid-p chance of a higher count: P(X > count) + P(X = count) / 2; small where more default than foretold.

        Half the tie counts (Lancaster, 1961), so that p is .5 on average for a posterior that is right.
        """
        return 1.0 - (self.at_most(count) + self.at_most(count - 1)) / 2

    def quantile(self, share: float) -> int:
        """The smallest count with P(X <= count) >= share."""
        return self._first(lambda count: self.at_most(count) >= share)

    def false_alarm_rate(self, level: float) -> float:
        """How often `p_value` falls below `level` when the posterior is right: counts are whole, so not quite level."""
        least = self._first(lambda count: self.p_value(count) < level)
        return 1.0 - self.at_most(least - 1)

    def _first(self, holds: Callable[[int], bool]) -> int:
        """The smallest count from zero for which a condition holds that stays true from there on."""
        low, high = -1, max(1, int(self.mean.max()))
        while not holds(high):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if holds(middle) else (middle, high)
        return high


def ratio_interval(observed: int, mean: Vector, share: float = 0.9) -> tuple[float, float]:
    """Credible interval of observed over expected: chance of the count and uncertainty of what was expected.

    The rate behind a count has the Jeffreys posterior Gamma(observed + 1/2), the expectation the draws `mean` (D,),
    none of them zero.
    """
    from scipy.special import gammaincinv

    rates = gammaincinv(observed + 0.5, (np.arange(STEPS) + 0.5) / STEPS)
    low, high = np.quantile(rates[:, None] / mean, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)
