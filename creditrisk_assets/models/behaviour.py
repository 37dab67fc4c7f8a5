"""The PD of a customer after what they did: a Bayesian update of the application's, learned from history.

logit PD = a + rho m0 + sum of b over the bins of behaviour, where m0 is the log-odds of default within
twelve months that the application was given, of variance v0. The variance is rho^2 v0 + z' Sigma z over
the posterior of the coefficients. A pure function of the counts, hence of the set of events known.
Every sum is taken in one written order: a row gives the same bits alone and among others.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from creditrisk_assets.models.quadrature import gauss_hermite
from creditrisk_assets.models.steps import Steps

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Codes = list[NDArray[np.intp]]

NORMAL_95 = 1.6448536269514722
BLOCK = 16_384
APPLICATION = "application"
"""Factor of what was known at application, beside the columns of behaviour."""


@dataclass(frozen=True)
class Tables:
    """What a bin adds: `effects` and `spread` (bins,) by factor, `base`; to the variance: see `_variance`."""

    effects: list[Vector]
    spread: list[Vector]
    centres: Vector
    own: list[Vector]
    slopes: list[Vector]
    pairs: dict[tuple[int, int], Vector]


@dataclass(frozen=True, eq=False)
class BehaviourModel:
    """A posterior of p coefficients: a, rho, then the bins of each factor but its reference.

    `mean` (p,), `covariance` (p, p); `centre` is taken from m0 before rho; `average` is mean and variance of
    the log-odds of a customer without an application. `diagnostics` as `landmarks.learn` tells them.
    """

    factors: tuple[Steps, ...]
    mean: Vector
    covariance: Matrix
    centre: float
    average: tuple[float, float]
    diagnostics: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def none(mean: float, variance: float) -> "BehaviourModel":
        """Nothing was learned: the application's PD stands; `mean` and `variance` of customers without one."""
        return BehaviourModel((), np.array([0.0, 1.0]), np.zeros((2, 2)), 0.0, (mean, variance), {"passed": True})

    @property
    def names(self) -> tuple[str, ...]:
        """Factors in the order of `contributions`."""
        return (APPLICATION, *(factor.name for factor in self.factors))

    @property
    def version(self) -> str:
        """Twelve digits that change with the model; "none" where nothing was learned."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12] if self.factors else "none"

    @property
    def base(self) -> float:
        """Log-odds of the average customer, to which contributions add."""
        return float(self.mean[0] + self._tables.centres.sum())

    @cached_property
    def _tables(self) -> Tables:
        places = placements(self.factors)
        effects, spread, own, slopes, centres = [], [], [], [], []
        for factor, place in zip(self.factors, places, strict=True):
            dummies = place[:, None] == np.arange(len(self.mean))
            away = dummies - np.asarray(factor.shares) @ dummies
            effects.append(dummies @ self.mean)
            centres.append(float(np.asarray(factor.shares) @ effects[-1]))
            spread.append(np.sqrt(np.maximum(((away @ self.covariance) * away).sum(axis=1), 0.0)))
            own.append((dummies @ self.covariance * dummies).sum(axis=1) + 2 * (dummies @ self.covariance[:, 0]))
            slopes.append(2 * (dummies @ self.covariance[:, 1]))
        padded = np.pad(self.covariance, ((0, 1), (0, 1)))  # place -1, the reference, has no coefficient
        pairs = {
            (j, k): 2 * padded[np.ix_(places[j], places[k])].ravel()
            for k in range(len(places))
            for j in range(k)
        }  # fmt: skip
        return Tables(effects, spread, np.array(centres), own, slopes, pairs)

    def effects(self) -> pl.DataFrame:
        """One row per factor and bin: factor, bin in words, share in learning, effect against the reference, its sd."""
        rows: list[dict[str, Any]] = [
            {"factor": APPLICATION, "bin": "per log-odds", "share": 1.0, "effect": float(self.mean[1]),
             "sd": float(np.sqrt(self.covariance[1, 1]))}
        ]  # fmt: skip
        mean, sd = np.append(self.mean, 0.0), np.append(np.sqrt(np.diag(self.covariance)), 0.0)
        for factor, places in zip(self.factors, placements(self.factors), strict=True):
            for code, place in enumerate(places.tolist()):
                rows.append({"factor": factor.name, "bin": factor.label(code), "share": factor.shares[code],
                             "effect": float(mean[place]), "sd": float(sd[place])})  # fmt: skip
        return pl.DataFrame(rows)

    def predict(self, features: pl.DataFrame, m0: ArrayLike, v0: ArrayLike) -> pl.DataFrame:
        """One row per row of features/behaviour: pd, pd_low, pd_high, log_odds, log_odds_sd and base.

        `m0`, `v0` (n,): mean and variance of the log-odds of default within twelve months by the application,
        NaN for a customer without one; the PD is over the twelve months to come, its interval from 5 % to 95 %.
        ValueError for lengths that differ, a variance below 0, and columns absent or empty that may not be.
        """
        return self._predicted(*self._read(features, m0, v0))

    def explained(self, features: pl.DataFrame, m0: ArrayLike, v0: ArrayLike) -> tuple[pl.DataFrame, Matrix, Matrix]:
        """What `predict` and `contributions` say of the same rows, which are read once."""
        read = self._read(features, m0, v0)
        return self._predicted(*read), *self._contributed(*read)

    def _predicted(self, codes: Codes, away: Vector, before: Vector) -> pl.DataFrame:
        pd, low, high, mean, sd = (np.empty(away.size) for _ in range(5))
        for start in range(0, away.size, BLOCK):
            rows = slice(start, start + BLOCK)
            few = [code[rows] for code in codes]
            mean[rows] = self._mean(few, away[rows])
            sd[rows] = np.sqrt(np.maximum(self._variance(few, away[rows], before[rows]), 0.0))
            pd[rows], low[rows], high[rows] = _pds(mean[rows], sd[rows])
        columns = {"pd": pd, "pd_low": low, "pd_high": high, "log_odds": mean, "log_odds_sd": sd}
        return pl.DataFrame(columns).with_columns(base=pl.lit(self.base))

    def contributions(self, features: pl.DataFrame, m0: ArrayLike, v0: ArrayLike) -> tuple[Matrix, Matrix]:
        """(contribution, its deviation), each (n, factors): log_odds = base + the sum of a row's contributions."""
        return self._contributed(*self._read(features, m0, v0))

    def _contributed(self, codes: Codes, away: Vector, before: Vector) -> tuple[Matrix, Matrix]:
        rho, tables = self.mean[1], self._tables
        told, spread = [rho * away], [np.sqrt(away**2 * self.covariance[1, 1] + rho**2 * before)]
        for effect, centre, deviation, code in zip(tables.effects, tables.centres, tables.spread, codes, strict=True):
            told.append((effect - centre)[code])
            spread.append(deviation[code])
        return np.column_stack(told), np.column_stack(spread)

    def _read(self, features: pl.DataFrame, m0: ArrayLike, v0: ArrayLike) -> tuple[Codes, Vector, Vector]:
        """Bins by factor, and distance from the centre and variance of what was known before."""
        mean, variance = np.asarray(m0, np.float64), np.asarray(v0, np.float64)
        rows = (features.height,)
        if mean.shape != rows or variance.shape != rows:
            raise ValueError(f"m0 {mean.shape} and v0 {variance.shape} must have the shape {rows} of the features")
        unknown = np.isnan(mean)
        mean, variance = np.where(unknown, self.average[0], mean), np.where(unknown, self.average[1], variance)
        wrong = ~(np.isfinite(mean) & (variance >= 0) & np.isfinite(variance))
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(f"row {row} has log-odds {mean[row]} with variance {variance[row]}: give finite ones, "
                             "the variance at least 0, or NaN for log-odds that are not known")  # fmt: skip
        return [factor.codes(features) for factor in self.factors], mean - self.centre, variance

    def _mean(self, codes: Codes, away: Vector) -> Vector:
        total: Vector = self.mean[0] + self.mean[1] * away
        for effect, code in zip(self._tables.effects, codes, strict=True):
            total += effect[code]
        return total

    def _variance(self, codes: Codes, away: Vector, before: Vector) -> Vector:
        """rho^2 v0 + z' Sigma z, where z holds 1, the distance from the centre and one 1 per factor."""
        sigma, tables = self.covariance, self._tables
        slope = np.full(away.shape, 2 * sigma[0, 1])
        total = self.mean[1] ** 2 * before + sigma[0, 0]
        for k, code in enumerate(codes):
            total += tables.own[k][code]
            slope += tables.slopes[k][code]
            for j in range(k):
                total += tables.pairs[j, k][codes[j] * self.factors[k].size + code]
        return np.asarray(total + away * (slope + sigma[1, 1] * away), np.float64)

    def to_json(self) -> str:
        """The whole model as one line of JSON."""
        plain = {
            "factors": [[factor.name, factor.edges, factor.shares] for factor in self.factors],
            "mean": self.mean.tolist(),
            "covariance": self.covariance.tolist(),
            "centre": self.centre,
            "average": self.average,
            "diagnostics": dict(self.diagnostics),
        }
        return json.dumps(plain, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "BehaviourModel":
        """The model `to_json` wrote."""
        plain = json.loads(text)
        factors = tuple(Steps(name, tuple(edges), tuple(shares)) for name, edges, shares in plain["factors"])
        mean, covariance = np.array(plain["mean"]), np.array(plain["covariance"])
        average = (plain["average"][0], plain["average"][1])
        return BehaviourModel(factors, mean, covariance, plain["centre"], average, plain["diagnostics"])


def placements(factors: tuple[Steps, ...]) -> list[NDArray[np.intp]]:
    """By factor: the place of each bin's coefficient among all, -1 for the reference."""
    result, first = [], 2
    for factor in factors:
        others = np.arange(factor.size) != factor.reference
        result.append(np.where(others, first + others.cumsum() - 1, -1))
        first += factor.size - 1
    return result


def prior_of(pd_low: ArrayLike, pd_high: ArrayLike) -> tuple[Vector, Vector]:
    """(m0, v0) of a PD within twelve months by its 5 and 95 % quantiles (n,): the log-odds are Gaussian."""
    from scipy.special import logit

    low, high = logit(np.asarray(pd_low, np.float64)), logit(np.asarray(pd_high, np.float64))
    return (low + high) / 2, np.square((high - low) / (2 * NORMAL_95))


def _pds(mean: Vector, sd: Vector) -> tuple[Vector, Vector, Vector]:
    """Mean, 5 % and 95 % quantile of the PD of Gaussian log-odds."""
    from scipy.special import expit

    nodes, weights = gauss_hermite()
    pd = np.zeros(mean.shape)
    for node, weight in zip(nodes, weights, strict=True):
        pd += weight * expit(mean + node * sd)
    return pd, expit(mean - NORMAL_95 * sd), expit(mean + NORMAL_95 * sd)
