"""Rows of drift over a small book: what has moved is named, and what has not stays quiet."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.contracts import MONITORING_DRIFT, MONITORING_POPULATION
from creditrisk_assets.monitoring import stability
from creditrisk_assets.monitoring.baseline import Baseline, by_band, counted
from creditrisk_assets.monitoring.drift import drift_rows, population_row
from creditrisk_assets.monitoring.drift_plots import Bars, drift_png, worst_png
from creditrisk_assets_tests.models.learned import DESIGN, FRAME

VINTAGE = date(2011, 7, 1)
BINNING = DESIGN.binning
CODES = BINNING.codes(FRAME)
BASELINE = Baseline(date(2011, 7, 1), BINNING, counted(BINNING, CODES), CODES)
PNG = b"\x89PNG\r\n\x1a\n"


def some(count: int, seed: int = 1) -> pl.DataFrame:
    """Loans of the window itself: no drift."""
    return FRAME.sample(count, with_replacement=True, seed=seed)


def drift(frame: pl.DataFrame) -> pl.DataFrame:
    rows = drift_rows(VINTAGE, BINNING.codes(frame), None, BASELINE)
    assert MONITORING_DRIFT.shape_differences(rows.schema) == []
    assert MONITORING_DRIFT.violations(rows.lazy()) == {}
    return rows


def only(rows: pl.DataFrame, feature: str) -> dict[str, Any]:
    return rows.row(by_predicate=pl.col("feature") == feature, named=True)


def test_every_feature_of_the_model_has_a_row_and_nothing_moved_in_the_window_itself() -> None:
    rows = drift(FRAME)
    assert rows["feature"].to_list() == list(BINNING.names)
    assert rows["psi"].max() == rows["psi_bins"].max() == 0
    assert set(rows["verdict"]) == {"stable"}
    assert rows.select(pl.col("csi", "csi_log_odds", "csi_sd").is_null().all()).row(0) == (True,) * 3


def test_psi_is_reckoned_over_the_groups_and_over_the_bins_of_the_model() -> None:
    frame = some(500)
    rows, now = drift(frame), counted(BINNING, BINNING.codes(frame))
    for number, name in enumerate(BINNING.names):
        row, then = only(rows, name), BASELINE.counts[number]
        place = BASELINE.gathered[number].place
        grouped = [np.array([counts[place == group].sum() for group in range(place.max() + 1)])
                   for counts in (then, now[number])]  # fmt: skip
        assert row["psi"] == pytest.approx(float(stability.psi(*grouped)), abs=1e-12)
        assert row["psi_bins"] == pytest.approx(float(stability.psi(then, now[number])), abs=1e-12)
        assert (row["loans"], row["reference_loans"]) == (500, FRAME.height)


def test_vintages_without_drift_warn_at_most_five_times_in_a_hundred_all_features_together() -> None:
    warned = [set(drift(some(80, seed))["verdict"]) != {"stable"} for seed in range(100)]
    assert np.mean(warned) <= 0.1
    alone = [(drift(some(80, seed))["psi"] >= stability.WATCH).any() for seed in range(10)]
    assert np.mean(alone) > 0.9


def test_a_moved_feature_is_named_with_the_bin_that_moved_most() -> None:
    moved = some(400).with_columns(debt_to_income=pl.col("debt_to_income") + 12)
    rows = drift(moved)
    found = only(rows, "debt_to_income")
    assert found["verdict"] == "drifted"
    assert found["moved"].endswith("and more")
    assert found["moved_now"] > found["moved_then"]
    assert rows.filter(pl.col("verdict") != "stable")["feature"].to_list() == ["debt_to_income"]
    assert found["moved_now"] == pytest.approx(
        moved.select((pl.col("debt_to_income") >= float(found["moved"].split()[0])).mean()).item(), abs=0.01
    )


@pytest.mark.parametrize("name", ["fico", "term_months", "months_since_delinquency"])
def test_a_feature_missing_in_all_of_a_vintage_has_drifted_and_says_so(name: str) -> None:
    found = only(drift(some(60).with_columns(pl.lit(None, FRAME.schema[name]).alias(name))), name)
    assert found["verdict"] == "drifted"
    assert found["unknown_now"] == 1
    assert found["remark"].startswith("missing in every loan of the vintage, in ")
    assert np.isfinite(found["psi"])


def test_levels_the_model_has_not_seen_have_drifted_and_say_so() -> None:
    found = only(drift(some(60).with_columns(home_ownership=pl.lit("CASTLE"))), "home_ownership")
    assert found["verdict"] == "drifted"
    assert (
        found["remark"]
        == "of a level the model has not seen in every loan of the vintage, in 0.0% of the training window"
    )
    assert (found["moved_then"], found["unknown_then"], found["unknown_now"]) == (0, 0, 1)


@given(st.integers(1, 3), st.integers(0, 50))
def test_one_loan_or_a_few_are_defined_and_no_alarm(count: int, seed: int) -> None:
    rows = drift(some(count, seed))
    assert rows["psi"].is_finite().all()
    assert (rows["p_value"] > 0).all()
    assert only(rows, "fico")["loans"] == count


def test_an_empty_vintage_has_no_rows_and_no_test() -> None:
    assert drift(FRAME.clear()).is_empty()
    row = population_row(VINTAGE, BINNING.codes(FRAME.clear()), BASELINE).row(0, named=True)
    assert (row["auc"], row["p_value"], row["distinguishable"], row["loans"]) == (None, None, None, 0)
    assert row["untested"] == "a test needs 50 loans on either side"


def test_codes_of_another_model_are_refused() -> None:
    with pytest.raises(ValueError, match=f"the model has {len(BINNING.factors)} features, but codes are of 2"):
        drift_rows(VINTAGE, CODES[:2], None, BASELINE)


def test_the_order_of_the_loans_does_not_matter() -> None:
    frame = some(100)
    assert drift(frame).equals(drift(frame.reverse()))


def test_a_vintage_that_can_be_told_from_the_window_names_what_gives_it_away() -> None:
    alike = population_row(VINTAGE, BINNING.codes(some(300)), BASELINE)
    moved = some(300).with_columns(debt_to_income=pl.col("debt_to_income") + 6)
    apart = population_row(VINTAGE, BINNING.codes(moved), BASELINE)
    for rows in (alike, apart):
        assert MONITORING_POPULATION.shape_differences(rows.schema) == []
        assert MONITORING_POPULATION.violations(rows.lazy()) == {}
    assert apart["p_value"].item() == 0.005
    assert apart["feature_1"].item() == "debt_to_income"
    assert apart["distinguishable"].item() is True
    assert alike["auc"].item() < apart["auc"].item()


def test_bands_are_counted_in_order() -> None:
    assert by_band([1, 8, 8, 3]).tolist() == [1, 0, 1, 0, 0, 0, 0, 2]
    assert by_band([]).tolist() == [0] * 8


def test_pictures_are_drawn_of_one_vintage_and_of_many() -> None:
    one = drift(some(60))
    many = pl.concat([one, one.with_columns(vintage=pl.lit(date(2011, 8, 1)), significant=pl.lit(True))])
    assert drift_png(one).startswith(PNG)
    assert drift_png(many).startswith(PNG)
    bars = Bars(
        "fico", ("below 700", "a label that is far too long to be shown as it stands"), *np.array([[1, 2], [3, 0]])
    )
    assert worst_png(bars).startswith(PNG)
