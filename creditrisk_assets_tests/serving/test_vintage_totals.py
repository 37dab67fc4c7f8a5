"""The serving tables of a batch against the scores and features they were made of."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import (
    DRAWS,
    FEATURES_LOANS,
    RAW_LOANS_QUARANTINE,
    SCORES_LINEAGE,
    SCORES_LOANS,
    SERVING_DEFAULT_CURVES,
    SERVING_LOSS_DRAWS,
    SERVING_QUARANTINE,
    SERVING_ROLL_RATES,
    SERVING_SEGMENTS,
)
from creditrisk_assets.scores.policy import load_policy
from creditrisk_assets_tests.world import FIRST, LAST, MODEL_DATES, VINTAGES, World, assert_same_tables

TOTALS = (SERVING_SEGMENTS, SERVING_LOSS_DRAWS, SERVING_DEFAULT_CURVES)
SCORED = [vintage for vintage in VINTAGES if vintage >= MODEL_DATES[0]]
LGD = load_policy().loss_given_default
VINTAGE_TOTALS = "key:serving/segments or key:serving/loss_draws or key:serving/default_curves"


@pytest.fixture(scope="module")
def loans(batched: World) -> pl.DataFrame:
    """Scored loans with what is known of them."""
    scores = batched.rows(SCORES_LOANS).drop("vintage")
    return batched.rows(FEATURES_LOANS).join(scores, on="loan_id").with_columns(pl.col("term_months").cast(pl.Int32))


@pytest.fixture
def world(batched: World, tmp_path: Path) -> World:
    return batched.copy(tmp_path)


@pytest.fixture(scope="module")
def young(ingested: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A lake that has no model yet."""
    world = ingested.copy(tmp_path_factory.mktemp("young"))
    world.run(VINTAGE_TOTALS, VINTAGES[0], VINTAGES[1])
    yield world


def test_every_sum_of_the_segments_is_that_of_its_loans(batched: World, loans: pl.DataFrame) -> None:
    end = pl.col("vintage").dt.offset_by("12mo")
    seen = pl.col("observed_months") >= 12
    bad = seen & (pl.col("default_month") <= end).fill_null(False)
    expected = loans.group_by(SERVING_SEGMENTS.primary).agg(
        pl.col("model_date").unique().implode().list.first(),
        loans=pl.len().cast(pl.Int64),
        exposure=pl.col("loan_amount").sum(),
        expected_defaults=pl.col("pd").sum(),
        expected_loss=(pl.col("pd") * pl.col("loan_amount")).sum() * LGD,
        matured=seen.sum().cast(pl.Int64),
        matured_expected_defaults=pl.when(seen).then("pd").otherwise(0.0).sum(),
        matured_defaults=bad.sum().cast(pl.Int64),
    )
    found = batched.rows(SERVING_SEGMENTS)
    assert_frame_equal(found, expected.select(found.columns).sort(SERVING_SEGMENTS.primary))
    assert found["matured_defaults"].sum() > 20
    assert found["vintage"].unique().sort().to_list() == SCORED


def test_the_draws_stand_for_the_same_loans_money_and_mean(batched: World, loans: pl.DataFrame) -> None:
    found = batched.rows(SERVING_LOSS_DRAWS)
    keys = list(SERVING_LOSS_DRAWS.primary)
    plain = loans.group_by([*keys, "model_date"]).agg(
        loans=pl.len().cast(pl.Int64), exposure=pl.col("loan_amount").sum()
    )
    assert_frame_equal(found.select(*keys, "model_date", "loans", "exposure"), plain.sort(keys))
    for name in ("expected_defaults", "expected_loss"):
        assert found[name].list.len().unique().to_list() == [DRAWS]
    defaults = np.sum(found["expected_defaults"].to_list(), axis=0)
    losses = np.sum(found["expected_loss"].to_list(), axis=0)
    # Of a book as small as this one scores, which take baselines at their mean, are a per cent low.
    assert defaults.mean() == pytest.approx(loans["pd"].sum(), rel=0.02)
    assert losses.mean() == pytest.approx((loans["pd"] * loans["loan_amount"]).sum() * LGD, rel=0.02)
    by_vintage = found.group_by("vintage").agg(pl.col("expected_defaults"), pl.col("expected_loss")).sort("vintage")
    for vintage, sums, money in by_vintage.iter_rows():
        mine = loans.filter(vintage=vintage)
        assert np.sum(sums, axis=0).mean() == pytest.approx(mine["pd"].sum(), rel=0.03)
        assert np.sum(money, axis=0).std() > 0.02 * np.sum(money, axis=0).mean()


def test_vintages_of_two_models_err_together(batched: World) -> None:
    """Models a quarter apart share nearly all their loans: independent draws would have no correlation."""
    found = batched.rows(SERVING_LOSS_DRAWS)
    sums = [np.sum(found.filter(vintage=day)["expected_loss"].to_list(), axis=0) for day in (SCORED[2], SCORED[3])]
    models = [found.filter(vintage=day)["model_date"][0] for day in (SCORED[2], SCORED[3])]
    assert models == list(MODEL_DATES)
    assert np.corrcoef(*sums)[0, 1] > 0.15


