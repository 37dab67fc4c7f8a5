"""PD with interval for loans under the posterior: a Gaussian of the log-odds, five quadrature nodes.

A level outside the design adds its group's tau^2 to the variance. A vintage outside it is forecast
by the mean of the last twelve vintages (a local level over a whole year, so that seasons cancel),
weighted by their information, with tau^2 of innovation. Around the population mean a new vintage
would inherit years the lender has left behind. Measured in docs/decisions/002-training-window.md.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.models.design import Design, Encoded
from creditrisk_assets.models.moments import expected_pd, log_odds, log_odds_variance

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

RECENT = 12
NORMAL_95 = 1.6448536269514722


@dataclass(frozen=True)
class Gaussian:
    """What prediction needs of a posterior: coefficients ~ N(`mean` (p,), `covariance` (p, p)).

    `scale_squares` (G,): posterior mean of tau^2 per group. `forecast` (p,): weights of the
    coefficients whose sum forecasts the effect of a vintage outside the design.
    """

    design: Design
    mean: Vector
    covariance: Matrix
    scale_squares: Vector
    forecast: Vector


def forecast_weights(design: Design, information: Vector, recent: int = RECENT) -> Vector:
    """Weights (p,) summing to one over the last `recent` vintages, by `information` (p,) of each coefficient."""
    weights = np.zeros(len(design.parameters))
    part = design.group_slices()["vintage"]
    last = slice(max(part.start, part.stop - recent), part.stop)
    weights[last] = information[last]
    return weights / weights.sum() if weights.sum() > 0 else weights


def _block_moments(posterior: Gaussian, encoded: Encoded) -> tuple[Vector, Vector]:
    design, forecast = posterior.design, posterior.forecast
    mean = log_odds(design, encoded, posterior.mean)
    variance = log_odds_variance(design, encoded, posterior.covariance)
    for column, (group, square) in enumerate(zip(design.groups, posterior.scale_squares, strict=True)):
        unseen = encoded.codes[:, column] < 0
        variance += unseen * square
        if group.name == "vintage" and unseen.any():
            spread = posterior.covariance @ forecast
            mean += unseen * float(forecast @ posterior.mean)
            variance += unseen * (float(forecast @ spread) + 2 * log_odds(design, encoded, spread))
    return mean, np.maximum(variance, 0.0)


def log_odds_moments(posterior: Gaussian, frame: pl.DataFrame) -> tuple[Vector, Vector]:
    """Mean and variance of the log-odds of default for rows of features/loans, each (rows,).

    Memory is bounded by blocks. ValueError names a column that is absent or infinite.
    """
    mean, variance = np.empty(frame.height), np.empty(frame.height)
    for rows, encoded in posterior.design.blocks(frame):
        mean[rows], variance[rows] = _block_moments(posterior, encoded)
    return mean, variance


def predict(posterior: Gaussian, frame: pl.DataFrame) -> pl.DataFrame:
    """One row per row of `frame`: pd (posterior mean), pd_low and pd_high (5 % and 95 %), log_odds, log_odds_sd."""
    from scipy.special import expit

    mean, variance = log_odds_moments(posterior, frame)
    spread = np.sqrt(variance)
    return pl.DataFrame(
        {
            "pd": expected_pd(mean, variance),
            "pd_low": expit(mean - NORMAL_95 * spread),
            "pd_high": expit(mean + NORMAL_95 * spread),
            "log_odds": mean,
            "log_odds_sd": spread,
        }
    )
