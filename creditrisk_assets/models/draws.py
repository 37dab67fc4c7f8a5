"""Two hundred draws of a posterior, numbered so that sums over vintages of several models keep what they share.

Models a quarter apart learn from mostly the same loans: where one draw says that risk is high, the
other model would agree. Their draws know nothing of each other, so they are paired by rank: sorted by
the log-odds they give the average training loan, the n-th lowest of every model has the same number.
Numbered at random, a sum over models would pretend that they err independently, and its interval
would be too narrow.

What no model has seen is drawn once and kept: the effect of a vintage after the window goes on from
the window's last by the AR(1) of the draw, month after month, so vintages in a row stay alike; a
level of purpose or state outside the design is one draw for all such levels. Seeds are fixed: the
same posterior gives the same figures.
"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.contracts import DRAWS
from creditrisk_assets.models.design import Design
from creditrisk_assets.models.horizon import Horizons
from creditrisk_assets.models.posterior import Posterior

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

SEED = 20_140_101
_NUMBERS, _VINTAGES, _LEVELS = range(3)
"""What is drawn; part of the seed, so that none repeats another."""


@dataclass(frozen=True)
class Draws:
    """D = DRAWS draws of a design's p coefficients (D, p), with `scales` (D, groups) and `persistence` (D,)."""

    design: Design
    coefficients: Matrix
    scales: Matrix
    persistence: Vector

    @cached_property
    def cells(self) -> NDArray[np.float64]:
        """(D, strata, bands): baseline log-odds of default by draw, stratum of terms and band of months."""
        periods = self.design.periods
        cells = self.coefficients[:, self.design.hazard] @ periods.share.T
        return np.asarray(cells.reshape(len(cells), -1, len(periods.labels)), np.float64)

    @cached_property
    def tables(self) -> list[Matrix]:
        """For each factor (bins, D): what its bins add to the log-odds; last the level outside the design."""
        columns, parts = self.design.columns, self.design.parts
        effects = self.coefficients[:, parts["effects"]].T
        found = []
        for place, factor in enumerate(self.design.binning.factors[:-2]):
            mine = columns.factor == place
            found.append(columns.table[mine, : factor.size].T @ effects[mine])
        for number, group in enumerate(self.design.binning.groups):
            unseen = self.scales[:, number] * scores(_LEVELS, number)
            found.append(np.vstack([self.coefficients[:, parts[group.name]].T, unseen]))
        return found

    def vintage(self, vintage: date) -> Vector:
        """(D,): effect of a vintage, known inside the window, forecast after it, of no information before it."""
        window, spread = self.design.vintages, self.scales[:, -1]
        first, month = _number(window[0]), _number(vintage)
        if month < first:
            return np.asarray(spread * scores(_VINTAGES, month), np.float64)
        effects = self.coefficients[:, self.design.parts["vintage"]]
        effect = effects[:, min(month - first, len(window) - 1)]
        innovation = spread * np.sqrt(1 - self.persistence**2)
        for later in range(first + len(window), month + 1):
            effect = self.persistence * effect + innovation * scores(_VINTAGES, later)
        return np.asarray(effect, np.float64)


def draws_of(posterior: Posterior) -> Draws:
    """DRAWS draws of a posterior: evenly spread over the risk of a coming vintage, numbered by that of past ones."""
    loan, vintage = _average_loan(posterior), posterior.design.parts["vintage"]
    past = posterior.coefficients @ loan
    loan[vintage] = np.eye(len(posterior.design.vintages))[-1] * posterior.persistence.mean()
    coming = posterior.coefficients @ loan
    evenly = ((np.arange(DRAWS) + 0.5) * len(coming) / DRAWS).astype(np.int64)
    spread = np.argsort(coming, kind="stable")[evenly]
    chosen = np.empty(DRAWS, np.int64)
    chosen[_shuffled(_NUMBERS, 0)] = spread[np.argsort(past[spread], kind="stable")]
    return Draws(
        posterior.design, posterior.coefficients[chosen], posterior.scales[chosen], posterior.persistence[chosen]
    )


def scores(*seed: int) -> Vector:
    """(D,): the normal distribution in even steps, with mean 0 and variance 1, in an order of the seed's own.

    Even steps, because the mean of two hundred free draws would be off by a fourteenth of their spread.
    """
    from scipy.special import ndtri

    steps = ndtri((np.arange(DRAWS) + 0.5) / DRAWS)
    return np.asarray(steps[_shuffled(*seed)] / steps.std(), np.float64)


def _shuffled(*seed: int) -> NDArray[np.int64]:
    return np.random.default_rng([SEED, *seed]).permutation(DRAWS)


def _number(month: date) -> int:
    return month.year * 12 + month.month


def _average_loan(posterior: Posterior) -> Vector:
    """(p,): the coefficients of the average training loan in an average vintage of the window."""
    design = posterior.design
    loan, parts, mix = np.zeros(len(design.parameters)), design.parts, [np.asarray(row) for row in design.mix]
    weights = Horizons(design, posterior.mean[design.hazard]).weights
    place, strata = design.strata
    cells = design.periods.share.reshape(-1, len(weights), design.hazard.stop)
    loan[design.hazard] = mix[place] @ (weights @ cells)[strata[: mix[place].size]]
    for number, (factor, values) in enumerate(zip(design.columns.factor, design.columns.table, strict=True)):
        loan[parts["effects"].start + number] = values[: mix[factor].size] @ mix[factor]
    for shares, group in zip(mix[-2:], design.binning.groups, strict=True):
        loan[parts[group.name]] = shares[:-1]
    loan[parts["vintage"]] = 1 / len(design.vintages)
    return loan
