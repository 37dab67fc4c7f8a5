"""What the loans say about the coefficients, compressed: the log-likelihood's quadratic expansion.

This is where loans are aggregated. Binned factors of high cardinality and continuous features
leave hardly two loans alike, so counting equal loans compresses nothing; the expansion

    log L(theta) = log L(t) + g'(theta - t) - (theta - t)' H (theta - t) / 2 + remainder

does: any number of loans becomes one gradient g and one information matrix H. Both are sums over
loans, hence additive over blocks, vintages and machines. The expansion starts at the mode; three
further passes replace slope and curvature of each loan by their averages over the posterior, the
Gaussian that is closest in the variational sense (Opper and Archambeau 2009), because the
curvature at one point misleads where defaults are few. The remainder is not waved away either:
`certificate.py` weighs the posterior by the exact likelihood of every loan.

Groups are gathered by code and summed by `bincount`, never expanded to columns; a block is 64 k
rows, so memory does not grow with the book.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.models.design import Design, Encoded
from creditrisk_assets.models.moments import expected_pd, expected_weight, log_odds, log_odds_variance

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

# Sceptical scales for standardised effects and for groups; measured in docs/decisions/002-training-window.md.
EFFECT_SCALE, INTERCEPT_SCALE, GROUP_SCALE = 0.15, 2.5, 0.1
SMALLEST_SCALE = 0.02
STEPS, TOLERANCE, AVERAGED = 60, 1e-3, 3


@dataclass(frozen=True)
class Evidence:
    """Exact log-likelihood, gradient (p,) and information (p, p) at `point` (p,), over `loans` loans."""

    point: Vector
    log_likelihood: float
    gradient: Vector
    information: Matrix
    loans: int
    defaults: int

    def __add__(self, other: "Evidence") -> "Evidence":
        """Evidence of both populations; ValueError unless expanded at the same point."""
        if not np.array_equal(self.point, other.point):
            raise ValueError("evidence expanded at different points cannot be added: expand both at one point")
        return Evidence(
            self.point,
            self.log_likelihood + other.log_likelihood,
            self.gradient + other.gradient,
            self.information + other.information,
            self.loans + other.loans,
            self.defaults + other.defaults,
        )

    @property
    def linear(self) -> Vector:
        """H of the same quadratic written around zero: h'theta - theta'H theta / 2 (+ constant), shape (p,)."""
        result: Vector = self.information @ self.point + self.gradient
        return result


def block_evidence(
    design: Design, encoded: Encoded, outcome: Vector, theta: Vector, covariance: Matrix | None = None
) -> Evidence:
    """Evidence of one block of loans at `theta`, or averaged over N(theta, covariance) where that is given.

    `outcome` (rows,) is 0 or 1. The log-likelihood is always the exact one at `theta`.
    """
    from scipy.special import expit

    eta = log_odds(design, encoded, theta)
    if covariance is None:
        p = expit(eta)
        residual, weight = outcome - p, p * (1 - p)
    else:
        variance = log_odds_variance(design, encoded, covariance)
        residual, weight = outcome - expected_pd(eta, variance), expected_weight(eta, variance)
    width, size = encoded.common.shape[1], len(design.parameters)
    weighted = encoded.common * weight[:, None]
    gradient, information = np.zeros(size), np.zeros((size, size))
    gradient[:width] = encoded.common.T @ residual
    information[:width, :width] = encoded.common.T @ weighted
    parts = list(design.group_slices().values())
    codes = [
        np.where(column < 0, part.stop - part.start, column)
        for column, part in zip(encoded.codes.T, parts, strict=True)
    ]
    for a, part in enumerate(parts):
        levels = part.stop - part.start
        gradient[part] = np.bincount(codes[a], residual, levels + 1)[:-1]
        cross = np.stack([np.bincount(codes[a], column, levels + 1)[:-1] for column in weighted.T])
        information[:width, part], information[part, :width] = cross, cross.T
        information[part, part] = np.diag(np.bincount(codes[a], weight, levels + 1)[:-1])
        for b, other in enumerate(parts[:a]):
            count = other.stop - other.start + 1
            pairs = np.bincount(codes[a] * count + codes[b], weight, (levels + 1) * count).reshape(-1, count)[:-1, :-1]
            information[part, other], information[other, part] = pairs, pairs.T
    value = float(outcome @ eta - np.logaddexp(0, eta).sum())
    return Evidence(theta, value, gradient, information, outcome.size, int(outcome.sum()))


def loan_blocks(design: Design, frame: pl.DataFrame) -> Iterator[tuple[Encoded, Vector]]:
    """(encoded, outcome) of a training population in blocks of bounded size."""
    outcome = frame["outcome"].cast(pl.Float64).to_numpy()
    for rows, encoded in design.blocks(frame):
        yield encoded, outcome[rows]


def gather(design: Design, frame: pl.DataFrame, theta: Vector, covariance: Matrix | None = None) -> Evidence:
    """Evidence of a whole training population: the sum over its blocks, see `block_evidence`.

    ValueError when the population is empty or its outcomes are all the same.
    """
    total: Evidence | None = None
    for encoded, outcome in loan_blocks(design, frame):
        part = block_evidence(design, encoded, outcome, theta, covariance)
        total = part if total is None else total + part
    if total is None or total.defaults in (0, total.loans):
        raise ValueError("the training window needs a default and a non-default: widen it or check the outcomes")
    return total


def prior_precision(design: Design, scales: Vector) -> Vector:
    """Diagonal prior precision (p,) of the coefficients for given group scales (groups,)."""
    precision = np.full(len(design.parameters), EFFECT_SCALE**-2)
    precision[0] = INTERCEPT_SCALE**-2
    for scale, part in zip(scales, design.group_slices().values(), strict=True):
        precision[part] = scale**-2
    return precision


def likely_scales(design: Design, evidence: Evidence, scales: Vector, rounds: int = 30) -> Vector:
    """Group scales (groups,) that fit the quadratic evidence best: EM under the half-normal prior.

    Source: Dempster, Laird and Rubin 1977; the prior enters as a penalty on each scale.
    """
    for _ in range(rounds):
        covariance = np.linalg.inv(evidence.information + np.diag(prior_precision(design, scales)))
        mean = covariance @ evidence.linear
        moments = [
            (float(mean[part] @ mean[part] + np.diag(covariance)[part].sum()), part.stop - part.start)
            for part in design.group_slices().values()
        ]
        # Root of n/s - moment/s^3 + s/prior^2 = 0, the penalised maximisation step, in s^2.
        prior = GROUP_SCALE**2
        squares = [(np.sqrt((n * prior) ** 2 + 4 * prior * moment) - n * prior) / 2 for moment, n in moments]
        scales = np.maximum(np.sqrt(np.array(squares)), SMALLEST_SCALE)
    return scales


def _climb(design: Design, frame: pl.DataFrame, theta: Vector, scales: Vector) -> Evidence:
    """Evidence at the mode for given scales: Newton's method, steps halved until they climb."""
    precision = prior_precision(design, scales)
    evidence, best, change = gather(design, frame, theta), -np.inf, np.zeros_like(theta)
    for _ in range(STEPS):
        height = evidence.log_likelihood - 0.5 * float((precision * evidence.point) @ evidence.point)
        if height < best - 1e-6:
            change = change / 2
        else:
            best, theta = height, evidence.point
            slope = evidence.gradient - precision * theta
            change = np.asarray(np.linalg.solve(evidence.information + np.diag(precision), slope), np.float64)
            if np.abs(change).max() < TOLERANCE:
                return evidence
        evidence = gather(design, frame, theta + change)
    raise ValueError(f"the mode was not found in {STEPS} Newton steps: look for a feature of extreme values")


def expand(design: Design, frame: pl.DataFrame) -> tuple[Evidence, Vector]:
    """Evidence of a training population about its posterior mean (p,), and the likely group scales (G,).

    Mode by Newton's method with re-estimated scales, then three passes averaged over the posterior.
    ValueError when the population is empty, has one outcome only, or the mode is not found.
    """
    scales = np.full(len(design.groups), GROUP_SCALE / 2)
    theta = np.zeros(len(design.parameters))
    for _ in range(3):
        evidence = _climb(design, frame, theta, scales)
        theta, scales = evidence.point, likely_scales(design, evidence, scales)
    for _ in range(AVERAGED):
        precision = evidence.information + np.diag(prior_precision(design, scales))
        covariance = np.asarray(np.linalg.inv(precision), np.float64)
        evidence = gather(design, frame, covariance @ evidence.linear, covariance)
        scales = likely_scales(design, evidence, scales)
    return evidence, scales
