"""Expected loss and default curves of a vintage, draw by draw, see `models.sums`."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import DRAWS, SERVING_LOSS_DRAWS
from creditrisk_assets.models.draws import Draws
from creditrisk_assets.models.outcomes import HORIZON
from creditrisk_assets.models.sums import NODES, Adding, defaulted

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Summed:
    """Rows of serving/loss_draws, and by term (month 1 to term, D): the cumulative share of loans expected bad."""

    loss_draws: pl.DataFrame
    curves: dict[int, Matrix]


class Summing:
    """Adds vintages up under one posterior; `loss_given_default` as a share of the amount lent."""

    def __init__(self, draws: Draws, model_date: date, loss_given_default: float) -> None:
        self._adding, self._model_date, self._share = Adding(draws), model_date, loss_given_default

    def add(self, vintage: date, loans: pl.DataFrame) -> Summed:
        """Sums over rows of features/loans of one vintage. ValueError names a column that is absent or infinite."""
        parts: list[pl.DataFrame] = []
        curves: dict[int, Matrix] = {}
        for (term,), group in loans.with_columns(whole_term()).group_by(pl.col("term_months"), maintain_order=True):
            months = int(str(term))
            known = self._adding.known(months)
            rows, places = self._sums(group, vintage, known)
            parts.append(rows.with_columns(term_months=pl.lit(months)))
            curves[months] = _curve(self._adding.draws, known, months, places) / group.height
        dated = {"vintage": pl.lit(vintage), "model_date": pl.lit(self._model_date)}
        empty = pl.DataFrame(schema=SERVING_LOSS_DRAWS.schema)
        found = [SERVING_LOSS_DRAWS.conform(part.lazy().with_columns(**dated)).collect() for part in parts]
        return Summed(pl.concat([empty, *found]).sort(SERVING_LOSS_DRAWS.primary), curves)

    def _sums(self, loans: pl.DataFrame, vintage: date, term: int) -> tuple[pl.DataFrame, Matrix]:
        """One row per purpose, and the histogram of log-odds (nodes, D)."""
        segments = loans.select("purpose", "loan_amount").with_columns(
            segment=pl.col("purpose").rank("dense").cast(pl.Int64) - 1
        )
        told = segments.group_by("segment").agg(
            pl.col("purpose").first(), loans=pl.len(), exposure=pl.col("loan_amount").sum()
        )
        sums = self._adding.add(
            loans, vintage, self._adding.curve(term, HORIZON), segments["segment"].to_numpy(),
            segments["loan_amount"].to_numpy(),
        )  # fmt: skip
        vectors = {"expected_defaults": sums.chances, "expected_loss": sums.amounts * self._share}
        columns = [pl.Series(name, rows.tolist(), dtype=pl.List(pl.Float64)) for name, rows in vectors.items()]
        return told.sort("segment").with_columns(columns), sums.places


def whole_term() -> pl.Expr:
    """The term in whole months, as tables of this stage hold it."""
    return pl.col("term_months").round().cast(pl.Int32)


def _curve(draws: Draws, known: int, months: int, places: Matrix) -> Matrix:
    """(months, D): loans expected bad by the end of each month, of a histogram `places` (nodes, D)."""
    used = np.flatnonzero(places.any(axis=1))
    inside = slice(int(used[0]), int(used[-1]) + 1)
    weights, curve = places[inside], np.empty((months, DRAWS))
    for month, share in defaulted(draws, known, months, NODES[inside]):
        curve[month - 1] = np.einsum("nd,nd->d", weights, share)
    return curve
