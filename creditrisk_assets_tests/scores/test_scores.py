"""Which model scores a vintage, and what a score says, under a posterior read back from the lake."""

from datetime import date
from pathlib import Path
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MODELS_DIAGNOSTICS,
    MODELS_MOMENTS,
    MODELS_POSTERIOR,
    REASONS,
    SCORES_LOANS,
)
from creditrisk_assets.models.artifacts import ModelTables
from creditrisk_assets.models.posterior import Posterior
from creditrisk_assets.scores.decision import APPROVE, DECLINE, REFER
from creditrisk_assets.scores.loans import Scoring, model_for
from creditrisk_assets.scores.policy import Policy, load_policy
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


POLICY = load_policy()


@pytest.fixture(scope="module")
def tables(batched: World) -> ModelTables:
    return ModelTables(*(batched.lake.scan(table) for table in (MODELS_POSTERIOR, MODELS_MOMENTS, MODELS_DIAGNOSTICS)))


@pytest.fixture(scope="module")
def posterior(tables: ModelTables) -> Posterior:
    return tables.rebuilt_posterior(MODEL_DATE, "application")


@pytest.fixture(scope="module")
def loans(batched: World) -> pl.DataFrame:
    return batched.rows(FEATURES_LOANS).filter(pl.col("vintage") >= MODEL_DATE)


def score(
    loans: pl.DataFrame, posterior: Posterior, scale: Scale = Scale(), policy: Policy = POLICY  # noqa: B008
) -> pl.DataFrame:  # fmt: skip
    return Scoring(posterior, MODEL_DATE, scale, policy).score(loans)


@pytest.fixture(scope="module")
def scored(loans: pl.DataFrame, posterior: Posterior) -> pl.DataFrame:
    return score(loans, posterior)


def test_scores_keep_their_contract(scored: pl.DataFrame, loans: pl.DataFrame) -> None:
    assert SCORES_LOANS.shape_differences(scored.schema) == []
    assert SCORES_LOANS.violations(scored.lazy()) == {}
    assert scored["loan_id"].equals(loans["loan_id"])
    assert scored.select("model_date", "feature_set").unique().rows() == [(MODEL_DATE, "application")]


def test_what_the_lake_holds_is_what_the_function_gives(
    batched: World, posterior: Posterior, loans: pl.DataFrame
) -> None:
    mine = loans.filter(pl.col("vintage") == MODEL_DATE)
    stored = batched.only(SCORES_LOANS, MODEL_DATE)
    assert_frame_equal(score(mine, posterior).sort("loan_id"), stored, check_exact=True)


@pytest.mark.parametrize("pd", ["pd", "pd_term"])
def test_the_interval_brackets_the_mean(scored: pl.DataFrame, pd: str) -> None:
    low, middle, high = pl.col(f"{pd}_low"), pl.col(pd), pl.col(f"{pd}_high")
    assert scored.select(((low < middle) & (middle < high)).all()).item()
    assert scored["log_odds_sd"].min() > 0  # type: ignore[operator]


def test_the_pd_within_the_term_exceeds_that_within_its_first_year(scored: pl.DataFrame, loans: pl.DataFrame) -> None:
    assert scored.select((pl.col("pd_term") > pl.col("pd")).all()).item()
    ratio = (scored["pd_term"] / scored["pd"]).to_frame("ratio").with_columns(loans["term_months"])
    by_term = dict(ratio.group_by("term_months").agg(pl.col("ratio").mean()).rows())
    assert 1.5 < by_term[36] < by_term[60]


def test_points_follow_from_the_pd_of_the_same_row(posterior: Posterior, loans: pl.DataFrame) -> None:
    ordered = score(loans, posterior, Scale(500, 20, 40)).sort("pd")
    assert ordered["points"].is_sorted(descending=True)
    assert ordered["band"].is_sorted()
    assert ordered["points"].n_unique() > 50


def _limit(posterior: Posterior, pd: float, term: int) -> float:
    """Log-odds at which the PD of a term within twelve months is `pd`, found by bisection."""
    low, high = -15.0, 7.0
    for _ in range(60):
        middle = (low + high) / 2
        reached = posterior.scorer.horizons.pd(np.array([middle]), term)[0][0]
        low, high = (middle, high) if reached < pd else (low, middle)
    return (low + high) / 2


