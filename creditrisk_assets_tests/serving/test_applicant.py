"""One applicant: found by any identifier, explained to the last digit, and told what cannot be told."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import (
    FEATURES_BEHAVIOUR,
    MODELS_BEHAVIOUR,
    MODELS_MOMENTS,
    SCORES_LIVE,
    SCORES_LOANS,
    SERVING_SEGMENTS,
)
from creditrisk_assets.models.histories import rows_of
from creditrisk_assets.resources.delta import Lake, LakeError
from creditrisk_assets.scores.loans import Scoring
from creditrisk_assets.serving import certainty, history
from creditrisk_assets.serving.applicant import Score, clean, explain, find, loan_features
from creditrisk_assets.serving.explaining import Contributions, in_words, told_steps, waterfall
from creditrisk_assets.serving.scoring import signed
from creditrisk_assets.serving.tables import ServedTables
from creditrisk_assets_tests.serving.streamed_lake import APPLICANT, CUSTOMER, borrower_of
from creditrisk_assets_tests.streaming.flowing import behaviour_model, settings_of


@pytest.fixture(scope="module")
def tables(streamed_lake: Lake) -> ServedTables:
    return ServedTables(streamed_lake)


def model_of(lake: Lake, score: Score) -> Scoring:
    found = signed(lake, settings_of(lake), score.row["model_date"], score.row["feature_set"])
    assert found is not None
    return found


def kinds(tables: ServedTables, identifier: str) -> list[tuple[str, str]]:
    return [(score.kind, score.subject) for score in find(tables, identifier)]


def test_everybody_is_found_by_any_identifier(tables: ServedTables, streamed_lake: Lake) -> None:
    borrower = borrower_of(streamed_lake)
    assert kinds(tables, borrower) == [("behaviour", borrower), ("loan", borrower)]
    assert kinds(tables, APPLICANT) == [("application", APPLICANT)]
    assert kinds(tables, CUSTOMER) == [("behaviour", CUSTOMER), ("application", APPLICANT)]
    assert kinds(tables, "stranger") == [("behaviour", "stranger")]
    assert kinds(tables, "a-2") == [("application", "a-2")]
    assert kinds(tables, "' OR 1=1 --") == []


def test_the_newest_score_of_a_customer_is_shown(tables: ServedTables, streamed_lake: Lake) -> None:
    rows = streamed_lake.scan(SCORES_LIVE).filter(pl.col("subject") == CUSTOMER).collect()
    (score, _) = find(tables, CUSTOMER)
    assert rows.height == 2
    assert score.row["as_of"] == rows["as_of"].max()
    assert score.decided.place == tuple(score.row[name] for name in ("topic", "epoch", "partition", "offset"))
    assert score.customer == CUSTOMER


def test_without_any_score_the_remedy_is_told(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="materialize scores/loans first"):
        find(ServedTables(Lake(str(tmp_path))), "1")


@pytest.mark.parametrize("asked", ["", "   ", "x" * 201, "x" * 10_000, "a\0b", "a\nb", "\u202e1"])
def test_what_no_table_can_hold_is_no_identifier(asked: str) -> None:
    assert clean(asked) is None


@pytest.mark.parametrize("asked", ["2016100000408", "../../x", "<script>", "' OR 1=1 --", "é 漢"])
def test_anything_else_may_be_one(asked: str, tables: ServedTables) -> None:
    assert clean(f"  {asked} ") == asked
    assert find(tables, asked) == []


def all_scores(tables: ServedTables, lake: Lake) -> list[Score]:
    return [score for name in (borrower_of(lake), CUSTOMER, "stranger", "a-2") for score in find(tables, name)]


def test_contributions_add_up_to_the_log_odds_of_every_kind(tables: ServedTables, streamed_lake: Lake) -> None:
    scores = all_scores(tables, streamed_lake)
    assert {score.kind for score in scores} == {"loan", "application", "behaviour"}
    for score in scores:
        found, values = explain(tables, score, model_of(streamed_lake, score))
        assert found.complete
        assert values
        assert abs(found.base + found.mean.sum() - score.row["log_odds"]) < 1e-9
        steps = waterfall(found)
        moves = steps.filter(pl.col("direction") != "total")
        assert abs(found.base + moves["contribution"].sum() - score.row["log_odds"]) < 1e-9
        assert np.allclose(moves["start"][1:], moves["end"][:-1], atol=1e-12)
        assert abs(moves["end"][-1] - score.row["log_odds"]) < 1e-9
        assert steps["end"][-1] == score.row["log_odds"]
        told = told_steps(steps, found.base)
        assert told["end"][0] == 0
        assert told.select("name", "meaning", "effect").null_count().sum_horizontal().item() == 0


def test_the_reasons_stored_with_a_score_are_among_its_contributions(tables: ServedTables, streamed_lake: Lake) -> None:
    for score in all_scores(tables, streamed_lake):
        found, _ = explain(tables, score, model_of(streamed_lake, score))
        by_name = dict(zip(found.names, found.mean, strict=True))
        for n in (1, 2, 3, 4):
            if score.row[f"reason_{n}"] is not None:
                assert by_name[score.row[f"reason_{n}"]] == score.row[f"contribution_{n}"]


def test_a_score_whose_model_is_gone_is_told_by_its_reasons(tables: ServedTables, streamed_lake: Lake) -> None:
    for score in all_scores(tables, streamed_lake):
        found, values = explain(tables, score, None)
        assert not found.complete
        assert values == {}
        assert abs(waterfall(found)["end"][-2] - score.row["log_odds"]) < 1e-9


def copied(lake: Lake, root: Path) -> Lake:
    shutil.copytree(lake.root, root / "lake")
    return Lake(str(root / "lake"))


def test_a_score_of_another_model_is_not_explained_by_this_one(streamed_lake: Lake, tmp_path: Path) -> None:
    lake, known = copied(streamed_lake, tmp_path), behaviour_model()
    lake.overwrite(MODELS_BEHAVIOUR, rows_of(replace(known, mean=known.mean + 0.1), tmp_path))
    moments = lake.scan(MODELS_MOMENTS).collect().with_columns(mean=pl.col("mean").list.eval(pl.element() + 0.01))
    lake.overwrite(MODELS_MOMENTS, moments, moments["model_date"].unique().to_list())
    tables = ServedTables(lake)
    for score in all_scores(tables, lake):
        found, _ = explain(tables, score, model_of(lake, score))
        assert not found.complete
        assert waterfall(found)["end"][-1] == score.row["log_odds"]


def test_input_that_is_gone_leaves_the_reasons(streamed_lake: Lake, tmp_path: Path) -> None:
    lake = copied(streamed_lake, tmp_path)
    for gone in ("raw", "features"):
        shutil.rmtree(tmp_path / "lake" / gone)
    tables = ServedTables(lake)
    for score in all_scores(tables, lake):
        assert not explain(tables, score, model_of(lake, score))[0].complete
        assert score.kind == "behaviour" or loan_features(tables, score) is None
    assert history.events(tables, CUSTOMER).is_empty()


def test_a_model_date_that_was_never_there_has_no_model(streamed_lake: Lake) -> None:
    score = find(ServedTables(streamed_lake), APPLICANT)[0]
    before = score.row["model_date"] - timedelta(days=10_000)
    assert signed(streamed_lake, settings_of(streamed_lake), before, "application") is None


def test_the_rest_of_the_contributions_is_one_step() -> None:
    mean = np.array([0.5, -0.25, 0.125, 0.0625, -0.03125])
    found = Contributions(-2.0, -2.0 + mean.sum(), 0.5, tuple("abcde"), ("1", "", "", "", ""), mean, np.full(5, 0.1))
    steps = waterfall(found, largest=2)
    assert steps["label"].to_list() == ["Average loan", "A", "B", "3 other factors", "This one"]
    assert steps["contribution"].to_list() == [-2.0, 0.5, -0.25, 0.15625, found.log_odds]
    assert steps["direction"].to_list() == ["total", "raises", "lowers", "raises", "total"]
    assert steps["low"].null_count() == 2
    assert steps["high"][1] == pytest.approx(-1.5 + 1.6448536 * 0.1)
    assert in_words(found, 1) == [
        "A (1) raises the odds of default by 65 %",
        "B lowers them most, by 28 %",
    ]


def test_the_density_has_one_in_all_and_ninety_percent_in_its_interval(
    tables: ServedTables, streamed_lake: Lake
) -> None:
    for score in all_scores(tables, streamed_lake):
        scoring = model_of(streamed_lake, score)
        found = loan_features(tables, score) if score.kind != "behaviour" else None
        shape = certainty.density(score.row, scoring, None if found is None else found[0]["term_months"][0])
        assert shape.height == certainty.POINTS
        assert np.trapezoid(shape["density"], shape["pd"]) == pytest.approx(1, abs=1e-9)
        inside = shape.filter("inside")
        assert np.trapezoid(inside["density"], inside["pd"]) == pytest.approx(0.9, abs=0.06)
        mean = np.trapezoid(shape["density"] * shape["pd"], shape["pd"])
        assert mean == pytest.approx(score.row["pd"], rel=0.02)


def test_peers_are_the_loans_of_the_purpose_and_term() -> None:
    rows = [("car", 36, 1, 30, 0.3), ("car", 36, 3, 50, 1.5), ("car", 36, 3, 20, 0.6), ("car", 60, 1, 999, 1.0)]
    frame = pl.DataFrame(rows, schema=["purpose", "term_months", "band", "loans", "expected_defaults"], orient="row")
    found = certainty.peers(frame, "car", 36, 3)
    assert found is not None
    assert (found.loans, found.safer) == (100, 0.3)
    assert found.bands["share"].to_list() == pytest.approx([0.3, 0, 0.7, 0, 0, 0, 0, 0])
    assert found.bands.filter("mine")["band"].to_list() == [3]
    assert found.bands["mean_pd"][2] == pytest.approx(0.03)
    assert certainty.peers(frame, "wedding", 36, 3) is None
    assert set(frame.columns) <= set(SERVING_SEGMENTS.schema)


def test_the_history_has_every_event_once_and_the_pd_after_each(tables: ServedTables) -> None:
    told = history.events(tables, CUSTOMER)
    assert told["event"].to_list() == ["Missed a payment", "Missed a payment", "Applied"]
    assert told["time"].is_sorted(descending=True)
    assert "65 days past due" in told["detail"][0]
    scored = history.scored(tables, CUSTOMER)
    assert scored["kind"].to_list() == ["application", "behaviour", "behaviour"]
    assert (scored["pd_low"] <= scored["pd"]).all()
    assert history.scored(tables, "nobody").is_empty()


def test_counts_are_those_of_the_newest_score(tables: ServedTables, streamed_lake: Lake) -> None:
    (score, _) = find(tables, CUSTOMER)
    _, values = explain(tables, score, model_of(streamed_lake, score))
    assert values["missed_12m"] == 2
    assert values["days_past_due"] == 65
    assert set(FEATURES_BEHAVIOUR.schema) == set(values)
    assert SCORES_LOANS.schema["pd"] == pl.Float64
