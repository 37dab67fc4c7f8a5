"""The reference: where evidence is expanded, found by Newton's method and good enough to start from."""

import numpy as np
import pytest

from creditrisk_assets.models import priors
from creditrisk_assets.models import reference as module
from creditrisk_assets.models.density import Density
from creditrisk_assets.models.design import Coded
from creditrisk_assets.models.evidence import total
from creditrisk_assets.models.reference import (
    LIKELY_PERSISTENCE,
    by_vintage,
    find_reference,
    gather_window,
    likely_scales,
    prior_precision,
    start_point,
)
from creditrisk_assets_tests.models.learned import DESIGN, LOANS, SHARED, VINTAGES, reference, window


def test_another_step_of_newton_would_hardly_move_it() -> None:
    found, scales = reference()
    precision = window().information + prior_precision(DESIGN, scales)
    pull = prior_precision(DESIGN, scales) @ (window().point - priors.fixed_mean(DESIGN))
    step = np.linalg.solve(precision, window().gradient - pull)
    deviations = np.sqrt(np.diag(np.linalg.inv(precision)))
    assert np.abs(step / deviations)[:SHARED].max() < 0.5
    assert np.isfinite(found.point).all() and found.point.shape == (SHARED,)


def test_its_covariance_is_a_covariance_of_the_shared_coefficients() -> None:
    covariance = reference()[0].covariance
    assert covariance is not None and covariance.shape == (SHARED, SHARED)
    assert np.allclose(covariance, covariance.T) and np.linalg.eigvalsh(covariance)[0] > 0
    place = DESIGN.parts["effects"].start
    assert np.sqrt(covariance[place, place]) < priors.EFFECT_SCALE, "the loans have said something"


def test_a_step_of_the_likely_scales_never_goes_down() -> None:
    odds = np.log(LIKELY_PERSISTENCE / (1 - LIKELY_PERSISTENCE))

    def height(scales: np.ndarray) -> float:
        return Density(window(), scales).value_and_gradient(np.array([1.0, 1.0, 1.0, odds]))[0]

    for start in ([0.05] * 3, [0.5, 0.03, 0.2], [0.03, 0.4, 0.4]):
        scales = np.array(start)
        for _ in range(10):
            better = likely_scales(DESIGN, window(), scales)
            assert height(better) >= height(scales) - 1e-9
            scales = better
        assert (scales >= module.SMALLEST_SCALE).all()


def test_loans_fall_to_the_vintages_of_the_design_and_others_to_none() -> None:
    assert [set(loans.vintage) for loans in VINTAGES] == [{place} for place in range(18)]
    gap = by_vintage(DESIGN, LOANS.rows(np.flatnonzero(LOANS.vintage != 4)))
    assert [len(loans) for loans in gap] == [0 if place == 4 else len(v) for place, v in enumerate(VINTAGES)]
    shifted = Coded(LOANS.codes, LOANS.vintage - 5, LOANS.months, LOANS.outcome)
    assert [len(loans) for loans in by_vintage(DESIGN, shifted)] == [len(v) for v in VINTAGES[5:]] + [0] * 5


def test_two_threads_say_what_one_says() -> None:
    from creditrisk_assets.models.evidence import expand

    alone = total(DESIGN, [expand(DESIGN, loans, reference()[0]) for loans in VINTAGES])
    assert alone.gradient.tobytes() == window().gradient.tobytes()
    assert alone.information.tobytes() == window().information.tobytes()


def test_vintage_effects_can_be_fixed() -> None:
    own = np.linspace(-0.3, 0.3, 18)
    assert np.array_equal(gather_window(DESIGN, VINTAGES, reference()[0], own).point[SHARED:], own)


def test_the_start_is_the_crude_hazard_of_every_band() -> None:
    theta = start_point(DESIGN, LOANS)
    trials = DESIGN.periods.trials[LOANS.months].sum(axis=0)[DESIGN.parts["baseline"]]
    bad = np.bincount(DESIGN.periods.band[LOANS.months[LOANS.outcome]], minlength=trials.size)
    assert 1 / (1 + np.exp(-theta[DESIGN.parts["baseline"]])) == pytest.approx(bad / trials, rel=0.2)
    assert not theta[DESIGN.parts["baseline"].stop :].any()


def test_a_large_window_starts_from_a_sample_and_ends_near_the_same_point(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(module, "SAMPLE", 1_000)
    found, scales = find_reference(DESIGN, LOANS, told.append)
    whole, whole_scales = reference()
    assert whole.covariance is not None and found.covariance is not None
    deviations = np.sqrt(np.diag(whole.covariance))
    assert not np.array_equal(found.point, whole.point)
    assert np.abs((found.point - whole.point) / deviations).max() < 1
    assert np.diag(found.covariance) == pytest.approx(np.diag(whole.covariance), rel=0.6)
    assert scales == pytest.approx(whole_scales, abs=0.05) and len(told) == module.ROUNDS


def test_a_mode_that_is_not_found_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEPS", 1)
    with pytest.raises(ValueError, match="not found in 1 Newton steps: look for a feature of extreme values"):
        find_reference(DESIGN, LOANS)


def test_newton_climbs_back_from_a_hopeless_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "start_point", lambda design, loans: start_point(design, loans) + 3.0)
    found, _ = find_reference(DESIGN, LOANS)
    assert found.point == pytest.approx(reference()[0].point, abs=0.01)
