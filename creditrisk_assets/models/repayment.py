"""How fast loans leave the book by being repaid: the second, competing cause.

A repaid loan can no longer default, so PDs over months need both hazards. This one is a table by
band of months and term, a Beta mean of counts: thousands of repayments leave no uncertainty that
matters beside that of default.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.models.periods import FIRST_TRIAL, Periods

Vector = NDArray[np.float64]

PRIOR_REPAID, PRIOR_TRIALS = 0.5, 30.0
"""A sixtieth a month, LendingClub's published order of magnitude, worth thirty trials."""


@dataclass(frozen=True)
class Repayment:
    """By term in months: share repaid before the first trial, and chance of repayment per trial by band."""

    early: dict[int, float]
    hazard: dict[int, tuple[float, ...]]

    def of(self, term: int) -> tuple[float, tuple[float, ...]]:
        """(early share, hazards by band) of a term; of the nearest one when the term is new."""
        known = min(self.hazard, key=lambda other: (abs(other - term), other))
        return self.early[known], self.hazard[known]

    def plain(self) -> dict[str, Any]:
        """As JSON would have it: keys are text."""
        return {
            "early": {str(term): share for term, share in self.early.items()},
            "hazard": {str(term): list(hazards) for term, hazards in self.hazard.items()},
        }

    @staticmethod
    def from_plain(plain: dict[str, Any]) -> "Repayment":
        """What `plain` wrote."""
        return Repayment(
            {int(term): share for term, share in plain["early"].items()},
            {int(term): tuple(hazards) for term, hazards in plain["hazard"].items()},
        )


def fit_repayment(frame: pl.DataFrame, periods: Periods) -> Repayment:
    """Repayment by term (rounded months) of rows with `term_months`, `months`, `outcome` and `repaid`.

    One trial of the whole term ends in default or repayment: there the hazard is not needed, and zero.
    """
    terms = frame["term_months"].fill_null(0.0).round().cast(pl.Int64).to_numpy()
    months, repaid = frame["months"].cast(pl.Int64).to_numpy(), frame["repaid"].to_numpy()
    early: dict[int, float] = {}
    hazard: dict[int, tuple[float, ...]] = {}
    for term in np.unique(terms).tolist():
        mine = terms == term
        if not periods.starts:
            early[term], hazard[term] = 0.0, (0.0,)
            continue
        left = mine & repaid
        before = int((left & (months < FIRST_TRIAL)).sum())
        entered = before + int((mine & (months >= FIRST_TRIAL)).sum())
        early[term] = (before + PRIOR_REPAID) / (entered + PRIOR_TRIALS / FIRST_TRIAL)
        trials = periods.trials[months[mine], : len(periods.labels)].sum(axis=0)
        counted = left & (months >= FIRST_TRIAL) & (months < term)  # the end of the term is no choice
        counts = np.bincount(periods.band[months[counted]], minlength=trials.size)
        hazard[term] = tuple(((counts + PRIOR_REPAID) / (trials + PRIOR_TRIALS)).tolist())
    return Repayment(early, hazard)
