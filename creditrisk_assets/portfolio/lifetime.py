"""Expected loss over what is left of a loan's life, month by month and draw by draw, given that it has lived so far.

    loss(H) = LGD * sum over months a < k <= min(a + H, term) of S(k - 1) / S(a) h(k) EAD(k) (1 + EIR)^-(k - a)
    S(k) = S(k - 1) (1 - h(k)) (1 - r(k))

for a loan a months on book at the reporting date, with the hazards of default h and of repayment r of
`models.horizon`: nobody defaults before month 5, early repayments are spread over the months before it, and who has
not defaulted by the end of the term has paid. EAD is `portfolio.schedule`'s, EIR the effective monthly rate. IFRS 9
paragraphs 5.5.3 and 5.5.5 ask for H of the remaining life and of twelve months, B5.5.44 for the discounting.

The sum is exact: no table over log-odds stands between. A hazard is one division a band, a month is a product.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from creditrisk_assets.models.draws import Draws
from creditrisk_assets.models.kernels import compiled
from creditrisk_assets.models.outcomes import HORIZON
from creditrisk_assets.models.periods import FIRST_TRIAL, LONGEST
from creditrisk_assets.portfolio.kernels import run_off
from creditrisk_assets.portfolio.schedule import exposure_at_default, instalment

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Hazards:
    """Monthly hazards of T terms in B bands of months under D draws.

    `terms` (T,) in months, ascending; `against` (T, B, D): odds against default in a month, of a loan with log-odds
    0 beside the baseline; `repaid` (T, B) and `early` (T,): see `models.repayment`; `band` (LONGEST + 1,) of a month.
    """

    terms: Whole
    against: NDArray[np.float64]
    repaid: Matrix
    early: Vector
    band: Whole

    def draw(self, number: int) -> "Hazards":
        """The same under one draw alone: D = 1."""
        return replace(self, against=np.ascontiguousarray(self.against[:, :, number : number + 1]))

    def rows(self, term: Whole) -> Whole:
        """(n,): position of each term; ValueError names one that the hazards were not made for."""
        at = np.minimum(np.searchsorted(self.terms, term), self.terms.size - 1)
        strange = self.terms[at] != term if self.terms.size else np.ones(term.shape, np.bool_)
        if strange.any():
            raise ValueError(
                f"a term of {term[strange][0]} months has no hazards, they are of {self.terms.tolist()} months: name "
                "it in hazards_of"
            )
        return np.asarray(at, np.int64)


def hazards_of(draws: Draws, terms: ArrayLike) -> Hazards:
    """Hazards of some terms (months, from 1) under a posterior; a term it does not know takes those of its nearest.

    ValueError for a model with a single trial, the whole term: it knows no months.
    """
    periods, repayment = draws.design.periods, draws.design.repayment
    if not periods.starts:
        raise ValueError("a model of one trial, the whole term, has no months to add up: use one learned as known")
    found = np.unique(np.asarray(terms, np.int64))
    known = [_nearest(term, sorted(repayment.hazard)) for term in found.tolist()]
    bands = len(periods.labels)
    cells = np.array([draws.cells[:, periods.stratum(term)].T for term in known]).reshape(found.size, bands, -1)
    left = [repayment.of(term) for term in known]
    return Hazards(
        found,
        np.exp(-cells),
        np.array([repaid for _, repaid in left]).reshape(found.size, bands),
        np.array([early for early, _ in left]),
        np.asarray(periods.band[: LONGEST + 1], np.int64),
    )


def _nearest(term: int, known: list[int]) -> int:
    return min(known, key=lambda other: abs(other - term))


@dataclass(frozen=True)
class Book:
    """Loans at a reporting date, n of each: `term` and `age` in whole months (age: on book, not defaulted or repaid).

    `amount` in USD, `rate` in percent a year, `effective` rate as a fraction a month.
    """

    term: Whole
    age: Whole
    amount: Vector
    rate: Vector
    effective: Vector


@dataclass(frozen=True)
class Losses:
    """(n, D) each. `lost_*`: discounted exposure at default times its chance, USD; expected loss is that times LGD."""

    pd_12m: Matrix
    lost_12m: Matrix
    pd_lifetime: Matrix
    lost_lifetime: Matrix


def lifetime_losses(hazards: Hazards, log_odds: Matrix, book: Book) -> Losses:
    """PDs and discounted exposures lost within twelve months and the remaining life.

    `log_odds` (n, D): of each loan beside the baseline, D as in `hazards`; infinite ones are certainties. A loan
    whose term has elapsed has nothing left to lose. ValueError as `Hazards.rows` and `schedule.instalment`, and for
    a negative age, an effective rate below zero, or log-odds that are not numbers.
    """
    _refuse(hazards, log_odds, book)
    rows = hazards.rows(book.term)
    first = np.maximum(book.age + 1, FIRST_TRIAL)
    result = np.zeros((4, *log_odds.shape))
    with np.errstate(over="ignore"):
        against = np.exp(-log_odds)
    compiled(run_off)(
        np.ascontiguousarray(against), rows, book.age,
        exposure_at_default(book.amount, book.rate, book.term, first),
        instalment(book.amount, book.rate, book.term), 1 + book.rate / 1_200, 1 / (1 + book.effective),
        hazards.against, hazards.band, hazards.repaid, hazards.early, np.minimum(hazards.terms, LONGEST),
        FIRST_TRIAL, HORIZON, np.empty(log_odds.shape[1]), np.empty(log_odds.shape[1]), result,
    )  # fmt: skip
    return Losses(*result)


def _refuse(hazards: Hazards, log_odds: Matrix, book: Book) -> None:
    expected = (book.term.size, hazards.against.shape[2])
    if log_odds.shape != expected:
        raise ValueError(
            f"log-odds are {log_odds.shape}, but the book and the hazards ask for {expected} (loans, draws)"
        )
    if np.isnan(log_odds).any():
        raise ValueError("some log-odds are not numbers: score the loans with a good model first")
    if (book.age < 0).any():
        raise ValueError(f"a loan is {book.age.min()} months on book: leave loans out that are not issued yet")
    if not (book.effective >= 0).all():
        raise ValueError("an effective rate is below zero or unknown: take it from schedule.effective_rate")
