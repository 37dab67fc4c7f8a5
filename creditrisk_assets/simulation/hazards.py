"""The chances of a loan's month: how they change with its age and with the calendar.

Published targets, and what was chosen where they contradict each other:

* bad loans stop after 5 / 9 / 17 / 26 / 35 payments (10 / 25 / 50 / 75 / 90 %): kept, it gives the
  hump of the default hazard. The published matrix run as a chain without memory has 4.4 % charged
  off at 12 months, 9.0 % at 24 and 12.1 % at 36; the hump keeps the last two and has 3 % at 12.
* 36-month loans prepay .0087 / .0091 / .0102 / .0112 in their first months, and about .028 a month
  later: kept. The chain, which prepays .028 from the first month, has 28 % paid at 12 months, 46 %
  at 24 and 58 % at 36; with the slow start it is 19 %, 40 % and, just before the term ends, 53 %.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import exp

import numpy as np

from creditrisk_assets.simulation.draws import Reals, Wholes
from creditrisk_assets.simulation.seasons import Calendar
from creditrisk_assets.simulation.states import (
    CHARGED_OFF,
    CURED_BY_PAYOFF,
    DEFAULT,
    FIRST_CURE,
    LATE_CURE,
    moves,
)

HUMPS = {36: (0.75, 21.0), 60: (1.2, 40.0)}
"""Power of the age and months of its decay, by term: intensity ~ age ** power * exp(-age / decay)."""
FIRST_PREPAYMENT, LAST_PREPAYMENT, PREPAYMENT_KNEE, PREPAYMENT_PACE = 0.0087, 0.0284, 6.8, 1.5
MONTHS_AFTER = 8
"""Followed beyond the term: late loans take up to four months to default, and some more to be charged off."""


@dataclass(frozen=True)
class Hazards:
    """Chances by month on book, for the loans of one term and one vintage; first axis (term + 9,).

    `lateness` multiplies a loan's own intensity of falling behind, `prepayment` is the chance that a
    loan in order is repaid (1 from the end of the term on), `moves` holds the chances between the
    other states. Month 0, the month of issue, is not used.
    """

    lateness: Reals
    prepayment: Reals
    moves: Reals


@lru_cache
def ordinary_hazards(term: int) -> Hazards:
    """The chances in ordinary times: no season, no economy."""
    nothing = np.zeros(term + 1 + MONTHS_AFTER)
    return _hazards(term, nothing, nothing, nothing)


def hazards(term: int, vintage: int, calendar: Calendar) -> Hazards:
    """The chances of the loans of a vintage (a month number) and a term (36 or 60 months)."""
    months = vintage + np.arange(term + 1 + MONTHS_AFTER)
    return _hazards(term, calendar.lateness(months), calendar.cures(months), calendar.prepayment(months))


def lateness_by_age(term: int, age: Wholes) -> Reals:
    """Relative intensity of falling behind in a month on book, 1 at its peak; 0 after the term."""
    power, decay = HUMPS[term]
    peak = power * decay
    middle = np.maximum(age - 0.5, 0.0)
    hump: Reals = np.where(age <= term, (middle / peak) ** power * np.exp((peak - middle) / decay), 0.0)
    return hump


def prepayment_by_age(age: Wholes) -> Reals:
    """Chance a month that a loan in order is repaid early: from .0087 in the first month to .028."""
    rise: Reals = 1 / (1 + np.exp((PREPAYMENT_KNEE - age) / PREPAYMENT_PACE))
    start = 1 / (1 + exp((PREPAYMENT_KNEE - 1) / PREPAYMENT_PACE))
    return FIRST_PREPAYMENT + (LAST_PREPAYMENT - FIRST_PREPAYMENT) * (rise - start) / (1 - start)


def exposure_by_age(age: Wholes) -> Reals:
    """Rough share of a vintage's arrears that begin in a month on book, for weighing calendar months."""
    weight: Reals = lateness_by_age(36, age) * (1 - LAST_PREPAYMENT) ** age
    return weight


def _hazards(term: int, lateness: Reals, cures: Reals, prepayment: Reals) -> Hazards:
    """Ordinary chances, shifted month by month."""
    age = np.arange(term + 1 + MONTHS_AFTER)
    open_still = age < term
    # A chance p becomes 1 / (1 + (1 - p) / p * exp(-shift)): its log-odds are shifted.
    first, late = (1 / (1 + (1 - cure) / cure * np.exp(-cures)) for cure in (FIRST_CURE, LATE_CURE))
    # Who catches up after the last due date has nothing left to pay.
    payoff = np.where(open_still, CURED_BY_PAYOFF, 1.0)
    steps = np.stack([moves(*chances) for chances in zip(first, late, payoff, strict=True)])
    steps[-1, DEFAULT, DEFAULT], steps[-1, DEFAULT, CHARGED_OFF] = 0.0, 1.0
    early = np.where(open_still, prepayment_by_age(age) * np.exp(prepayment), 1.0)
    return Hazards(lateness_by_age(term, age) * np.exp(lateness), early, steps)