def _sides(
    posterior: Posterior, scored: pl.DataFrame, loans: pl.DataFrame, policy: Policy
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """P(PD < limit of approval) and P(PD >= limit of decline) from the stored log-odds and the policy alone."""
    from scipy.special import ndtr

    mean, spread = scored["log_odds"].to_numpy(), scored["log_odds_sd"].to_numpy()
    ends = []
    for pd in (policy.approve_below, policy.decline_from):
        by_term = {term: _limit(posterior, pd, int(term)) for term in loans["term_months"].unique()}
        ends.append(np.array([by_term[term] for term in loans["term_months"]]))
    return ndtr((ends[0] - mean) / spread), 1 - ndtr((ends[1] - mean) / spread)


POLICIES = (
    POLICY,
    Policy("apart", 0.75, 0.07, approve_below=0.05, decline_from=0.15, confidence=0.9),
    Policy("even", 0.75, 0.07, approve_below=0.08, decline_from=0.08, confidence=0.5),
)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.version)
def test_the_decision_follows_from_the_stored_log_odds_and_the_policy(
    posterior: Posterior, loans: pl.DataFrame, policy: Policy
) -> None:
    scored = score(loans, posterior, policy=policy)
    below, above = _sides(posterior, scored, loans, policy)
    sure = np.where(below >= policy.confidence, APPROVE, np.where(above >= policy.confidence, DECLINE, REFER))
    if policy.confidence == 0.5:
        sure = np.where(below > above, APPROVE, DECLINE)
    # Limits are read from a table: its error may move a loan that stands on the edge.
    clear = np.abs(np.maximum(below, above) - policy.confidence) > 1e-3
    assert clear.mean() > 0.9
    assert (scored["decision"].to_numpy()[clear] == sure[clear]).all()
    assert scored["decision_probability"].to_numpy() == pytest.approx(np.maximum(below, above), abs=1e-3)
    assert scored["policy"].unique().to_list() == [policy.version]


def test_a_decision_is_sure_and_a_referral_is_not(scored: pl.DataFrame) -> None:
    sure = scored["decision_probability"] >= POLICY.confidence
    assert (sure == (scored["decision"] != REFER)).all()
    assert set(scored["decision"]) == {APPROVE, REFER, DECLINE}
    mean = dict(scored.group_by("decision").agg(pl.col("pd").mean()).rows())
    assert mean[APPROVE] < mean[REFER] < mean[DECLINE]


def test_reasons_are_positive_parts_of_the_log_odds(
    posterior: Posterior, scored: pl.DataFrame, loans: pl.DataFrame
) -> None:
    contributions, spread = posterior.scorer.contributions(loans)
    names = [factor.name for factor in posterior.design.binning.factors]
    every = pl.DataFrame(contributions, schema=names)
    whole = scored["base"].to_numpy() + contributions.sum(axis=1)
    assert np.abs(whole - scored["log_odds"].to_numpy()).max() < 1e-9
    place = {name: column for column, name in enumerate(names)}
    given = 0
    for rank in REASONS:
        reason, value = scored[f"reason_{rank}"], scored[f"contribution_{rank}"]
        assert reason.is_null().equals(value.is_null())
        for row in reason.is_not_null().arg_true().to_list()[::7]:
            column = place[reason[row]]
            assert value[row] == every[row, column] > 0
            assert value[row] >= 1.28 * spread[row, column]
            given += 1
        if rank > 1:
            before = scored[f"contribution_{rank - 1}"]
            assert (before >= value).fill_null(value.is_null()).all()
    assert given > 500
    assert scored["reason_1"].n_unique() > 5


def test_no_reason_is_left_out_that_weighs_more_than_one_given(posterior: Posterior, loans: pl.DataFrame) -> None:
    few = loans.head(300)
    contributions, spread = posterior.scorer.contributions(few)
    sure = np.where(contributions >= NormalDist().inv_cdf(0.9) * spread, contributions, 0.0)
    largest = -np.sort(-np.maximum(sure, 0.0), axis=1)[:, : len(REASONS)]
    stored = score(few, posterior).select(f"contribution_{rank}" for rank in REASONS).fill_null(0.0).to_numpy()
    assert (stored == largest).all()


