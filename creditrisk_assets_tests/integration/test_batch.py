"""The batch job on a small book: every partition, check, figure and picture it should leave behind."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from creditrisk_assets.contracts import (
    FEATURE_SETS,
    FEATURES_LOANS,
    MODELS_COMPARISON,
    MODELS_DIAGNOSTICS,
    MODELS_LOGISTIC,
    MODELS_POSTERIOR,
    RAW_LOANS,
    RAW_LOANS_QUARANTINE,
    SCORES_LINEAGE,
    SCORES_LOANS,
    TABLES,
)
from creditrisk_assets.models.artifacts import netcdf_name
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets.resources.lake import column_schema
from creditrisk_assets_tests.world import FIRST, LAST, MODEL_DATES, VINTAGES, World

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


@pytest.mark.parametrize("key", TABLES, ids="/".join)
def test_every_partition_of_every_asset_is_materialised(history: dg.DagsterInstance, key: tuple[str, ...]) -> None:
    expected = MODEL_DATES if key[0] == "models" else VINTAGES
    assert history.get_materialized_partitions(dg.AssetKey(list(key))) == {day.isoformat() for day in expected}


def test_each_stage_is_a_run_of_its_own_and_every_check_has_passed(history: dg.DagsterInstance) -> None:
    runs = history.get_runs(FINISHED)
    assert sorted(run.job_name for run in runs) == [
        "batch", "close_vintages", "score_vintages", "train_models", "train_models",
    ]  # fmt: skip
    told = [
        event.asset_check_evaluation_data
        for run in runs
        for event in (record.dagster_event for record in history.all_logs(run.run_id))
        if event is not None and event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    assert {(check.asset_key.to_user_string(), check.check_name) for check in told if check.passed} == {
        *(("/".join(key), "keeps_its_contract") for key in TABLES),
        ("raw/loans_ledger", "every_record_is_accounted_for"),
        ("models/posterior", "sampled_well"),
    }
    assert [check for check in told if not check.passed] == []


@pytest.mark.parametrize("key", TABLES, ids="/".join)
def test_the_catalogue_shows_rows_columns_and_the_version_of_the_table(
    batched: World, history: dg.DagsterInstance, key: tuple[str, ...]
) -> None:
    shown = {name: value.value for name, value in last_event(history, key).metadata.items()}
    table = TABLES[key]
    stored = batched.rows(table)
    assert shown["dagster/row_count"] == stored.height > 0
    assert shown["dagster/column_schema"] == column_schema(table)
    assert shown["delta_version"] == batched.lake.version(table)
    if key[0] == "models":
        latest = stored.filter(model_date=MODEL_DATES[-1]).height
        assert shown["dagster/partition_row_count"] == latest > 0
    else:
        assert sum(shown["partition_rows"].values()) == stored.height
        assert set(shown["partition_rows"]) >= {day.isoformat() for day in VINTAGES}


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
    for picture in (*pictures, posterior["coefficients"]):
        assert str(picture.value).startswith("![plot](data:image/png;base64,iVBORw0KGgo")
    assert "| posterior |" in str(comparison["figures"].value)
    assert posterior["r_hat_max"].value <= 1.01


def test_both_models_are_compared_on_the_vintages_after_each_model_date(batched: World) -> None:
    rows = batched.rows(MODELS_COMPARISON)
    features = batched.rows(FEATURES_LOANS)
    expected = [
        (day, name, model) for day in MODEL_DATES for name in FEATURE_SETS for model in ("logistic", "posterior")
    ]
    assert rows.select("model_date", "feature_set", "model").rows() == expected
    for row in rows.iter_rows(named=True):
        assert (row["first_vintage"], row["last_vintage"]) == (row["model_date"], add_months(row["model_date"], 11))
        assert row["rows"] == features.filter(pl.col("vintage").is_between(row["first_vintage"], LAST)).height
        assert row["observed"] == pytest.approx(row["bads"] / row["rows"])


def test_models_know_only_vintages_whose_first_year_was_over(batched: World) -> None:
    features = batched.rows(FEATURES_LOANS)
    for table in (MODELS_LOGISTIC, MODELS_DIAGNOSTICS):
        for row in batched.rows(table).iter_rows(named=True):
            known = features.filter(pl.col("vintage") < add_months(row["model_date"], -12))
            defaults = known.filter(pl.col("default_month") <= pl.col("vintage").dt.offset_by("12mo")).height
            assert (row["loans"], row["defaults"]) == (known.height, defaults)


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
