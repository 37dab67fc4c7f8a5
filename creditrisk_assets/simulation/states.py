"""The states a loan passes through, and how it moves between them once it is late.

The moves are calibrated, on average, to LendingClub's published monthly matrix (24.5 million
transitions; the columns it shows are in the tests). A late loan climbs one step a month without a
payment and cures all at once, so its last payment alone tells how late it is, and default is always
five months after it. Three observations of the matrix need steps of their own:

* some loans show 31 days already at the end of the first missed month (`STRAIGHT`);
* loans stay "late 16-30" and are charged off from there, though nobody is 16 days late for months:
  a payment plan stops their clock, and they break it (`PLAN_2` to `PLAN_4`);
* most defaults are charged off in the same month, the rest in the next (`DEFAULT`).

Default is final here. In the matrix 2.3 % of the defaulted loans come back to life in a month, which
would make the default month of the file a matter of when one looks.
"""

import numpy as np

from creditrisk_assets.simulation.draws import Reals, Wholes

CURRENT, FIRST, PLAN_2, PLAN_3, PLAN_4, STRAIGHT, LATE_2, LATE_3, LATE_4, PAID, DEFAULT, CHARGED_OFF = range(12)
STATES = 12
PLANS = (PLAN_2, PLAN_3, PLAN_4)
MONTHS_TO_DEFAULT = 5  # one month to the missed due date, four more to 120 days late
MISSED: Wholes = np.array([0, 1, 2, 3, 4, 1, 2, 3, 4, 0, 5, 5])
"""Months since the last payment, by state."""

STRAIGHT_SHARE = 0.25  # of the intensity of falling behind
PLAN_SHARE = 0.028  # of the loans one month behind
FIRST_CURE, LATE_CURE = 0.218, 0.058  # a month, one month behind and later
CURED_BY_PAYOFF = 0.06
SEEN_AS_DEFAULT = 0.22  # of the defaults; the others are charged off at once
CHARGE_OFF = 0.928  # a month, once in default
_STEPS = ((STRAIGHT, LATE_2), (LATE_2, LATE_3), (LATE_3, LATE_4))


def moves(first_cure: float, late_cure: float, payoff: float) -> Reals:
    """Chances of moving from state (row) to state (column) in a month; shape (STATES, STATES).

    `payoff` is the share of cures that repay the whole loan. The row of CURRENT is zero: those
    chances differ from loan to loan.
    """
    chance = np.zeros((STATES, STATES))
    for state, cure in ((FIRST, first_cure), *((late, late_cure) for late in (STRAIGHT, LATE_2, LATE_3, LATE_4))):
        chance[state, CURRENT], chance[state, PAID] = cure * (1 - payoff), cure * payoff
    for state, following in _STEPS:
        chance[state, following] = 1 - late_cure
    chance[FIRST, PLAN_2], chance[FIRST, LATE_2] = PLAN_SHARE, 1 - first_cure - PLAN_SHARE
    chance[LATE_4, DEFAULT] = (1 - late_cure) * SEEN_AS_DEFAULT
    chance[LATE_4, CHARGED_OFF] = (1 - late_cure) * (1 - SEEN_AS_DEFAULT)
    chance[DEFAULT, DEFAULT], chance[DEFAULT, CHARGED_OFF] = 1 - CHARGE_OFF, CHARGE_OFF
    for state, following in ((PLAN_2, PLAN_3), (PLAN_3, PLAN_4), (PLAN_4, CHARGED_OFF)):
        chance[state, following] = 1.0
    chance[PAID, PAID] = chance[CHARGED_OFF, CHARGED_OFF] = 1.0
    return chance
