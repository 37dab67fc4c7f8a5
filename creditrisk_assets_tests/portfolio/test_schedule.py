"""What a loan owes by its schedule, and the rate that its instalments yield."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.portfolio.schedule import balance, effective_rate, exposure_at_default, instalment

amounts, rates, terms = st.floats(1, 1e6), st.just(0.0) | st.floats(0.01, 60), st.integers(1, 120)


def month_by_month(amount: float, rate: float, term: int, months: int) -> float:
    """Interest is added, the instalment taken off: in words, what a balance is."""
    monthly = rate / 1_200
    paid = amount / term if monthly == 0 else amount * monthly / (1 - (1 + monthly) ** -term)
    for _ in range(months):
        amount += amount * monthly - paid
    return amount


def test_a_loan_of_ten_thousand_at_twelve_percent_owes_what_tables_say() -> None:
    assert instalment(10_000, 12, 36) == pytest.approx(332.1430981, abs=1e-7)
    owed = balance(10_000, 12, 36, [0, 1, 12, 35, 36])
    np.testing.assert_allclose(owed, [month_by_month(10_000, 12, 36, m) for m in (0, 1, 12, 35, 36)], atol=1e-8)


@given(amounts, rates, terms, st.integers(0, 120))
def test_a_balance_is_what_interest_and_instalments_leave(amount: float, rate: float, term: int, months: int) -> None:
    months = min(months, term)
    grown = amount * (1 + rate / 1_200) ** term  # what rounding is relative to
    assert float(balance(amount, rate, term, months)) == pytest.approx(
        month_by_month(amount, rate, term, months), abs=1e-9 * grown
    )


@given(amounts, rates, terms)
def test_a_balance_falls_from_the_amount_to_nothing(amount: float, rate: float, term: int) -> None:
    owed = balance(amount, rate, term, np.arange(-3, term + 3))
    assert owed[0] == owed[3] == pytest.approx(amount, rel=1e-12)
    assert (owed[term + 3 :] == 0).all()
    assert (np.diff(owed) <= 0).all()


@given(amounts, rates, terms, st.integers(1, 140))
def test_exposure_at_default_is_the_balance_of_the_last_instalment_paid(
    amount: float, rate: float, term: int, month: int
) -> None:
    exposure = float(exposure_at_default(amount, rate, term, month))
    assert 0 <= exposure <= amount * (1 + 1e-12)
    assert exposure == float(balance(amount, rate, term, month - 5))


@given(st.lists(st.tuples(amounts, rates, terms), min_size=1, max_size=20))
def test_without_fees_the_effective_rate_is_the_contracts(loans: list[tuple[float, float, int]]) -> None:
    amount, rate, term = np.array(loans).T
    found = effective_rate(amount, instalment(amount, rate, term), term, 60.0)
    np.testing.assert_allclose(found, rate / 1_200, rtol=1e-7, atol=1e-10)


def test_a_fee_raises_the_effective_rate_to_where_the_instalments_are_worth_what_was_paid_out() -> None:
    paid = instalment(10_000, 12, 36)
    rate = float(effective_rate(9_500, paid, 36, 12))
    assert rate > 0.01
    assert sum(float(paid) / (1 + rate) ** month for month in range(1, 37)) == pytest.approx(9_500, abs=1e-8)


def test_the_contracts_rate_stands_in_where_no_rate_can_be_found() -> None:
    found = effective_rate([10_000, 10_000, 0], [math.nan, 100, 100], 36, 12)
    np.testing.assert_array_equal(found, 0.01)  # not told, repays too little, nothing was lent


def test_a_rate_of_zero_is_repaid_in_equal_parts() -> None:
    assert float(instalment(3_600, 0, 36)) == 100
    np.testing.assert_allclose(balance(3_600, 0, 36, [0, 10, 36]), [3_600, 2_600, 0], rtol=1e-12)
    assert float(effective_rate(3_600, 100, 36, 5)) == pytest.approx(0, abs=1e-12)


def test_nothing_lent_is_nothing_owed() -> None:
    assert float(balance(0, 12, 36, 4)) == float(instalment(0, 12, 36)) == 0


@pytest.mark.parametrize(
    ("loan", "told"),
    [
        ((1_000, 12, 0), "term is 0 for 1 of 1 loans; a loan has at least one instalment: mend term in raw/loans"),
        ((1_000, -1, 36), "rate is -1 for 1 of 1 loans; write the contract's rate in percent a year"),
        ((math.nan, 12, 36), "amount is nan for 1 of 1 loans; write dollars"),
        (([1_000, -5], 12, 36), "amount is -5 for 1 of 2 loans"),
    ],
)
def test_what_no_schedule_can_be_made_of_is_refused(loan: tuple[float, float, int], told: str) -> None:
    with pytest.raises(ValueError) as refused:
        instalment(*loan)
    assert told in str(refused.value)
