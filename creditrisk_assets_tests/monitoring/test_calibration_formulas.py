"""Jeffreys, traffic light, Spiegelhalter and the parts of the Brier score against SciPy and against sums by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.monitoring.jeffreys import jeffreys_p_value, lights, rate_interval
from creditrisk_assets.monitoring.probability_scores import brier_parts, ranking, spiegelhalter_z


@pytest.mark.parametrize(
    ("defaults", "loans", "pd"), [(0, 50, 0.01), (3, 100, 0.02), (40, 1_000, 0.03), (7, 7, 0.9), (900, 30_000, 0.028)]
)
def test_the_jeffreys_p_value_is_the_beta_distribution_at_the_pd(defaults: int, loans: int, pd: float) -> None:
    from scipy import integrate, stats

    found = float(jeffreys_p_value(defaults, loans, pd))
    a, b = defaults + 0.5, loans - defaults + 0.5
    assert found == pytest.approx(stats.beta.cdf(pd, a, b), abs=1e-12)
    norm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)

    def density(root: float) -> float:  # of the square root of the rate, which has no pole at zero
        return 2 * math.exp(norm + (2 * a - 1) * math.log(root) + (b - 1) * math.log1p(-(root**2)))

    middle = math.sqrt(defaults / loans) * (1 - 1e-9)
    by_hand = sum(
        integrate.quad(density, low, high, epsabs=1e-13, limit=400)[0]
        for low, high in ((1e-12, min(middle, math.sqrt(pd)) or 1e-12), (min(middle, math.sqrt(pd)), math.sqrt(pd)))
        if high > low
    )
    assert found == pytest.approx(by_hand, abs=1e-9)


def test_a_pd_of_zero_or_one_has_the_p_value_of_the_end_of_the_scale() -> None:
    assert jeffreys_p_value([0, 1, 5], 5, 0.0).tolist() == [0.0, 0.0, 0.0]
    assert jeffreys_p_value([0, 1, 5], 5, 1.0).tolist() == [1.0, 1.0, 1.0]
    assert 0 < float(jeffreys_p_value(0, 0, 0.5)) < 1


@pytest.mark.parametrize("pd", [-0.01, 1.01, float("nan")])
def test_a_pd_outside_its_range_is_refused(pd: float) -> None:
    with pytest.raises(ValueError, match="PD must lie between 0 and 1"):
        jeffreys_p_value([1, 1], [10, 10], [0.5, pd])


@pytest.mark.parametrize("defaults", [-1, 11, float("nan")])
def test_more_defaults_than_loans_are_refused(defaults: float) -> None:
    with pytest.raises(ValueError, match="from 0 to the number of loans"):
        jeffreys_p_value(defaults, 10, 0.5)


def test_the_interval_of_a_rate_is_that_of_its_posterior() -> None:
    from scipy import stats

    low, high = rate_interval([0, 4, 20], [20, 100, 20])
    assert low.tolist() == pytest.approx([0.0, stats.beta.ppf(0.05, 4.5, 96.5), stats.beta.ppf(0.05, 20.5, 0.5)])
    assert high.tolist() == pytest.approx([stats.beta.ppf(0.95, 0.5, 20.5), stats.beta.ppf(0.95, 4.5, 96.5), 1.0])


@pytest.mark.parametrize(
    ("observed", "expected", "p_value", "light"),
    [
        (104, 100, 0.0, "green"),  # however significant, four per cent are no matter
        (130, 100, 0.2, "green"),  # however large, chance may do it
        (107, 100, 0.01, "amber"),
        (111, 100, 0.01, "red"),
        (93, 100, 0.99, "amber"),
        (89, 100, 0.99, "red"),
        (89, 100, 0.01, "green"),  # significant the other way would contradict itself
        (0, 0, 0.0, "green"),
        (1, 0, 0.0, "red"),
    ],
)
def test_effect_sizes_decide_and_p_values_only_let_them(
    observed: int, expected: float, p_value: float, light: str
) -> None:
    assert lights([observed], [expected], [p_value]) == [light]


def test_spiegelhalter_is_the_sum_by_hand() -> None:
    y, p = [1, 0, 0, 1, 0], [0.2, 0.1, 0.4, 0.7, 0.05]
    top = 0.8 * 0.6 - 0.1 * 0.8 - 0.4 * 0.2 + 0.3 * (-0.4) - 0.05 * 0.9
    bottom = 0.36 * 0.16 + 0.64 * 0.09 + 0.04 * 0.24 + 0.16 * 0.21 + 0.81 * 0.0475
    assert spiegelhalter_z(y, p) == pytest.approx(top / math.sqrt(bottom), abs=1e-12)


def test_spiegelhalter_is_the_brier_score_in_units_of_its_spread_under_right_pds() -> None:
    p = np.random.default_rng(1).beta(1, 20, 3_000)
    y = np.random.default_rng(2).random(3_000) < 1.5 * p
    mean = np.sum(p * (1 - p))  # of the sum of squared errors
    squares = np.sum(p * (1 - p) ** 4 + (1 - p) * p**4 - (p * (1 - p)) ** 2)  # its variance, outcome by outcome
    assert spiegelhalter_z(y, p) == pytest.approx((np.sum((y - p) ** 2) - mean) / np.sqrt(squares), abs=1e-9)


def test_spiegelhalter_is_standard_normal_under_right_pds() -> None:
    draw = np.random.default_rng(3)
    p = draw.beta(1, 20, 2_000)
    z = [spiegelhalter_z(draw.random(p.size) < p, p) for _ in range(2_000)]
    assert np.mean(z) == pytest.approx(0, abs=0.08)
    assert np.std(z) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("pd", [0.0, 0.5, 1.0])
def test_spiegelhalter_says_nothing_where_it_cannot(pd: float) -> None:
    assert spiegelhalter_z([0, 1], [pd, pd]) is None


_loans = st.lists(
    st.tuples(st.booleans(), st.floats(0, 1, allow_subnormal=False), st.integers(1, 5)), min_size=1, max_size=60
)


@given(_loans)
def test_the_parts_make_up_the_brier_score_whatever_the_bins(loans: list[tuple[bool, float, int]]) -> None:
    y, p, bins = (np.array(column) for column in zip(*loans, strict=True))
    parts = brier_parts(y, p, bins)
    whole = parts.reliability - parts.resolution + parts.uncertainty + parts.within_variance - parts.within_covariance
    assert whole == pytest.approx(parts.brier, abs=1e-12)
    assert parts.brier == pytest.approx(sum((a - b) ** 2 for a, b, _ in loans) / len(loans), abs=1e-12)


def test_each_part_is_the_sum_by_hand() -> None:
    parts = brier_parts([1, 0, 0, 1], [0.6, 0.2, 0.1, 0.3], [2, 2, 7, 7])
    assert parts.reliability == pytest.approx((0.5 * (0.4 - 0.5) ** 2) + 0.5 * (0.2 - 0.5) ** 2, abs=1e-12)
    assert parts.resolution == pytest.approx(0, abs=1e-12)
    assert parts.uncertainty == pytest.approx(0.25, abs=1e-12)
    assert parts.within_variance == pytest.approx((2 * 0.2**2 + 2 * 0.1**2) / 4, abs=1e-12)
    assert parts.within_covariance == pytest.approx(2 / 4 * (0.5 * 0.2 * 2 + 0.5 * 0.1 * 2), abs=1e-12)


def test_bins_of_equal_pds_leave_murphys_three_parts() -> None:
    draw = np.random.default_rng(4)
    bins = draw.integers(0, 4, 500)
    p = np.array([0.05, 0.1, 0.3, 0.6])[bins]
    parts = brier_parts(draw.random(500) < p, p, bins)
    assert parts.within_variance == pytest.approx(0, abs=1e-30)
    assert parts.reliability - parts.resolution + parts.uncertainty == pytest.approx(parts.brier, abs=1e-12)


@pytest.mark.parametrize("outcome", [[False, False], [True, True]])
def test_one_outcome_alone_ranks_nothing(outcome: list[bool]) -> None:
    assert ranking(outcome, [0.1, 0.2]) is None
    assert ranking([False, True], [0.1, 0.2]) == 1.0


def test_no_loan_and_an_impossible_pd_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        spiegelhalter_z([], [])
    with pytest.raises(ValueError, match="between 0 and 1"):
        brier_parts([True], [1.5], [1])
