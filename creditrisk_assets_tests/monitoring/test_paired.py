"""Paired differences of two PDs against what they are by definition, by SciPy and by scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from creditrisk_assets.models import metrics
from creditrisk_assets.monitoring.paired import (
    QUANTILE,
    Difference,
    auc_difference,
    log_losses,
    mean_difference,
    midranks,
    rank_correlation,
)

Vector = NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed: int, size: int = 60, levels: int = 12) -> tuple[NDArray[np.bool_], Vector, Vector]:
    """Outcomes and two PDs with ties; at least two of each outcome."""
    rng = np.random.default_rng(seed)
    outcome = np.append(rng.random(size) < 0.3, [True, True, False, False])
    one, other = (rng.integers(1, levels, outcome.size) / levels for _ in range(2))
    return outcome, one, other


def below(outcome: NDArray[np.bool_], pd: Vector) -> Vector:
    """(bads, goods): 1 where the good lies below the bad, one half where they are equal."""
    bads, goods = pd[outcome][:, None], pd[~outcome][None, :]
    return (goods < bads) + 0.5 * (goods == bads)


@given(SEEDS)
def test_the_error_of_an_auc_difference_is_delongs_by_its_definition(seed: int) -> None:
    outcome, one, other = drawn(seed)
    kernels = [below(outcome, pd) for pd in (one, other)]
    bads, goods = kernels[0].shape
    covariance = np.cov([k.mean(axis=1) for k in kernels]) / bads + np.cov([k.mean(axis=0) for k in kernels]) / goods
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    found = auc_difference(outcome, one, other)
    assert found is not None
    assert found.error is not None
    assert found.error**2 == pytest.approx(variance, abs=1e-12)
    assert found.value == pytest.approx(kernels[1].mean() - kernels[0].mean(), abs=1e-12)


@given(SEEDS)
def test_an_auc_difference_is_that_of_scikit_learn(seed: int) -> None:
    from sklearn.metrics import roc_auc_score

    outcome, one, other = drawn(seed)
    found = auc_difference(outcome, one, other)
    assert found is not None
    expected = roc_auc_score(outcome, other) - roc_auc_score(outcome, one)
    assert found.value == pytest.approx(expected, abs=1e-9)
    assert found.value == pytest.approx(metrics.auc(outcome, other) - metrics.auc(outcome, one), abs=1e-9)


@given(SEEDS)
def test_the_interval_of_a_mean_loss_is_that_of_a_paired_test(seed: int) -> None:
    from scipy import stats

    outcome, one, other = drawn(seed)
    losses = [log_losses(outcome, pd) for pd in (one, other)]
    found = mean_difference(*losses)
    each = losses[1] - losses[0]
    expected = stats.norm.interval(0.95, each.mean(), stats.sem(each))
    assert found.interval == pytest.approx(expected, abs=1e-9)
    assert found.value / found.error == pytest.approx(  # type: ignore[operator]
        stats.ttest_rel(losses[1], losses[0]).statistic, abs=1e-9
    )


@given(SEEDS)
def test_log_losses_average_to_that_of_scikit_learn(seed: int) -> None:
    from sklearn.metrics import log_loss

    outcome, one, _ = drawn(seed)
    assert log_losses(outcome, one).mean() == pytest.approx(log_loss(outcome, one), abs=1e-9)
    assert log_losses(outcome, one).mean() == pytest.approx(metrics.log_loss(outcome, one), abs=1e-12)


@given(SEEDS)
def test_ranks_and_their_correlation_are_those_of_scipy(seed: int) -> None:
    from scipy import stats

    _, one, other = drawn(seed)
    assert (midranks(one) == stats.rankdata(one)).all()
    assert rank_correlation(one, other) == pytest.approx(stats.spearmanr(one, other).statistic, abs=1e-9)


def test_a_pd_of_one_value_for_all_has_no_rank() -> None:
    assert rank_correlation(np.array([0.1, 0.1, 0.1]), np.array([0.1, 0.2, 0.3])) is None
    assert rank_correlation(np.array([0.1]), np.array([0.1])) is None
    assert rank_correlation(np.array([]), np.array([])) is None


@given(SEEDS)
def test_of_a_model_and_itself_nobody_wins(seed: int) -> None:
    outcome, one, _ = drawn(seed)
    loss = log_losses(outcome, one)
    for found in (auc_difference(outcome, one, one.copy()), mean_difference(loss, loss.copy())):
        assert found is not None
        assert (found.value, found.error, found.interval) == (0.0, 0.0, (0.0, 0.0))
        assert found.winner(more_is_better=True) is None


@pytest.mark.parametrize("more", [True, False])
@pytest.mark.parametrize("value", [0.3, -0.3, 0.1, -0.1])
def test_a_winner_needs_an_interval_without_zero(value: float, more: bool) -> None:
    found = Difference(value, 0.1)
    expected = None if abs(value) < QUANTILE * 0.1 else "challenger" if (value > 0) == more else "champion"
    assert found.winner(more_is_better=more) == expected


def test_too_few_loans_tell_no_error() -> None:
    outcome = np.array([True, False, False])
    pds = np.array([0.3, 0.1, 0.2]), np.array([0.1, 0.2, 0.3])
    found = auc_difference(outcome, *pds)
    assert found == Difference(-1.0, None)
    assert found.winner(more_is_better=True) is None
    assert auc_difference(np.array([True, True]), np.array([0.1, 0.2]), np.array([0.1, 0.2])) is None
    assert mean_difference(np.array([0.1]), np.array([0.3])) == Difference(pytest.approx(0.2), None)


def test_a_pd_of_zero_or_one_costs_much_and_not_everything() -> None:
    losses = log_losses(np.array([True, False]), np.array([0.0, 1.0]))
    assert losses == pytest.approx([-math.log(np.finfo(np.float64).eps)] * 2, rel=1e-6)


def test_two_fair_models_are_told_apart_in_one_case_of_twenty() -> None:
    """Both see the truth through noise of the same size; 1,500 comparisons have an error of .0056."""
    rng = np.random.default_rng(11)
    wins = [0, 0]
    for _ in range(1_500):
        truth = rng.normal(-2, 1, 400)
        outcome = rng.random(400) < 1 / (1 + np.exp(-truth))
        one, other = (1 / (1 + np.exp(-(truth + rng.normal(0, 0.8, 400)))) for _ in range(2))
        difference = auc_difference(outcome, one, other)
        assert difference is not None
        wins[0] += difference.winner(more_is_better=True) is not None
        loss = mean_difference(log_losses(outcome, one), log_losses(outcome, other))
        wins[1] += loss.winner(more_is_better=False) is not None
    assert all(0.033 < count / 1_500 < 0.067 for count in wins), wins
