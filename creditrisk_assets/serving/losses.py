"""Expected loss and default curves of a vintage, draw by draw: what intervals of any sum are made of.

A sum of loan-level bounds would be far too wide, for loans do not err together that much; a sum of
means says nothing of spread. So every draw is added up on its own. Given a draw, a loan moves along
one axis, its log-odds beside the baseline, and its PD is a curve over it, `models.horizon` with the
baselines of the draw.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import DRAWS, SERVING_LOSS_DRAWS
from creditrisk_assets.models.draws import Draws
from creditrisk_assets.models.kernels import compiled
from creditrisk_assets.models.outcomes import HORIZON
from creditrisk_assets.models.periods import FIRST_TRIAL, LONGEST
from creditrisk_assets.serving.kernels import add_loans

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

LOW, HIGH, PER_UNIT = -10.0, 10.0, 32
"""Log-odds beside the baseline over which curves are tabled: straight lines are off by 1e-4 of the PD at most."""
NODES = np.linspace(LOW, HIGH, int((HIGH - LOW) * PER_UNIT) + 1)


@dataclass(frozen=True)
class Summed:
    """Rows of serving/loss_draws, and by term (month 1 to term, D): the cumulative share of loans expected bad."""

    loss_draws: pl.DataFrame
    curves: dict[int, Matrix]


class Summing:
    """Adds vintages up under one posterior; `loss_given_default` as a share of the amount lent."""

    def __init__(self, draws: Draws, model_date: date, loss_given_default: float) -> None:
        self._draws, self._model_date, self._share = draws, model_date, loss_given_default
        tables = draws.tables
        self._starts = np.cumsum([0, *(len(table) for table in tables[:-1])])
        self._rows = np.ascontiguousarray(np.vstack(tables) * PER_UNIT, np.float32)
        self._curves: dict[int, NDArray[np.float32]] = {}

    def add(self, vintage: date, loans: pl.DataFrame) -> Summed:
        """Sums over rows of features/loans of one vintage. ValueError names a column that is absent or infinite."""
        parts: list[pl.DataFrame] = []
        curves: dict[int, Matrix] = {}
        shift = (self._draws.vintage(vintage) - LOW) * PER_UNIT
        for (term,), group in loans.with_columns(whole_term()).group_by(pl.col("term_months"), maintain_order=True):
            months = int(str(term))
            known = self._known(months)
            rows, places = self._sums(group, shift.astype(np.float32), known)
            parts.append(rows.with_columns(term_months=pl.lit(months)))
            curves[months] = _curve(self._draws, known, months, places) / group.height
        dated = {"vintage": pl.lit(vintage), "model_date": pl.lit(self._model_date)}
        empty = pl.DataFrame(schema=SERVING_LOSS_DRAWS.schema)
        found = [SERVING_LOSS_DRAWS.conform(part.lazy().with_columns(**dated)).collect() for part in parts]
        return Summed(pl.concat([empty, *found]).sort(SERVING_LOSS_DRAWS.primary), curves)

    def _known(self, term: int) -> int:
        """The nearest of the terms that the window knows."""
        return min(sorted(self._draws.design.repayment.hazard), key=lambda known: abs(known - term))

    def _sums(self, loans: pl.DataFrame, shift: NDArray[np.float32], term: int) -> tuple[pl.DataFrame, Matrix]:
        """One row per purpose, and the histogram of log-odds (nodes, D)."""
        segments = loans.select("purpose", "loan_amount").with_columns(
            segment=pl.col("purpose").rank("dense").cast(pl.Int64) - 1
        )
        told = segments.group_by("segment").agg(
            pl.col("purpose").first(), loans=pl.len(), exposure=pl.col("loan_amount").sum()
        )
        defaults, losses = np.zeros((2, told.height, DRAWS))
        places = np.zeros((NODES.size, DRAWS))
        compiled(add_loans)(
            self._draws.design.code(loans).codes, segments["segment"].to_numpy(), segments["loan_amount"].to_numpy(),
            self._rows, self._starts, shift, self._curve_of(term), np.empty(DRAWS, np.float32), defaults, losses,
            places,
        )  # fmt: skip
        vectors = {"expected_defaults": defaults, "expected_loss": losses * self._share}
        columns = [pl.Series(name, sums.tolist(), dtype=pl.List(pl.Float64)) for name, sums in vectors.items()]
        return told.sort("segment").with_columns(columns), places

    def _curve_of(self, term: int) -> NDArray[np.float32]:
        """(nodes, D): PD within twelve months."""
        if term not in self._curves:
            for _, share in defaulted(self._draws, term, HORIZON, NODES):
                last = share
            self._curves[term] = last.astype(np.float32)
        return self._curves[term]


def whole_term() -> pl.Expr:
    """The term in whole months, as tables of this stage hold it."""
    return pl.col("term_months").round().cast(pl.Int32)


def defaulted(draws: Draws, term: int, months: int, at: Vector) -> Iterator[tuple[int, Matrix]]:
    """Month by month to `months`, the share (n, D) defaulted by then at log-odds `at` (n,) beside the baseline.

    `Horizons.survival` for all draws at once; the arrays are reused from one month to the next.
    """
    periods = draws.design.periods
    own = draws.cells[:, periods.stratum(term)]
    early, repaid = draws.design.repayment.of(term)
    share, alive = np.zeros((at.size, DRAWS)), np.full((at.size, DRAWS), 1.0 - early)
    hazards: dict[int, Matrix] = {}
    for month in range(1, months + 1):
        if FIRST_TRIAL <= month <= min(term, LONGEST):
            band = int(periods.band[month])
            if band not in hazards:
                hazards = {band: 1 / (1 + np.exp(-(at[:, None] + own[:, band])))}
            bad = alive * hazards[band]
            share += bad
            alive -= bad
            alive *= 1 - repaid[band]
        yield month, share


def _curve(draws: Draws, known: int, months: int, places: Matrix) -> Matrix:
    """(months, D): loans expected bad by the end of each month, of a histogram `places` (nodes, D)."""
    used = np.flatnonzero(places.any(axis=1))
    inside = slice(int(used[0]), int(used[-1]) + 1)
    weights, curve = places[inside], np.empty((months, DRAWS))
    for month, share in defaulted(draws, known, months, NODES[inside]):
        curve[month - 1] = np.einsum("nd,nd->d", weights, share)
    return curve
