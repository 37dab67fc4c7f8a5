"""From a monthly hazard to the PD within a horizon: both causes of leaving the book, month by month.

    PD(H) = sum over months k <= H of S(k - 1) h(k),   S(k) = S(k - 1) (1 - h(k)) (1 - r(k))

with default hazard h and repayment hazard r (cumulative incidence of competing risks, Kalbfleisch and
Prentice, 2002). A loan moves along one axis only, its log-odds, so a PD is a curve over that axis and
is read from a table. The baseline of a horizon is the average of its bands, weighted by where the
defaults fall; its uncertainty is part of every interval.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.models.design import Design
from creditrisk_assets.models.outcomes import HORIZON
from creditrisk_assets.models.periods import FIRST_TRIAL, LONGEST

Vector = NDArray[np.float64]

LOW, HIGH, PER_UNIT = -16.0, 8.0, 64
"""Log-odds over which curves are tabled; straight lines between nodes are off by less than 4e-5 of the PD."""


@dataclass(frozen=True)
class Horizons:
    """PD curves of a design at mean coefficients `hazard` of its baselines and shapes."""

    design: Design
    hazard: Vector

    @cached_property
    def baseline(self) -> Vector:
        """(B,): the baselines of loans without a shape of their own."""
        return np.asarray(self.hazard[: len(self.design.periods.labels)], np.float64)

    def _own(self, term: int) -> Vector:
        """(B,): the baselines of a term; of the nearest stratum when the term is new."""
        periods = self.design.periods
        cells = periods.share @ self.hazard
        return np.asarray(cells.reshape(-1, len(periods.labels))[periods.stratum(term)], np.float64)

    @cached_property
    def terms(self) -> tuple[int, ...]:
        """Terms in months the window knows, ascending."""
        return tuple(sorted(self.design.repayment.hazard))

    @cached_property
    def weights(self) -> Vector:
        """(B,), summing to one: where the defaults of the first twelve months fall."""
        if not self.design.periods.starts:
            return np.ones(1)
        falls = np.zeros(len(self.baseline))
        early, repaid = self.design.repayment.of(self.terms[0])
        alive = 1 - early
        for month in range(FIRST_TRIAL, HORIZON + 1):
            band = self.design.periods.band[month]
            hazard = 1 / (1 + np.exp(-self.baseline[band]))
            falls[band] += alive * hazard
            alive *= (1 - hazard) * (1 - repaid[band])
        return np.asarray(falls / falls.sum(), np.float64)

    def survival(self, log_odds: Vector, term: int, months: int) -> tuple[Vector, Vector]:
        """(PD, still on book), each (months + 1, n), by month on book, at log-odds (n,) of the average trial.

        Months before the first trial share its early repayments; nobody is on book after the term.
        """
        pd, alive = np.zeros((months + 1, log_odds.size)), np.ones((months + 1, log_odds.size))
        own = self._own(term)
        relative = log_odds - self.weights @ own
        early, repaid = self.design.repayment.of(term)
        for month in range(1, months + 1):
            pd[month], alive[month] = pd[month - 1], alive[month - 1]
            if month < FIRST_TRIAL:
                alive[month] = 1 - early * month / (FIRST_TRIAL - 1)
            elif month <= min(term, LONGEST):
                band = self.design.periods.band[month]
                hazard = 1 / (1 + np.exp(-(relative + own[band])))
                pd[month] += alive[month] * hazard
                alive[month] *= (1 - hazard) * (1 - repaid[band])
            if month == term:
                alive[month] = 0.0  # whoever has not defaulted has paid the last instalment
        return pd, alive

    def pd(self, log_odds: Vector, term: int) -> tuple[Vector, Vector]:
        """(PD within twelve months, PD within the term), each (n,); one and the same for a single trial."""
        if not self.design.periods.starts:
            chance = 1 / (1 + np.exp(-log_odds))
            return chance, chance
        within, _ = self.survival(log_odds, term, min(term, LONGEST))
        return within[min(HORIZON, len(within) - 1)], within[-1]

    @cached_property
    def curves(self) -> NDArray[np.float64]:
        """(terms, nodes, 2): PD within twelve months and within the term, from `LOW` to `HIGH`."""
        at = np.linspace(LOW, HIGH, int((HIGH - LOW) * PER_UNIT) + 1)
        return np.array([np.column_stack(self.pd(at, term)) for term in self.terms])

    def log_odds_at(self, pd: float, term: int) -> float:
        """Log-odds at which the PD within twelve months reaches `pd`; infinite outside what can be reached."""
        curve = self.curves[self.terms.index(term), :, 0]
        if pd <= curve[0]:
            return float("-inf")
        return float("inf") if pd > curve[-1] else float(np.interp(pd, curve, np.linspace(LOW, HIGH, curve.size)))
