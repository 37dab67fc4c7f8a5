"""Evidence, variances and the collapsed density against dense algebra."""

import numpy as np
import pytest

from creditrisk_assets.models.certificate import exact_log_likelihood
from creditrisk_assets.models.density import Density
from creditrisk_assets.models.design import Encoded, fit_design
from creditrisk_assets.models.evidence import block_evidence, expand, gather, loan_blocks
from creditrisk_assets.models.moments import expected_pd, log_odds, log_odds_variance
from creditrisk_assets_tests.models.simulated import logistic, simulated_book

BOOK = simulated_book(900).with_columns(outcome="defaulted")
DESIGN = fit_design(BOOK, "application")
OUTCOME = BOOK["outcome"].to_numpy().astype(float)
THETA = 0.2 * np.random.default_rng(3).normal(size=len(DESIGN.parameters))


def dense(encoded: Encoded) -> np.ndarray:
    hot = [codes[:, None] == np.arange(len(g.levels)) for codes, g in zip(encoded.codes.T, DESIGN.groups, strict=True)]
    return np.hstack([encoded.common, *hot])


def test_evidence_equals_dense_algebra() -> None:
    x = dense(DESIGN.encode(BOOK))
    p = logistic(x @ THETA)
    found = gather(DESIGN, BOOK, THETA)
    assert found.gradient == pytest.approx(x.T @ (OUTCOME - p), abs=1e-8)
    assert found.information == pytest.approx((x * (p * (1 - p))[:, None]).T @ x, abs=1e-8)
    assert found.log_likelihood == pytest.approx(float(np.log(np.where(OUTCOME == 1, p, 1 - p)).sum()))
    assert (found.loans, found.defaults) == (900, OUTCOME.sum())


def test_evidence_adds_up_over_any_split() -> None:
    whole = gather(DESIGN, BOOK, THETA)
    parts = gather(DESIGN, BOOK[:333], THETA) + gather(DESIGN, BOOK[333:], THETA)
    assert parts.information == pytest.approx(whole.information)
    assert parts.gradient == pytest.approx(whole.gradient)
    with pytest.raises(ValueError, match="different points"):
        whole + gather(DESIGN, BOOK, THETA + 1)


def test_a_level_outside_the_design_takes_no_part() -> None:
    encoded = DESIGN.encode(BOOK)
    unseen = Encoded(encoded.common, np.full_like(encoded.codes, -1))
    width = encoded.common.shape[1]
    found = block_evidence(DESIGN, unseen, OUTCOME, THETA)
    assert not found.gradient[width:].any() and not found.information[width:].any()


def test_variances_equal_dense_algebra() -> None:
    root = np.random.default_rng(4).normal(size=(len(THETA), len(THETA)))
    covariance, encoded = root @ root.T, DESIGN.encode(BOOK)
    encoded.codes[::7, 1] = -1
    x = dense(encoded)
    assert log_odds_variance(DESIGN, encoded, covariance) == pytest.approx(np.einsum("ij,jk,ik->i", x, covariance, x))
    assert log_odds(DESIGN, encoded, THETA) == pytest.approx(x @ THETA)


def test_exact_likelihoods_of_draws_equal_the_evidence_at_each_draw() -> None:
    draws = THETA + 0.1 * np.random.default_rng(5).normal(size=(4, len(THETA)))
    found = exact_log_likelihood(DESIGN, BOOK, draws)
    assert found == pytest.approx([gather(DESIGN, BOOK, draw).log_likelihood for draw in draws], abs=1e-3)


def test_the_expansion_is_at_the_posterior_mean_for_any_start() -> None:
    evidence, scales = expand(DESIGN, BOOK)
    assert (scales > 0).all() and np.isfinite(evidence.point).all()
    assert evidence.loans == 900


def test_the_slope_of_the_density_is_its_derivative() -> None:
    evidence, scales = expand(DESIGN, BOOK)
    density, step = Density(DESIGN, evidence, scales), 1e-5
    for point in (np.array([1.1, -0.7, 0.4]), np.array([0.05, 2.0, -1.0])):
        _, slope = density.value_and_gradient(point)
        sides = [[density.value_and_gradient(point + sign * step * e)[0] for sign in (1, -1)] for e in np.eye(3)]
        assert slope == pytest.approx([(up - down) / (2 * step) for up, down in sides], rel=1e-4, abs=1e-4)


def test_drawn_coefficients_have_the_mean_and_spread_of_their_gaussian() -> None:
    evidence, scales = expand(DESIGN, BOOK)
    density = Density(DESIGN, evidence, scales)
    theta, tau = density.draw(np.ones((4000, 3)), np.random.default_rng(6))
    precision = evidence.information + np.diag(density._fixed_precision + tau[0] ** -2 @ density._membership)
    covariance = np.linalg.inv(precision)
    spread = np.sqrt(np.diag(covariance))
    assert np.abs((theta.mean(axis=0) - covariance @ evidence.linear) / spread).max() < 0.08
    assert np.abs(theta.std(axis=0) / spread - 1).max() < 0.06
    assert np.abs(np.corrcoef(theta.T) - covariance / np.outer(spread, spread)).max() < 0.09


def test_five_nodes_are_enough_for_the_mean_pd() -> None:
    mean, spread = np.array([-4.0, -1.7, 0.0, 2.0]), 0.6
    grid = np.linspace(-8, 8, 4001)
    weights = np.exp(-0.5 * grid**2)
    exact = (logistic(mean[:, None] + spread * grid) @ weights) / weights.sum()
    assert expected_pd(mean, np.full(4, spread**2)) == pytest.approx(exact, abs=1e-5)


def test_a_population_of_one_outcome_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a default and a non-default"):
        gather(DESIGN, BOOK.filter("outcome"), THETA)
    assert sum(len(outcome) for _, outcome in loan_blocks(DESIGN, BOOK)) == 900
