"""What the lender's file says about a loan as of the observation month: status and money.

Recoveries average 9 % of the lost principal and late fees touch 4 % of good and 16 % of bad loans,
as in LendingClub's published loans. Money is counted in whole cents, so that the published identity
total_pymnt = principal + interest + late fees + recoveries holds exactly.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from creditrisk_assets.simulation.draws import Flags, Reals, Wholes, named, real, whole
from creditrisk_assets.simulation.outcomes import MONTHS_TO_DEFAULT, Fate

STATUSES = (
    "Current", "In Grace Period", "Late (16-30 days)", "Late (31-120 days)", "Charged Off", "Fully Paid",
)  # fmt: skip
CURRENT, GRACE, LATE, VERY_LATE, CHARGED_OFF, FULLY_PAID = range(6)
MONTHS_TO_RECOVERY = 3


@dataclass(frozen=True)
class Terms:
    """Amount (USD), rate (percent a year), term (months) and instalment (USD); shape (loans,) each."""

    amount: Reals
    rate: Reals
    term: Wholes
    instalment: Reals


def observe(rng: np.random.Generator, terms: Terms, fate: Fate, vintage: int, observed: int) -> pl.DataFrame:
    """Outcome columns under their published names; dates are month numbers.

    `vintage` and `observed` are month numbers. The draws do not depend on `observed`: a later file
    of the same book tells the later chapters of the same loans.
    """
    luck = rng.random((6, len(terms.term)))
    age = observed - vintage
    status = _status(fate, age, luck[0])
    paid = np.minimum(fate.last_month, age)
    money = _money(terms, fate, status, paid, luck=luck[1:4], age=age)
    active = (status != CHARGED_OFF) & (status != FULLY_PAID)
    closed = np.minimum(vintage + fate.last_month + np.where(fate.defaulted, MONTHS_TO_DEFAULT, 0), observed)
    # Reports on closed loans keep being pulled for a while, about half of them to this day.
    pulled = np.where(active | (luck[4] < 0.5), observed, closed + np.floor(luck[4] * (observed - closed)))
    hardship = (status == VERY_LATE) & (luck[5] < 0.03)
    settled = (status == CHARGED_OFF) & (luck[5] < 0.025)
    flags = {
        "loan_status": named(STATUSES, status),
        "pymnt_plan": named(("n", "y"), hardship.astype(np.int64)),
        "last_pymnt_d": whole(vintage + paid, paid > 0),
        "next_pymnt_d": whole(np.full(len(paid), observed + 1), active),
        "last_credit_pull_d": whole(pulled),
        "hardship_flag": named("NY", hardship.astype(np.int64)),
        "debt_settlement_flag": named("NY", settled.astype(np.int64)),
    }
    return pl.DataFrame(flags | money)


def latest_score(rng: np.random.Generator, score: Reals, status: pl.Series) -> pl.DataFrame:
    """Latest FICO band: drifts for loans in order, about 120 points lower once they are late."""
    late = status.is_in(["Charged Off", "Late (31-120 days)"]).to_numpy()
    latest = np.where(late, 0.4 * score + 290, score) + 32 * rng.standard_normal(len(score))
    low = np.clip(5 * np.floor(latest / 5), 500, 845)
    return pl.DataFrame({"last_fico_range_high": whole(low + 4), "last_fico_range_low": whole(low)})


def balance(terms: Terms, payments: Wholes) -> Reals:
    """Principal in USD still owed after a number of monthly instalments."""
    growth = (1 + terms.rate / 1_200) ** payments
    owed: Reals = terms.amount * growth - terms.instalment * (growth - 1) / (terms.rate / 1_200)
    return owed


def _status(fate: Fate, age: int, luck: Reals) -> Wholes:
    """Index into STATUSES at a given age in months."""
    missed = age - fate.last_month
    bad, good = fate.defaulted, ~fate.defaulted
    return np.select(
        [
            bad & (missed >= MONTHS_TO_DEFAULT),
            bad & (missed > 1),
            bad & (missed == 1) & (luck < 0.5),
            bad & (missed == 1),
            good & (missed >= 0),
        ],
        [CHARGED_OFF, VERY_LATE, LATE, GRACE, FULLY_PAID],
        CURRENT,
    ).astype(np.int64)


def _money(terms: Terms, fate: Fate, status: Wholes, paid: Wholes, *, luck: Reals, age: int) -> dict[str, pl.Series]:
    """Payments in USD, summed in cents; `luck` has shape (3, loans)."""
    repaid: Flags = status == FULLY_PAID
    regular = np.where(repaid, paid - 1, paid)
    instalment, amount = _cents(terms.instalment), _cents(terms.amount)
    owed = balance(terms, regular)
    payoff = np.where(repaid, _cents(owed * (1 + terms.rate / 1_200)), 0)
    principal = np.where(repaid, amount, amount - _cents(owed))
    interest = regular * instalment + payoff - principal
    fined = (paid >= 2) & (luck[0] < np.where(fate.defaulted, 0.16, 0.04))
    fees = np.where(fined, np.maximum(1_500, instalment // 20), 0)
    lost = (status == CHARGED_OFF) & (age >= fate.default_month + MONTHS_TO_RECOVERY)
    # Two loans in three bring something back, mostly little: the mean is 9 % of what was lost.
    share = np.where(lost & (luck[1] < 0.67), 0.55 * luck[2] ** 3, 0.0)
    recovered = np.rint(share * (amount - principal)).astype(np.int64)
    outstanding = np.where(repaid | (status == CHARGED_OFF), 0, amount - principal)
    last = np.where(repaid, payoff, np.where(paid > 0, instalment, 0))
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
