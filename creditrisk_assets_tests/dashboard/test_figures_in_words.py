"""Money, shares and changes in words."""

import pytest

from creditrisk_assets.serving.portfolio import Estimate
from dashboard.wording import counted, credible, money, percent, points, relative


@pytest.mark.parametrize(
    ("value", "told"),
    [(0, "$0"), (999, "$999"), (1_500, "$1.5 k"), (24_912_345, "$24.9 M"), (1.234e9, "$1.23 bn"), (5e12, "$5,000 bn")],
)
def test_money_is_shortened(value: float, told: str) -> None:
    assert money(value) == told


def test_shares_are_in_percent_and_a_dash_where_there_is_none() -> None:
    assert percent(0.03217, 2) == "3.22 %"
    assert percent(None) == "-"


@pytest.mark.parametrize(("now", "before", "told"), [(110, 100, "+10.0 %"), (80, 100, "-20.0 %"), (100.4, 100, 0),
                                                     (5, 0, 0)])  # fmt: skip
def test_small_changes_of_amounts_are_none(now: float, before: float, told: str | int) -> None:
    assert relative(now, before) == told


@pytest.mark.parametrize(
    ("now", "before", "told"), [(0.032, 0.036, "-0.40 pp"), (0.9001, 0.9, 0), (0.01, 0.0, "+1.00 pp")]
)
def test_shares_change_by_percentage_points(now: float, before: float, told: str | int) -> None:
    assert points(now, before) == told


def test_intervals_and_counts_are_told_in_words() -> None:
    assert credible(Estimate(2e6, 1.5e6, 2.5e6)) == "90 % credible $1.5 M to $2.5 M"
    assert (counted(1, "loan"), counted(2_000, "loan"), counted(2, "entry", "entries")) == (
        "1 loan",
        "2,000 loans",
        "2 entries",
    )
