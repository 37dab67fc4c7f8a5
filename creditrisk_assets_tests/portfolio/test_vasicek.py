"""Vasicek's closed forms against SciPy's own distributions, quadrature and simulated books."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.portfolio.vasicek import (
    BASEL_RETAIL,
    capital,
    conditional_pd,
    implied_correlation,
    loss_probability,
    loss_quantile,
    retail_correlation,
)

PDS, CORRELATIONS = st.floats(1e-4, 0.9), st.floats(0.005, 0.6)


def test_the_quantile_is_that_of_the_formula_worked_with_another_normal_distribution() -> None:
    from scipy import stats

    for pd, rho, level in ((0.02, 0.1, 0.999), (0.1, 0.03, 0.99), (0.15, 0.16, 0.5), (0.001, 0.24, 0.9999)):
        z = stats.norm.ppf(pd) + np.sqrt(rho) * stats.norm.ppf(level)
        expected = 0.45 * stats.norm.cdf(z / np.sqrt(1 - rho))
        assert loss_quantile(pd, 0.45, rho, level) == pytest.approx(expected, abs=1e-12)


def test_the_quantile_is_that_of_the_standard_library() -> None:
    normal = NormalDist()
    for pd, rho in ((0.01, 0.15), (0.05, 0.04), (0.2, 0.03)):
        at = (normal.inv_cdf(pd) + rho**0.5 * normal.inv_cdf(0.999)) / (1 - rho) ** 0.5
        assert float(loss_quantile(pd, 1.0, rho, 0.999)) == pytest.approx(normal.cdf(at), abs=1e-9)


def test_basel_published_figures_of_other_retail() -> None:
    """Annex 5 of the Basel II framework (June 2006): risk weights of other retail, LGD 45 %."""
    for pd, weight in ((0.0005, 0.0663), (0.005, 0.3236), (0.01, 0.4577), (0.05, 0.6642), (0.10, 0.7554)):
        found = 12.5 * capital(pd, 0.45, retail_correlation(pd))
        assert float(found) == pytest.approx(weight, abs=5e-5)


@given(PDS, CORRELATIONS)
def test_the_mean_over_the_factor_is_the_pd(pd: float, correlation: float) -> None:
    from scipy import integrate, stats

    def inside(z: float) -> float:
        return float(conditional_pd(pd, correlation, z)) * float(stats.norm.pdf(z))

    mean, _ = integrate.quad(inside, -10, 10, epsabs=1e-12, limit=200)
    assert mean == pytest.approx(pd, abs=1e-9)


@given(PDS, CORRELATIONS, st.floats(0.01, 0.999))
def test_probability_and_quantile_are_inverse(pd: float, correlation: float, level: float) -> None:
    loss = loss_quantile(pd, 0.6, correlation, level)
    again = loss_quantile(pd, 0.6, correlation, loss_probability(loss, pd, 0.6, correlation))
    assert float(again) == pytest.approx(float(loss), abs=1e-9)


@given(PDS, CORRELATIONS)
def test_the_implied_correlation_is_the_one_that_made_the_spread(pd: float, correlation: float) -> None:
    from scipy import integrate, stats

    def square(z: float) -> float:
        at = (stats.norm.ppf(pd) + np.sqrt(correlation) * z) / np.sqrt(1 - correlation)
        return float((stats.norm.cdf(at) - pd) ** 2 * stats.norm.pdf(z))

    variance, _ = integrate.quad(square, -12, 12, epsabs=1e-16, epsrel=1e-12, limit=400)
    assert implied_correlation(pd, float(np.sqrt(variance))) == pytest.approx(correlation, abs=1e-8)


def test_a_simulated_even_book_reaches_the_closed_form_within_monte_carlo_error() -> None:
    rng = np.random.default_rng(7)
    pd, rho, loans, books = 0.05, 0.08, 200_000, 100_000
    losses = rng.binomial(loans, conditional_pd(pd, rho, rng.standard_normal(books))) / loans
    found, expected = np.quantile(losses, 0.999), float(loss_quantile(pd, 1.0, rho, 0.999))
    # Standard error of a quantile: sqrt(q (1 - q) / n) over the density there.
    step = 1e-5
    ends = loss_probability(np.array([expected - step, expected + step]), pd, 1.0, rho)
    error = np.sqrt(0.999 * 0.001 / books) / ((ends[1] - ends[0]) / (2 * step))
    assert abs(found - expected) < 4 * error
    assert error < 0.02 * expected


def test_certain_pds_stay_certain_and_move_nothing() -> None:
    assert loss_quantile(np.array([0.0, 1.0]), 0.4, 0.1, 0.999).tolist() == [0.0, 0.4]
    assert capital(np.array([0.0, 1.0]), 0.4, 0.1).tolist() == [0.0, 0.0]
    assert [implied_correlation(pd, 0.0) for pd in (0.0, 1.0, 0.1)] == [0.0, 0.0, 0.0]
    assert implied_correlation(0.3, np.sqrt(0.3 * 0.7)) == 1.0


def test_retail_correlations_run_from_the_highest_to_the_lowest() -> None:
    found = retail_correlation(np.linspace(0, 1, 50))
    assert (np.diff(found) < 0).all()
    assert (found[-1], found[0]) == pytest.approx(BASEL_RETAIL)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: conditional_pd(1.2, 0.1, 0.0), "PD must lie between 0 and 1"),
        (lambda: conditional_pd(float("nan"), 0.1, 0.0), "PD must lie between 0 and 1"),
        (lambda: loss_quantile(0.1, 0.5, 1.0, 0.99), "correlation must be at least 0 and below 1"),
        (lambda: loss_probability(0.1, 0.1, 0.5, 0.0), "correlation is 0"),
        (lambda: loss_quantile(0.1, 0.5, 0.1, 99.9), "write 99.9 per cent as 0.999"),
        (lambda: capital(0.1, 0.5, 0.1, 1.0), "level must lie between 0 and 1"),
        (lambda: loss_quantile(0.1, 45, 0.1, 0.999), "loss given default must lie between 0 and 1"),
        (lambda: loss_probability(0.1, 0.1, 0.0, 0.1), "loss given default is 0"),
        (lambda: implied_correlation(0.1, 0.31), "has at most 0.3"),
    ],
)
def test_what_cannot_be_is_refused(call, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=said):
        call()
