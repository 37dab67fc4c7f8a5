"""What a loan owes, month by month: the annuity of level instalments, and the rate that it yields.

    B(m) = A (G^T - G^m) / (G^T - 1),   G = 1 + rate / 12,   instalment = A (G - 1) / (1 - G^-T)

in US dollars of principal, after m of T instalments, with the limits B(m) = A (1 - m / T) and A / T of a rate of
zero. Money is not rounded to cents: schedules of lenders differ from this one by cents.

Default is told 120 days after an instalment was missed, so a loan that defaults in month k on book paid its last
instalment in month k - 5 (`periods.FIRST_TRIAL`, and `features.loans` reckons backwards by the same five months):
its exposure at default is B(k - 5), never more than the amount. Interest of these months is not claimed, for
recoveries are measured against principal as well (`portfolio.loss_given_default`).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from creditrisk_assets.models.periods import FIRST_TRIAL

Vector = NDArray[np.float64]

_SMALLEST = 1e-9
"""Monthly rates below this are zero: the annuity's differences would drown in rounding."""
_ROUNDING = 1e-9
_STEPS = 100
"""Newton steps at most; a dozen are enough for any instalment that repays the amount."""


def instalment(amount: ArrayLike, rate_percent: ArrayLike, term: ArrayLike) -> Vector:
    """Level monthly instalment (n,) in USD: amount (USD), rate (percent a year), term (months, at least 1).

    ValueError for a term below one month, a negative or unknown rate, or a negative or unknown amount.
    """
    amounts, rates, terms = _checked(amount, rate_percent, term)
    return np.asarray(amounts / _annuity(rates, terms), np.float64)


def balance(amount: ArrayLike, rate_percent: ArrayLike, term: ArrayLike, months_on_book: ArrayLike) -> Vector:
    """Principal owed (n,) in USD after that many instalments: all of it before the first, nothing after the last.

    ValueError as `instalment`.
    """
    amounts, rates, terms = _checked(amount, rate_percent, term)
    left = terms - np.clip(np.asarray(months_on_book, np.float64), 0.0, terms)
    return np.asarray(amounts * (_annuity(rates, left) / _annuity(rates, terms)), np.float64)


def exposure_at_default(amount: ArrayLike, rate_percent: ArrayLike, term: ArrayLike, month: ArrayLike) -> Vector:
    """Principal owed (n,) in USD by a loan that defaults in that month on book: it stopped paying five months before.

    ValueError as `instalment`.
    """
    return balance(amount, rate_percent, term, np.asarray(month, np.float64) - FIRST_TRIAL)


def effective_rate(amount: ArrayLike, instalments: ArrayLike, term: ArrayLike, rate_percent: ArrayLike) -> Vector:
    """Effective interest rate (n,) a month, as a fraction: at it, the instalments are worth the amount paid out.

    The contract's rate over twelve when there are no fees. Where the instalment is not known (NaN), or would not
    repay the amount, the contract's rate stands in. Source: IFRS 9, appendix A. ValueError as `instalment`.
    """
    amounts, rates, terms = _checked(amount, rate_percent, term)
    paid = np.broadcast_to(np.asarray(instalments, np.float64), amounts.shape)
    solvable = (amounts > 0) & np.isfinite(paid) & (paid * terms >= amounts * (1 - _ROUNDING))
    found = rates.copy()
    if solvable.any():
        mine = terms[solvable]
        found[solvable] = _yield(np.minimum(amounts[solvable] / paid[solvable], mine), mine)
    return found


def _yield(factor: Vector, terms: Vector) -> Vector:
    """The monthly rate at which an annuity of 1 over `terms` is worth `factor` (n,), at most `terms`.

    Newton from the left: the annuity is convex and falls with the rate, so no step overshoots.
    """
    rate = np.zeros_like(factor)
    for _ in range(_STEPS):
        worth = _annuity(rate, terms)
        ahead = np.maximum(rate, _SMALLEST)
        shrunk = np.exp(-terms * np.log1p(ahead))
        # At a rate of zero the slope is that of 1 - v^T over r in the limit: -T (T + 1) / 2.
        exact = (terms * shrunk / (1 + ahead) - worth) / ahead
        slope = np.where(rate < _SMALLEST * 1e3, -terms * (terms + 1) / 2, exact)
        step = (worth - factor) / slope
        rate = np.maximum(rate - step, 0.0)
        if np.all(np.abs(step) <= 1e-15 + 1e-14 * rate):
            break
    return rate


def _annuity(rate: Vector, months: Vector) -> Vector:
    """(n,): what 1 a month for some months is worth today, at a monthly rate."""
    safe = np.maximum(rate, _SMALLEST)
    return np.where(rate < _SMALLEST, months, -np.expm1(-months * np.log1p(safe)) / safe)


def _checked(amount: ArrayLike, rate_percent: ArrayLike, term: ArrayLike) -> tuple[Vector, Vector, Vector]:
    """Amounts (USD), monthly rates (fractions) and terms (months), of one shape."""
    amounts, rates, terms = np.broadcast_arrays(
        np.asarray(amount, np.float64), np.asarray(rate_percent, np.float64) / 1_200, np.asarray(term, np.float64)
    )
    for name, values, least, remedy in (
        ("term", terms, 1.0, "a loan has at least one instalment: mend term in raw/loans"),
        ("rate", rates, 0.0, "write the contract's rate in percent a year, 0 or more: mend int_rate in raw/loans"),
        ("amount", amounts, 0.0, "write dollars, 0 or more: mend funded_amnt in raw/loans"),
    ):
        wrong = ~(np.isfinite(values) & (values >= least))
        if wrong.any():
            shown = np.atleast_1d(values)[np.atleast_1d(wrong)][0] * (1_200 if name == "rate" else 1)
            raise ValueError(f"{name} is {shown:g} for {int(wrong.sum())} of {values.size} loans; {remedy}")
    return amounts, rates, terms
