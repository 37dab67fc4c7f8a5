"""A loss that is normal once draw and factor are known: the mixture over both, its quantiles and its tail.

Normal for the sum of many loans; of a book of some hundred loans the far tail is a few per cent too thin, for its
defaults are skewed. Losses below zero count as none.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.portfolio.conditional import FACTOR, Conditional

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

FINE = np.linspace(FACTOR[0], FACTOR[-1], 161)
"""Values of the factor over which the mixture runs: quantiles of an even, endless book are off by 3e-3 at most."""
CURVE = np.concatenate([np.linspace(0.005, 0.95, 140), 1 - np.geomspace(0.05, 0.0001, 61)[1:]])
"""Probabilities of the curve that is kept for a plot: even ones, then ever further into the tail."""
_SMALLEST = 1e-300


@dataclass(frozen=True)
class Mixture:
    """K normal losses: `mean`, `spread` (USD, 0: certain) and `weight` (K,), weights summing to 1."""

    mean: Vector
    spread: Vector
    weight: Vector

    def expected(self) -> float:
        """The mean loss."""
        return float(self.weight @ self.mean)

    def probability(self, loss: float) -> float:
        """That the loss is at most `loss`."""
        from scipy.special import ndtr

        return float(self.weight @ ndtr((loss - self.mean) / np.maximum(self.spread, _SMALLEST)))

    def quantile(self, level: float) -> float:
        """The loss that is not exceeded with probability `level`, 0 at least. ValueError for a level outside 0..1."""
        from scipy.optimize import brentq

        if not 0 < level < 1:
            raise ValueError(f"level is {level:g}, but must lie between 0 and 1: write 99 per cent as 0.99")
        low, high = (float(end) for end in (np.min(self.mean - 9 * self.spread), np.max(self.mean + 9 * self.spread)))
        if high - low <= 1e-12 * max(high, 1e-100):
            return max(high, 0.0)
        margin = 1e-9 * (high - low)
        low, high = low - margin, high + margin
        found = brentq(
            lambda loss: self.probability(loss) - level, low, high, xtol=max(1e-13 * high, _SMALLEST), rtol=1e-14
        )
        return max(float(found), 0.0)

    def shortfall(self, level: float) -> float:
        """Mean loss in the worst 1 - level of cases: sum of w (m Phi(-t) + s phi(t)) over 1 - level at the quantile.

        Acerbi and Tasche (2002); with steps in the distribution, what the quantile itself holds of the tail is added.
        """
        from scipy.special import ndtr

        at = self.quantile(level)
        away = np.clip((at - self.mean) / np.maximum(self.spread, _SMALLEST), -40.0, 40.0)
        density = np.exp(-(away**2) / 2) / np.sqrt(2 * np.pi)
        beyond = self.weight @ (self.mean * ndtr(-away) + self.spread * density)
        rest = self.probability(at) - level
        return max((float(beyond) + rest * at) / (1 - level), at)


def over_factor(conditional: Conditional) -> tuple[Matrix, Matrix, Vector]:
    """Mean and spread (161, D) of the loss around the values `FINE` of the factor, and their weights (161,).

    Between two values the mean runs in a line: a twelfth of its squared step is variance as well.
    """
    weight = np.exp(-(FINE**2) / 2)
    mean = _fine(conditional.mean)
    steps = np.gradient(mean, axis=0)
    return mean, np.sqrt(_fine(conditional.variance) + steps**2 / 12), weight / weight.sum()


def of_all(mean: Matrix, spread: Matrix, weight: Vector) -> Mixture:
    """The predictive loss: every draw alike, mixed over the factor."""
    draws = mean.shape[1]
    return Mixture(mean.ravel(), spread.ravel(), np.repeat(weight / draws, draws))


def of_draw(mean: Matrix, spread: Matrix, weight: Vector, draw: int) -> Mixture:
    """The loss under one draw, mixed over the factor."""
    return Mixture(mean[:, draw], spread[:, draw], weight)


def _fine(values: Matrix) -> Matrix:
    """(161, D) of values (33, D) that are positive and smooth in the factor, or nothing throughout."""
    from scipy.interpolate import CubicSpline

    certain = ~(values > 0).all(axis=0)
    logs = np.log(np.where(certain, 1.0, values))
    fine = np.exp(CubicSpline(FACTOR, logs)(FINE))
    return np.where(certain, np.array([np.interp(FINE, FACTOR, one) for one in np.maximum(values, 0.0).T]).T, fine)
