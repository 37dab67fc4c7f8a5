"""PSI against its formula by hand and in SciPy, and its law under no drift against simulation."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.monitoring import stability
from creditrisk_assets.monitoring.stability import holm, psi, shift, verdict

UNIFORM = [0.1] * 10
COUNTS = st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 5_000)), min_size=1, max_size=30)


def sampled(pairs: list[tuple[int, int]]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Two samples with a loan each at least."""
    then, now = np.array(pairs).T
    then[0], now[-1] = max(then[0], 1), max(now[-1], 1)
    return then, now


def without_drift(shares: list[float], m: int, n: int, times: int, seed: int = 1) -> list[stability.Shift]:
    draw = np.random.default_rng(seed)
    then, now = draw.multinomial(m, shares, times), draw.multinomial(n, shares, times)
    return [shift(one, other) for one, other in zip(then, now, strict=True)]


def test_psi_is_the_sum_over_bins_worked_by_hand() -> None:
    by_hand = (0.3 - 0.2) * math.log(1.5) + (0.2 - 0.3) * math.log(2 / 3) + 0.0
    assert psi(np.array([200, 300, 500]), np.array([30, 20, 50])) == pytest.approx(by_hand, abs=1e-12)
    assert by_hand == pytest.approx(0.08109302162163288, abs=1e-15)


@given(st.lists(st.tuples(st.integers(1, 5_000), st.integers(1, 5_000)), min_size=1, max_size=30))
def test_psi_is_the_relative_entropy_both_ways(pairs: list[tuple[int, int]]) -> None:
    from scipy import stats

    then, now = np.array(pairs).T
    e, a = then / then.sum(), now / now.sum()
    assert psi(then, now) == pytest.approx(stats.entropy(a, e) + stats.entropy(e, a), abs=1e-9)


@given(COUNTS, st.randoms(use_true_random=False))
def test_psi_is_finite_never_negative_and_knows_no_order_of_bins(pairs: list[tuple[int, int]], shuffled: Any) -> None:
    then, now = sampled(pairs)
    found = float(psi(then, now))
    assert 0 <= found < math.inf
    order = list(range(len(pairs)))
    shuffled.shuffle(order)
    assert psi(then[order], now[order]) == pytest.approx(found, abs=1e-12)
    assert psi(now, then) == pytest.approx(found, abs=1e-12)


@given(COUNTS, st.integers(1, 50))
def test_psi_is_zero_where_shares_are_equal(pairs: list[tuple[int, int]], times: int) -> None:
    then, _ = sampled(pairs)
    kept = then[then > 0]
    assert psi(kept, kept * times) == pytest.approx(0, abs=1e-15)
    assert psi(then, then) == 0


def test_a_bin_that_is_empty_on_one_side_counts_half_a_loan_and_on_both_sides_nothing() -> None:
    expected = (0.5 / 100 - 0.5) * math.log(0.005 / 0.5) + (1 - 0.5) * math.log(1 / 0.5)
    assert psi(np.array([50, 50, 0]), np.array([0, 100, 0])) == pytest.approx(expected, abs=1e-12)


