"""The batch job on a small book: every partition, check, figure and picture it should leave behind."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import (
    FEATURE_SETS,
    FEATURES_LOANS,
    MODELS_BACKTEST,
    MODELS_BOOSTING,
    MODELS_COMPARISON,
    MODELS_DIAGNOSTICS,
    MODELS_EVIDENCE,
    MODELS_LOGISTIC,
    MODELS_POSTERIOR,
    RAW_LOANS,
    RAW_LOANS_QUARANTINE,
    SCORES_LINEAGE,
    SCORES_LOANS,
)
from creditrisk_assets.models.artifacts import netcdf_name
from creditrisk_assets.models.periods import FIRST_TRIAL
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets.resources.lake import column_schema
from creditrisk_assets_tests.world import BATCH, FIRST, LAST, MODEL_DATES, VINTAGES, World

FINISHED = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])


@pytest.fixture(scope="module")
def history(batched: World) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(batched.root / "history")) as instance:
        yield instance


def last_event(history: dg.DagsterInstance, key: tuple[str, ...]) -> dg.AssetMaterialization:
    event = history.get_latest_materialization_event(dg.AssetKey(list(key)))
    assert event is not None
    assert event.asset_materialization is not None
    return event.asset_materialization


@pytest.mark.parametrize("key", BATCH, ids="/".join)
def test_every_partition_of_every_asset_is_materialised(history: dg.DagsterInstance, key: tuple[str, ...]) -> None:
    expected = MODEL_DATES if BATCH[key].partition == "model_date" else VINTAGES
    assert history.get_materialized_partitions(dg.AssetKey(list(key))) == {day.isoformat() for day in expected}


def test_each_stage_is_a_run_of_its_own_and_every_check_has_passed(history: dg.DagsterInstance) -> None:
    runs = history.get_runs(FINISHED)
    assert sorted(run.job_name for run in runs) == [
        "aggregate_vintages", "apply_rules", "batch", "close_vintages", "gather_evidence", "monitor_vintages",
        "report_models", "score_vintages", "set_references", "train_models", "train_models", "value_portfolio",
    ]  # fmt: skip
    told = [
        event.asset_check_evaluation_data
        for run in runs
        for event in (record.dagster_event for record in history.all_logs(run.run_id))
        if event is not None and event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    assert {(check.asset_key.to_user_string(), check.check_name) for check in told if check.passed} == {
        *((name, "keeps_its_contract") for name in ("serving/quarantine", "models/rules", "monitoring/inventory")),
        *(("/".join(key), "keeps_its_contract") for key in BATCH),
        ("raw/loans_ledger", "every_record_is_accounted_for"),
        ("models/posterior", "sampled_well"),
        ("models/backtest", "predicts_its_vintages"),
        ("features/loans", "is_complete"),
        ("raw/loans", "has_its_usual_volume"),
        ("raw/loans", "books_every_application_once"),
        ("serving/default_curves", "carries_every_vintage_through"),
        ("monitoring/calibration", "is_calibrated"),
        ("monitoring/performance", "no_early_alarm"),
        ("monitoring/drift", "population_is_stable"),
        ("monitoring/inventory", "every_model_has_a_card"),
        ("portfolio/movements", "movements_reconcile"),
    }
    assert [check for check in told if not check.passed] == []


@pytest.mark.parametrize("key", BATCH, ids="/".join)
def test_the_catalogue_shows_rows_columns_and_the_version_of_the_table(
    batched: World, history: dg.DagsterInstance, key: tuple[str, ...]
) -> None:
    shown = {name: value.value for name, value in last_event(history, key).metadata.items()}
    table = BATCH[key]
    stored = batched.rows(table)
    assert shown["dagster/row_count"] == stored.height > 0
    assert shown["dagster/column_schema"] == column_schema(table)
    assert shown["delta_version"] == batched.lake.version(table)
    if key[0] == "models" and table.partition == "model_date" and key[1] not in ("binning", "reference"):
        latest = stored.filter(model_date=MODEL_DATES[-1]).height
        assert shown["dagster/partition_row_count"] == latest > 0
    else:
        assert sum(shown["partition_rows"].values()) == stored.height
        days = MODEL_DATES if table.partition == "model_date" else VINTAGES
        assert set(shown["partition_rows"]) >= {day.isoformat() for day in days}


def test_reading_is_accounted_for_with_the_reasons_of_rejected_records(
    batched: World, history: dg.DagsterInstance
) -> None:
    shown = {name: value.value for name, value in last_event(history, RAW_LOANS.key).metadata.items()}
    assert shown["read"] == shown["clean"] + shown["quarantined"]
    assert shown["clean"] == batched.rows(RAW_LOANS).height
    assert shown["files"] == Path(str(batched.loans)).name
    reasons = last_event(history, RAW_LOANS_QUARANTINE.key).metadata["reasons"].value
    counts = [int(str(line).split("|")[-2]) for line in str(reasons).splitlines()[2:]]
    assert sum(counts) == batched.rows(RAW_LOANS_QUARANTINE)["reasons"].list.len().sum()


def test_reliability_and_coefficients_are_shown_as_pictures(history: dg.DagsterInstance) -> None:
    comparison = last_event(history, MODELS_COMPARISON.key).metadata
    posterior = last_event(history, MODELS_POSTERIOR.key).metadata
    pictures = [comparison[f"reliability_{MODEL_DATES[-1]}_{name}"] for name in FEATURE_SETS]
    backtest = last_event(history, MODELS_BACKTEST.key).metadata
    for picture in (*pictures, posterior["coefficients"], backtest["defaults_by_vintage"]):
        assert str(picture.value).startswith("![plot](data:image/png;base64,iVBORw0KGgo")
    assert "| posterior |" in str(comparison["figures"].value)
    assert posterior["r_hat_max"].value <= 1.01


def test_all_models_are_compared_on_the_vintages_after_each_model_date(batched: World) -> None:
    rows = batched.rows(MODELS_COMPARISON)
    features = batched.rows(FEATURES_LOANS)
    expected = [
        (day, name, model)
        for day in MODEL_DATES
        for name in FEATURE_SETS
        for model in ("boosting", "logistic", "posterior")
    ]
    assert rows.select("model_date", "feature_set", "model").rows() == expected
    for row in rows.iter_rows(named=True):
        assert (row["first_vintage"], row["last_vintage"]) == (row["model_date"], add_months(row["model_date"], 11))
        assert row["rows"] == features.filter(pl.col("vintage").is_between(row["first_vintage"], LAST)).height
        assert row["observed"] == pytest.approx(row["bads"] / row["rows"])


def test_benchmarks_know_only_vintages_whose_first_year_was_over(batched: World) -> None:
    features = batched.rows(FEATURES_LOANS)
    for table in (MODELS_LOGISTIC, MODELS_BOOSTING):
        for row in batched.rows(table).iter_rows(named=True):
            known = features.filter(pl.col("vintage") < add_months(row["model_date"], -12))
            defaults = known.filter(pl.col("default_month") <= pl.col("vintage").dt.offset_by("12mo")).height
            assert (row["loans"], row["defaults"]) == (known.height, defaults)


def test_posteriors_know_loans_of_every_age_as_far_as_they_were_observed(batched: World) -> None:
    features = batched.rows(FEATURES_LOANS)
    for row in batched.rows(MODELS_DIAGNOSTICS).iter_rows(named=True):
        day = row["model_date"]
        inside = pl.col("vintage").is_between(add_months(day, -24), add_months(day, -1))
        # Observed until the month before the model date, and for five months at least.
        tried = features.filter(inside & (pl.col("vintage") <= add_months(day, -1 - FIRST_TRIAL)))
        defaults = tried.filter(pl.col("default_month") < day).height
        repaid_before = tried.filter(pl.col("repaid_month") < pl.col("vintage").dt.offset_by(f"{FIRST_TRIAL}mo")).height
        assert row["loans"] == tried.height - repaid_before
        assert row["defaults"] == defaults
        assert row["vintages"] == 24


def test_the_evidence_of_every_window_adds_up_to_what_its_posterior_rests_on(batched: World) -> None:
    evidence = batched.rows(MODELS_EVIDENCE)
    summed = evidence.group_by("model_date", "feature_set", "reference").agg(
        pl.col("loans", "defaults").sum(), pl.col("trials").sum().cast(pl.Float64)
    )
    kept = batched.rows(MODELS_DIAGNOSTICS).select(summed.columns)
    assert_frame_equal(summed.sort("model_date", "feature_set"), kept)
    assert evidence["vintage"].unique().sort().to_list() == VINTAGES[:27]


def test_evidence_is_small(batched: World) -> None:
    evidence = batched.rows(MODELS_EVIDENCE)
    each = evidence.select("gradient", "information").estimated_size() / evidence.height
    assert each < 1_000_000


def test_every_posterior_is_kept_as_inference_data_as_well(batched: World) -> None:
    for day in MODEL_DATES:
        for name in FEATURE_SETS:
            assert batched.lake.get_bytes(netcdf_name(day, name)).startswith(b"\x89HDF")


def test_a_vintage_is_scored_by_the_latest_model_dated_before_it(batched: World) -> None:
    lineage = batched.rows(SCORES_LINEAGE)
    expected = {day: None for day in VINTAGES}
    expected |= {date: MODEL_DATES[0] for date in VINTAGES[24:27]} | {VINTAGES[27]: MODEL_DATES[1]}
    assert dict(lineage.select("vintage", "model_date").rows()) == expected
    assert lineage["posterior_version"].unique().to_list() == [batched.lake.version(MODELS_POSTERIOR)]
    assert lineage["features_version"].unique().to_list() == [batched.lake.version(FEATURES_LOANS)]
    scores, features = batched.rows(SCORES_LOANS), batched.rows(FEATURES_LOANS)
    assert scores["loan_id"].to_list() == features.filter(pl.col("vintage") >= MODEL_DATES[0])["loan_id"].to_list()
    assert lineage["scored"].sum() == scores.height
    assert (lineage["scored"] + lineage["unscored"]).sum() == features.height
    assert dict(scores.select("vintage", "model_date").unique().rows()) == {
        day: model for day, model in expected.items() if model is not None
    }
    assert FIRST not in set(scores["vintage"])
