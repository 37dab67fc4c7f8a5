"""Models as rows of the lake, and back."""

from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import (
    FEATURE_SETS,
    MODELS_BACKTEST,
    MODELS_BOOSTING,
    MODELS_COMPARISON,
    MODELS_DIAGNOSTICS,
    MODELS_LOGISTIC,
    MODELS_MOMENTS,
    MODELS_PARAMETERS,
    MODELS_POSTERIOR,
)
from creditrisk_assets.models.artifacts import (
    KeptPosterior,
    ModelTables,
    compare_as_known,
    failed_gates,
    fit_as_known,
    fit_boosting_as_known,
    fit_logistic_as_known,
    netcdf_name,
    predictive,
    worst,
)
from creditrisk_assets.models.boosting import fit_boosting
from creditrisk_assets.models.exposure import learned_from
from creditrisk_assets.models.logistic import fit_logistic
from creditrisk_assets.models.outcomes import Window, training
from creditrisk_assets.models.records import Expansion, StaleEvidenceError, evidence_rows, fit_expansion
from creditrisk_assets_tests.models.simulated import simulated_life

MODEL_DATE = date(2011, 7, 1)
WINDOW: Window = "expanding"
BOOK = simulated_life(4_000, vintages=24, seed=12, level=-3.6, observed=date(2013, 6, 1))


@cache
def expansion(feature_set: str) -> tuple[Expansion, pl.DataFrame]:
    frame = learned_from(BOOK.lazy(), MODEL_DATE, WINDOW)
    found = fit_expansion(frame, feature_set, MODEL_DATE, date(2011, 6, 1))[0]
    return found, evidence_rows(BOOK, list(found.design.vintages), found)


@cache
def kept(feature_set: str) -> KeptPosterior:
    found, evidence = expansion(feature_set)
    return fit_as_known(BOOK.lazy(), evidence, found, WINDOW)


@cache
def tables() -> ModelTables:
    every = [kept(name) for name in FEATURE_SETS]
    challengers = [
        pl.concat(fit(BOOK.lazy(), MODEL_DATE, name, WINDOW) for name in FEATURE_SETS).lazy()
        for fit in (fit_logistic_as_known, fit_boosting_as_known)
    ]
    return ModelTables(
        pl.concat(one.draws for one in every).lazy(),
        pl.concat(one.moments for one in every).lazy(),
        pl.concat(one.diagnostics for one in every).lazy(),
        *challengers,
    )


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_rows_of_a_posterior_keep_their_contracts(feature_set: str) -> None:
    one = kept(feature_set)
    assert MODELS_POSTERIOR.violations(MODELS_POSTERIOR.conform(one.draws.lazy())) == {}
    assert MODELS_PARAMETERS.violations(MODELS_PARAMETERS.conform(one.parameters.lazy())) == {}
    for table, rows in ((MODELS_MOMENTS, one.moments), (MODELS_DIAGNOSTICS, one.diagnostics),
                        (MODELS_BACKTEST, one.backtest)):  # fmt: skip
        assert table.violations(rows.lazy()) == {}
        assert rows["feature_set"].unique().to_list() == [feature_set]
    assert one.diagnostics["reference"].to_list() == [expansion(feature_set)[0].version]
    assert one.backtest["vintage"].to_list() == list(expansion(feature_set)[0].design.vintages)
    assert one.told.startswith(f"2011-07-01 {feature_set}: ") and "k-hat" in one.told
    assert 0 < one.prior_predictive["low"] < one.prior_predictive["median"] < one.prior_predictive["high"] < 1


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_a_posterior_read_back_has_the_draws_and_the_brief_that_were_written(feature_set: str) -> None:
    posterior = tables().rebuilt_posterior(MODEL_DATE, feature_set)
    draws = kept(feature_set).draws
    assert_frame_equal(posterior.to_draws(), draws.select(posterior.to_draws().columns), check_exact=True)
    brief = kept(feature_set).parameters
    assert_frame_equal(posterior.summary(), brief.select(posterior.summary().columns), check_exact=True)
    assert posterior.design == expansion(feature_set)[0].design


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
def test_challengers_read_back_predict_as_those_that_were_fitted(feature_set: str) -> None:
    frame = training(BOOK.lazy(), MODEL_DATE, "as_known", WINDOW)
    logistic, boosting = (
        rebuilt(MODEL_DATE, feature_set) for rebuilt in (tables().rebuilt_logistic, tables().rebuilt_boosting)
    )
    assert logistic.predict(frame).tobytes() == fit_logistic(frame, feature_set).predict(frame).tobytes()
    assert boosting.predict(frame).tobytes() == fit_boosting(frame, feature_set).predict(frame).tobytes()


