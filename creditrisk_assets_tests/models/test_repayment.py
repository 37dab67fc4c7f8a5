"""Repayment, the competing cause: a table of counts by term and band."""

import json

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.models.exposure import exposed
from creditrisk_assets.models.periods import WHOLE_TERM, Periods
from creditrisk_assets.models.repayment import PRIOR_REPAID, PRIOR_TRIALS, Repayment, fit_repayment
from creditrisk_assets_tests.models.simulated import simulated_life

PERIODS = Periods((5, 9, 13))
LOANS = exposed(simulated_life(6_000, level=-6.0, seed=9).lazy(), None).collect()


def test_the_table_is_what_counting_month_by_month_says() -> None:
    found = fit_repayment(LOANS, PERIODS)
    assert sorted(found.hazard) == [36, 60]
    for term in (36, 60):
        tried, left, before, entered = np.zeros(3), np.zeros(3), 0, 0
        rows = LOANS.filter(pl.col("term_months") == term).select("months", "repaid").rows()
        for reached, repaid in rows:
            early = repaid and reached == 0
            before, entered = before + early, entered + (early or reached > 0)
            for month in range(5, reached + 1):
                tried[PERIODS.band[month]] += 1
                left[PERIODS.band[month]] += repaid and month == reached < term
        assert found.hazard[term] == pytest.approx((left + PRIOR_REPAID) / (tried + PRIOR_TRIALS))
        assert found.early[term] == pytest.approx((before + PRIOR_REPAID) / (entered + PRIOR_TRIALS / 5))


def test_the_simulated_speed_is_found() -> None:
    found = fit_repayment(LOANS, PERIODS)
    assert found.hazard[36] == pytest.approx([1 / 60] * 3, rel=0.15)
    assert found.early[36] == pytest.approx(1 - (59 / 60) ** 4, abs=0.02)


def test_the_end_of_the_term_is_no_choice() -> None:
    at_term = pl.DataFrame({"term_months": [36.0] * 50, "months": [36] * 50, "outcome": False, "repaid": True})
    found = fit_repayment(at_term, PERIODS)
    assert max(found.hazard[36]) < 1 / 60, "fifty loans repaid at their term are trials without a repayment"


def test_a_term_without_a_trial_keeps_the_prior() -> None:
    young = pl.DataFrame({"term_months": [36.0], "months": [0], "outcome": [False], "repaid": [False]})
    assert fit_repayment(young, PERIODS).hazard[36] == pytest.approx([1 / 60] * 3)


def test_one_trial_of_the_whole_term_needs_no_hazard() -> None:
    found = fit_repayment(LOANS.with_columns(months=pl.lit(1)), WHOLE_TERM)
    assert found.of(36) == (0.0, (0.0,))


def test_a_new_term_takes_the_nearest_one() -> None:
    table = Repayment({36: 0.1, 60: 0.2}, {36: (0.01,), 60: (0.02,)})
    assert table.of(12) == table.of(36) == table.of(48) == (0.1, (0.01,))
    assert table.of(50) == table.of(84) == (0.2, (0.02,))


def test_json_keeps_the_table() -> None:
    found = fit_repayment(LOANS, PERIODS)
    assert Repayment.from_plain(json.loads(json.dumps(found.plain()))) == found
