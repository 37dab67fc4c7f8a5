"""Bins gathered to about ten: nothing lost, order kept, missing values apart, and labels that say what is in them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.models.binning import Levels, Numeric
from creditrisk_assets.monitoring.gathering import LEAST_SHARE, MOST, gather


def numeric(bins: int) -> Numeric:
    return Numeric("fico", tuple(float(700 + edge) for edge in range(bins - 1)), (0.0,) * bins, 0.0, 1.0, True)


@given(st.lists(st.integers(0, 3_000), min_size=2, max_size=102))
def test_groups_of_a_number_are_neighbours_and_lose_no_loan(counts: list[int]) -> None:
    loans = np.array(counts)
    found = gather(numeric(len(counts) - 1), loans)
    assert (np.diff(found.place) >= 0).all()
    assert set(found.place) == set(range(len(found.labels)))
    gathered = found.counts(loans)
    assert gathered.sum() == loans.sum()
    assert gathered[found.unknown] == loans[-1]
    assert (found.place == found.unknown).sum() == 1
    assert len(set(found.labels)) == len(found.labels) <= 2 * MOST + 2


def test_a_hundred_equal_bins_become_ten_groups() -> None:
    found = gather(numeric(100), np.append(np.full(100, 10), 0))
    assert found.counts(np.append(np.full(100, 10), 0)).tolist() == [100] * 10 + [0]
    assert found.labels[0] == "below 709"
    assert found.labels[1] == "709 to below 719"
    assert found.labels[-2:] == ("789 and more", "missing")


def test_a_bin_with_more_than_a_tenth_stands_alone_and_a_thin_top_joins_its_neighbour() -> None:
    found = gather(numeric(5), np.array([800, 120, 60, 10, 5, 5]))
    assert found.place.tolist() == [0, 1, 2, 2, 2, 3]
    assert gather(numeric(3), np.array([800, 190, 10, 0])).place.tolist() == [0, 1, 1, 2]


def test_a_feature_of_one_bin_has_one_group_beside_the_missing_values() -> None:
    assert gather(numeric(1), np.array([50, 0])).labels == ("any value", "missing")
    assert gather(numeric(1), np.array([0, 0])).labels == ("any value", "missing")


def test_common_levels_stand_alone_and_rarer_ones_together() -> None:
    factor = Levels("purpose", ("car", "house", "moving", "other", "wedding"))
    found = gather(factor, np.array([500, 400, 10, 85, 5, 0]))
    assert found.labels == ("car", "house", "other", "rarer: moving, wedding", "not seen")
    assert found.counts(np.array([1, 2, 3, 4, 5, 6])).tolist() == [1, 2, 4, 8, 6]
    many = gather(Levels("addr_state", tuple("abcdefgh")), np.append(np.full(7, 1), [993, 0]))
    assert many.labels == ("h", "7 rarer levels", "not seen")


@given(st.lists(st.integers(0, 3_000), min_size=3, max_size=40))
def test_levels_lose_no_loan_and_only_rare_ones_are_gathered(counts: list[int]) -> None:
    loans = np.array(counts)
    factor = Levels("state", tuple(f"level {number}" for number in range(len(counts) - 1)))
    found = gather(factor, loans)
    assert found.counts(loans).sum() == loans.sum()
    together = np.bincount(found.place)[found.place] > 1
    assert (loans[together] < LEAST_SHARE * max(loans.sum(), 1)).all()


def test_counts_of_other_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="fico has 6 bins, but there are counts of 3"):
        gather(numeric(5), np.array([1, 2, 3]))
