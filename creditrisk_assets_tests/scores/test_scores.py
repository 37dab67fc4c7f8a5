"""Which model scores a vintage, and what a score says, under a posterior read back from the lake."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MODELS_DIAGNOSTICS,
    MODELS_PARAMETERS,
    MODELS_POSTERIOR,
    SCORES_LOANS,
)
from creditrisk_assets.models.artifacts import ModelTables
from creditrisk_assets.models.posterior import Posterior
from creditrisk_assets.scores.loans import model_for, score
from creditrisk_assets.scores.scale import Scale
from creditrisk_assets_tests.world import MODEL_DATES, World

MODEL_DATE = MODEL_DATES[0]
DAYS = st.dates(date(2010, 1, 1), date(2020, 1, 1))


@given(DAYS, st.lists(DAYS))
def test_the_latest_model_dated_at_the_vintage_or_before_scores_it(vintage: date, good: list[date]) -> None:
    chosen = model_for(vintage, good)
    before = [day for day in good if day <= vintage]
    assert (chosen is None) == (not before)
    if chosen is not None:
        assert chosen in before
        assert all(day <= chosen for day in before)


@pytest.mark.parametrize(("vintage", "model"), [(1, None), (2, 2), (3, 2), (4, 4)])
def test_a_model_dated_at_the_start_of_a_vintage_may_score_it(vintage: int, model: int | None) -> None:
    chosen = model_for(date(2016, vintage, 1), [date(2016, 4, 1), date(2016, 2, 1)])
    assert chosen == (model and date(2016, model, 1))


@pytest.fixture(scope="module")
def tables(batched: World) -> ModelTables:
    return ModelTables(
        *(batched.lake.scan(table) for table in (MODELS_POSTERIOR, MODELS_PARAMETERS, MODELS_DIAGNOSTICS))
    )


@pytest.fixture(scope="module")
def posterior(tables: ModelTables) -> Posterior:
    return tables.rebuilt_posterior(MODEL_DATE, "application")


@pytest.fixture(scope="module")
def loans(batched: World) -> pl.DataFrame:
    return batched.rows(FEATURES_LOANS).filter(pl.col("vintage") >= MODEL_DATE)


def test_scores_keep_their_contract(posterior: Posterior, loans: pl.DataFrame) -> None:
    scored = score(loans, posterior, MODEL_DATE, Scale())
    assert SCORES_LOANS.shape_differences(scored.schema) == []
    assert SCORES_LOANS.violations(scored.lazy()) == {}
    assert scored["loan_id"].equals(loans["loan_id"])
    assert scored.select("model_date", "feature_set").unique().rows() == [(MODEL_DATE, "application")]


def test_what_the_lake_holds_is_what_the_function_gives(
    batched: World, posterior: Posterior, loans: pl.DataFrame
) -> None:
    mine = loans.filter(pl.col("vintage") == MODEL_DATE)
    stored = batched.only(SCORES_LOANS, MODEL_DATE)
    assert_frame_equal(score(mine, posterior, MODEL_DATE, Scale()).sort("loan_id"), stored)


def test_the_interval_brackets_the_mean(posterior: Posterior, loans: pl.DataFrame) -> None:
    scored = score(loans, posterior, MODEL_DATE, Scale())
    assert scored.filter((pl.col("pd_low") < pl.col("pd")) & (pl.col("pd") < pl.col("pd_high"))).height == loans.height
    assert scored["log_odds_sd"].min() > 0  # type: ignore[operator]


def test_points_follow_from_the_pd_of_the_same_row(posterior: Posterior, loans: pl.DataFrame) -> None:
    scored = score(loans, posterior, MODEL_DATE, Scale(500, 20, 40))
    ordered = scored.sort("pd")
    assert ordered["points"].is_sorted(descending=True)
    assert ordered["band"].is_sorted()
    assert ordered["points"].n_unique() > 50


def test_a_loan_alone_scores_as_in_a_batch_of_any_order(posterior: Posterior, loans: pl.DataFrame) -> None:
    batch = score(loans, posterior, MODEL_DATE, Scale()).sort("loan_id")
    mixed = score(loans.sample(fraction=1, shuffle=True, seed=1), posterior, MODEL_DATE, Scale()).sort("loan_id")
    assert_frame_equal(mixed, batch, rel_tol=1e-12, abs_tol=1e-12)
    for row in (0, loans.height // 2, loans.height - 1):
        one = loans.sort("loan_id").slice(row, 1)
        assert_frame_equal(
            score(one, posterior, MODEL_DATE, Scale()), batch.slice(row, 1), rel_tol=1e-12, abs_tol=1e-12
        )


def test_an_outcome_is_no_feature(posterior: Posterior, loans: pl.DataFrame) -> None:
    later = [column.name for column in FEATURES_LOANS.columns if column.known == "later"]
    blind = loans.with_columns(pl.lit(None, FEATURES_LOANS.schema[name]).alias(name) for name in later)
    assert_frame_equal(score(blind, posterior, MODEL_DATE, Scale()), score(loans, posterior, MODEL_DATE, Scale()))


def test_a_model_without_the_price_does_not_look_at_it(posterior: Posterior, loans: pl.DataFrame) -> None:
    dearer = loans.with_columns(interest_rate=pl.lit(30.0), log_installment=pl.lit(9.0), sub_grade_rank=pl.lit(35.0))
    assert_frame_equal(score(dearer, posterior, MODEL_DATE, Scale()), score(loans, posterior, MODEL_DATE, Scale()))


def test_a_model_with_the_price_does(tables: ModelTables, loans: pl.DataFrame) -> None:
    posterior = tables.rebuilt_posterior(MODEL_DATE, "application_with_price")
    dearer = loans.with_columns(interest_rate=pl.lit(30.0), sub_grade_rank=pl.lit(35.0))
    rises = score(dearer, posterior, MODEL_DATE, Scale())["pd"] > score(loans, posterior, MODEL_DATE, Scale())["pd"]
    assert rises.mean() > 0.9  # type: ignore[operator]
