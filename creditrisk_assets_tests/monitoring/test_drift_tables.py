"""Drift of a batched book: against whom, what is written, and what the check says of an injected drift."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MODELS_BINNING,
    MONITORING_DRIFT,
    MONITORING_POPULATION,
    SCORES_LINEAGE,
    SCORES_LOANS,
)
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.monitoring.moving import baseline_of, look
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets_tests.world import FIRST, LAST, MODEL_DATES, World, checked

DRIFT, POPULATION = "monitoring/drift", "monitoring/population"


@pytest.fixture(scope="module")
def compared(batched: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = batched.copy(tmp_path_factory.mktemp("compared"))
    result = world.run(f'key:"{DRIFT}" or key:"{POPULATION}"', FIRST, LAST)
    (written,) = [one for one in result.asset_materializations_for_node("monitoring_drift")
                  if one.asset_key.to_user_string() == DRIFT][:1]  # fmt: skip
    assert {"features_by_vintage", "worst_feature", "drifted", "without"} <= set(written.metadata)
    assert "base64" in str(written.metadata["worst_feature"].value)
    return world


def test_only_vintages_with_a_model_are_compared_and_by_the_model_that_scored_them(compared: World) -> None:
    lineage = compared.rows(SCORES_LINEAGE).drop_nulls("model_date").filter(pl.col("scored") > 0)
    for table in (MONITORING_DRIFT, MONITORING_POPULATION):
        told = compared.rows(table).select("vintage", "model_date").unique().sort("vintage")
        assert_frame_equal(told, lineage.select("vintage", "model_date").sort("vintage"))
    assert lineage.height > 0


def test_vintages_without_a_model_are_told_with_the_reason(batched: World) -> None:
    found = look(batched.lake, [FIRST, LAST], Settings())
    assert list(found.absent) == [f"{FIRST}"]
    assert found.absent[f"{FIRST}"].startswith("no good model is dated before the vintage")
    assert set(found.drift["vintage"]) == {LAST}


def test_a_lake_without_features_has_nothing_to_compare(tmp_path: Path) -> None:
    found = look(World(tmp_path, None).lake, [FIRST], Settings())
    assert found.drift.is_empty()
    assert found.population.is_empty()
    assert found.worst is None
    assert found.absent == {f"{FIRST}": "features/loans was never materialised"}


def test_both_tables_keep_their_contract(compared: World) -> None:
    for name in (DRIFT, POPULATION):
        assert checked(compared, "keeps_its_contract", name, FIRST, LAST) is None
    rows = compared.rows(MONITORING_DRIFT)
    assert {"score", "band"} <= set(rows.filter(vintage=LAST)["feature"])


def test_the_reference_is_the_distribution_that_the_binning_of_the_model_keeps(batched: World) -> None:
    baseline = baseline_of(batched.lake, Model("application", MODEL_DATES[0]), Settings())
    kept = batched.rows(MODELS_BINNING).filter(model_date=MODEL_DATES[0], feature_set="application")
    for name, counts in zip(baseline.binning.names, baseline.counts, strict=True):
        assert kept.filter(factor=name).sort("bin")["loans"].to_list() == counts.tolist()


def test_indices_of_the_features_add_up_to_the_shift_of_the_score(compared: World) -> None:
    scores = compared.only(SCORES_LOANS, LAST)
    rows = compared.only(MONITORING_DRIFT, LAST)
    features = rows.filter(kind="feature")
    shift = scores.select((pl.col("log_odds") - pl.col("base")).mean()).item()
    assert features["csi_log_odds"].sum() == pytest.approx(shift, abs=1e-9)
    score = rows.row(by_predicate=pl.col("feature") == "score", named=True)
    assert score["csi_log_odds"] == pytest.approx(shift, abs=1e-9)
    assert score["csi"] == pytest.approx(-shift * 20 / 0.6931471805599453)
    bands = rows.row(by_predicate=pl.col("feature") == "band", named=True)
    assert bands["loans"] == score["loans"] == scores.height
    assert bands["csi"] is None


def test_the_same_vintages_give_the_same_rows_alone_or_together(compared: World) -> None:
    alone = look(compared.lake, [LAST], Settings())
    assert_frame_equal(alone.drift.sort(MONITORING_DRIFT.primary), compared.only(MONITORING_DRIFT, LAST))
    assert_frame_equal(alone.population, compared.only(MONITORING_POPULATION, LAST))


def test_an_injected_drift_is_named_by_the_check_and_only_where_it_is(compared: World, tmp_path: Path) -> None:
    world = compared.copy(tmp_path)
    before = checked(world, "population_is_stable", DRIFT, LAST)
    assert "debt_to_income" not in (before or {}).get("drifted", {})  # type: ignore[operator]
    moved = world.only(FEATURES_LOANS, LAST).with_columns(
        debt_to_income=(pl.col("debt_to_income") + 15).clip(0, 100), fico=pl.lit(None, pl.Float64)
    )
    world.lake.overwrite(FEATURES_LOANS, moved, [LAST])
    world.run(f'key:"{DRIFT}"', LAST)
    found = checked(world, "population_is_stable", DRIFT, LAST)
    assert found is not None
    assert {"debt_to_income", "fico"} <= set(found["drifted"])  # type: ignore[arg-type]
    assert found["vintages"] == f"{LAST:%Y-%m}"
    rows = world.only(MONITORING_DRIFT, LAST)
    remark = rows.row(by_predicate=pl.col("feature") == "fico", named=True)["remark"]
    assert remark.startswith("missing in every loan of the vintage")
    assert world.only(MONITORING_POPULATION, LAST)["distinguishable"].item(), "the sibling is kept in step"


def test_a_vintage_before_any_model_passes_with_nothing_compared(compared: World) -> None:
    assert checked(compared, "population_is_stable", DRIFT, FIRST) is None


def test_a_vintage_without_loans_has_no_rows(batched: World, tmp_path: Path) -> None:
    world = batched.copy(tmp_path)
    for table in (FEATURES_LOANS, SCORES_LOANS):
        world.lake.overwrite(table, world.only(table, LAST).clear(), [LAST])
    found = look(world.lake, [LAST], Settings())
    assert found.drift.is_empty()
    assert found.absent == {f"{LAST}": "the vintage holds no scored loans"}


def test_a_window_that_is_gone_is_a_clear_error(batched: World, tmp_path: Path) -> None:
    world = batched.copy(tmp_path)
    gone = [day for day in world.rows(FEATURES_LOANS)["vintage"].unique() if day < date(2016, 1, 1)]
    world.lake.overwrite(FEATURES_LOANS, world.only(FEATURES_LOANS, LAST).clear(), gone)
    with pytest.raises(ValueError, match="materialise features/loans of these vintages again"):
        baseline_of(world.lake, Model("application", MODEL_DATES[0]), Settings())