def test_every_vintage_has_curves_and_those_of_scored_ones_are_expected_too(batched: World) -> None:
    found, features = batched.rows(SERVING_DEFAULT_CURVES), batched.rows(FEATURES_LOANS)
    counts = features.group_by("vintage", pl.col("term_months").cast(pl.Int32)).agg(loans=pl.len().cast(pl.Int64))
    shown = found.select("vintage", "term_months", "loans").unique()
    assert_frame_equal(shown.sort("vintage", "term_months"), counts.sort("vintage", "term_months"))
    expected = found.filter(pl.col("expected").is_not_null())
    assert expected["vintage"].unique().sort().to_list() == SCORED
    assert expected.filter(pl.col("model_date").is_null()).is_empty()
    assert (
        found.filter(pl.col("vintage") < SCORED[0])["model_date"].null_count()
        == found.filter(pl.col("vintage") < SCORED[0]).height
    )


def test_the_curve_passes_through_the_sums_of_twelve_months_and_the_pd_of_the_term(
    batched: World, loans: pl.DataFrame
) -> None:
    curves, draws = batched.rows(SERVING_DEFAULT_CURVES), batched.rows(SERVING_LOSS_DRAWS)
    for (vintage, term), mine in loans.group_by("vintage", "term_months"):
        rows = curves.filter(vintage=vintage, term_months=term)
        year = rows.filter(month=12)["draws"][0].to_numpy()
        summed = np.sum(draws.filter(vintage=vintage, term_months=term)["expected_defaults"].to_list(), axis=0)
        np.testing.assert_allclose(year, summed / mine.height, rtol=1e-3)
        assert rows["expected"][-1] == pytest.approx(mine["pd_term"].mean(), rel=0.03)
        assert (rows["expected"].diff().drop_nulls() >= 0).all()
        np.testing.assert_allclose(rows["expected"], np.mean(rows["draws"].to_list(), axis=1), rtol=1e-5)


def test_observed_defaults_are_those_of_the_features(batched: World) -> None:
    curves, features = batched.rows(SERVING_DEFAULT_CURVES), batched.rows(FEATURES_LOANS)
    known = features.filter(pl.col("defaulted"), pl.col("observed_months") >= 5)
    by_vintage = known.group_by("vintage").agg(defaults=pl.len().cast(pl.Int64)).sort("vintage")
    found = curves.group_by("vintage").agg(pl.col("defaults").sum()).sort("vintage")
    assert_frame_equal(found.filter(pl.col("defaults") > 0), by_vintage)


def test_tables_are_small(batched: World) -> None:
    for table in TOTALS:
        assert batched.rows(table).height < 50_000


def test_rejected_records_are_counted(batched: World) -> None:
    found, rejected = batched.rows(SERVING_QUARANTINE), batched.rows(RAW_LOANS_QUARANTINE)
    assert found["rows"].sum() == rejected["reasons"].list.len().sum() > 0
    assert found.height < 15
    assert set(found["source"]) == {Path(str(batched.loans)).name}


def test_the_same_vintages_again_give_the_same_tables_and_leave_the_others(batched: World, world: World) -> None:
    world.run(VINTAGE_TOTALS, SCORED[1], SCORED[3])
    assert_same_tables(world, batched, *TOTALS)


def test_one_table_that_is_asked_for_keeps_the_others_in_step(batched: World, world: World) -> None:
    versions = [world.lake.version(table) for table in TOTALS]
    world.run("key:serving/segments", SCORED[0])
    assert [world.lake.version(table) for table in TOTALS] == [version + 1 for version in versions]
    assert_same_tables(world, batched, *TOTALS)


def test_a_lake_without_models_has_what_was_observed_and_nothing_else(young: World) -> None:
    assert young.rows(SERVING_SEGMENTS).is_empty()
    assert young.rows(SERVING_LOSS_DRAWS).is_empty()
    curves = young.rows(SERVING_DEFAULT_CURVES)
    assert curves["vintage"].unique().sort().to_list() == VINTAGES[:2]
    assert curves["observed"].drop_nulls().max() > 0  # type: ignore[operator]
    assert curves.select("model_date", "expected", "draws").null_count().row(0) == (curves.height,) * 3


def test_an_empty_lake_has_empty_tables(tmp_path: Path) -> None:
    world = World(tmp_path, None)
    world.run(VINTAGE_TOTALS, FIRST, LAST)
    assert [world.rows(table).height for table in TOTALS] == [0, 0, 0]


def test_loans_that_were_not_scored_again_are_left_out(world: World) -> None:
    vintage = SCORED[0]
    kept = world.only(SCORES_LOANS, vintage)[::2]
    world.lake.overwrite(SCORES_LOANS, kept, [vintage])
    world.run(VINTAGE_TOTALS, vintage)
    for table in (SERVING_SEGMENTS, SERVING_LOSS_DRAWS):
        assert world.only(table, vintage)["loans"].sum() == kept.height


def test_a_vintage_whose_lineage_names_no_model_has_no_totals(world: World) -> None:
    vintage = SCORED[0]
    lineage = world.only(SCORES_LINEAGE, vintage).with_columns(model_date=pl.lit(None, pl.Date))
    world.lake.overwrite(SCORES_LINEAGE, lineage, [vintage])
    world.run(VINTAGE_TOTALS, vintage)
    assert world.only(SERVING_SEGMENTS, vintage).is_empty()
    assert (
        world.only(SERVING_DEFAULT_CURVES, vintage)["expected"].null_count()
        == world.only(SERVING_DEFAULT_CURVES, vintage).height
    )


def test_the_stream_is_added_up_where_there_is_none(world: World) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        job = world.definitions.resolve_job_def("aggregate_stream")
        assert job.execute_in_process(instance=instance).success
    assert world.rows(SERVING_ROLL_RATES).is_empty()
    assert world.rows(SERVING_QUARANTINE).height > 0
