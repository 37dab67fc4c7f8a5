"""What the loans say about the coefficients, compressed: the log-likelihood's quadratic expansion.

This is where loans are aggregated. Binned factors of high cardinality and continuous features
leave hardly two loans alike, so counting equal loans compresses nothing; the expansion

    log L(theta) = log L(mode) + g'(theta - mode) - (theta - mode)' H (theta - mode) / 2 + remainder

does: any number of loans becomes one gradient g and one information matrix H. Both are sums over
loans, hence additive over blocks, vintages and machines. The remainder is not waved away: the
certificate of `certificate.py` weighs the posterior by the exact likelihood of every loan.

Groups are gathered by code and summed by `bincount`, never expanded to columns; a block is 64 k
rows, so memory does not grow with the book.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.models.design import Design, Encoded

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

EFFECT_SCALE, INTERCEPT_SCALE, GROUP_SCALE = 1.0, 2.5, 0.5
SMALLEST_SCALE = 0.02
STEPS, TOLERANCE = 60, 1e-6


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
        """h of the same quadratic written around zero: h'theta - theta'H theta / 2 (+ constant), shape (p,)."""
        result: Vector = self.information @ self.point + self.gradient
        return result


def log_odds(design: Design, encoded: Encoded, theta: Vector) -> Vector:
    """Log-odds of a block, shape (rows,); codes of -1 add nothing."""
    eta: Vector = encoded.common @ theta[: encoded.common.shape[1]]
    for column, part in enumerate(design.group_slices().values()):
        eta += np.append(theta[part], 0.0)[encoded.codes[:, column]]
    return eta


def block_evidence(design: Design, encoded: Encoded, outcome: Vector, theta: Vector) -> Evidence:
    """Evidence of one block of loans at `theta`; `outcome` (rows,) is 0 or 1."""
    from scipy.special import expit

    eta = log_odds(design, encoded, theta)
    p = expit(eta)
    residual, weight = outcome - p, p * (1 - p)
    width, size = encoded.common.shape[1], len(design.parameters)
    weighted = encoded.common * weight[:, None]
    gradient, information = np.zeros(size), np.zeros((size, size))
    gradient[:width] = encoded.common.T @ residual
    information[:width, :width] = encoded.common.T @ weighted
    parts = list(design.group_slices().values())
    codes = [np.where(column < 0, part.stop - part.start, column) for column, part in zip(encoded.codes.T, parts)]
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


def gather(design: Design, frame: pl.DataFrame, theta: Vector) -> Evidence:
    """Evidence of a whole training population at `theta`: the sum over its blocks.

    ValueError when the population is empty or its outcomes are all the same.
    """
    total: Evidence | None = None
    for encoded, outcome in loan_blocks(design, frame):
        part = block_evidence(design, encoded, outcome, theta)
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


def expand(design: Design, frame: pl.DataFrame) -> tuple[Evidence, Vector]:
    """Evidence at the posterior mode of a training population, and the group scales used there.

    Newton's method, each step with re-estimated scales; ValueError when it does not settle.
    """
    scales = np.full(len(design.groups), GROUP_SCALE / 2)
    theta = np.zeros(len(design.parameters))
    rate = float(frame["outcome"].cast(pl.Float64).mean() or 0.0)  # type: ignore[arg-type]
    theta[0] = np.log((rate + 1e-6) / (1 - rate + 1e-6))
    for step in range(STEPS):
        evidence = gather(design, frame, theta)
        if step:
            scales = likely_scales(design, evidence, scales, 10)
        precision = np.diag(prior_precision(design, scales))
        change = np.linalg.solve(evidence.information + precision, evidence.gradient - precision @ theta)
        if np.abs(change).max() < 1e-4:
            return evidence, scales
        theta = theta + change * min(1.0, 3.0 / np.abs(change).max())
    raise ValueError(f"the mode was not found in {STEPS} Newton steps: look for a feature of extreme values")
