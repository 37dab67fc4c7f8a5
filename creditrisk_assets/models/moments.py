"""Mean and variance of the log-odds of loans under a Gaussian posterior of the coefficients.

m = x'mu and v = x'Sigma x, with the groups looked up in tables of single levels and of pairs, never
expanded to columns. Averages over such a Gaussian use five-node Gauss-Hermite quadrature.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.models.design import Design, Encoded

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@cache
def gauss_hermite(nodes: int = 5) -> tuple[Vector, Vector]:
    """Nodes and weights (summing to one) of the standard normal expectation."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    return points, weights / weights.sum()


def expected_pd(mean: Vector, variance: Vector) -> Vector:
    """Mean of expit(x) for x ~ N(mean, variance), elementwise; never outside 0 to 1."""
    from scipy.special import expit

    spread = np.sqrt(variance)
    result: Vector = np.zeros_like(mean)
    for point, weight in zip(*gauss_hermite(), strict=True):
        result += weight * expit(mean + point * spread)
    return result


def expected_weight(mean: Vector, variance: Vector) -> Vector:
    """Mean of expit(x)(1 - expit(x)) for x ~ N(mean, variance), elementwise."""
    from scipy.special import expit

    spread = np.sqrt(variance)
    result: Vector = np.zeros_like(mean)
    for point, weight in zip(*gauss_hermite(), strict=True):
        p = expit(mean + point * spread)
        result += weight * p * (1 - p)
    return result


def _padded(values: Vector) -> Vector:
    """A table with a last row of zeros, which the code -1 finds."""
    return np.concatenate([values, np.zeros((1, *values.shape[1:]))])


def log_odds(design: Design, encoded: Encoded, theta: Vector) -> Vector:
    """Log-odds of a block under coefficients `theta` (p,), shape (rows,); codes of -1 add nothing."""
    eta: Vector = encoded.common @ theta[: encoded.common.shape[1]]
    for column, part in enumerate(design.group_slices().values()):
        eta += _padded(theta[part])[encoded.codes[:, column]]
    return eta


def log_odds_variance(design: Design, encoded: Encoded, covariance: Matrix) -> Vector:
    """Variance of the log-odds of a block under `covariance` (p, p), shape (rows,); codes of -1 add nothing."""
    width = encoded.common.shape[1]
    parts = list(design.group_slices().values())
    half = encoded.common @ covariance[:width, :width]
    for column, part in enumerate(parts):
        half += 2 * _padded(covariance[part, :width])[encoded.codes[:, column]]
    variance: Vector = np.einsum("ij,ij->i", half, encoded.common)
    for a, part in enumerate(parts):
        variance += _padded(np.diag(covariance)[part])[encoded.codes[:, a]]
        for b, other in enumerate(parts[:a]):
            pairs = _padded(_padded(covariance[part, other]).T).T
            variance += 2 * pairs[encoded.codes[:, a], encoded.codes[:, b]]
    return np.maximum(variance, 0.0)
