"""Defaults of one vintage expected as far as it has been observed, by draw of the posterior that scored it.

The population is every scored loan. What it was expected to do is its PD to the month up to which it has
been observed, both causes of leaving counted by the model: a young vintage is held against few months of hazard,
not against twelve, and nothing waits until loans are resolved.
"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import DRAWS
from creditrisk_assets.models.draws import Draws
from creditrisk_assets.models.periods import FIRST_TRIAL
from creditrisk_assets.models.sums import Adding
from creditrisk_assets.monitoring.counts import PredictiveCount
from creditrisk_assets.monitoring.so_far import EARLY, so_far

Matrix = NDArray[np.float64]

SEGMENT = ("band", "decile")


@dataclass(frozen=True)
class Expected:
    """One vintage: its `loans` as `so_far` makes them with the number of their segment, and `by_draw` (segments, D).

    `count` and `early`: predictive distributions of defaults as far as observed, all and within the first months.
    """

    vintage: date
    model_date: date
    loans: pl.DataFrame
    by_draw: Matrix
    count: PredictiveCount
    early: PredictiveCount

    @cached_property
    def segments(self) -> pl.DataFrame:
        """A row for each of the rows of `by_draw`: band, decile, and counts as the calibration tells them."""
        matured = pl.col("outcome").is_not_null()
        return self.loans.group_by("segment", *SEGMENT).agg(
            loans=pl.len().cast(pl.Int64),
            tried=pl.col("tried").sum().cast(pl.Int64),
            observed=pl.col("bad").sum().cast(pl.Int64),
            matured=matured.sum().cast(pl.Int64),
            matured_expected=pl.col("pd").filter(matured).sum(),
            matured_observed=pl.col("outcome").sum().cast(pl.Int64),
        ).sort("segment")  # fmt: skip


class Expecting:
    """Adds up vintages under one posterior."""

    def __init__(self, draws: Draws, model_date: date) -> None:
        self._adding, self._model_date = Adding(draws), model_date

    def add(self, vintage: date, scored: pl.DataFrame) -> Expected:
        """Expectations for the scored loans of a vintage: features/loans with `so_far.SCORED`, at least one.

        ValueError as `so_far`, or where a feature of the model is infinite.
        """
        if scored.is_empty():
            raise ValueError(f"vintage {vintage:%Y-%m} holds no scored loan: there is nothing to compare")
        loans = so_far(scored)
        loans = loans.with_columns(segment=(pl.col("band") * 100 + pl.col("decile")).rank("dense").cast(pl.Int64) - 1)
        by_draw = np.zeros((int(loans["segment"].max()) + 1, DRAWS))  # type: ignore[arg-type]
        count, early = np.zeros((2, DRAWS)), np.zeros((2, DRAWS))
        tried = loans.filter(pl.col("known") >= FIRST_TRIAL)
        for (term, known), group in tried.group_by("term", "known", maintain_order=True):
            nearest, months = self._adding.known(int(str(term))), int(str(known))
            curve = self._adding.curve(nearest, months)
            segment = group["segment"].to_numpy()
            sums = self._adding.add(group, vintage, curve, segment, np.ones(segment.size))
            by_draw[: len(sums.chances)] += sums.chances
            count += _powers(sums.places, curve)
            early += _powers(sums.places, self._adding.curve(nearest, min(months, EARLY)))
        return Expected(vintage, self._model_date, loans, by_draw, PredictiveCount(*count), PredictiveCount(*early))


def _powers(places: Matrix, curve: NDArray[np.float32]) -> Matrix:
    """(2, D): sums of PDs and of their squares over loans that stand at `places` (nodes, D) of a curve."""
    exact = curve.astype(np.float64)
    return np.stack([np.einsum("nd,nd->d", places, exact), np.einsum("nd,nd,nd->d", places, exact, exact)])
