"""What becomes of each loan in the end: default or repayment, and in which month on book.

Published targets: bad loans stop after 5 / 9 / 17 / 26 / 35 payments (10 / 25 / 50 / 75 / 90 %), the
default hazard rises to a peak in the second year and falls; prepayment rises from 0.9 % a month in
the first months to 2.8 %.
"""

from dataclasses import dataclass

import numpy as np

from creditrisk_assets.simulation.draws import Flags, Reals, Wholes, logistic

MONTHS_TO_DEFAULT = 5  # one month to the missed due date, four more to 120 days late
HUMP_SHAPE = 1.9
HUMP_MONTHS = {36: 11.5, 60: 17.5}
FIRST_PREPAYMENT, LAST_PREPAYMENT, PREPAYMENT_RISE = 0.0087, 0.028, 18.0


@dataclass(frozen=True)
class Fate:
    """How each loan ends; shape (loans,) each.

    `last_month` is the month on book of the last payment: before a default, at early repayment, or
    the end of the term. `chance` and `chance_12m` are the true PD over the term and in 12 months.
    """

    defaulted: Flags
    last_month: Wholes
    chance: Reals
    chance_12m: Reals

    @property
    def default_month(self) -> Wholes:
        """Month on book in which the loan is 120 days late; meaningful for defaulted loans only."""
        return self.last_month + MONTHS_TO_DEFAULT


def draw_fate(rng: np.random.Generator, log_odds: Reals, term: Wholes) -> Fate:
    """Draw the end of each loan from its true log-odds of default over the term (36 or 60)."""
    chance = logistic(log_odds)
    defaulted: Flags = rng.random(len(term)) < chance
    luck = rng.random(len(term))
    last_month = np.empty_like(term)
    chance_12m = np.empty_like(chance)
    for months in HUMP_MONTHS:
        cumulated, prepaid = last_payment_distribution(months), prepayment_distribution(months)
        here, bad = term == months, (term == months) & defaulted
        good = here & ~defaulted
        last_month[bad] = np.searchsorted(cumulated, luck[bad], side="right")
        last_month[good] = np.searchsorted(prepaid, luck[good], side="right") + 1
        chance_12m[here] = chance[here] * cumulated[12 - MONTHS_TO_DEFAULT]
    return Fate(defaulted, last_month, chance, chance_12m)


def last_payment_distribution(term: int) -> Reals:
    """Share of defaulting loans whose last payment came in month 0, 1, ... term - 1 or before."""
    month = np.arange(term) + 0.5
    hump = month ** (HUMP_SHAPE - 1) * np.exp(-month / HUMP_MONTHS[term])
    cumulated: Reals = np.cumsum(hump) / hump.sum()
    return cumulated


def prepayment_distribution(term: int) -> Reals:
    """Share of the other loans repaid in month 1, 2, ... term - 1 or before; the rest run full term."""
    month = np.arange(1, term)
    hazard = LAST_PREPAYMENT - (LAST_PREPAYMENT - FIRST_PREPAYMENT) * np.exp(-(month - 1) / PREPAYMENT_RISE)
    cumulated: Reals = 1.0 - np.cumprod(1.0 - hazard, dtype=np.float64)
    return cumulated
