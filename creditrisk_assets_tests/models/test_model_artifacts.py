"""Models as rows of the lake, and back."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import (
    FEATURE_SETS,
    FEATURES_LOANS,
    MODELS_COMPARISON,
    MODELS_DIAGNOSTICS,
    MODELS_LOGISTIC,
    MODELS_PARAMETERS,
    MODELS_POSTERIOR,
)
from creditrisk_assets.models.artifacts import (
    ModelTables,
    compare_as_known,
    failed_gates,
    fit_logistic_as_known,
    netcdf_name,
    worst,
)
from creditrisk_assets.models.logistic import fit_logistic
from creditrisk_assets.models.outcomes import training
from creditrisk_assets.resources.environments import settings
from creditrisk_assets_tests.world import MODEL_DATES, World

MODEL_DATE = MODEL_DATES[0]
STORED = (MODELS_POSTERIOR, MODELS_PARAMETERS, MODELS_DIAGNOSTICS, MODELS_LOGISTIC)


@pytest.fixture(scope="module")
def tables(batched: World) -> ModelTables:
    return ModelTables(*(batched.lake.scan(table) for table in STORED))


@pytest.fixture(scope="module")
def features(batched: World) -> pl.LazyFrame:
    return batched.lake.scan(FEATURES_LOANS)


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_a_posterior_read_back_has_the_draws_and_the_brief_that_were_written(
    tables: ModelTables, batched: World, feature_set: str
) -> None:
    posterior = tables.rebuilt_posterior(MODEL_DATE, feature_set)
    mine = {"model_date": MODEL_DATE, "feature_set": feature_set}
    draws = batched.rows(MODELS_POSTERIOR).filter(**mine).drop("model_date")
    keys = ["parameter", "chain", "draw"]
    assert_frame_equal(posterior.to_draws().sort(keys).select(draws.columns), draws.sort(keys))
    brief = batched.rows(MODELS_PARAMETERS).filter(**mine).drop("model_date").sort("parameter")
    assert_frame_equal(posterior.summary().sort("parameter").select(brief.columns), brief, rel_tol=1e-9)


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_a_logistic_read_back_predicts_as_the_one_that_was_fitted(
    tables: ModelTables, features: pl.LazyFrame, feature_set: str
) -> None:
    frame = training(features, MODEL_DATE, "as_known", settings().training_window)
    fitted = fit_logistic(frame, feature_set).predict(frame)
    assert tables.rebuilt_logistic(MODEL_DATE, feature_set).predict(frame) == pytest.approx(fitted, abs=1e-12)


def test_a_logistic_row_counts_its_loans(features: pl.LazyFrame) -> None:
    row = fit_logistic_as_known(features, MODEL_DATE, "application", 6)
    frame = training(features, MODEL_DATE, "as_known", 6)
    assert row.select("loans", "defaults").row(0) == (frame.height, frame["outcome"].sum())
    assert MODELS_LOGISTIC.violations(row.lazy()) == {}


def test_the_inference_data_holds_chains_that_the_diagnostics_describe(batched: World, tmp_path: Path) -> None:
    import arviz as az

    path = tmp_path / "posterior.nc"
    path.write_bytes(batched.lake.get_bytes(netcdf_name(MODEL_DATE, "application")))
    kept = az.from_netcdf(str(path))
    row = batched.only(MODELS_DIAGNOSTICS, MODEL_DATE).row(
        by_predicate=pl.col("feature_set") == "application", named=True
    )
    largest = float(az.rhat(kept).to_array().max())
    assert largest == pytest.approx(row["r_hat_max"], abs=0.005)
    assert int(kept.sample_stats["diverging"].sum()) == row["divergences"]


@pytest.mark.parametrize("name", ["posterior", "logistic"])
def test_a_model_that_was_never_fitted_says_what_to_materialise(tables: ModelTables, name: str) -> None:
    rebuilt = getattr(tables, f"rebuilt_{name}")
    with pytest.raises(
        ValueError, match=f"no {name} dated 2001-01-01 for application: materialise models/{name} first"
    ):
        rebuilt(date(2001, 1, 1), "application")


def test_tables_without_the_benchmark_say_so(tables: ModelTables) -> None:
    without = ModelTables(tables.posterior, tables.parameters, tables.diagnostics)
    with pytest.raises(ValueError, match="materialise models/logistic first"):
        without.rebuilt_logistic(MODEL_DATE, "application")


def test_a_comparison_goes_no_further_than_the_book(tables: ModelTables, features: pl.LazyFrame) -> None:
    last = date(2016, 2, 1)
    result = compare_as_known(features, tables, [MODEL_DATE], last)
    assert result.figures["last_vintage"].unique().to_list() == [last]
    between = features.filter(pl.col("vintage").is_between(MODEL_DATE, last)).collect()
    assert result.figures["rows"].unique().to_list() == [between.height]
    assert set(result.plots) == {f"reliability_{MODEL_DATE}_{name}" for name in FEATURE_SETS}


def test_a_model_date_without_matured_test_vintages_is_remarked_upon(
    tables: ModelTables, features: pl.LazyFrame
) -> None:
    result = compare_as_known(features, tables, [date(2017, 1, 1)], date(2020, 12, 1))
    assert result.figures.is_empty()
    assert MODELS_COMPARISON.shape_differences(result.figures.schema) == []
    assert len(result.remarks) == len(FEATURE_SETS)
    assert "hold no loan observed for 12 months" in result.remarks[0]


def diagnosed(**changes: object) -> pl.DataFrame:
    """Two models' diagnostics, both good but for `changes` in the second."""
    good = {"model_date": MODEL_DATE, "feature_set": "application", "passed": True, "r_hat_max": 1.002, "k_hat": 0.4,
            "ess_bulk_min": 900.0, "ess_tail_min": 800.0, "divergences": 0, "bfmi_min": 0.9}  # fmt: skip
    return pl.DataFrame([good, good | {"feature_set": "application_with_price"} | changes])


def test_models_that_passed_failed_no_gate() -> None:
    assert failed_gates(diagnosed()) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"r_hat_max": 1.05}, "r_hat_max 1.05 > 1.01"),
        ({"r_hat_max": float("nan")}, "r_hat_max nan > 1.01"),
        ({"divergences": 3}, "divergences 3 > 0"),
        ({"ess_bulk_min": 399.0, "ess_tail_min": 10.0}, "ess_bulk_min 399 < 400, ess_tail_min 10 < 400"),
        ({"bfmi_min": 0.1}, "bfmi_min 0.1 < 0.3"),
        ({"k_hat": 0.93}, "certificate (k-hat 0.93)"),
    ],
)
def test_a_failed_gate_is_named_with_its_figure(changes: dict[str, object], told: str) -> None:
    assert failed_gates(diagnosed(**changes, passed=False)) == [f"{MODEL_DATE} application_with_price: {told}"]


def test_the_worst_of_every_diagnostic_is_summed_up() -> None:
    changes = {
        "r_hat_max": 1.2,
        "ess_bulk_min": 7.0,
        "ess_tail_min": 8.0,
        "bfmi_min": 0.2,
        "divergences": 2,
        "k_hat": 0.8,
    }
    assert worst(diagnosed(**changes, passed=False)) == {
        "models": 2, "passed": 1, "r_hat_max": 1.2, "ess_bulk_min": 7.0, "ess_tail_min": 8.0, "divergences": 2,
        "bfmi_min": 0.2, "k_hat_max": 0.8,
    }  # fmt: skip
