"""Evidence: what dense algebra over loan-months says, added up over vintages."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk_assets.models.design import fit_design
from creditrisk_assets.models.evidence import OWN_SCALE, OWN_STEPS, Evidence, Reference, expand, gather, total
from creditrisk_assets.models.quadrature import gauss_hermite
from creditrisk_assets.models.reference import gather_window
from creditrisk_assets_tests.models.learned import (
    DESIGN,
    FRAME,
    LOANS,
    SHARED,
    VINTAGES,
    log_likelihood,
    month_by_month,
    one_hot,
    shape_places,
    some_point,
)
from creditrisk_assets_tests.models.simulated import logistic, simulated_book

POINT = some_point()
AT = Reference(POINT[:SHARED])
X, BAD = month_by_month(DESIGN, FRAME)
BANDS = range(len(DESIGN.periods.starts))
WINDOW = gather_window(DESIGN, VINTAGES, AT, POINT[SHARED:])


def assert_same(one: Evidence, other: Evidence, rel: float = 1e-12) -> None:
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=rel)
    scale = np.abs(other.gradient).max() + 1, np.abs(other.information).max() + 1
    assert np.abs(one.gradient - other.gradient).max() <= rel * scale[0]
    assert np.abs(one.information - other.information).max() <= rel * scale[1]
    assert (one.loans, one.trials, one.defaults) == (other.loans, other.trials, other.defaults)


def test_a_window_is_what_dense_algebra_over_loan_months_says() -> None:
    p = logistic(X @ POINT)
    assert WINDOW.log_likelihood == pytest.approx(log_likelihood(X, BAD, POINT), rel=1e-12)
    assert WINDOW.gradient == pytest.approx(X.T @ (BAD - p), abs=1e-9)
    assert WINDOW.information == pytest.approx((X * (p * (1 - p))[:, None]).T @ X, abs=1e-9)
    assert (WINDOW.loans, WINDOW.trials, WINDOW.defaults) == ((LOANS.months > 0).sum(), len(X), BAD.sum())


def test_slope_and_curvature_are_those_of_the_log_likelihood() -> None:
    step = 1e-4
    for place in range(0, len(POINT), 7):
        unit = np.eye(len(POINT))[place] * step
        up, middle, down = (log_likelihood(X, BAD, POINT + sign * unit) for sign in (1, 0, -1))
        assert WINDOW.gradient[place] == pytest.approx((up - down) / (2 * step), rel=1e-4, abs=1e-4)
        assert WINDOW.information[place, place] == pytest.approx((2 * middle - up - down) / step**2, rel=1e-2, abs=1e-2)


def test_the_quadratic_around_zero_is_the_one_around_the_point() -> None:
    theta = POINT + 0.3 * np.random.default_rng(1).normal(size=len(POINT))
    shift = theta - WINDOW.point
    around_point = WINDOW.gradient @ shift - 0.5 * shift @ WINDOW.information @ shift
    around_zero = [WINDOW.linear @ at - 0.5 * at @ WINDOW.information @ at for at in (theta, WINDOW.point)]
    assert around_zero[0] - around_zero[1] == pytest.approx(around_point)


def test_the_sum_over_vintages_is_all_loans_at_once() -> None:
    at_once = gather(DESIGN, LOANS, AT, 0.3)
    parts = [gather(DESIGN, loans, AT, 0.3) for loans in VINTAGES]
    assert len(parts) == 18 and sum(len(loans) for loans in VINTAGES) == len(LOANS)
    summed = parts[0]
    for part in parts[1:]:
        summed += part
    assert_same(summed, at_once)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 4_000), min_size=2, max_size=2).map(sorted), st.floats(-1, 1))
def test_evidence_is_a_group(cuts: list[int], own: float) -> None:
    a, b, c = (gather(DESIGN, LOANS.rows(slice(*ends)), AT, own) for ends in ((0, cuts[0]), cuts, (cuts[1], 4_000)))
    assert_same(a + (b + c), (a + b) + c)
    assert_same(a + b, b + a)
    assert_same(a + b - b, a, rel=1e-11)
    nothing = b - b
    assert_same(a + nothing, a)
    assert nothing.loans == nothing.trials == nothing.defaults == nothing.log_likelihood == 0
    assert_same(a + b + c, gather(DESIGN, LOANS, AT, own), rel=1e-11)


def test_evidence_of_different_points_is_never_combined() -> None:
    one = gather(DESIGN, VINTAGES[0], AT, 0.1)
    for other in (gather(DESIGN, VINTAGES[0], AT, 0.2), gather(DESIGN, VINTAGES[0], Reference(AT.point + 1e-9), 0.1)):
        with pytest.raises(ValueError, match="expand both at one point"):
            one + other
        with pytest.raises(ValueError, match="expand both at one point"):
            one - other
    several = [gather(DESIGN, loans, AT, 0.0) for loans in VINTAGES]
    with pytest.raises(ValueError, match="materialise models/evidence again"):
        total(DESIGN, [*several[:-1], replace(several[-1], point=AT.point + 1)])
    with pytest.raises(ValueError, match="evidence of 17 vintages for a window of 18"):
        total(DESIGN, several[:-1])


def test_the_own_effect_is_the_mode_of_its_vintage() -> None:
    for place, loans in enumerate(VINTAGES[:14]):
        found = expand(DESIGN, loans, AT)
        shown = FRAME.filter(pl.col("vintage") == DESIGN.vintages[place])
        x, bad = month_by_month(DESIGN, shown)
        x[:, DESIGN.parts["vintage"]] = 0.0
        eta = x[:, :SHARED] @ AT.point
        grid = np.linspace(found.own - 0.2, found.own + 0.2, 401)
        heights = [bad @ (eta + a) - np.logaddexp(0, eta + a).sum() - 0.5 * (a / OWN_SCALE) ** 2 for a in grid]
        assert grid[np.argmax(heights)] == pytest.approx(found.own, abs=2e-3)
        assert_same(found, expand(DESIGN, loans, AT, found.own))


def test_a_vintage_without_a_default_and_one_without_a_loan_have_evidence_like_any_other() -> None:
    survivors = LOANS.rows(np.flatnonzero((LOANS.vintage == 2) & ~LOANS.outcome))
    found = expand(DESIGN, survivors, AT)
    assert found.defaults == 0 and found.loans > 0 and -OWN_STEPS < found.own < 0
    assert np.isfinite(found.gradient).all() and found.gradient[DESIGN.parts["baseline"]].sum() < 0
    nobody = expand(DESIGN, LOANS.rows(slice(0, 0)), AT)
    assert (nobody.own, nobody.log_likelihood, nobody.loans, nobody.trials) == (0, 0, 0, 0)
    assert not nobody.gradient.any() and not nobody.information.any()


def test_a_single_loan_has_evidence_of_rank_of_its_bands() -> None:
    loan = LOANS.rows(np.flatnonzero(LOANS.months == 9)[:1])
    found = expand(DESIGN, loan, AT)
    assert (found.loans, found.trials) == (1, 5)
    assert np.linalg.matrix_rank(found.information) == 5 and np.linalg.eigvalsh(found.information)[0] > -1e-12


def test_loans_not_tried_yet_add_nothing() -> None:
    young = LOANS.rows(np.flatnonzero(LOANS.months == 0))
    assert len(young) > 100
    tried = LOANS.rows(np.flatnonzero(LOANS.months))
    assert_same(gather(DESIGN, tried, AT, 0.0), gather(DESIGN, LOANS, AT, 0.0), rel=0)
    assert gather(DESIGN, young, AT, 0.0).trials == 0


def test_a_level_outside_the_design_takes_no_part_in_its_group() -> None:
    unseen = DESIGN.code(FRAME.with_columns(purpose=pl.lit("moon"), addr_state=pl.lit(None, pl.String)))
    found = gather(DESIGN, unseen, AT, 0.0)
    start = DESIGN.parts["effects"].stop
    assert not found.gradient[start:].any() and not found.information[start:].any()
    assert found.information[:start, :start].any() and found.trials == len(X)


def test_averaging_over_a_tiny_covariance_changes_nothing() -> None:
    plain, tiny = (expand(DESIGN, VINTAGES[0], Reference(AT.point, c)) for c in (None, 1e-14 * np.eye(SHARED)))
    assert_same(tiny, plain, rel=1e-9)


def test_averaged_evidence_is_the_mean_slope_and_curvature_over_the_gaussian() -> None:
    root = 0.03 * np.random.default_rng(2).normal(size=(SHARED, SHARED))
    covariance = root @ root.T
    shown = FRAME.filter(pl.col("vintage") == DESIGN.vintages[3])
    x, bad = month_by_month(DESIGN, shown)
    found = gather_window(DESIGN, VINTAGES, Reference(AT.point, covariance), POINT[SHARED:])
    one = expand(DESIGN, VINTAGES[3], Reference(AT.point, covariance), float(POINT[SHARED + 3]))
    # The variance of a loan is taken at the band that is known best, once for all of its months.
    at_best = one_hot(DESIGN, shown)
    share, cells = DESIGN.periods.share, covariance[DESIGN.hazard, DESIGN.hazard]
    best = np.argmin([np.diag(share @ cells @ share.T)[band :: len(DESIGN.periods.starts)].sum() for band in BANDS])
    at_best[:, best] = 1.0
    for row, term in zip(at_best, shown["term_months"].to_list(), strict=True):
        row[shape_places(DESIGN, term, DESIGN.periods.starts[best])] = 1.0
    variance = np.repeat(
        np.einsum("ij,jk,ik->i", at_best[:, :SHARED], covariance, at_best[:, :SHARED]),
        np.maximum(shown["months"].to_numpy() - 4, 0),
    )
    nodes, weights = gauss_hermite()
    p = logistic((x @ POINT)[:, None] + np.sqrt(variance)[:, None] * nodes)
    x = x[:, :SHARED]
    assert one.gradient == pytest.approx(x.T @ (bad - p @ weights), abs=1e-9)
    assert one.information == pytest.approx((x * (p * (1 - p) @ weights)[:, None]).T @ x, abs=1e-9)
    assert one.log_likelihood == pytest.approx(gather(DESIGN, VINTAGES[3], AT, one.own).log_likelihood, rel=1e-12)
    assert found.gradient[SHARED + 3] == pytest.approx(one.gradient[DESIGN.parts["baseline"]].sum(), rel=1e-10)


def test_one_trial_of_the_whole_term_is_plain_logistic_evidence() -> None:
    book = simulated_book(900).with_columns(outcome="defaulted", months=pl.lit(1), repaid=~pl.col("defaulted"))
    design = fit_design(book, "application", book["vintage"].max(), whole_term=True)  # type: ignore[arg-type]
    x, bad = month_by_month(design, book)
    theta = 0.1 * np.random.default_rng(5).normal(size=len(design.parameters))
    theta[0] = -1.5
    x[:, design.parts["vintage"]] = 0.0
    found = gather(design, design.code(book), Reference(theta[: design.shared]), 0.0)
    p = logistic(x @ np.append(theta[: design.shared], np.zeros(24)))
    assert found.trials == 900 and found.defaults == bad.sum() == book["defaulted"].sum()
    assert found.gradient == pytest.approx((x.T @ (bad - p))[: design.shared], abs=1e-9)
