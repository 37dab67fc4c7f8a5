"""Each vintage predicted by the others: evidence added and taken away, no model fitted again.

With the group scales at their posterior means everything is Gaussian, so leaving a vintage out, or
all later ones, is a subtraction of evidence, and its log predictive density a difference of two
normalising constants (Vehtari, Gelman and Gabry 2017 for the measure; exact here but for the
quadratic). Leave-future-out stands for how the model would have done at the time.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.models import priors
from creditrisk_assets.models.design import Design
from creditrisk_assets.models.evidence import Evidence, Window
from creditrisk_assets.models.outcomes import HORIZON
from creditrisk_assets.models.reference import prior_precision

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

NORMAL_95 = 1.6448536269514722


@dataclass(frozen=True)
class _Known:
    """A Gaussian in natural form: precision (p, p) and linear term (p,)."""

    precision: Matrix
    linear: Vector

    @property
    def moments(self) -> tuple[Vector, Matrix]:
        covariance = np.asarray(np.linalg.inv(self.precision), np.float64)
        return covariance @ self.linear, covariance

    @property
    def constant(self) -> float:
        """Log of the integral of exp(linear'x - x'precision x / 2), up to a constant."""
        return float(
            0.5 * self.linear @ np.linalg.solve(self.precision, self.linear)
            - 0.5 * np.linalg.slogdet(self.precision)[1]
        )


def _embedded(window: Window, evidence: Evidence, place: int) -> tuple[Matrix, Vector, Vector, float]:
    """Information, linear term and point of one vintage in all p coordinates, and its log-likelihood at zero."""
    design, q, p = window.design, window.design.shared, len(window.design.parameters)
    bands, at = design.parts["baseline"], design.shared + place
    information, gradient = np.zeros((p, p)), np.zeros(p)
    information[:q, :q], gradient[:q] = evidence.information, evidence.gradient
    information[at, :q] = information[:q, at] = evidence.information[bands].sum(axis=0)
    information[at, at] = evidence.information[bands, bands].sum()
    gradient[at] = evidence.gradient[bands].sum()
    point = np.zeros(p)
    point[:q], point[at] = evidence.point, evidence.own
    linear = information @ point + gradient
    constant = evidence.log_likelihood - float(linear @ point) + 0.5 * float(point @ information @ point)
    return information, linear, point, constant


def _defaults(
    evidence: Evidence, information: Matrix, gradient: float, point: Vector, known: _Known, at: int
) -> Vector:
    """Expected defaults of a vintage and the ends of their 90 % interval, shape (3,)."""
    mean, covariance = known.moments
    slope = information[at]
    expected = evidence.defaults - gradient + float(slope @ (mean - point))
    spread = np.sqrt(max(float(slope @ covariance @ slope) + information[at, at], 0.0))
    ends = expected + np.array([0.0, -NORMAL_95, NORMAL_95]) * spread
    return np.asarray(np.maximum(ends, 0.0), np.float64)


def backtest(window: Window, evidence: list[Evidence], scales: Vector, persistence: float) -> pl.DataFrame:
    """One row per vintage of the window: defaults observed and expected, by three states of knowledge.

    Columns vintage, loans, trials, defaults; expected, low, high by the posterior itself, the same
    with suffixes _left_out (all other vintages) and _future (earlier vintages only); log predictive
    densities elpd_left_out and elpd_future in nats. `scales` (G,) and `persistence` are plugged in.
    """
    design, bands = window.design, window.design.parts["baseline"]
    prior = prior_precision(design, scales, persistence)
    at_start = _Known(prior, prior @ priors.fixed_mean(design))
    pieces = [_embedded(window, one, place) for place, one in enumerate(evidence)]
    precision = prior + sum(piece[0] for piece in pieces)
    everything = _Known(precision, at_start.linear + sum(piece[1] for piece in pieces))
    rows, past = [], at_start
    for place, (one, (information, linear, point, constant)) in enumerate(zip(evidence, pieces, strict=True)):
        at, gradient = design.shared + place, float(one.gradient[bands].sum())
        others = _Known(everything.precision - information, everything.linear - linear)
        until = _Known(past.precision + information, past.linear + linear)
        figures = {
            "": _defaults(one, information, gradient, point, everything, at),
            "_left_out": _defaults(one, information, gradient, point, others, at),
            "_future": _defaults(one, information, gradient, point, past, at),
        }
        row = {"vintage": design.vintages[place], "loans": one.loans, "trials": one.trials, "defaults": one.defaults}
        for suffix, values in figures.items():
            row |= dict(zip((f"expected{suffix}", f"low{suffix}", f"high{suffix}"), values.tolist(), strict=True))
        row["elpd_left_out"] = constant + everything.constant - others.constant
        row["elpd_future"] = constant + until.constant - past.constant
        rows.append(row)
        past = until
    return pl.DataFrame(rows)


def prior_predictive(design: Design, draws: int = 4_000, seed: int = 0) -> tuple[float, float, float]:
    """5 %, 50 % and 95 % of the twelve-month default rate of an average loan before any loan is seen.

    Only the baselines speak: the effects of the average loan are zero.
    """
    generator = np.random.default_rng(seed)
    bands = len(design.periods.labels)
    odds = generator.normal(priors.baseline_mean(design), priors.BASELINE_SCALE, (draws, bands))
    rate = 1 - np.exp(-(np.logaddexp(0, odds) @ design.periods.trials[HORIZON, :bands]))
    low, middle, high = np.quantile(rate, [0.05, 0.5, 0.95])
    return float(low), float(middle), float(high)
