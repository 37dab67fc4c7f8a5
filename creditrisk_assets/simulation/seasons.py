"""What the calendar does to every loan at once: the economy, and the time of the year.

Lenders report more late loans in February, whose 28 days leave less time to pay, improvement in
March and April, when tax refunds arrive, and a worse turn of the year.
"""

from dataclasses import dataclass

import numpy as np

from creditrisk_assets.simulation.draws import Reals, Wholes, generator

MACRO_SD = 0.08
MACRO_PERSISTENCE = 0.95
# January to December; each sums to zero, so that the year as a whole is the published one.
LATENESS: Reals = np.array((0.05, 0.24, -0.14, -0.17, -0.05, -0.03, -0.02, -0.02, -0.02, 0.00, 0.06, 0.10))
CURES: Reals = np.array((-0.05, -0.16, 0.24, 0.20, 0.05, 0.00, 0.00, 0.00, 0.00, -0.03, -0.10, -0.15))
PREPAYMENT: Reals = np.array((-0.04, -0.03, 0.12, 0.10, 0.02, 0.00, 0.00, 0.00, 0.00, -0.03, -0.06, -0.08))


@dataclass(frozen=True)
class Calendar:
    """State of the economy by calendar month: logits of falling behind, from month number `first` on."""

    first: int
    macro: Reals

    def lateness(self, months: Wholes) -> Reals:
        """Shift of the log intensity of falling behind, by month number."""
        return self._macro(months) + LATENESS[months % 12]

    def cures(self, months: Wholes) -> Reals:
        """Shift of the log-odds that a late loan catches up, by month number."""
        return CURES[months % 12] - self._macro(months)

    def prepayment(self, months: Wholes) -> Reals:
        """Shift of the log chance of early repayment, by month number."""
        shift: Reals = PREPAYMENT[months % 12]
        return shift

    def _macro(self, months: Wholes) -> Reals:
        level: Reals = self.macro[np.clip(months - self.first, 0, len(self.macro) - 1)]
        return level


def draw_calendar(seed: int, first: int, exposure: Reals) -> Calendar:
    """The economy from month number `first` on: an AR(1) with a standard deviation of 0.08 logits.

    `exposure` weighs the months, one each, by the loans that fall behind in them; the weighted mean is
    zero, so that the intercept is the book's level.
    """
    shocks = generator(seed, 3).standard_normal(len(exposure))
    path = np.empty(len(exposure))
    level = shocks[0]
    for month, shock in enumerate(shocks):
        level = MACRO_PERSISTENCE * level + (1 - MACRO_PERSISTENCE**2) ** 0.5 * shock
        path[month] = level
    return Calendar(first, MACRO_SD * (path - np.average(path, weights=exposure)) / path.std())
