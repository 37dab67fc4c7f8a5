"""Expectations over a normal distribution."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@cache
def gauss_hermite(nodes: int = 5) -> tuple[Vector, Vector]:
    """Nodes and weights (summing to one) of the standard normal expectation."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    return points, weights / weights.sum()
