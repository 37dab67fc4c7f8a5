"""monitoring/calibration and monitoring/performance of a batch, and the checks that read them."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MONITORING_CALIBRATION,
    MONITORING_PERFORMANCE,
    SCORES_LINEAGE,
    SCORES_LOANS,
    SERVING_DEFAULT_CURVES,
)
from creditrisk_assets.monitoring.calibration_plots import calibration_png, deciles_of, vintages_png
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets_tests.world import FIRST, LAST, MODEL_DATES, VINTAGES, World, checked

TABLES = (MONITORING_CALIBRATION, MONITORING_PERFORMANCE)
BOTH = "key:monitoring/calibration or key:monitoring/performance"
SCORED = [vintage for vintage in VINTAGES if vintage >= MODEL_DATES[0]]
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def evaluated(batched: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = batched.copy(tmp_path_factory.mktemp("evaluated"))
    result = world.run(BOTH, FIRST, LAST)
    told = {event.asset_key.to_user_string(): event.step_materialization_data.materialization.metadata
            for event in result.get_asset_materialization_events() if event.asset_key}  # fmt: skip
    assert told["monitoring/performance"]["unscored_vintages"].value == len(VINTAGES) - len(SCORED)
    assert "data:image/png" in str(told["monitoring/performance"]["observed_over_expected"].value)
    assert "data:image/png" in str(told["monitoring/calibration"]["by_decile"].value)
    return world


@pytest.fixture
def world(evaluated: World, tmp_path: Path) -> World:
    return evaluated.copy(tmp_path)


def test_every_scored_vintage_has_its_rows_and_no_other(evaluated: World) -> None:
    performance, calibration = evaluated.rows(MONITORING_PERFORMANCE), evaluated.rows(MONITORING_CALIBRATION)
    assert performance["vintage"].to_list() == SCORED
    assert calibration["vintage"].unique().sort().to_list() == SCORED
    lineage = evaluated.rows(SCORES_LINEAGE).filter(pl.col("model_date").is_not_null())
    assert_frame_equal(performance.select("vintage", "model_date"), lineage.select("vintage", "model_date"))
    assert performance["loans"].to_list() == lineage["scored"].to_list()
    for table, found in zip(TABLES, (calibration, performance), strict=True):
        assert table.violations(found.lazy()) == {}


def test_observed_and_expected_are_those_of_the_loans_and_of_the_default_curves(evaluated: World) -> None:
    performance = evaluated.rows(MONITORING_PERFORMANCE)
    features = evaluated.rows(FEATURES_LOANS).filter(pl.col("vintage").is_in(SCORED))
    bad = features.filter("defaulted", pl.col("observed_months") >= 5)
    counted = performance.select("vintage").join(
        bad.group_by("vintage").agg(defaults=pl.len().cast(pl.Int64)), on="vintage", how="left"
    )
    assert performance["observed"].to_list() == counted["defaults"].fill_null(0).to_list()
    assert performance["observed"].sum() > 50
    curves = evaluated.rows(SERVING_DEFAULT_CURVES).filter(pl.col("expected").is_not_null())
    observed = features.group_by("vintage").agg(known=pl.col("observed_months").first())
    last = curves.join(observed, on="vintage").filter(pl.col("month") == pl.min_horizontal("known", "term_months"))
    curve = last.group_by("vintage").agg(expected=(pl.col("expected") * pl.col("loans")).sum()).sort("vintage")
    assert performance["expected"].to_list() == pytest.approx(curve["expected"].to_list(), rel=1e-3)


def test_scores_of_matured_loans_are_those_of_the_table(evaluated: World) -> None:
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    loans = evaluated.rows(FEATURES_LOANS).join(evaluated.rows(SCORES_LOANS).drop("vintage"), on="loan_id")
    loans = loans.filter(pl.col("observed_months") >= 12)
    outcome = (pl.col("default_month") <= pl.col("vintage").dt.offset_by("12mo")).fill_null(False)
    loans = loans.with_columns(outcome=outcome)
    for row in evaluated.rows(MONITORING_PERFORMANCE).iter_rows(named=True):
        mine = loans.filter(vintage=row["vintage"])
        y, p = mine["outcome"].to_numpy(), mine["pd"].to_numpy()
        assert (row["matured"], row["matured_observed"]) == (mine.height, y.sum())
        assert row["matured_expected"] == pytest.approx(p.sum(), rel=1e-12)
        assert row["brier"] == pytest.approx(brier_score_loss(y, p), abs=1e-12)
        assert row["log_loss"] == pytest.approx(log_loss(y, p), abs=1e-9)
        assert row["auc"] == pytest.approx(roc_auc_score(y, p), abs=1e-12)


def test_the_same_vintages_again_give_the_same_rows_and_leave_the_others(evaluated: World, world: World) -> None:
    world.run("key:monitoring/performance", SCORED[1], SCORED[2])
    for table in TABLES:
        assert_frame_equal(world.rows(table), evaluated.rows(table))


def test_a_vintage_whose_model_is_gone_from_the_lineage_has_no_rows(world: World) -> None:
    lineage = world.only(SCORES_LINEAGE, SCORED[0]).with_columns(model_date=pl.lit(None, pl.Date))
    world.lake.overwrite(SCORES_LINEAGE, lineage, [SCORED[0]])
    world.run(BOTH, SCORED[0])
    assert [world.only(table, SCORED[0]).height for table in TABLES] == [0, 0]
    assert checked(world, "is_calibrated", "monitoring/calibration", SCORED[0]) is None
    assert checked(world, "no_early_alarm", "monitoring/performance", SCORED[0]) is None


def test_an_empty_vintage_and_an_empty_lake_have_empty_tables(world: World, tmp_path: Path) -> None:
    empty = World(tmp_path / "empty", None)
    empty.run(BOTH, FIRST, LAST)
    assert [empty.rows(table).height for table in TABLES] == [0, 0]
    later = add_months(LAST, 3)
    world.run(BOTH, later)
    assert [world.only(table, later).height for table in TABLES] == [0, 0]


def test_defaults_that_nobody_foretold_fail_both_checks_and_are_named(world: World) -> None:
    vintage = SCORED[1]
    loans = world.only(FEATURES_LOANS, vintage)
    struck = loans.with_columns(
        default_month=pl.when(pl.int_range(pl.len()) % 3 == 0)
        .then(pl.col("vintage").dt.offset_by("7mo"))
        .otherwise("default_month"),
    ).with_columns(defaulted=pl.col("default_month").is_not_null())
    world.lake.overwrite(FEATURES_LOANS, struck, [vintage])
    world.run(BOTH, vintage)
    row = world.only(MONITORING_PERFORMANCE, vintage).row(0, named=True)
    assert (row["light"], row["alarm"]) == ("red", True)
    assert row["early_defaults"] > row["early_high"]
    for name, table in (("is_calibrated", "monitoring/calibration"), ("no_early_alarm", "monitoring/performance")):
        figures = checked(world, name, table, vintage)
        assert figures is not None
        assert figures["vintages"] == f"{vintage:%Y-%m}"
        assert f"{vintage}" in str(figures["found"])


def test_pictures_are_drawn_of_full_and_of_empty_tables(evaluated: World) -> None:
    performance, calibration = evaluated.rows(MONITORING_PERFORMANCE), evaluated.rows(MONITORING_CALIBRATION)
    for rows in (performance, performance.clear(), performance.with_columns(alarm=pl.lit(value=True))):
        assert vintages_png(rows).startswith(PNG)
    for rows in (calibration, calibration.clear()):
        assert calibration_png(rows).startswith(PNG)
    deciles = deciles_of(calibration)
    assert deciles["bads"].sum() == performance["observed"].sum()
    assert deciles["rows"].sum() == performance["tried"].sum()
    assert deciles["mean_pd"].is_sorted()
