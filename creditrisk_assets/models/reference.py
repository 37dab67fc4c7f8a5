"""Where to expand: the mode of the posterior for likely scales, by Newton's method on evidence.

Three rounds of mode and scales (an EM step for the scales), then passes averaged over the posterior.
Large windows start from a sample of their loans, so that only the last steps pass over all of them.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.models import priors
from creditrisk_assets.models.design import Coded, Design
from creditrisk_assets.models.evidence import Evidence, Reference, Window, expand, total

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

LIKELY_SCALE, LIKELY_PERSISTENCE = 0.05, 0.8
SMALLEST_SCALE = 0.02
STEPS, ROUNDS, TOLERANCE = 40, 3, 1e-3
SAMPLE = 100_000


def by_vintage(design: Design, loans: Coded) -> list[Coded]:
    """The loans of each vintage of the design; loans must be in order of vintage."""
    bounds = np.searchsorted(loans.vintage, np.arange(len(design.vintages) + 1))
    return [loans.rows(slice(a, b)) for a, b in pairwise(bounds)]


def gather_window(design: Design, vintages: list[Coded], reference: Reference, own: Vector | None = None) -> Window:
    """Evidence of all vintages at a reference, on two threads; `own` (T,) fixes the vintage effects."""
    from creditrisk_assets.models.scorer import shared_tables

    tables = None if reference.covariance is None else shared_tables(design, reference.covariance)

    def one(place: int) -> Evidence:
        return expand(design, vintages[place], reference, None if own is None else float(own[place]), tables)

    with ThreadPoolExecutor(2) as pool:
        return total(design, list(pool.map(one, range(len(vintages)))))


def prior_precision(design: Design, scales: Vector, persistence: float = LIKELY_PERSISTENCE) -> Matrix:
    """Prior precision (p, p) of all coefficients given scales and persistence."""
    precision = np.diag(priors.fixed_precision(design))
    start = design.parts["effects"].stop
    precision[start:, start:] = priors.group_precision(design, scales, persistence)
    return precision


def likely_scales(design: Design, window: Window, scales: Vector, theta: Vector | None = None) -> Vector:
    """One maximisation step for the group scales (G,) given the current ones, prior included."""
    precision = prior_precision(design, scales)
    covariance = np.linalg.inv(window.information + precision)
    mean = _solved(design, window, precision) if theta is None else theta
    found = []
    for name in design.scale_names:
        part = design.parts[name]
        count = part.stop - part.start
        moments = covariance[part, part] + np.outer(mean[part], mean[part])
        shape = priors.correlation_inverse(count, LIKELY_PERSISTENCE) if name == "vintage" else np.eye(count)
        # Root of n/s - moment/s^3 + s/prior^2 = 0, the penalised maximisation step, in s^2.
        square, prior = float((shape * moments).sum()), priors.GROUP_SCALE**2
        found.append((np.sqrt((count * prior) ** 2 + 4 * prior * square) - count * prior) / 2)
    return np.asarray(np.maximum(np.sqrt(found), SMALLEST_SCALE), np.float64)


def _solved(design: Design, window: Window, precision: Matrix) -> Vector:
    linear = window.linear + precision @ priors.fixed_mean(design)
    return np.asarray(np.linalg.solve(window.information + precision, linear), np.float64)


def _climb(design: Design, vintages: list[Coded], theta: Vector, scales: Vector) -> Window:
    """Evidence at the mode for given scales: Newton's method, steps halved until they climb."""
    precision, at, q = prior_precision(design, scales), priors.fixed_mean(design), design.shared

    def look(point: Vector) -> tuple[Window, float]:
        window = gather_window(design, vintages, Reference(point[:q]), point[q:])
        return window, window.log_likelihood - 0.5 * float((point - at) @ precision @ (point - at))

    window, best = look(theta)
    for _ in range(STEPS):
        change = np.linalg.solve(window.information + precision, window.gradient - precision @ (window.point - at))
        if np.abs(change).max() < TOLERANCE:
            return window
        while True:
            trial, height = look(window.point + change)
            if height >= best - 1e-6:
                break
            change = change / 2
            if np.abs(change).max() < TOLERANCE / 100:
                return window
        window, best = trial, height
    raise ValueError(f"the mode was not found in {STEPS} Newton steps: look for a feature of extreme values")


def start_point(design: Design, loans: Coded) -> Vector:
    """Crude baselines, every effect zero: shape (p,)."""
    theta = priors.fixed_mean(design)
    bands = len(design.periods.labels)
    trials = design.periods.trials[loans.months, :bands].sum(axis=0)
    tried = loans.outcome & (loans.months > 0)
    bad = np.bincount(design.periods.band[loans.months[tried]], minlength=bands)
    theta[design.parts["baseline"]] = np.log((bad + 0.5) / (trials - bad + 10.0).clip(min=0.5))
    return theta


def find_reference(
    design: Design, loans: Coded, say: Callable[[str], None] = lambda _: None
) -> tuple[Reference, Vector]:
    """The reference (point and covariance of the shared coefficients) of a window, and its likely scales (G,).

    `loans` in order of vintage. ValueError when the mode is not found.
    """
    scales = np.full(len(design.scale_names), LIKELY_SCALE)
    few = loans.rows(slice(None, None, -(-len(loans) // SAMPLE))) if len(loans) > 2 * SAMPLE else loans
    vintages, theta = by_vintage(design, few), start_point(design, few)
    for round_ in range(ROUNDS):
        window = _climb(design, vintages, theta, scales)
        theta, scales = window.point, likely_scales(design, window, scales, window.point)
        say(f"round {round_}: scales {scales}")
    q = design.shared
    if few is not loans:
        window = gather_window(design, by_vintage(design, loans), Reference(theta[:q]), theta[q:])
        scales = likely_scales(design, window, scales)
        theta = _solved(design, window, prior_precision(design, scales))
    precision = window.information + prior_precision(design, scales)
    return Reference(theta[:q], np.asarray(np.linalg.inv(precision), np.float64)[:q, :q]), scales
