"""Predictive distributions of counts against exact convolution, loan by loan, and the level of alarms made of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.contracts import DRAWS
from creditrisk_assets.models.draws import Draws, draws_of
from creditrisk_assets.models.periods import FIRST_TRIAL
from creditrisk_assets.monitoring.counts import PredictiveCount, ratio_interval
from creditrisk_assets.monitoring.jeffreys import jeffreys_p_value
from creditrisk_assets.monitoring.performance import ALARM
from creditrisk_assets.monitoring.so_far import EARLY
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets_tests.models.learned import DESIGN, fit
from creditrisk_assets_tests.models.one_by_one import issued, one_by_one

PORTFOLIOS = 20_000


def foretold(pds: np.ndarray) -> PredictiveCount:
    """Of PDs (loans, D)."""
    return PredictiveCount(pds.sum(axis=0), (pds**2).sum(axis=0))


def exactly(pds: np.ndarray) -> np.ndarray:
    """Chance of each count (loans + 1,): loans added one by one under every draw, draws averaged."""
    chances = np.zeros((len(pds) + 1, pds.shape[1]))
    chances[0] = 1
    for pd in pds:
        chances[1:] = chances[1:] * (1 - pd) + chances[:-1] * pd
        chances[0] *= 1 - pd
    return chances.mean(axis=1)


@pytest.mark.parametrize(("loans", "level"), [(300, -5.0), (1_500, -4.5), (400, -2.0)], ids=["few", "many", "risky"])
def test_tails_are_those_of_the_exact_convolution(loans: int, level: float) -> None:
    draw = np.random.default_rng(1)
    odds = level + draw.normal(size=(loans, 1)) * 0.8 + draw.normal(size=(1, 30)) * 0.2
    pds = 1 / (1 + np.exp(-odds))
    count, chances = foretold(pds), exactly(pds)
    below = np.cumsum(chances)
    found = np.array([count.at_most(k) for k in range(loans + 1)])
    assert np.abs(found - below).max() < 1e-3
    for share in (0.05, 0.95):
        assert count.quantile(share) in (np.argmax(below >= share - 1e-3), np.argmax(below >= share + 1e-3))
    for seen in (0, int(pds.sum(axis=0).mean()), loans):
        exact = chances[seen + 1 :].sum() + chances[seen] / 2
        assert count.p_value(seen) == pytest.approx(exact, abs=1e-3)


def test_loans_of_one_pd_are_binomial_to_every_digit() -> None:
    from scipy import stats

    pds = np.tile([0.02, 0.05], (40, 1))
    count = foretold(pds)
    for seen in range(42):
        exact = np.mean([stats.binom.cdf(seen, 40, pd) for pd in (0.02, 0.05)])
        assert count.at_most(seen) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("pd", [0.0, 1.0])
def test_pds_of_zero_and_one_are_certain(pd: float) -> None:
    count = foretold(np.full((25, 4), pd))
    certain = round(25 * pd)
    assert [count.at_most(certain - 1), count.at_most(certain)] == [0.0, 1.0]
    assert count.p_value(certain) == 0.5
    assert (count.quantile(0.05), count.quantile(0.95)) == (certain, certain)
    assert count.false_alarm_rate(0.05) == 0.0


@given(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=40), st.integers(0, 40))
def test_chances_rise_with_the_count_from_none_to_all(pds: list[float], seen: int) -> None:
    count = foretold(np.array(pds)[:, None] * np.array([[1.0, 0.5]]))
    found = [count.at_most(k) for k in range(-1, len(pds) + 1)]
    assert found[0] == 0.0
    assert found[-1] == pytest.approx(1.0, abs=1e-9)
    assert (np.diff(found) >= -1e-12).all()
    assert count.p_value(seen) >= count.p_value(seen + 1) - 1e-12


@pytest.mark.parametrize(
    ("mean", "squares"), [([1.0], [2.0]), ([-1.0], [0.0]), ([np.nan], [0.0]), ([1.0, 2.0], [1.0]), ([], [])]
)
def test_sums_that_no_pds_have_are_refused(mean: list[float], squares: list[float]) -> None:
    with pytest.raises(ValueError, match=r"check the scores|one value a draw"):
        PredictiveCount(np.array(mean), np.array(squares))


def test_the_interval_of_the_ratio_holds_chance_and_uncertainty() -> None:
    from scipy import stats

    draw = np.random.default_rng(2)
    mean = 80 * np.exp(0.2 * draw.normal(size=400))
    simulated = draw.gamma(90.5, size=(4_000, 1)) / mean
    assert ratio_interval(90, mean) == pytest.approx(np.quantile(simulated, [0.05, 0.95]), rel=0.01)
    alone = ratio_interval(90, np.full(3, 80.0))
    assert alone == pytest.approx(stats.gamma.ppf([0.05, 0.95], 90.5) / 80, rel=0.005)


@pytest.fixture(scope="module")
def draws() -> Draws:
    return draws_of(fit().posterior)


@pytest.fixture(scope="module")
def early(draws: Draws) -> np.ndarray:
    """(loans, D): PDs within the early months of a vintage that the posterior can only forecast."""
    vintage = add_months(DESIGN.vintages[-1], 2)
    return np.asarray(one_by_one(draws, issued(vintage, 600), vintage)[1][:, EARLY])


def lived(pds: np.ndarray, seed: int, drift: float = 0.0) -> np.ndarray:
    """Counts (PORTFOLIOS,) of defaults: a draw for each portfolio, then a coin for each loan."""
    draw = np.random.default_rng(seed)
    odds = np.log(pds / (1 - pds)) + drift
    chances = (1 / (1 + np.exp(-odds))).T
    which = np.sort(draw.integers(0, DRAWS, PORTFOLIOS))
    return np.concatenate([
        (draw.random((int((which == one).sum()), pds.shape[0])) < chances[one]).sum(axis=1) for one in range(DRAWS)
    ])  # fmt: skip


def test_the_alarm_is_false_as_often_as_it_says_and_that_is_once_in_twenty(early: np.ndarray) -> None:
    count, seen = foretold(early), lived(early, seed=5)
    p_values = {int(k): count.p_value(int(k)) for k in np.unique(seen)}
    rate = np.mean([p_values[int(k)] < ALARM for k in seen])
    assert rate == pytest.approx(0.05, abs=0.01)
    assert rate == pytest.approx(count.false_alarm_rate(ALARM), abs=0.006)
    below = np.mean([1 - p_values[int(k)] < ALARM for k in seen])
    assert below == pytest.approx(0.05, abs=0.01)
    inside = np.mean((seen >= count.quantile(0.05)) & (seen <= count.quantile(0.95)))
    assert inside == pytest.approx(0.9, abs=0.03)


def test_an_alarm_that_forgot_the_vintage_would_cry_wolf(early: np.ndarray) -> None:
    many = np.tile(early, (4, 1))
    sure = foretold(many.mean(axis=1, keepdims=True))
    assert np.mean([sure.p_value(int(k)) < ALARM for k in lived(many, seed=6)]) > 0.1


def test_half_a_logit_of_drift_is_noticed_in_most_vintages(early: np.ndarray) -> None:
    """Loans by the thousand: with fewer, chance hides it."""
    many = np.tile(early, (8, 1))
    count = foretold(many)
    rate = np.mean([count.p_value(int(k)) < ALARM for k in lived(many, seed=7, drift=0.5)[::20]])
    assert rate > 0.5
    assert count.p_value(int(count.mean.mean())) > 0.2


def test_jeffreys_rejects_calibrated_portfolios_once_in_twenty() -> None:
    """Many sizes and PDs, as bands have them; unequal PDs within a band, whose mean is tested."""
    draw = np.random.default_rng(8)
    rejected = []
    for _ in range(400):
        loans = int(draw.integers(500, 6_000))
        pds = draw.beta(2, 50, loans)
        seen = (draw.random((50, loans), np.float32) < pds.astype(np.float32)).sum(axis=1)
        p_value = jeffreys_p_value(seen, loans, pds.mean())
        rejected.append([(p_value < 0.05).mean(), (p_value > 0.95).mean()])
    assert np.mean(rejected, axis=0).tolist() == pytest.approx([0.05, 0.05], abs=0.01)


def test_nothing_is_early_before_the_first_trial(draws: Draws) -> None:
    vintage = add_months(DESIGN.vintages[-1], 2)
    curves = one_by_one(draws, issued(vintage, 10), vintage)[1]
    assert curves[:, FIRST_TRIAL - 1].max() == 0.0
    assert curves[:, FIRST_TRIAL].min() > 0.0
