"""What a vintage says about the coefficients: its log-likelihood as a quadratic at a shared reference point.

    log L(theta) = log L(t) + g'(theta - t) - (theta - t)' H (theta - t) / 2 + remainder

Any number of loans becomes one gradient g and one information matrix H. Evidence of vintages forms
a group: add a month, overwrite on replay, subtract to leave one out. The effect of the vintage
itself needs no row of its own, for it meets every loan exactly as the baselines do: its gradient
is the sum of theirs. It is moved by three Newton steps of its own, so that a reference point stays
good while the level of the book moves (research: a reference from 79 months earlier still certifies).
The remainder is not waved away: `certificate.py` weighs the posterior by the exact likelihood.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.models.design import Coded, Design
from creditrisk_assets.models.kernels import compiled, expand_loans, expected_defaults
from creditrisk_assets.models.quadrature import gauss_hermite

if TYPE_CHECKING:
    from creditrisk_assets.models.scorer import Tables

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

OWN_SCALE = 0.3
"""Keeps the own step of a vintage with few defaults finite: published vintage effects are .1 to .3."""
OWN_STEPS = 3


@dataclass(frozen=True)
class Reference:
    """Where evidence is expanded: `point` (q,) of the shared coefficients and their `covariance` (q, q).

    With a covariance, slope and curvature of every loan are averaged over that Gaussian (the closest
    one in the variational sense, Opper and Archambeau 2009): curvature at one point misleads where
    defaults are few.
    """

    point: Vector
    covariance: Matrix | None = None


@dataclass(frozen=True)
class Evidence:
    """One vintage at a reference `point` (q,) of the shared coefficients and `own` effect of the vintage.

    `log_likelihood` is exact there; `gradient` (q,) and `information` (q, q) concern the shared ones.
    """

    point: Vector
    own: float
    log_likelihood: float
    gradient: Vector
    information: Matrix
    loans: int
    trials: float
    defaults: int

    def __add__(self, other: "Evidence") -> "Evidence":
        """Evidence of two parts of a vintage; ValueError unless both were expanded at the same point."""
        return self._combined(other, 1)

    def __sub__(self, other: "Evidence") -> "Evidence":
        """What is left of a vintage without a part of it; ValueError as for the sum."""
        return self._combined(other, -1)

    def _combined(self, other: "Evidence", sign: int) -> "Evidence":
        if self.own != other.own or not np.array_equal(self.point, other.point):
            raise ValueError("evidence expanded at different points cannot be combined: expand both at one point")
        return Evidence(
            self.point,
            self.own,
            self.log_likelihood + sign * other.log_likelihood,
            self.gradient + sign * other.gradient,
            self.information + sign * other.information,
            self.loans + sign * other.loans,
            self.trials + sign * other.trials,
            self.defaults + sign * other.defaults,
        )


@dataclass(frozen=True)
class Window:
    """Evidence of a whole window in the coordinates of its design: all p coefficients, vintages included.

    `point`, `gradient` (p,), `information` (p, p); the log-likelihood is exact at the point.
    """

    design: Design
    point: Vector
    log_likelihood: float
    gradient: Vector
    information: Matrix
    loans: int
    trials: float
    defaults: int

    @cached_property
    def linear(self) -> Vector:
        """H of the same quadratic written around zero: h'theta - theta'H theta / 2 (+ constant), shape (p,)."""
        result: Vector = self.information @ self.point + self.gradient
        return result


def gather(design: Design, loans: Coded, reference: Reference, own: float, variance: Vector | None = None) -> Evidence:
    """Evidence of loans of one vintage at given points; `variance` (n,) of each log-odds where it is averaged."""
    parts, columns = design.parts, design.columns
    share = design.periods.share
    bands, width = len(share), len(columns.names)
    first, second = (np.append(reference.point[parts[group.name]], 0.0) for group in design.binning.groups)
    one, two = first.size - 1, second.size - 1
    totals, gradient, weights = np.zeros(2), np.zeros(bands + width + one + two), np.zeros(bands)
    dense, cross = np.zeros((width, width)), np.zeros((bands, width))
    groups, pair = np.zeros((one + two, bands + width + 1)), np.zeros((one + 1, two + 1))
    nodes, shares = gauss_hermite()
    compiled(expand_loans)(
        loans.codes, design.rows_of(loans), loans.outcome, np.zeros(0) if variance is None else variance, nodes, shares,
        columns.factor, columns.table, design.periods.trials, design.periods.band, design.periods.first,
        share @ reference.point[design.hazard], reference.point[parts["effects"]].copy(), first, second, own,
        totals, gradient, weights, dense, cross, groups, pair,
    )  # fmt: skip
    information = np.zeros((design.shared, design.shared))
    hazard, effects, start = design.hazard, parts["effects"], parts["effects"].stop
    information[hazard, hazard] = np.tril((share.T * weights) @ share)
    information[effects, effects] = dense
    information[effects, hazard] = cross.T @ share
    information[start:, hazard] = groups[:, :bands] @ share
    information[start:, effects] = groups[:, bands : bands + width]
    information[start:, start:] = np.diag(groups[:, bands + width])
    information[start + one :, start : start + one] = pair[:one, :two].T
    information += np.tril(information, -1).T
    tried, slope = loans.months > 0, np.append(gradient[:bands] @ share, gradient[bands:])
    return Evidence(
        reference.point, own, float(totals[0]), slope, information, int(tried.sum()), float(totals[1]),
        int((loans.outcome & tried).sum()),
    )  # fmt: skip


def _own_effect(design: Design, loans: Coded, reference: Reference) -> float:
    """Effect of a vintage given the shared coefficients: Newton steps of one dimension, lightly held to zero."""
    own = 0.0
    point = reference.point
    first, second = (np.append(point[design.parts[g.name]], 0.0) for g in design.binning.groups)
    eta = first[loans.codes[-2]] + second[loans.codes[-1]]
    for effect, factor, values in zip(
        point[design.parts["effects"]], design.columns.factor, design.columns.table, strict=True
    ):
        eta += effect * values[loans.codes[factor]]
    # Odds within reach of the exponential, whatever a wild loan or level says.
    odds, baseline = np.exp(np.clip(eta, -300, 300)), np.exp(design.periods.share @ point[design.hazard])
    rows = design.rows_of(loans)
    defaults = float((loans.outcome & (loans.months > 0)).sum())
    for _ in range(OWN_STEPS):
        expected, spread = compiled(expected_defaults)(
            odds, rows, design.periods.trials, design.periods.first, baseline * np.exp(own)
        )
        slope, curvature = defaults - own / OWN_SCALE**2 - expected, 1 / OWN_SCALE**2 + spread
        own += float(np.clip(slope / curvature, -1.0, 1.0))
    return own


def expand(
    design: Design, loans: Coded, reference: Reference, own: float | None = None, tables: "Tables | None" = None
) -> Evidence:
    """Evidence of one vintage: its own effect is found first, unless given.

    `tables`: those of `scorer.shared_tables`, where they are at hand already. Loans not tried yet add
    nothing; a vintage without any, or without a default, has evidence like any other.
    """
    effect = _own_effect(design, loans, reference) if own is None else own
    variance = None
    if reference.covariance is not None:
        from creditrisk_assets.models.scorer import moments, shared_tables

        looked_up = tables or shared_tables(design, reference.covariance)
        variance = moments(design, looked_up, loans.codes, np.zeros(len(loans), np.int64))[1]
    return gather(design, loans, reference, effect, variance)


def total(design: Design, evidence: list[Evidence]) -> Window:
    """The sum over the design's vintages, one Evidence each and in their order.

    ValueError unless all were expanded at one reference point.
    """
    if len(evidence) != len(design.vintages):
        raise ValueError(f"evidence of {len(evidence)} vintages for a window of {len(design.vintages)}")
    point, q, p = evidence[0].point, design.shared, len(design.parameters)
    if any(not np.array_equal(one.point, point) for one in evidence):
        raise ValueError("evidence expanded at different points cannot be added: materialise models/evidence again")
    bands = design.parts["baseline"]
    gradient, information = np.zeros(p), np.zeros((p, p))
    for place, one in enumerate(evidence, start=q):
        gradient[:q] += one.gradient
        information[:q, :q] += one.information
        gradient[place] = one.gradient[bands].sum()
        information[place, :q] = information[:q, place] = one.information[bands].sum(axis=0)
        information[place, place] = one.information[bands, bands].sum()
    return Window(
        design,
        np.append(point, [one.own for one in evidence]),
        sum(one.log_likelihood for one in evidence),
        gradient,
        information,
        sum(one.loans for one in evidence),
        sum(one.trials for one in evidence),
        sum(one.defaults for one in evidence),
    )
