"""The challenger scores the very loans of the champion, and a promotion decides the vintages after it."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MODELS_DIAGNOSTICS,
    MODELS_PROMOTIONS,
    MONITORING_CHALLENGER,
    SCORES_CHALLENGER,
    SCORES_LINEAGE,
    SCORES_LOANS,
)
from creditrisk_assets.models.registry import promoting
from creditrisk_assets.models.registry.promoting import Proposal, promote
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.champion import dated
from creditrisk_assets_tests.world import LAST, MODEL_DATES, World

FIRST_SCORED = MODEL_DATES[0]
YOUNG = [date(2015, 12, 1), *(date(2016, month, 1) for month in range(1, 5))]
RUN = 'key:"scores/challenger" or key:"monitoring/challenger"'


@pytest.fixture
def world(batched: World, tmp_path: Path) -> World:
    return batched.copy(tmp_path)


def settings(lake: Lake) -> Settings:
    return Settings(_env_file=None, lake=lake.root)  # type: ignore[call-arg]


def promoted_on(lake: Lake, day: datetime, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A promotion made at another time than now."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return day

    monkeypatch.setattr(promoting, "datetime", Clock)
    assert promote(lake, settings(lake), Proposal(model, "As the committee decided", "Ada"), "run-1") is not None
    assert lake.scan(MODELS_PROMOTIONS).collect()["promoted_at"].to_list() == [day]


def test_it_scores_the_same_loans_by_the_same_function_with_the_other_features(world: World) -> None:
    world.run(RUN, YOUNG[0], LAST)
    mine, theirs = world.rows(SCORES_CHALLENGER), world.only(SCORES_LOANS, *YOUNG).sort("loan_id")
    assert mine.height > 1_000
    assert mine["loan_id"].equals(theirs["loan_id"])
    assert mine.select("feature_set").unique().rows() == [("application_with_price",)]
    assert mine["model_date"].equals(theirs["model_date"])
    loans = world.only(FEATURES_LOANS, LAST)
    scoring = dated(world.lake, settings(world.lake), MODEL_DATES[1], "application_with_price")
    expected = scoring.score(loans).select(mine.columns).sort("loan_id")
    assert_frame_equal(mine.filter(vintage=LAST).sort("loan_id"), expected, check_exact=True)
    rows = world.only(MONITORING_CHALLENGER, *YOUNG)
    assert rows["loans"].to_list() == [theirs.filter(vintage=day).height for day in YOUNG]
    assert rows["loans"][0] == 0
    assert rows["champion_auc"].drop_nulls().len() == 4
    assert rows.filter(pl.col("loans") > 0)["rank_correlation"].min() > 0.3  # type: ignore[operator]


def test_without_a_challenger_vintages_are_empty_and_not_compared(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDITRISK_CHALLENGER", "none")
    world.run(RUN, YOUNG[1], LAST)
    assert world.only(SCORES_CHALLENGER, *YOUNG[1:]).is_empty()
    rows = world.only(MONITORING_CHALLENGER, *YOUNG[1:])
    assert rows["loans"].to_list() == [0] * 4
    assert rows["challenger_feature_set"].null_count() == 4


def test_with_one_good_model_only_nobody_challenges(world: World) -> None:
    for day in MODEL_DATES:
        rows = world.only(MODELS_DIAGNOSTICS, day)
        passed = pl.col("feature_set") == "application"
        world.lake.overwrite(MODELS_DIAGNOSTICS, rows.with_columns(passed=passed), [day])
    world.run(RUN, LAST)
    assert world.only(SCORES_CHALLENGER, LAST).is_empty()
    assert world.only(MONITORING_CHALLENGER, LAST)["loans"].to_list() == [0]


def test_a_model_against_itself_has_no_winner(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_CHALLENGER", "application")
    world.run(RUN, LAST)
    (row,) = world.only(MONITORING_CHALLENGER, LAST).iter_rows(named=True)
    assert row["loans"] > 100
    assert (row["differing"], row["auc_difference"], row["log_loss_difference"]) == (0.0, 0.0, 0.0)
    assert {row[f"{name}_winner"] for name in ("auc", "log_loss", "brier")} == {None}


def test_a_promotion_decides_vintages_issued_after_it_and_leaves_older_ones(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.only(SCORES_LOANS, *YOUNG)
    model = Model("application_with_price", MODEL_DATES[0])
    promoted_on(world.lake, datetime(2016, 2, 10, 12, tzinfo=UTC), model, monkeypatch)
    world.run('key:"scores/loans" or key:"scores/challenger"', YOUNG[0], LAST)
    lineage = world.only(SCORES_LINEAGE, *YOUNG[1:]).sort("vintage")
    old, new = ("application", MODEL_DATES[0]), ("application_with_price", MODEL_DATES[0])
    # In April 2016 there is a newer posterior of the same features: nobody has promoted it.
    assert lineage.select("feature_set", "model_date").rows() == [old, old, new, new]
    kept = pl.col("vintage") < date(2016, 3, 1)
    assert_frame_equal(
        world.only(SCORES_LOANS, *YOUNG).filter(kept).sort("loan_id"), before.filter(kept).sort("loan_id"),
        check_exact=True,
    )  # fmt: skip
    theirs = world.rows(SCORES_CHALLENGER).group_by("vintage").agg(pl.col("feature_set").unique()).sort("vintage")
    assert theirs["feature_set"].to_list() == [["application_with_price"]] * 2 + [["application"]] * 2
    assert (world.only(SCORES_LOANS, *YOUNG)["model_date"] <= world.only(SCORES_LOANS, *YOUNG)["vintage"]).all()


def test_a_promotion_of_today_changes_no_score_of_the_past(world: World) -> None:
    before = world.only(SCORES_LOANS, LAST)
    model = Model("application_with_price", MODEL_DATES[1])
    assert promote(world.lake, settings(world.lake), Proposal(model, "As the committee decided", "Ada"), "run-1")
    world.run('key:"scores/loans"', LAST)
    assert_frame_equal(world.only(SCORES_LOANS, LAST).sort("loan_id"), before.sort("loan_id"), check_exact=True)
