"""What is believed before any loan: one place for every prior of the posterior.

    baseline[band] ~ N(-6, 1.5^2)          a month ends in default with a chance of 0.02 % to 2.8 %
    baseline[term] ~ N(-2, 1.5^2)          where one trial covers the term: 1 % to 61 %
    shape          ~ N(0, 0.5^2)           what a term has of its own, band by band
    effects        ~ N(0, 0.15^2)          per standard deviation of a feature
    purpose, state ~ N(0, tau^2)           tau ~ HalfNormal(0.1)
    vintage        ~ AR(1) of persistence phi and standard deviation tau,
                     tau ~ HalfNormal(0.1), phi ~ Beta(1, 1)

Published vintage effects have a standard deviation of .1 to .3 in logit and persist for quarters.
Widths were measured by walk-forward: docs/decisions/002-training-window.md.
"""

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.models.design import Design

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

BASELINE_MEAN, TERM_MEAN, BASELINE_SCALE = -6.0, -2.0, 1.5
EFFECT_SCALE = 0.15
SHAPE_SCALE = 0.5
GROUP_SCALE = 0.1
PERSISTENCE_ALPHA, PERSISTENCE_BETA = 1.0, 1.0


def baseline_mean(design: Design) -> float:
    """Prior mean of every baseline: that of a month, or of a whole term."""
    return BASELINE_MEAN if design.periods.starts else TERM_MEAN


def fixed_mean(design: Design) -> Vector:
    """Prior mean (p,): the baselines', zero elsewhere."""
    mean = np.zeros(len(design.parameters))
    mean[design.parts["baseline"]] = baseline_mean(design)
    return mean


def fixed_precision(design: Design) -> Vector:
    """Prior precision (p,) of baselines, shapes and effects, zero where a scale is learned."""
    precision = np.zeros(len(design.parameters))
    precision[design.parts["baseline"]] = 1 / BASELINE_SCALE**2
    precision[design.parts["shape"]] = 1 / SHAPE_SCALE**2
    precision[design.parts["effects"]] = 1 / EFFECT_SCALE**2
    return precision


def correlation_inverse(size: int, persistence: float) -> Matrix:
    """Inverse (size, size) of the correlation of an AR(1): tridiagonal."""
    matrix = np.zeros((size, size))
    diagonal = matrix.ravel()[:: size + 1]
    diagonal[:] = 1 + persistence**2
    diagonal[[0, -1]] = 1.0
    if size > 1:
        matrix.ravel()[1 :: size + 1] = matrix.ravel()[size :: size + 1] = -persistence
        matrix /= 1 - persistence**2
    return matrix


def correlation_inverse_slope(size: int, persistence: float) -> Matrix:
    """Derivative of `correlation_inverse` by the persistence."""
    matrix, gap = np.zeros((size, size)), 1 - persistence**2
    if size > 1:
        diagonal = matrix.ravel()[:: size + 1]
        diagonal[:] = 4 * persistence / gap**2
        diagonal[[0, -1]] = 2 * persistence / gap**2
        matrix.ravel()[1 :: size + 1] = matrix.ravel()[size :: size + 1] = -(1 + persistence**2) / gap**2
    return matrix


def group_precision(design: Design, scales: Vector, persistence: float) -> Matrix:
    """Prior precision (r, r) of purposes, states and vintages, the coefficients after the effects."""
    start = design.parts["effects"].stop
    size = len(design.parameters) - start
    matrix = np.zeros((size, size))
    for name, scale in zip(design.scale_names, scales, strict=True):
        part = slice(design.parts[name].start - start, design.parts[name].stop - start)
        count = part.stop - part.start
        block = correlation_inverse(count, persistence) if name == "vintage" else np.eye(count)
        matrix[part, part] = block / scale**2
    return matrix