def test_a_loan_alone_scores_as_in_a_batch_of_any_order(posterior: Posterior, loans: pl.DataFrame) -> None:
    batch = score(loans, posterior).sort("loan_id")
    mixed = score(loans.sample(fraction=1, shuffle=True, seed=1), posterior).sort("loan_id")
    assert_frame_equal(mixed, batch, check_exact=True)
    for row in (0, loans.height // 2, loans.height - 1):
        one = loans.sort("loan_id").slice(row, 1)
        assert_frame_equal(score(one, posterior), batch.slice(row, 1), check_exact=True)


def test_an_outcome_is_no_feature(posterior: Posterior, loans: pl.DataFrame, scored: pl.DataFrame) -> None:
    later = [column.name for column in FEATURES_LOANS.columns if column.known == "later"]
    blind = loans.with_columns(pl.lit(None, FEATURES_LOANS.schema[name]).alias(name) for name in later)
    assert_frame_equal(score(blind, posterior), scored, check_exact=True)


def test_a_model_without_the_price_does_not_look_at_it(
    posterior: Posterior, loans: pl.DataFrame, scored: pl.DataFrame
) -> None:
    dearer = loans.with_columns(interest_rate=pl.lit(30.0), log_installment=pl.lit(9.0), sub_grade_rank=pl.lit(35.0))
    assert_frame_equal(score(dearer, posterior), scored, check_exact=True)


def test_a_model_with_the_price_does(tables: ModelTables, loans: pl.DataFrame) -> None:
    posterior = tables.rebuilt_posterior(MODEL_DATE, "application_with_price")
    dearer = loans.with_columns(interest_rate=pl.lit(30.0), sub_grade_rank=pl.lit(35.0))
    rises = score(dearer, posterior)["pd"] > score(loans, posterior)["pd"]
    assert rises.mean() > 0.9  # type: ignore[operator]


STRICT = """
version: "strict"
loss_given_default: 0.9
margin: 0.02
approve_below: 0.001
decline_from: 0.002
confidence: 0.6
"""


def test_the_policy_of_the_settings_decides_and_signs(
    tmp_path: Path, batched: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, world = tmp_path / "policy.yaml", batched.copy(tmp_path)
    file.write_text(STRICT)
    monkeypatch.setenv("CREDITRISK_POLICY", str(file))
    world.run("group:scores", MODEL_DATE)
    before, after = (place.only(SCORES_LOANS, MODEL_DATE) for place in (batched, world))
    assert before["policy"].unique().to_list() == [POLICY.version]
    assert after["policy"].unique().to_list() == ["strict"]
    assert (after["decision"] == DECLINE).mean() > 0.9  # type: ignore[operator]
    decided = ("decision", "decision_probability", "policy")
    assert_frame_equal(after.drop(decided), before.drop(decided), check_exact=True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "there is no such file. Name an existing policy, or none for the packaged one."),
        (STRICT.replace("0.9", "9"), "line 3: loss_given_default is 9, but must be above 0 and at most 1."),
        (STRICT.replace("confidence", "confidense"), "line 7: confidense is not a key of a policy."),
    ],
    ids=["missing", "out of range", "misspelt"],
)
def test_a_broken_policy_stops_scoring_with_its_file_and_remedy(
    tmp_path: Path, batched: World, monkeypatch: pytest.MonkeyPatch, text: str | None, told: str
) -> None:
    file, world = tmp_path / "policy.yaml", batched.copy(tmp_path)
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("CREDITRISK_POLICY", str(file))
    (failure,) = world.run("group:scores", MODEL_DATE, fails=True).get_step_failure_events()
    error = failure.step_failure_data.error
    assert error is not None
    assert error.cause is not None
    assert f"PolicyError: {file}" in error.cause.message
    assert told in error.cause.message
    assert world.lake.version(SCORES_LOANS) == batched.lake.version(SCORES_LOANS)
