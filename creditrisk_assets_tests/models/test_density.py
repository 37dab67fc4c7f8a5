"""The integrated density: slope, draws and moments, and the model that is stated in Bambi."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.models import priors
from creditrisk_assets.models.density import Density
from creditrisk_assets.models.design import fit_design
from creditrisk_assets.models.evidence import Window
from creditrisk_assets.models.priors import correlation_inverse, correlation_inverse_slope
from creditrisk_assets.models.reference import by_vintage, find_reference, gather_window, prior_precision
from creditrisk_assets_tests.models.learned import DESIGN, FRAME, reference, window

SCALES = np.array([0.1, 0.08, 0.15])
POINTS = ([1.1, -0.7, 0.4, 0.3], [0.05, 2.0, -1.0, -1.5], [0.6, 1.0, 1.4, 3.0])


def density() -> Density:
    return Density(window(), SCALES)


def one_vintage() -> Window:
    month = date(2010, 5, 1)
    frame = FRAME.filter(pl.col("vintage") == month)
    design = fit_design(frame, "application", month)
    loans = design.code(frame)
    return gather_window(design, by_vintage(design, loans), find_reference(design, loans)[0])


def correlation(size: int, persistence: float) -> np.ndarray:
    return np.asarray(persistence ** np.abs(np.subtract.outer(np.arange(size), np.arange(size))))


@given(st.integers(1, 30), st.floats(0.001, 0.99))
def test_the_inverse_of_a_correlation_is_its_inverse(size: int, persistence: float) -> None:
    product = correlation_inverse(size, persistence) @ correlation(size, persistence)
    assert np.abs(product - np.eye(size)).max() < 1e-10


@given(st.integers(1, 30), st.floats(0.01, 0.95))
def test_its_slope_is_its_derivative(size: int, persistence: float) -> None:
    step = 1e-6
    up, down = (correlation_inverse(size, persistence + sign * step) for sign in (1, -1))
    found = correlation_inverse_slope(size, persistence)
    assert np.abs(found - (up - down) / (2 * step)).max() <= 1e-5 * (1 + np.abs(found).max())


def test_priors_stand_where_their_coefficients_do() -> None:
    mean, precision = priors.fixed_mean(DESIGN), prior_precision(DESIGN, SCALES, 0.6)
    bands, effects, vintage = (DESIGN.parts[name] for name in ("baseline", "effects", "vintage"))
    assert set(mean[bands]) == {priors.BASELINE_MEAN} and not mean[bands.stop :].any()
    assert set(np.diag(precision)[bands]) == {1 / priors.BASELINE_SCALE**2}
    assert np.diag(precision)[effects] == pytest.approx([1 / priors.EFFECT_SCALE**2] * (effects.stop - effects.start))
    for name, scale in zip(("purpose", "addr_state"), SCALES, strict=False):
        part = DESIGN.parts[name]
        assert np.array_equal(precision[part, part], np.eye(part.stop - part.start) / scale**2)
    spread = np.linalg.inv(precision[vintage, vintage])
    assert np.allclose(spread, SCALES[2] ** 2 * correlation(18, 0.6))


@pytest.mark.parametrize("point", POINTS)
def test_the_slope_of_the_density_is_its_derivative(point: list[float]) -> None:
    at, step = np.array(point), 1e-5
    _, slope = density().value_and_gradient(at)
    sides = [[density().value_and_gradient(at + sign * step * e)[0] for sign in (1, -1)] for e in np.eye(4)]
    assert slope == pytest.approx([(up - down) / (2 * step) for up, down in sides], rel=1e-4, abs=1e-4)


def test_the_slope_is_right_for_a_window_of_one_vintage() -> None:
    alone, at, step = Density(one_vintage(), SCALES), np.array([0.9, 1.2, 0.5, 0.7]), 1e-5
    value, slope = alone.value_and_gradient(at)
    sides = [[alone.value_and_gradient(at + sign * step * e)[0] for sign in (1, -1)] for e in np.eye(4)]
    assert np.isfinite(value)
    assert slope == pytest.approx([(up - down) / (2 * step) for up, down in sides], rel=1e-4, abs=1e-4)


def test_the_density_is_even_in_every_scale_and_smooth_through_zero() -> None:
    at = np.array([0.7, 1.3, 0.9, 0.2])
    value, slope = density().value_and_gradient(at)
    mirrored = density().value_and_gradient(at * [-1, 1, -1, 1])
    assert mirrored[0] == value and mirrored[1] == pytest.approx(slope * [-1, 1, -1, 1])
    near = [density().value_and_gradient(np.array([x, 1.3, 0.9, 0.2]))[0] for x in (1e-3, 2e-3, -1e-3)]
    assert max(near) - min(near) < 1e-3


def test_coordinates_stand_for_scales_and_persistence() -> None:
    tau, phi = density().natural(np.array([[2.0, -1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 50.0]]))
    assert tau[0, :2] == pytest.approx([0.2, 0.08]) and 0 < tau[0, 2] < 1e-4
    assert phi[0] == 0.5 and 0.99 < phi[1] < 1


def exact(tau: np.ndarray, phi: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the coefficients given scales and persistence, without any elimination."""
    precision = window().information + prior_precision(DESIGN, tau, phi)
    covariance = np.linalg.inv(precision)
    prior = priors.fixed_precision(DESIGN) * priors.fixed_mean(DESIGN)
    return covariance @ (window().linear + prior), covariance


