"""What the lender's file says about a loan as of the observation month: status and money.

Recoveries average 9 % of the lost principal. Late fees are paid by borrowers who were late and caught
up, about one in twenty, as in LendingClub's published loans. Money is counted in whole cents, so that
the published identity total_pymnt = principal + interest + late fees + recoveries holds exactly.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from creditrisk_assets.simulation.draws import Flags, Reals, Wholes, named, real, whole
from creditrisk_assets.simulation.life import Life, Standing, standing
from creditrisk_assets.simulation.states import CHARGED_OFF, FIRST, LATE_4, PAID, PLANS, STRAIGHT

LATE, VERY_LATE = "Late (16-30 days)", "Late (31-120 days)"
_STATUSES = (
    "Current", LATE, LATE, LATE, LATE, VERY_LATE, VERY_LATE, VERY_LATE, VERY_LATE, "Fully Paid", "Default",
    "Charged Off", "In Grace Period",
)  # fmt: skip
_GRACE = len(_STATUSES) - 1


@dataclass(frozen=True)
class Terms:
    """Amount (USD), rate (percent a year), term (months) and instalment (USD); shape (loans,) each."""

    amount: Reals
    rate: Reals
    term: Wholes
    instalment: Reals


def observe(rng: np.random.Generator, terms: Terms, life: Life, vintage: int, observed: int) -> pl.DataFrame:
    """Outcome columns under their published names; dates are month numbers.

    `vintage` and `observed` are month numbers. The draws do not depend on `observed`: a later file
    of the same book tells the later chapters of the same loans.
    """
    luck = rng.random((4, len(terms.term)))
    age = observed - vintage
    now = standing(life, age)
    state = now.state
    active = (state != CHARGED_OFF) & (state != PAID)
    closed = vintage + now.closed
    # Reports on closed loans keep being pulled for a while, about half of them to this day.
    pulled = np.where(active | (luck[0] < 0.5), observed, closed + np.floor(luck[0] * (observed - closed)))
    hardship = np.isin(state, PLANS) | ((state >= STRAIGHT) & (state <= LATE_4) & (luck[1] < 0.03))
    settled = (state == CHARGED_OFF) & (luck[1] < 0.025)
    flags = {
        "loan_status": named(_STATUSES, np.where((state == FIRST) & life.due_late, _GRACE, state).astype(np.int64)),
        "pymnt_plan": named(("n", "y"), hardship.astype(np.int64)),
        "last_pymnt_d": whole(vintage + now.last_month, now.last_month > 0),
        "next_pymnt_d": whole(np.full(len(state), observed + 1), active),
        "last_credit_pull_d": whole(pulled),
        "hardship_flag": named("NY", hardship.astype(np.int64)),
        "debt_settlement_flag": named("NY", settled.astype(np.int64)),
    }
    return pl.DataFrame(
        flags
        | _money(terms, now, np.where(age >= life.recovery_month, life.recovered, 0.0), now.cured & (luck[2] < 0.8))
    )


def latest_score(rng: np.random.Generator, score: Reals, status: pl.Series) -> pl.DataFrame:
    """Latest FICO band: drifts for loans in order, about 120 points lower once they are late."""
    late = status.is_in(["Default", "Charged Off", VERY_LATE]).to_numpy()
    latest = np.where(late, 0.4 * score + 290, score) + 32 * rng.standard_normal(len(score))
    low = np.clip(5 * np.floor(latest / 5), 500, 845)
    return pl.DataFrame({"last_fico_range_high": whole(low + 4), "last_fico_range_low": whole(low)})


def balance(terms: Terms, payments: Wholes) -> Reals:
    """Principal in USD still owed after a number of monthly instalments."""
    growth = (1 + terms.rate / 1_200) ** payments
    owed: Reals = terms.amount * growth - terms.instalment * (growth - 1) / (terms.rate / 1_200)
    return owed


def _money(terms: Terms, now: Standing, recovered_share: Reals, fined: Flags) -> dict[str, pl.Series]:
    """Payments in USD, summed in cents."""
    repaid: Flags = now.state == PAID
    # Who pays the last instalments late has paid all but one of them before.
    regular = np.where(repaid, np.minimum(now.last_month, terms.term) - 1, now.last_month)
    instalment, amount = _cents(terms.instalment), _cents(terms.amount)
    owed = balance(terms, regular)
    payoff = np.where(repaid, _cents(owed * (1 + terms.rate / 1_200)), 0)
    principal = np.where(repaid, amount, amount - _cents(owed))
    interest = regular * instalment + payoff - principal
    fees = np.where(fined, np.maximum(1_500, instalment // 20), 0)
    recovered = np.rint(recovered_share * (amount - principal)).astype(np.int64)
    outstanding = np.where(repaid | (now.state == CHARGED_OFF), 0, amount - principal)
    last = np.where(repaid, payoff, np.where(now.last_month > 0, instalment, 0))
    return {
        "out_prncp": _dollars(outstanding),
        "total_pymnt": _dollars(principal + interest + fees + recovered),
        "total_rec_prncp": _dollars(principal),
        "total_rec_int": _dollars(interest),
        "total_rec_late_fee": _dollars(fees),
        "recoveries": _dollars(recovered),
        "collection_recovery_fee": _dollars(recovered * 18 // 100),
        "last_pymnt_amnt": _dollars(last),
    }


def _cents(dollars: Reals) -> Wholes:
    return np.rint(100 * dollars).astype(np.int64)


def _dollars(cents: Wholes) -> pl.Series:
    return real(cents / 100, 2)
