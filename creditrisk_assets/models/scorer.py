"""Scoring loans under a posterior: one function for a book, a row and a stream.

The log-odds of a loan are Gaussian with mean m = x'mu and variance v = x'Sigma x, looked up by
code. PDs are curves over the log-odds, so a mean is a three-node quadrature and an interval two
look-ups. A level outside the design adds its group's tau^2; a vintage after the window follows the
AR(1) of the vintages: its mean decays, its variance grows towards tau^2.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.models.binning import Numeric
from creditrisk_assets.models.design import Coded, Columns, Design
from creditrisk_assets.models.horizon import LOW, PER_UNIT, Horizons
from creditrisk_assets.models.kernels import compiled, moments_of_loans, pds_of_loans

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

NORMAL_95 = 1.6448536269514722
FURTHEST = 60
"""Months after the window beyond which a forecast no longer changes much."""
BLOCK = 65_536
NODES = np.array([-np.sqrt(3.0), 0.0, np.sqrt(3.0), -NORMAL_95, NORMAL_95])
SHARES = np.array([1 / 6, 2 / 3, 1 / 6])
PREDICTED = ("pd", "pd_low", "pd_high", "pd_term", "pd_term_low", "pd_term_high")


@dataclass(frozen=True)
class Tables:
    """What the moments kernel looks up, see there.

    `contributions` (factors, bins) are taken around the average loan, `spread` is their deviation;
    `base` (vintages,): log-odds of the average loan, to which contributions add.
    """

    means: tuple[Vector, Vector, Vector, Vector]
    contributions: Matrix
    spread: Matrix
    base: Vector
    covariance: Matrix
    columns: Columns
    crosses: tuple[Matrix, Matrix, Matrix]
    pairs: tuple[Matrix, Matrix, Matrix]


def make_tables(design: Design, mean: Vector, covariance: Matrix, levels: Matrix, extra: Vector, constant: Vector,
                group_squares: Vector) -> Tables:  # fmt: skip
    """Tables of a Gaussian posterior of p coefficients.

    `levels` (V, p): coefficients that make up each vintage effect, `extra` (V,) its variance beside
    theirs; `constant` (p,): the weights of the baselines; `group_squares` (2,): tau^2 of an unseen level.
    """
    parts, p = design.parts, len(design.parameters)
    columns, effects = _columns(design, constant)
    rows = np.vstack([constant, effects])
    seen = [np.vstack([np.eye(p)[parts[group.name]], np.zeros(p)]) for group in design.binning.groups]
    beside = [np.append(np.zeros(len(one) - 1), square) for one, square in zip(seen, group_squares, strict=True)]
    everything, own = [*seen, levels], [*beside, extra]
    crosses = [
        np.column_stack([one @ covariance @ rows.T, ((one @ covariance) * one).sum(axis=1) + more])
        for one, more in zip(everything, own, strict=True)
    ]
    pairs = [a @ covariance @ b.T for a, b in ((seen[0], seen[1]), (seen[0], levels), (seen[1], levels))]
    raw, spread, centre = _contributions(design, columns, effects, mean, covariance, group_squares)
    plain = levels @ mean + constant @ mean
    groups = [np.append(mean[parts[group.name]], 0.0) for group in design.binning.groups]
    return Tables(
        (effects @ mean, groups[0], groups[1], plain), raw - centre[:, None], spread,
        plain + centre.sum(), _folded(rows @ covariance @ rows.T), columns,
        (crosses[0], crosses[1], crosses[2]), (pairs[0], pairs[1], pairs[2]),
    )  # fmt: skip


def _folded(matrix: Matrix) -> Matrix:
    """A symmetric matrix as its lower half, doubled off the diagonal: the same quadratic form, half the work."""
    return np.ascontiguousarray(np.tril(matrix) + np.tril(matrix, -1))


def _columns(design: Design, constant: Vector) -> tuple[Columns, Matrix]:
    """Columns of a loan and the coefficients (columns, p) of each: the effects, then what each shape adds to its term.

    A shape is one number to a loan: its bands weighted as `constant` weighs those of the baselines.
    """
    plain, periods, bands = design.columns, design.periods, design.parts["baseline"]
    place, strata = design.strata
    effects = np.eye(len(constant))[design.parts["effects"]]
    cells = periods.share.reshape(-1, len(periods.labels), design.hazard.stop)
    shapes = np.zeros((len(periods.shapes), len(constant)))
    shapes[:, design.hazard] = constant[bands] @ cells[1:] - constant[bands] @ cells[0]
    table = np.zeros((len(shapes), plain.table.shape[1]))
    for number, row in enumerate(table, start=1):
        row[: strata.size] = (strata == number)[: row.size]
    factor = np.append(plain.factor, np.full(len(shapes), place))
    names = (*plain.names, *(f"shape[{shape.term}]" for shape in periods.shapes))
    return Columns(factor, np.vstack([plain.table, table]), names), np.vstack([effects, shapes])


def _contributions(
    design: Design, columns: Columns, effects: Matrix, mean: Vector, covariance: Matrix, group_squares: Vector
) -> tuple[Matrix, Matrix, Vector]:
    """Per factor and bin: mean contribution and its deviation from the average loan; per factor: the average."""
    widest = max(factor.size for factor in design.binning.factors)
    count = len(design.binning.factors)
    raw, spread, centre = np.zeros((count, widest)), np.zeros((count, widest)), np.zeros(count)
    squares = dict(zip((g.name for g in design.binning.groups), group_squares, strict=True))
    for place, (factor, shares) in enumerate(zip(design.binning.factors, design.mix, strict=True)):
        x = np.zeros((factor.size, len(design.parameters)))
        if isinstance(factor, Numeric) or factor in design.binning.categories:
            mine = columns.factor == place
            x[:] = np.where(mine[:, None], columns.table, 0.0)[:, : factor.size].T @ effects
        else:
            x[:-1, design.parts[factor.name]] = np.eye(factor.size - 1)
        weights = np.asarray(shares)
        raw[place, : factor.size] = x @ mean
        centre[place] = weights @ raw[place, : factor.size]
        away = x - weights @ x
        variance = ((away @ covariance) * away).sum(axis=1)
        variance[-1] += squares.get(factor.name, 0.0)
        spread[place, : factor.size] = np.sqrt(np.maximum(variance, 0.0))
    return raw, spread, centre


def moments(
    design: Design, tables: Tables, codes: NDArray[np.uint8], vintage: NDArray[np.int64]
) -> tuple[Vector, Vector]:
    """Mean and variance of the log-odds of coded loans, each (n,); `vintage` (n,) rows of the vintage levels."""
    mean, variance = np.empty(vintage.size), np.empty(vintage.size)
    compiled(moments_of_loans)(
        codes, vintage, tables.columns.factor, tables.columns.table, *tables.means, tables.covariance,
         *tables.crosses, *tables.pairs, mean, variance,
    )  # fmt: skip
    return mean, variance


def shared_tables(design: Design, covariance: Matrix) -> Tables:
    """Tables for the variance of log-odds under a covariance (q, q) of the shared coefficients.

    Taken at the band that is known best, where the defaults are: a band with few of them is far less sure.
    """
    p, q, share = len(design.parameters), design.shared, design.periods.share
    full = np.zeros((p, p))
    full[:q, :q] = covariance
    spread = ((share @ covariance[design.hazard, design.hazard]) * share).sum(axis=1)
    best = int(spread.reshape(-1, len(design.periods.labels)).sum(axis=0).argmin())
    return make_tables(design, np.zeros(p), full, np.zeros((1, p)), np.zeros(1), np.eye(p)[best], np.zeros(2))


@dataclass(frozen=True)
class Scorer:
    """A Gaussian posterior ready to score: `mean` (p,), `covariance` (p, p) of the coefficients.

    `group_squares` (2,): posterior mean of tau^2 of purpose and state. `persistence` (FURTHEST,): mean of
    phi^k for k = 1, 2, ... months after the window, `innovation` (FURTHEST,): mean of tau^2 (1 - phi^2k);
    `vintage_square`: mean of tau^2 of the vintages.
    """

    design: Design
    mean: Vector
    covariance: Matrix
    group_squares: Vector
    persistence: Vector
    innovation: Vector
    vintage_square: float

    @cached_property
    def horizons(self) -> Horizons:
        """PD curves at the mean baselines."""
        return Horizons(self.design, self.mean[self.design.hazard].copy())

    @cached_property
    def tables(self) -> Tables:
        """Look-up tables; levels of the vintages: the window's, then months after it, last any before it."""
        design, p = self.design, len(self.design.parameters)
        constant = np.zeros(p)
        constant[design.parts["baseline"]] = self.horizons.weights
        seen = np.eye(p)[design.parts["vintage"]]
        after = self.persistence[:, None] * seen[-1]
        levels = np.vstack([seen, after, np.zeros((1, p))])
        extra = np.concatenate([np.zeros(len(seen)), self.innovation, [self.vintage_square]])
        return make_tables(design, self.mean, self.covariance, levels, extra, constant, self.group_squares)

    def _levels(self, vintage: NDArray[np.int64]) -> NDArray[np.int64]:
        last = len(self.design.vintages) + FURTHEST
        return np.where(vintage < 0, last, np.minimum(vintage, last - 1))

    def terms_of(self, frame: pl.DataFrame) -> NDArray[np.int64]:
        """Position (n,) of each row's term among the known ones: the nearest, the first where it is missing."""
        return self.nearest_terms(frame["term_months"].fill_null(float(self.horizons.terms[0])).to_numpy())

    def nearest_terms(self, months: Vector) -> NDArray[np.int64]:
        """The same for terms (n,) in months."""
        return np.asarray(np.abs(months[:, None] - np.array(self.horizons.terms)).argmin(axis=1), np.int64)

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        """PDs with intervals, one row per row of features/loans.

        pd, pd_low, pd_high within twelve months, the same within the term as pd_term and so on; log_odds
        and log_odds_sd of the average trial of the first year; `base` of the vintage. Memory is bounded
        by blocks. ValueError names a column that is absent or infinite.
        """
        blocks = [frame[start : start + BLOCK] for start in range(0, max(frame.height, 1), BLOCK)]
        parts = [self.predict_coded(self.design.code(block), self.terms_of(block)) for block in blocks]
        return parts[0] if len(parts) == 1 else pl.concat(parts)

    def predict_coded(self, coded: Coded, term: NDArray[np.int64]) -> pl.DataFrame:
        """The same for loans coded by the design, all at once; `term` (n,) as `terms_of` has it."""
        return pl.DataFrame(self.predicted(coded.codes, coded.vintage, term))

    def predicted(
        self, codes: NDArray[np.uint8], vintage: NDArray[np.int64], term: NDArray[np.int64]
    ) -> dict[str, Vector]:
        """The same as arrays (n,) by name; `codes` and `vintage` as `Coded` has them."""
        levels = self._levels(vintage)
        mean, variance = moments(self.design, self.tables, codes, levels)
        columns = dict(zip(PREDICTED, self.pds(mean, variance, term), strict=True))
        return {**columns, "log_odds": mean, "log_odds_sd": np.sqrt(variance), "base": self.tables.base[levels]}

    def pds(self, mean: Vector, variance: Vector, term: NDArray[np.int64]) -> Matrix:
        """(6, n): the columns `PREDICTED` of log-odds with mean and variance (n,); `term` (n,) as `terms_of` has it."""
        result = np.empty((len(PREDICTED), mean.size))
        compiled(pds_of_loans)(mean, variance, term, self.horizons.curves, LOW, PER_UNIT, NODES, SHARES, result)
        return result

    def contributions(self, frame: pl.DataFrame) -> tuple[Matrix, Matrix]:
        """(contribution, its deviation), each (n, factors), in logit: log_odds = base + sum of contributions."""
        return self.contributions_of(self.design.binning.codes(frame))

    def contributions_of(self, codes: NDArray[np.uint8]) -> tuple[Matrix, Matrix]:
        """The same for loans as codes (factors, n)."""
        places = np.arange(len(codes))[:, None]
        return self.tables.contributions[places, codes].T, self.tables.spread[places, codes].T