def test_a_row_of_a_challenger_counts_its_loans() -> None:
    frame = training(BOOK.lazy(), MODEL_DATE, "as_known", 6)
    for fit, table in ((fit_logistic_as_known, MODELS_LOGISTIC), (fit_boosting_as_known, MODELS_BOOSTING)):
        row = fit(BOOK.lazy(), MODEL_DATE, "application", 6)
        assert row.select("loans", "defaults").row(0) == (frame.height, frame["outcome"].sum())
        assert table.violations(row.lazy()) == {}


def test_the_inference_data_holds_chains_that_the_diagnostics_describe(tmp_path: Path) -> None:
    import arviz as az

    path = tmp_path / "posterior.nc"
    path.write_bytes(kept("application").netcdf)
    trace = az.from_netcdf(str(path))
    row = kept("application").diagnostics.row(0, named=True)
    largest = max(float(value.max()) for value in az.rhat(trace).data_vars.values())
    assert largest == pytest.approx(row["r_hat_max"], abs=1e-9)
    assert int(trace.sample_stats["diverging"].sum()) == row["divergences"]
    assert netcdf_name(MODEL_DATE, "application") == "models/posterior/2011-07-01/application.nc"


def test_a_posterior_is_never_fitted_to_stale_evidence() -> None:
    found, evidence = expansion("application")
    with pytest.raises(StaleEvidenceError, match="Materialise models/reference of this model date"):
        fit_as_known(BOOK.lazy(), evidence[1:], found, WINDOW)


@pytest.mark.parametrize("name", ["posterior", "logistic", "boosting"])
def test_a_model_that_was_never_fitted_says_what_to_materialise(name: str) -> None:
    rebuilt = getattr(tables(), f"rebuilt_{name}")
    with pytest.raises(
        ValueError, match=f"no {name} dated 2001-01-01 for application: materialise models/{name} first"
    ):
        rebuilt(date(2001, 1, 1), "application")


@pytest.mark.parametrize("name", ["logistic", "boosting"])
def test_tables_without_a_challenger_say_so(name: str) -> None:
    without = ModelTables(tables().posterior, tables().moments, tables().diagnostics)
    with pytest.raises(ValueError, match=f"materialise models/{name} first"):
        getattr(without, f"rebuilt_{name}")(MODEL_DATE, "application")


def test_a_comparison_goes_no_further_than_the_book() -> None:
    last = date(2011, 10, 1)
    result = compare_as_known(BOOK.lazy(), tables(), [MODEL_DATE], last)
    assert MODELS_COMPARISON.violations(result.figures.lazy()) == {}
    assert result.figures["last_vintage"].unique().to_list() == [last]
    between = BOOK.filter(pl.col("vintage").is_between(MODEL_DATE, last))
    assert result.figures["rows"].unique().to_list() == [between.height]
    assert sorted(result.figures["model"].unique()) == ["boosting", "logistic", "posterior"]
    assert set(result.plots) == {f"reliability_{MODEL_DATE}_{name}" for name in FEATURE_SETS}
    assert result.remarks == []


def test_the_posterior_is_calibrated_on_vintages_it_has_not_seen() -> None:
    figures = compare_as_known(BOOK.lazy(), tables(), [MODEL_DATE], date(2011, 12, 1)).figures
    mine = figures.filter(pl.col("model") == "posterior")
    assert np.abs(mine["mean_pd"].to_numpy() - mine["observed"].to_numpy()).max() < 0.06
    assert mine["auc"].min() > 0.55  # type: ignore[operator]


def test_a_model_date_without_matured_test_vintages_is_remarked_upon() -> None:
    result = compare_as_known(BOOK.lazy(), tables(), [date(2013, 1, 1)], date(2013, 12, 1))
    assert result.figures.is_empty()
    assert MODELS_COMPARISON.shape_differences(result.figures.schema) == []
    assert len(result.remarks) == len(FEATURE_SETS)
    assert "hold no loan observed for 12 months" in result.remarks[0]


def test_a_backtest_is_summed_up_without_vintages_that_were_not_at_risk() -> None:
    rows = pl.DataFrame(
        {"trials": [10, 10, 0], "defaults": [3, 9, 0], "elpd_left_out": [-1.0, -2.0, -4.0], "elpd_future": -3.0}
    )
    for suffix, high in (("", [4.0, 9.0, 0.0]), ("_left_out", [2.5, 8.5, 0.0]), ("_future", [3.0, 8.0, 0.0])):
        rows = rows.with_columns(pl.lit(1.4).alias(f"low{suffix}"), pl.Series(f"high{suffix}", high))
    assert predictive(rows) == {
        "vintages": 2, "held_posterior": 1.0, "held_left_out": 1.0, "held_future": 0.5, "elpd_left_out": -3.0,
        "elpd_future": -6.0,
    }  # fmt: skip


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