def test_many_vintages_at_once_are_each_alone() -> None:
    draw = np.random.default_rng(4)
    then, now = draw.multinomial(500, UNIFORM), draw.multinomial(200, UNIFORM, 7)
    np.testing.assert_allclose(psi(then, now), [psi(then, one) for one in now], rtol=1e-14)


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ([1, 2], [1, 2, 3], "must be the same"),
        ([0, 0], [1, 2], "the reference holds no loans"),
        ([1, 2], [0, 0], "the vintage holds no loans"),
        ([1, -2], [1, 2], "counts of the reference must be numbers from 0"),
        ([1.0, 2.0], [math.nan, 2.0], "counts of the vintage must be numbers from 0"),
    ],
)
def test_counts_that_cannot_be_compared_are_refused(then: list[float], now: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        psi(np.array(then), np.array(now))


def test_the_law_is_the_chi_square_of_yurdakul_and_naranjo_where_no_bin_is_thin() -> None:
    from scipy import stats

    then, now = np.array([4_000, 3_000, 2_000, 1_000]), np.array([390, 310, 190, 110])
    found, unit = shift(then, now), 1 / 1_000 + 1 / 10_000
    assert found.expected == pytest.approx(3 * unit, abs=1e-12)
    assert found.high == pytest.approx(unit * 7.814727903251179, abs=1e-12)
    assert found.p_value == pytest.approx(stats.chi2.sf(found.psi / unit, 3), abs=1e-12)


def test_no_drift_is_called_significant_five_times_in_a_hundred() -> None:
    found = without_drift(UNIFORM, 20_000, 1_000, 4_000)
    assert np.mean([one.p_value < 0.05 for one in found]) == pytest.approx(0.05, abs=0.01)
    assert np.mean([one.psi > one.high for one in found]) == pytest.approx(0.05, abs=0.01)
    assert np.mean([one.psi for one in found]) == pytest.approx(found[0].expected, rel=0.03)


@pytest.mark.parametrize("shares", [UNIFORM, [0.001] * 3 + [0.01] * 3 + [0.967], [0.0005, 0.003, 0.4965, 0.25, 0.25]])
@pytest.mark.parametrize("size", [60, 300])
def test_thin_bins_do_not_change_the_false_alarms(shares: list[float], size: int) -> None:
    found = without_drift(shares, 20_000, size, 500)
    assert np.mean([one.p_value < 0.05 for one in found]) <= 0.07


def test_the_customary_limit_alone_would_alarm_on_small_vintages_and_the_test_does_not() -> None:
    found = without_drift(UNIFORM, 20_000, 60, 500)
    assert np.mean([one.psi >= stability.WATCH for one in found]) > 0.5
    spoken = [verdict(one.psi, significant=one.p_value < 0.05) for one in found]
    assert np.mean([said != "stable" for said in spoken]) <= 0.07
    assert found[0].expected == pytest.approx(np.mean([one.psi for one in found]), rel=0.1)


def test_a_real_shift_is_found_in_a_small_vintage_as_well() -> None:
    draw = np.random.default_rng(2)
    now = draw.multinomial(60, [0.3, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05, 0.04, 0.03, 0.03])
    found = shift(np.full(10, 2_000), now)
    assert found.p_value < 0.01
    assert verdict(found.psi, significant=True) == "drifted"


def test_the_same_counts_give_the_same_figures() -> None:
    then, now = np.array([5, 500, 800]), np.array([3, 40, 60])
    assert shift(then, now) == shift(then, now)


def test_one_bin_or_one_loan_is_defined_and_no_alarm() -> None:
    assert shift(np.array([500]), np.array([20])) == stability.Shift(0.0, 0.0, 0.0, 1.0)
    assert shift(np.array([500, 0]), np.array([20, 0])) == stability.Shift(0.0, 0.0, 0.0, 1.0)
    one = shift(np.full(10, 100), np.eye(10, dtype=np.int64)[3])
    assert math.isfinite(one.psi)
    assert one.p_value > 0.05


@pytest.mark.parametrize(
    ("size", "significant", "said"),
    [(0.05, True, "stable"), (0.1, True, "watch"), (0.2499, True, "watch"), (0.25, True, "drifted"),
     (3.0, False, "stable")],
)  # fmt: skip
def test_the_size_of_psi_counts_only_where_it_is_significant(size: float, significant: bool, said: str) -> None:
    assert verdict(size, significant=significant) == said


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1, 1])
    assert holm(np.array([0.02])).tolist() == [0.02]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_are_never_below_the_raw_ones_and_keep_their_order(values: list[float]) -> None:
    raw = np.array(values)
    adjusted = holm(raw)
    assert ((adjusted >= raw) & (adjusted <= 1)).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0).all()
