"""Model health against textbook formulas and queries of its own."""

import polars as pl
import pytest

from creditrisk_assets.contracts import (
    MODELS_BACKTEST,
    MODELS_COMPARISON,
    MODELS_DIAGNOSTICS,
    MONITORING_DRIFT,
    MONITORING_PERFORMANCE,
    MONITORING_RULE_AGREEMENT,
    SERVING_SEGMENTS,
)
from creditrisk_assets.models.artifacts import predictive
from creditrisk_assets.serving import health
from creditrisk_assets.serving.committee import committee
from creditrisk_assets.serving.watching import watched
from creditrisk_assets_tests.world import MODEL_DATES, World

FEATURES = "application"


@pytest.fixture(scope="module")
def tables(batched: World) -> dict[str, pl.DataFrame]:
    """The tables of the committee."""
    return {
        "compared": health.comparison(batched.rows(MODELS_COMPARISON), FEATURES),
        "calibrated": health.calibration(batched.rows(SERVING_SEGMENTS)),
        "diagnosed": health.diagnostics(batched.rows(MODELS_DIAGNOSTICS), FEATURES),
        "foretold": health.foretold(batched.rows(MODELS_BACKTEST), FEATURES),
        "drift": batched.rows(MONITORING_DRIFT),
        "performance": batched.rows(MONITORING_PERFORMANCE),
        "agreement": batched.rows(MONITORING_RULE_AGREEMENT),
    }


def told(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    seen = ("drift", "performance", "agreement")
    rest = {name: frame for name, frame in tables.items() if name not in seen}
    return committee(**rest, watched=watched(*(tables[name] for name in seen)))


def status(tables: dict[str, pl.DataFrame], indicator: str) -> str:
    found = told(tables).filter(pl.col("indicator") == indicator)
    return str(found["status"].item())


def test_models_are_compared_on_one_feature_set_and_protocol(batched: World, tables: dict[str, pl.DataFrame]) -> None:
    found = tables["compared"]
    wanted = (pl.col("feature_set") == FEATURES) & (pl.col("outcomes") == "as_known")
    assert found.height == batched.rows(MODELS_COMPARISON).filter(wanted).height > 0
    row = found.row(0, named=True)
    assert row["bias"] == pytest.approx(row["mean_pd"] / row["observed"])


def test_the_newest_comparison_has_every_model_once_best_first(tables: dict[str, pl.DataFrame]) -> None:
    found = health.newest(tables["compared"])
    assert sorted(found["model"]) == ["boosting", "logistic", "posterior"]
    assert found["auc"].is_sorted(descending=True)
    assert found["model_date"].unique().to_list() == [tables["compared"]["model_date"].max()]


def test_calibration_counts_matured_loans_and_takes_jeffreys_intervals(
    batched: World, tables: dict[str, pl.DataFrame]
) -> None:
    from scipy import stats

    segments = batched.rows(SERVING_SEGMENTS)
    for row in tables["calibrated"].iter_rows(named=True):
        mine = segments.filter(pl.col("band") == row["band"])
        loans, bad = mine["matured"].sum(), mine["matured_defaults"].sum()
        low, high = stats.beta.ppf([0.05, 0.95], bad + 0.5, loans - bad + 0.5)
        assert (row["loans"], row["defaults"]) == (loans, bad)
        assert row["expected"] == pytest.approx(mine["matured_expected_defaults"].sum() / loans)
        assert row["low"] == pytest.approx(low if bad else 0)
        assert row["high"] == pytest.approx(high if bad < loans else 1)
        assert row["inside"] == (row["low"] <= row["expected"] <= row["high"])


def test_bands_without_a_matured_loan_say_nothing(batched: World) -> None:
    young = batched.rows(SERVING_SEGMENTS).with_columns(matured=pl.lit(0, pl.Int64))
    assert health.calibration(young).is_empty()


def test_diagnostics_stand_newest_first_and_name_the_gate_that_failed(batched: World) -> None:
    frame = batched.rows(MODELS_DIAGNOSTICS)
    newest = (pl.col("model_date") == MODEL_DATES[-1]) & (pl.col("feature_set") == FEATURES)
    worse = frame.with_columns(
        passed=pl.col("passed") & ~newest,
        divergences=pl.when(newest).then(3).otherwise(pl.col("divergences")).cast(pl.Int64),
    )
    found = health.diagnostics(worse, FEATURES)
    assert found["model_date"].is_sorted(descending=True)
    assert found["gate"][0] == "divergences"
    other = health.diagnostics(frame.with_columns(passed=pl.lit(False)), FEATURES)
    assert set(other["gate"]) == {"certificate"}


def test_vintages_are_counted_inside_as_the_check_of_the_backtest_does(
    batched: World, tables: dict[str, pl.DataFrame]
) -> None:
    frame = batched.rows(MODELS_BACKTEST)
    mine = frame.filter((pl.col("feature_set") == FEATURES) & (pl.col("model_date") == frame["model_date"].max()))
    assert tables["foretold"]["inside"].mean() == pytest.approx(predictive(mine)["held_left_out"])


def test_the_committee_reads_every_indicator_worst_first(tables: dict[str, pl.DataFrame]) -> None:
    found = told(tables)
    assert found["status"].is_sorted()
    assert found.height == 11
    assert found["indicator"].is_unique().all()
    assert "unknown" not in found["status"]
    unwatched = tables | {"drift": tables["drift"].clear()}
    assert status(unwatched, "Drift of features (PSI)") == "unknown"


@pytest.mark.parametrize(("auc", "colour"), [(0.65, "green"), (0.649, "amber"), (0.599, "red")])
def test_ranking_turns_amber_and_red_at_its_limits(tables: dict[str, pl.DataFrame], auc: float, colour: str) -> None:
    worse = tables | {"compared": tables["compared"].with_columns(auc=pl.lit(auc))}
    assert status(worse, "Ranking out of time (AUC)") == colour


@pytest.mark.parametrize(("defaults", "colour"), [(100, "green"), (126, "amber"), (160, "red"), (60, "red")])
def test_the_level_is_judged_both_ways(tables: dict[str, pl.DataFrame], defaults: int, colour: str) -> None:
    one = tables["calibrated"].head(1).with_columns(
        loans=pl.lit(1_000, pl.Int64), expected=pl.lit(0.1), defaults=pl.lit(defaults, pl.Int64)
    )  # fmt: skip
    assert status(tables | {"calibrated": one}, "Defaults observed over expected") == colour


def test_a_model_that_failed_its_gates_is_red(tables: dict[str, pl.DataFrame]) -> None:
    failed = tables | {"diagnosed": tables["diagnosed"].with_columns(passed=pl.lit(False))}
    assert status(failed, "Sampler and certificate of the newest model") == "red"
    assert status(failed, "Models that passed their gates") == "amber"


def test_without_tables_the_committee_reads_unknown_everywhere(tables: dict[str, pl.DataFrame]) -> None:
    nothing = {name: frame.clear() for name, frame in tables.items()}
    assert set(told(nothing)["status"]) == {"unknown"}
