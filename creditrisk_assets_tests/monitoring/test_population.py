"""The classifier between a vintage and its window: alarms by chance, and what it must find."""

import numpy as np
import pytest
from numpy.typing import NDArray

from creditrisk_assets.models.binning import Numeric
from creditrisk_assets.monitoring.gathering import Gathered, gather
from creditrisk_assets.monitoring.population import FEWEST, MOST_NOW, MOST_THEN, Told, every, two_samples

NAMES = ("fico", "debt_to_income", "income", "utilisation")
BINS = 12


def gathered() -> list[Gathered]:
    factor = Numeric("x", tuple(map(float, range(BINS - 1))), (0.0,) * BINS, 0.0, 1.0, True)
    return [gather(factor, np.append(np.full(BINS, 100), 10)) for _ in NAMES]


def loans(draw: np.random.Generator, count: int, *, together: float = 0.0, moved: float = 0.0) -> NDArray[np.uint8]:
    """Bins (features, loans): the first two correlated by `together`, the last one `moved` upwards."""
    values = draw.normal(size=(len(NAMES), count))
    values[1] = together * values[0] + np.sqrt(1 - together**2) * values[1]
    values[3] += moved
    return np.asarray(((values + 3) * 2).clip(0, BINS - 1), np.uint8)


def told(seed: int, now: int, then: int, **changes: float) -> Told:
    draw = np.random.default_rng(seed)
    found = two_samples(loans(draw, then), loans(draw, now, **changes), gathered(), NAMES)
    assert found is not None
    return found


def test_no_difference_is_found_five_times_in_a_hundred() -> None:
    found = [told(seed, 60, 150) for seed in range(300)]
    assert np.mean([one.p_value <= 0.05 for one in found]) == pytest.approx(0.05, abs=0.03)
    assert np.mean([one.auc for one in found]) == pytest.approx(0.5, abs=0.01)
    assert np.std([one.auc for one in found]) == pytest.approx(np.mean([one.spread for one in found]), rel=0.1)


def test_a_moved_feature_is_found_and_named() -> None:
    found = told(1, 300, 1_000, moved=0.8)
    assert found.p_value == 0.005
    assert found.auc > 0.65
    assert found.features[0][0] == "utilisation"
    assert found.features[0][1] > 0.1


def test_features_that_came_to_hang_together_are_found_though_each_alone_is_as_before() -> None:
    found = told(2, 400, 1_500, together=0.8)
    assert found.p_value == 0.005
    assert {name for name, _ in found.features[:2]} == {"fico", "debt_to_income"}


def test_the_same_loans_give_the_same_figures() -> None:
    assert told(3, 80, 300) == told(3, 80, 300)


@pytest.mark.parametrize(("now", "then"), [(0, 500), (1, 500), (FEWEST - 1, 500), (500, FEWEST - 1)])
def test_too_few_loans_on_either_side_are_not_tested(now: int, then: int) -> None:
    draw = np.random.default_rng(1)
    assert two_samples(loans(draw, then), loans(draw, now), gathered(), NAMES) is None


def test_constant_features_tell_nothing_and_break_nothing() -> None:
    same = np.full((len(NAMES), 100), 3, np.uint8)
    found = two_samples(same, same, gathered(), NAMES)
    assert found is not None
    assert (found.auc, found.p_value, found.features) == (0.5, 1.0, ())


def test_large_samples_are_thinned_evenly() -> None:
    codes = np.arange(10_000, dtype=np.int64).astype(np.uint8)[None, :]
    assert every(codes, MOST_NOW).shape[1] == MOST_NOW
    assert MOST_THEN / 2 < every(codes[:, :9_000], MOST_THEN).shape[1] <= MOST_THEN
    assert every(codes[:, :7], MOST_NOW).shape[1] == 7
    assert every(codes[:, :0], MOST_NOW).shape[1] == 0


def test_bins_of_other_features_are_refused() -> None:
    draw = np.random.default_rng(1)
    with pytest.raises(ValueError, match="4 features need as many rows of bins, not 4 and 3"):
        two_samples(loans(draw, 100), loans(draw, 100)[:3], gathered(), NAMES)
