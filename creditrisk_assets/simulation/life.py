"""The life of each loan, month by month, drawn once and for all; what is observed is a part of it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from creditrisk_assets.simulation.chances import default_chances, intensity_of
from creditrisk_assets.simulation.draws import Flags, Reals, Wholes
from creditrisk_assets.simulation.hazards import HUMPS, MONTHS_AFTER, Hazards, hazards
from creditrisk_assets.simulation.seasons import Calendar
from creditrisk_assets.simulation.states import (
    CHARGED_OFF,
    CURRENT,
    DEFAULT,
    FIRST,
    MISSED,
    MONTHS_TO_DEFAULT,
    PAID,
    STRAIGHT,
    STRAIGHT_SHARE,
)

Codes = npt.NDArray[np.uint8]
MONTHS_TO_RECOVERY = 3  # from the charge-off
MONTHS = max(HUMPS) + 1 + MONTHS_AFTER


@dataclass(frozen=True)
class Life:
    """All that ever happens to the loans of a block.

    `history` holds the state by month on book and loan, shape (MONTHS, loans); the rest has shape
    (loans,): the true PD over the term and in 12 months, whether a missed due date falls into the
    last 15 days of its month, and the share of the lost principal recovered after a charge-off.
    """

    history: Codes
    chance: Reals
    chance_12m: Reals
    due_late: Flags
    recovered: Reals

    @property
    def default_month(self) -> Wholes:
        """Month on book in which the loan is 120 days late, MONTHS for loans that never are."""
        return _first_month(self.history >= DEFAULT)

    @property
    def charge_off_month(self) -> Wholes:
        """Month on book of the charge-off, MONTHS for loans that have none."""
        return _first_month(self.history == CHARGED_OFF)

    @property
    def recovery_month(self) -> Wholes:
        """Month on book in which something comes back, if ever; far away for loans never charged off."""
        charged_off = self.charge_off_month
        return np.where(charged_off < MONTHS, charged_off + MONTHS_TO_RECOVERY, np.iinfo(np.int64).max)

    @property
    def paid_month(self) -> Wholes:
        """Month on book in which the loan is fully paid, MONTHS for loans that never are."""
        return _first_month(self.history == PAID)


@dataclass(frozen=True)
class Standing:
    """The loans at one age: state, last payment (month on book), and whether they ever caught up; shape (loans,).

    `closed` is the month on book of charge-off or full repayment, the age itself for running loans.
    """

    state: Codes
    last_month: Wholes
    closed: Wholes
    cured: Flags


def draw_life(rng: np.random.Generator, log_odds: Reals, term: Wholes, vintage: int, calendar: Calendar) -> Life:
    """Draw the lives of loans of one vintage (a month number) from their true log-odds of default.

    `log_odds` are those of default over the term (36 or 60 months) in ordinary times; the returned
    probabilities hold for the calendar months the loans live through.
    """
    loans = len(term)
    history = np.empty((MONTHS, loans), dtype=np.uint8)
    chance, chance_12m = np.empty(loans), np.empty(loans)
    for months in HUMPS:
        here = np.flatnonzero(term == months)
        chances = hazards(months, vintage, calendar)
        intensity = intensity_of(log_odds[here], months)
        chance_12m[here], chance[here] = default_chances(intensity, chances)
        lived = live(rng, intensity, chances)
        history[: len(lived), here] = lived
        history[len(lived) :, here] = lived[-1]
    luck = rng.random((3, loans))
    # Two charged-off loans in three bring something back, mostly little: the mean is 9 % of what was lost.
    recovered = np.where(luck[1] < 0.67, 0.55 * luck[2] ** 3, 0.0)
    return Life(history, chance, chance_12m, luck[0] < 0.5, recovered)


def live(rng: np.random.Generator, log_intensity: Reals, hazards: Hazards) -> Codes:
    """State of each loan by month on book; shape (months of the hazards, loans)."""
    rate = np.exp(log_intensity).astype(np.float32)
    history = np.zeros((len(hazards.lateness), len(rate)), dtype=np.uint8)
    alive = np.arange(len(rate))
    state = history[0]
    bounds = hazards.moves.cumsum(axis=2)
    for month in range(1, len(history)):
        after = _leave_order(rng, rate * np.float32(hazards.lateness[month]), float(hazards.prepayment[month]))
        late = np.flatnonzero(state)
        luck = rng.random(len(late))
        # The last bound is one but for rounding: leaving it out keeps every draw within the states.
        after[late] = (bounds[month][state[late], :-1] <= luck[:, None]).sum(axis=1)
        history[month] = history[month - 1]
        history[month, alive] = after
        keep = (after != PAID) & (after != CHARGED_OFF)
        alive, rate, state = alive[keep], rate[keep], after[keep]
    return history


def standing(life: Life, age: int) -> Standing:
    """The loans as they stand `age` months after their issue."""
    seen = life.history[: age + 1]
    state = seen[-1]
    last_month = np.select(
        [state == PAID, state >= DEFAULT],
        [life.paid_month, life.default_month - MONTHS_TO_DEFAULT],
        age - MISSED[state],
    )
    late = (seen != CURRENT) & (seen < PAID)
    cured: Flags = (late[:-1] & (seen[1:] == CURRENT)).any(axis=0)
    closed = np.minimum(np.minimum(life.paid_month, life.charge_off_month), age)
    return Standing(state, last_month, closed, cured)


def _leave_order(rng: np.random.Generator, rate: npt.NDArray[np.float32], prepayment: float) -> Codes:
    """Next state of loans in order: one exponential each, small for the late ones, large for the repaid."""
    luck = rng.standard_exponential(len(rate), dtype=np.float32)
    after = np.zeros(len(rate), dtype=np.uint8)
    after[luck > (-np.log(prepayment) if prepayment < 1 else -1.0)] = PAID
    after[luck < rate] = FIRST
    after[luck < np.float32(STRAIGHT_SHARE) * rate] = STRAIGHT
    return after


def _first_month(reached: Flags) -> Wholes:
    """Month in which a final state is reached, the number of months when it never is; by loan."""
    month: Wholes = len(reached) - reached.sum(axis=0, dtype=np.int64)
    return month
