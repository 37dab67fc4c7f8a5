"""The true probabilities of default, computed by following every state forward, not by simulation."""

from functools import lru_cache

import numpy as np

from creditrisk_assets.simulation.draws import Reals
from creditrisk_assets.simulation.hazards import Hazards, ordinary_hazards
from creditrisk_assets.simulation.states import (
    CHARGED_OFF,
    CURRENT,
    DEFAULT,
    FIRST,
    PAID,
    STATES,
    STRAIGHT,
    STRAIGHT_SHARE,
)

HORIZON_MONTHS = 12
# Log intensities at which the recursion runs; in between, log-odds are interpolated, to 1e-5 of a logit.
_GRID: Reals = np.arange(-14.0, 4.01, 0.02)


def intensity_of(log_odds: Reals, term: int) -> Reals:
    """Log intensity of falling behind that makes the loan default over its term with these log-odds.

    In ordinary times, that is: season, economy and nothing else then move the probability.
    """
    return np.interp(log_odds, _ordinary_log_odds(term), _GRID)


def default_chances(log_intensity: Reals, hazards: Hazards) -> tuple[Reals, Reals]:
    """Probability of default within 12 months on book, and over the whole life; shape of `log_intensity`.

    Repayment competes with default, and a loan still late at the end of its term may default after it.
    """
    cumulated = cumulated_default(np.exp(_GRID), hazards)
    early, ever = (
        1 / (1 + np.exp(-np.interp(log_intensity, _GRID, _logit(cumulated[month])))) for month in (HORIZON_MONTHS, -1)
    )
    return early, ever


def cumulated_default(intensity: Reals, hazards: Hazards) -> Reals:
    """Share of loans in default by each month on book or before; shape (months, intensities)."""
    held = np.zeros((STATES, len(intensity)))
    held[CURRENT] = 1.0
    cumulated = np.zeros((len(hazards.lateness), len(intensity)))
    for month in range(1, len(cumulated)):
        rate = hazards.lateness[month] * intensity
        in_order = held[CURRENT]
        late, straight = -np.expm1(-rate), -np.expm1(-STRAIGHT_SHARE * rate)
        paid = np.minimum(hazards.prepayment[month], 1 - late)
        held = hazards.moves[month].T @ held
        held[CURRENT] += in_order * (1 - late - paid)
        held[PAID] += in_order * paid
        held[STRAIGHT] += in_order * straight
        held[FIRST] += in_order * (late - straight)
        cumulated[month] = held[DEFAULT] + held[CHARGED_OFF]
    return cumulated


@lru_cache
def _ordinary_log_odds(term: int) -> Reals:
    """Log-odds of default over the term at every log intensity of the grid, in ordinary times."""
    return _logit(cumulated_default(np.exp(_GRID), ordinary_hazards(term))[-1])


def _logit(chance: Reals) -> Reals:
    odds: Reals = np.log(chance / (1 - chance))
    return odds
