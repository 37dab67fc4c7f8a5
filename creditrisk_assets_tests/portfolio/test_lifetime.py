"""Expected loss over twelve months and the remaining life, against sums made by hand."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.models.draws import Draws, draws_of
from creditrisk_assets.models.periods import LONGEST
from creditrisk_assets.portfolio.lifetime import Book, Hazards, Losses, hazards_of, lifetime_losses
from creditrisk_assets.portfolio.schedule import balance
from creditrisk_assets_tests.models.learned import fit
from creditrisk_assets_tests.portfolio.run_off import by_hand, hazards, loans, one


def figures(losses: Losses) -> np.ndarray:
    return np.array([losses.pd_12m, losses.lost_12m, losses.pd_lifetime, losses.lost_lifetime])


def constant(hazard: float, term: int = 36) -> Hazards:
    """One hazard of default in every month from the fifth, and no repayment."""
    against = np.full((1, 1, 1), (1 - hazard) / hazard)
    return Hazards(np.array([term]), against, np.zeros((1, 1)), np.zeros(1), np.zeros(LONGEST + 1, np.int64))


def geometric(ratio: float, first: int, last: int) -> float:
    """The sum of ratio^k for k from first to last."""
    return (ratio**first - ratio ** (last + 1)) / (1 - ratio)


def test_a_constant_hazard_gives_geometric_sums() -> None:
    hazard, rate, effective, term, amount = 0.02, 0.01, 0.012, 36, 10_000.0
    found = figures(lifetime_losses(constant(hazard), np.zeros((1, 1)), one(effective=effective)))[:, 0, 0]
    growth = 1 + rate
    top = amount / (growth**term - 1)  # EAD(k) = top * (growth^term - growth^(k - 5))
    for end, (pd, lost) in ((12, found[:2]), (term, found[2:])):
        kept = geometric((1 - hazard) / (1 + effective), 5, end) * growth**term
        repaid = geometric((1 - hazard) * growth / (1 + effective), 5, end) * growth**-5
        assert pd == pytest.approx(1 - (1 - hazard) ** (end - 4), abs=1e-12)
        assert lost == pytest.approx(hazard * (1 - hazard) ** -5 * top * (kept - repaid), rel=1e-9)


def test_without_interest_the_sum_is_arithmetic_too() -> None:
    hazard, amount, age = 0.1, 3_600.0, 30
    found = figures(lifetime_losses(constant(hazard), np.zeros((1, 1)), one(36, age, amount, 0, 0)))[:, 0, 0]
    # Months 31 to 36, in which 10, 9, ... 5 instalments of 100 are owed.
    expected = sum(0.1 * 0.9**place * 100 * owed for place, owed in enumerate((10, 9, 8, 7, 6, 5)))
    np.testing.assert_allclose(found, [1 - 0.9**6, expected, 1 - 0.9**6, expected], rtol=1e-12)


def test_it_is_the_sum_over_months_of_both_hazards_at_every_age() -> None:
    book, against = loans(3_000), hazards()
    log_odds = np.random.default_rng(3).normal(0, 1.5, (3_000, 1))
    expected = by_hand(against, log_odds, book)
    np.testing.assert_allclose(figures(lifetime_losses(against, log_odds, book))[..., 0], expected, rtol=1e-9)


def test_all_draws_at_once_are_each_of_them_alone() -> None:
    book, against = loans(200), hazards(draws=7)
    log_odds = np.random.default_rng(4).normal(size=(200, 7))
    together = figures(lifetime_losses(against, log_odds, book))
    for number in range(7):
        alone = figures(lifetime_losses(against.draw(number), log_odds[:, number : number + 1], book))
        np.testing.assert_array_equal(together[..., number], alone[..., 0])


@cache
def learned() -> Draws:
    return draws_of(fit().posterior)


@pytest.mark.parametrize("term", [36, 60])
def test_a_new_loan_defaults_as_the_scores_say(term: int) -> None:
    posterior = fit().posterior
    horizons = posterior.scorer.horizons
    at_mean = replace(learned(), coefficients=posterior.mean[None, :])
    log_odds = np.linspace(-3, 3, 9)
    within, lifetime = horizons.pd(log_odds + horizons.weights @ horizons._own(term), term)
    book = Book(np.full(9, term), np.zeros(9, np.int64), np.ones(9), np.zeros(9), np.zeros(9))
    found = lifetime_losses(hazards_of(at_mean, [term]), log_odds[:, None], book)
    np.testing.assert_allclose(found.pd_12m[:, 0], within, rtol=1e-10)
    np.testing.assert_allclose(found.pd_lifetime[:, 0], lifetime, rtol=1e-10)


def test_a_term_the_posterior_never_saw_takes_the_hazards_of_its_nearest() -> None:
    known = hazards_of(learned(), [36, 48, 60])
    assert known.terms.tolist() == [36, 48, 60]
    np.testing.assert_array_equal(known.against[1], known.against[0])
    np.testing.assert_array_equal(known.repaid[1], known.repaid[0])


@given(st.floats(-6, 3), st.floats(0.001, 2), st.integers(0, 34), st.sampled_from([36, 60]))
def test_riskier_loans_lose_more_and_a_year_is_part_of_a_life(x: float, more: float, age: int, term: int) -> None:
    book = one(term, age)
    low, high = (figures(lifetime_losses(hazards(), np.array([[at]]), book))[:, 0, 0] for at in (x, x + more))
    assert (high[[0, 2]] > low[[0, 2]]).all()
    # Riskier loans default sooner, when more is owed: the money rises as well while a default is no certainty.
    assert (high[[1, 3]] > low[[1, 3]]).all()
    for pd_12m, lost_12m, pd, lost in (low, high):
        assert 0 <= pd_12m <= pd <= 1
        assert 0 <= lost_12m <= lost <= 10_000 * pd


@given(st.floats(0.0005, 0.01), st.integers(0, 34))
def test_a_higher_effective_rate_makes_later_losses_smaller(more: float, age: int) -> None:
    dear, cheap = (lifetime_losses(hazards(), np.zeros((1, 1)), one(age=age, effective=r)) for r in (more, 0))
    assert 0 < dear.lost_lifetime < cheap.lost_lifetime
    assert dear.pd_lifetime == cheap.pd_lifetime


def test_certain_default_comes_at_once_and_certain_survival_never() -> None:
    book = one(36, 10, effective=0)
    certain = figures(lifetime_losses(hazards(), np.array([[math.inf]]), book))[:, 0, 0]
    never = figures(lifetime_losses(hazards(), np.array([[-math.inf]]), book))[:, 0, 0]
    owed = float(balance(10_000, 12, 36, 11 - 5))
    np.testing.assert_allclose(certain, [1, owed, 1, owed], rtol=1e-12)
    np.testing.assert_array_equal(never, 0)


def test_a_loan_whose_term_has_elapsed_has_nothing_left_to_lose() -> None:
    for age in (36, 37, 60, 200):
        np.testing.assert_array_equal(figures(lifetime_losses(hazards(), np.ones((1, 1)), one(36, age))), 0)


def test_nothing_lent_is_nothing_lost_and_an_empty_book_is_empty() -> None:
    nothing = lifetime_losses(hazards(), np.zeros((1, 1)), one(amount=0))
    assert nothing.pd_lifetime > 0
    assert nothing.lost_lifetime == nothing.lost_12m == 0
    empty = loans(0)
    assert figures(lifetime_losses(hazards(draws=3), np.zeros((0, 3)), empty)).shape == (4, 0, 3)


@pytest.mark.parametrize(
    ("book", "log_odds", "told"),
    [
        (one(48), np.zeros((1, 1)), "a term of 48 months has no hazards, they are of [36, 60] months"),
        (one(age=-1), np.zeros((1, 1)), "a loan is -1 months on book: leave loans out that are not issued yet"),
        (one(), np.full((1, 1), math.nan), "some log-odds are not numbers"),
        (one(), np.zeros((2, 1)), "log-odds are (2, 1), but the book and the hazards ask for (1, 1)"),
        (one(effective=-0.1), np.zeros((1, 1)), "an effective rate is below zero or unknown"),
        (one(amount=math.nan), np.zeros((1, 1)), "amount is nan"),
    ],
)
def test_what_cannot_be_run_off_is_refused(book: Book, log_odds: np.ndarray, told: str) -> None:
    with pytest.raises(ValueError) as refused:
        lifetime_losses(hazards(), log_odds, book)
    assert told in str(refused.value)


def test_a_model_of_the_whole_term_has_no_months() -> None:
    design = replace(learned().design, periods=replace(learned().design.periods, starts=(), shapes=()))
    with pytest.raises(ValueError, match="one trial, the whole term, has no months to add up"):
        hazards_of(replace(learned(), design=design), [36])