def test_drawn_coefficients_have_the_mean_and_spread_of_their_gaussian() -> None:
    tau, phi = np.array([0.12, 0.05, 0.2]), 0.7
    theta = density().draw(np.tile(tau, (4_000, 1)), np.full(4_000, phi), np.random.default_rng(6))
    mean, covariance = exact(tau, phi)
    spread = np.sqrt(np.diag(covariance))
    assert np.abs((theta.mean(axis=0) - mean) / spread).max() < 0.08
    assert np.abs(theta.std(axis=0) / spread - 1).max() < 0.06
    assert np.abs(np.corrcoef(theta.T) - covariance / np.outer(spread, spread)).max() < 0.09


def test_moments_are_those_of_the_mixture_over_the_scales() -> None:
    generator = np.random.default_rng(7)
    tau, phi = np.exp(generator.normal(-2.3, 0.4, (30, 3))), generator.uniform(0.2, 0.95, 30)
    mean, covariance = density().moments(tau, phi)
    parts = [exact(t, float(p)) for t, p in zip(tau, phi, strict=True)]
    centres = np.array([centre for centre, _ in parts])
    assert mean == pytest.approx(centres.mean(axis=0), abs=1e-9)
    assert covariance == pytest.approx(sum(c for _, c in parts) / 30 + np.cov(centres.T, ddof=0), abs=1e-9)
    draws = density().draw(np.tile(tau, (400, 1)), np.tile(phi, 400), generator)
    spread = np.sqrt(np.diag(covariance))
    assert np.abs((draws.mean(axis=0) - mean) / spread).max() < 0.05
    assert np.abs(draws.std(axis=0) / spread - 1).max() < 0.04


def test_the_joint_density_integrates_to_the_one_that_is_sampled() -> None:
    tau, phi = np.array([0.12, 0.05, 0.2]), 0.7
    mean, covariance = exact(tau, phi)
    at_top = density().joint(mean, tau, phi)
    point = np.append(tau / SCALES, np.log(phi / (1 - phi)))
    normal = -0.5 * np.linalg.slogdet(covariance)[1]
    assert at_top == pytest.approx(density().value_and_gradient(point)[0] + np.log(tau).sum() + normal)


def test_evidence_that_is_not_positive_definite_is_named() -> None:
    from dataclasses import replace

    broken = replace(window(), information=-1e6 * np.eye(len(DESIGN.parameters)))
    with pytest.raises((ValueError, np.linalg.LinAlgError), match=r"not positive definite|Matrix is not positive"):
        Density(broken, SCALES).value_and_gradient(np.ones(4))
    groups = window().information.copy()
    start = DESIGN.parts["effects"].stop
    groups[start:, start:] -= 1e6 * np.eye(len(groups) - start)
    with pytest.raises(ValueError, match="not positive definite: look for a feature of extreme values"):
        Density(replace(window(), information=groups), SCALES).value_and_gradient(np.ones(4))


def random_point(generator: Any, design: Any) -> tuple[np.ndarray, np.ndarray, float]:
    theta = 0.3 * generator.normal(size=len(design.parameters))
    theta[design.parts["baseline"]] -= 4.0
    return theta, np.exp(generator.normal(-2, 0.7, 3)), float(generator.uniform(0.05, 0.97))


def differences(seen: Window) -> list[float]:
    from creditrisk_assets.models.declaration import stated_log_density

    stated, ours, generator = stated_log_density(seen.design, seen), Density(seen, SCALES), np.random.default_rng(8)
    points = [random_point(generator, seen.design) for _ in range(6)]
    return [stated(*point) - ours.joint(*point) for point in points]


def test_the_joint_density_is_the_one_stated_in_bambi() -> None:
    assert np.ptp(differences(window())) < 1e-6


def test_it_is_the_stated_one_for_a_window_of_one_vintage_as_well() -> None:
    assert np.ptp(differences(one_vintage())) < 1e-6


def test_other_evidence_is_swapped_into_the_stated_graph() -> None:
    from creditrisk_assets.models.declaration import stated_log_density

    point = random_point(np.random.default_rng(1), DESIGN)
    start = gather_window(DESIGN, by_vintage(DESIGN, DESIGN.code(FRAME[:0])), reference()[0])
    nothing, everything = (stated_log_density(DESIGN, seen)(*point) for seen in (start, window()))
    quadratic = window().linear @ point[0] - 0.5 * point[0] @ window().information @ point[0]
    assert everything - nothing == pytest.approx(quadratic)
