"""Expected credit losses worked by hand, month by month in plain Python, and what must hold of them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.models.periods import LONGEST
from creditrisk_assets.portfolio.ifrs9 import Choices, Scenario, load_choices
from creditrisk_assets.portfolio.impairment import CreditLosses, allowance, credit_losses
from creditrisk_assets.portfolio.lifetime import Book, Hazards

CHOICES = load_choices()
BASE = replace(CHOICES, scenarios=(Scenario("base", 1.0, 0.0),))
LOSSES = CreditLosses(np.array([[10.0]] * 3), np.array([[40.0]] * 3), np.full(3, 0.1), np.full(3, 0.3))


def hazards(*terms: int, repaid: float = 0.0, draws: int = 1) -> Hazards:
    """Log-odds of default in every month are those of the loan; every month is repaid ahead with one chance."""
    size = len(terms)
    return Hazards(
        np.array(sorted(terms)), np.ones((size, 1, draws)), np.full((size, 1), repaid), np.zeros(size),
        np.zeros(LONGEST + 1, np.int64),
    )  # fmt: skip


def book(term: int, age: int, amount: float, rate: float = 0.0, effective: float = 0.0) -> Book:
    return Book(*(np.array([value]) for value in (term, age, amount, rate, effective)))


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def one(choices: Choices, chance: float, loan: Book, lgd: float, *, repaid: float = 0.0) -> tuple[float, float]:
    odds = np.array([[logit(chance)]])
    found = credit_losses(hazards(int(loan.term[0]), repaid=repaid), odds, loan, np.array([[lgd]]), choices)
    return float(found.within_12m[0, 0]), float(found.lifetime[0, 0])


def test_two_months_left_by_hand() -> None:
    """1,200 over six months at no interest: 1,200 owed by a default in month 5, 1,000 by one in month 6.

    .02 * 1,200 / 1.01 + .98 * .97 * .02 * 1,000 / 1.01^2, of which half is lost.
    """
    expected = 0.5 * (0.02 * 1200 / 1.01 + 0.98 * 0.97 * 0.02 * 1000 / 1.0201)
    found = one(BASE, 0.02, book(6, 4, 1200, effective=0.01), 0.5, repaid=0.03)
    assert found == pytest.approx((expected, expected), abs=1e-9)
    assert expected == pytest.approx(21.199882364, abs=1e-9)


def test_discounting_can_be_left_out() -> None:
    found = one(replace(BASE, discounting="none"), 0.02, book(6, 4, 1200, effective=0.01), 0.5)
    assert found[1] == pytest.approx(0.5 * (0.02 * 1200 + 0.98 * 0.02 * 1000), abs=1e-9)


def test_scenarios_are_weighted_by_hand() -> None:
    """One month left, hazard 1 %: its odds of 1 : 99 move by e^.4 and e^-.3."""
    chances = [1 / (1 + 99 * math.exp(-shift)) for shift in (0.0, 0.4, -0.3)]
    weighted = 0.5 * chances[0] + 0.3 * chances[1] + 0.2 * chances[2]
    found = one(CHOICES, 0.01, book(5, 4, 1000, effective=0.02), 0.8)
    assert found[1] == pytest.approx(0.8 * 1000 * weighted / 1.02, abs=1e-9)
    assert found[1] == pytest.approx(8.579652460, abs=1e-9)


@pytest.mark.parametrize(("term", "age"), [(36, 0), (36, 3), (36, 20), (60, 17), (36, 35), (36, 36)])
def test_any_loan_month_by_month(term: int, age: int) -> None:
    chance, repaid, amount, rate, effective, lgd = 0.008, 0.015, 9_000.0, 13.2, 0.0125, 0.63
    growth = 1 + rate / 1200
    payment = amount * (growth - 1) / (1 - growth**-term)
    owed = [amount]
    for _ in range(term):
        owed.append(owed[-1] * growth - payment)
    within, lifetime, alive = 0.0, 0.0, 1.0
    for month in range(max(age + 1, 5), term + 1):
        lost = lgd * alive * chance * owed[month - 5] / (1 + effective) ** (month - age)
        lifetime += lost
        within += lost if month <= age + 12 else 0.0
        alive *= (1 - chance) * (1 - repaid)
    found = one(BASE, chance, book(term, age, amount, rate, effective), lgd, repaid=repaid)
    assert found == pytest.approx((within, lifetime), abs=1e-9)


def test_certain_pds_and_nothing_owed_have_defined_losses() -> None:
    loans = book(6, 4, 1200)
    for odds, expected in ((-np.inf, 0.0), (np.inf, 1200 * 0.5)):
        found = credit_losses(hazards(6), np.array([[odds]]), loans, np.array([[0.5]]), CHOICES)
        assert found.lifetime[0, 0] == pytest.approx(expected, abs=1e-9)
        assert found.pd[0] == pytest.approx(float(odds > 0), abs=1e-12)
    assert one(CHOICES, 0.3, book(6, 4, 0.0), 0.5) == (0.0, 0.0)
    assert allowance(np.array([3]), one_loan(), np.zeros(1), np.array([[0.9]])).tolist() == [[0.0]]


def one_loan() -> CreditLosses:
    return CreditLosses(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1), np.zeros(1))


def test_an_empty_book_loses_nothing() -> None:
    nobody = Book(*(np.zeros(0, kind) for kind in (np.int64, np.int64, np.float64, np.float64, np.float64)))
    found = credit_losses(hazards(36), np.zeros((0, 1)), nobody, np.zeros((0, 1)), CHOICES)
    assert found.lifetime.shape == (0, 1)
    assert allowance(np.zeros(0, np.int64), found, np.zeros(0), np.zeros((0, 1))).sum() == 0


def test_the_stage_says_which_loss_is_provided_for() -> None:
    found = allowance(np.array([1, 2, 3]), LOSSES, np.full(3, 500.0), np.full((3, 1), 0.6))
    assert found.tolist() == [[10.0], [40.0], [300.0]]


@given(
    st.sampled_from([3, 6, 36, 60]), st.integers(0, 60), st.floats(1e-6, 0.999), st.floats(0, 1), st.floats(0, 40),
    st.floats(0, 0.05), st.floats(0, 0.3), st.floats(0, 1),
)  # fmt: skip
def test_stage_2_never_provides_for_less_than_stage_1(
    term: int, age: int, chance: float, lgd: float, rate: float, effective: float, repaid: float, weight: float
) -> None:
    scenarios = (Scenario("one", weight, 0.7), Scenario("other", 1 - weight, -0.4))
    loan = book(term, age, 5_000, rate, effective)
    within, lifetime = one(replace(CHOICES, scenarios=scenarios), chance, loan, lgd, repaid=repaid)
    assert 0 <= within <= lifetime <= lgd * 5_000 * (1 + 1e-12)
    if term - age <= 12:
        assert within == pytest.approx(lifetime, abs=1e-9)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1e-4, 0.5))
def test_more_weight_on_the_worse_scenario_is_more_loss(one_weight: float, other: float, chance: float) -> None:
    low, high = sorted((one_weight, other))
    losses = [
        one(replace(CHOICES, scenarios=(Scenario("bad", w, 0.5), Scenario("base", 1 - w, 0.0))), chance,
            book(36, 6, 1_000), 0.5)[1]
        for w in (low, high)
    ]  # fmt: skip
    assert losses[0] <= losses[1] + 1e-9


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: one(CHOICES, 0.1, book(6, 4, 1.0), 1.2), "outside 0..1"),
        (lambda: one(CHOICES, 0.1, book(6, 4, 1.0), float("nan")), "outside 0..1"),
        (lambda: allowance(np.array([0, 1, 2]), LOSSES, np.ones(3), np.ones((3, 1))), "none of 1, 2 and 3"),
        (lambda: allowance(np.ones(3, np.int64), LOSSES, -np.ones(3), np.ones((3, 1))), "below zero"),
        (lambda: allowance(np.ones(3, np.int64), LOSSES, np.ones(3), np.ones((3, 2))), "but loans and draws are"),
    ],
)
def test_what_cannot_be_is_refused(call, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=said):
        call()
