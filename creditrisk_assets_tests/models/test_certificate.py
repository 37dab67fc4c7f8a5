"""The certificate: exact likelihoods of draws, and the weights they give."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.models.certificate import FEWEST_EFFECTIVE, Certificate, certify, exact_log_likelihood
from creditrisk_assets.models.density import Density
from creditrisk_assets.models.design import fit_design
from creditrisk_assets_tests.models.learned import (
    DESIGN,
    FRAME,
    LOANS,
    log_likelihood,
    month_by_month,
    reference,
    some_point,
    window,
)
from creditrisk_assets_tests.models.simulated import simulated_book

X, BAD = month_by_month(DESIGN, FRAME)


def draws(level: float, count: int = 6) -> np.ndarray:
    theta = some_point() + 0.1 * np.random.default_rng(5).normal(size=(count, len(DESIGN.parameters)))
    theta[:, DESIGN.parts["baseline"]] += level
    return np.asarray(theta)


@pytest.mark.parametrize("level", [-3.0, 0.0, 2.0, 4.0, 9.0])
def test_likelihoods_are_exact_for_low_and_high_odds(level: float) -> None:
    theta = draws(level)
    exact = [log_likelihood(X, BAD, row) for row in theta]
    assert exact_log_likelihood(DESIGN, LOANS, theta) == pytest.approx(exact, rel=2e-6, abs=2e-3)


def test_rows_of_high_and_low_odds_in_one_block_are_both_exact() -> None:
    theta = draws(0.0)
    theta[:, DESIGN.parameters.index("revolving_utilisation")] = 4.0
    odds = np.exp(X @ theta[0])
    assert (odds > 1).any() and (odds < 0.01).any()
    exact = [log_likelihood(X, BAD, row) for row in theta]
    assert exact_log_likelihood(DESIGN, LOANS, theta) == pytest.approx(exact, rel=2e-6)


def test_one_trial_of_the_whole_term_is_a_plain_bernoulli() -> None:
    book = simulated_book(900).with_columns(outcome="defaulted", months=pl.lit(1), repaid=~pl.col("defaulted"))
    design = fit_design(book, "application", date(2011, 12, 1), whole_term=True)
    x, bad = month_by_month(design, book)
    theta = 0.2 * np.random.default_rng(2).normal(size=(5, len(design.parameters)))
    theta[:, 0] -= 1.6
    exact = [log_likelihood(x, bad, row) for row in theta]
    assert exact_log_likelihood(design, design.code(book), theta) == pytest.approx(exact, rel=2e-6)


def test_loans_not_tried_yet_and_levels_not_seen_weigh_nothing() -> None:
    theta = draws(0.0)
    tried = LOANS.rows(np.flatnonzero(LOANS.months))
    assert np.array_equal(exact_log_likelihood(DESIGN, LOANS, theta), exact_log_likelihood(DESIGN, tried, theta))
    odd = FRAME.with_columns(purpose=pl.lit("moon"), addr_state=pl.lit("zz"))
    x, bad = month_by_month(DESIGN, odd)
    exact = [log_likelihood(x, bad, row) for row in theta]
    assert exact_log_likelihood(DESIGN, DESIGN.code(odd), theta) == pytest.approx(exact, rel=2e-6)


def test_no_loans_have_the_likelihood_of_nothing() -> None:
    assert not exact_log_likelihood(DESIGN, LOANS.rows(slice(0, 0)), draws(0.0)).any()


def test_the_sum_does_not_depend_on_the_machine() -> None:
    theta = draws(0.0)
    first, again = (exact_log_likelihood(DESIGN, LOANS, theta) for _ in range(2))
    assert first.tobytes() == again.tobytes()


def quadratic_draws(shift: float) -> np.ndarray:
    scales = reference()[1]
    theta = Density(window(), scales).draw(np.tile(scales, (1_000, 1)), np.full(1_000, 0.8), np.random.default_rng(3))
    theta[:, DESIGN.parts["baseline"]] += shift
    return theta


def test_weights_are_the_exact_likelihood_over_the_quadratic() -> None:
    theta = quadratic_draws(0.0)
    found = certify(window(), LOANS, theta)
    shift = theta - window().point
    quadratic = shift @ window().gradient - 0.5 * ((shift @ window().information) * shift).sum(axis=1)
    exact = np.array([log_likelihood(X, BAD, row) for row in theta])
    ratio = exact - quadratic
    plain = np.exp(ratio - ratio.max())
    order = np.argsort(ratio)[:900]  # the largest are smoothed
    expected = plain[order] / plain[order].sum()
    assert found.weights[order] / found.weights[order].sum() == pytest.approx(expected, rel=5e-3)
    assert found.weights.sum() == pytest.approx(1) and (found.weights > 0).all()
    assert found.effective == pytest.approx(1 / (found.weights**2).sum())
    assert found.passed and found.k_hat < 0.65


def test_draws_of_another_place_are_not_certified() -> None:
    far = quadratic_draws(0.0)
    far = far.mean(axis=0) + 30 * (far - far.mean(axis=0))
    assert not certify(window(), LOANS, far).passed


@pytest.mark.parametrize(
    ("k_hat", "effective", "count", "passed"),
    [(0.6, 500.0, 1_000, True), (0.68, 500.0, 1_000, False), (0.69, 500.0, 10_000, True), (0.71, 5e3, 10_000, False),
     (0.1, 399.0, 1_000, False), (float("inf"), 900.0, 1_000, False), (float("nan"), 900.0, 1_000, False)],
)  # fmt: skip
def test_the_limits_are_those_of_the_paper(k_hat: float, effective: float, count: int, passed: bool) -> None:
    assert Certificate(k_hat, effective, np.full(count, 1 / count)).passed is passed
    assert FEWEST_EFFECTIVE == 400


@given(st.lists(st.floats(0, 1), min_size=2, max_size=50).filter(lambda w: sum(w) > 0.1), st.integers(0, 2**32 - 1))
def test_a_resample_holds_every_draw_as_often_as_it_weighs(given_weights: list[float], seed: int) -> None:
    weights = np.array(given_weights) / sum(given_weights)
    found = Certificate(0.1, 500.0, weights).resampled(seed, 1_000)
    counts = np.bincount(found, minlength=len(weights))
    assert counts.sum() == 1_000 and np.abs(counts - 1_000 * weights).max() <= 1 + 1e-6
    assert np.array_equal(found, Certificate(0.1, 500.0, weights).resampled(seed, 1_000))
