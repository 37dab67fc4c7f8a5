"""A posterior that fails its gates is kept, told about, and never scores."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.automation import Stage, run_stage
from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MODELS_BACKTEST,
    MODELS_COMPARISON,
    MODELS_DIAGNOSTICS,
    MODELS_MOMENTS,
    MODELS_PARAMETERS,
    MODELS_POSTERIOR,
    SCORES_LINEAGE,
    SCORES_LOANS,
)
from creditrisk_assets.models import artifacts
from creditrisk_assets.models.records import Expansion
from creditrisk_assets_tests.world import MODEL_DATES, VINTAGES, World, checked

EARLIER, LATER = MODEL_DATES
YOUNG = VINTAGES[24:]
BAD = (pl.lit(1.2).alias("r_hat_max"), pl.lit(12, pl.Int64).alias("divergences"), pl.lit(False).alias("passed"))


def failing(world: World, *model_dates: date) -> None:
    """Rewrite the diagnostics of some model dates as those of a chain that did not converge."""
    for day in model_dates:
        world.lake.overwrite(MODELS_DIAGNOSTICS, world.only(MODELS_DIAGNOSTICS, day).with_columns(*BAD), [day])


def scored_by(world: World) -> dict[date, date | None]:
    return dict(world.only(SCORES_LINEAGE, *YOUNG).select("vintage", "model_date").rows())


def test_the_check_names_every_model_and_gate_that_failed(tmp_path: Path, batched: World) -> None:
    world = batched.copy(tmp_path)
    failing(world, LATER)
    assert checked(world, "sampled_well", "models/posterior", EARLIER) is None
    told = checked(world, "sampled_well", "models/posterior", LATER)
    gates = "r_hat_max 1.2 > 1.01, divergences 12 > 0"
    assert told == {
        "failed": f"{LATER} application: {gates}; {LATER} application_with_price: {gates}",
        "models": 2,
    }


def test_the_latest_older_good_model_scores_instead(tmp_path: Path, batched: World) -> None:
    world = batched.copy(tmp_path)
    failing(world, LATER)
    world.run("group:scores", YOUNG[0], YOUNG[-1])
    assert scored_by(world) == dict.fromkeys(YOUNG, EARLIER)
    assert world.only(SCORES_LOANS, LATER)["model_date"].unique().to_list() == [EARLIER]
    assert world.only(SCORES_LOANS, LATER)["loan_id"].equals(batched.only(SCORES_LOANS, LATER)["loan_id"])


def test_without_any_good_model_loans_stay_unscored_and_the_lineage_says_so(tmp_path: Path, batched: World) -> None:
    world = batched.copy(tmp_path)
    failing(world, EARLIER, LATER)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        result = world.run("group:scores", YOUNG[0], YOUNG[-1], instance=instance)
        logged = " ".join(record.user_message for record in instance.all_logs(result.run_id))
    loans = world.only(FEATURES_LOANS, *YOUNG).height
    assert scored_by(world) == dict.fromkeys(YOUNG)
    assert world.only(SCORES_LOANS, *YOUNG).is_empty()
    assert world.only(SCORES_LINEAGE, *YOUNG).select("scored", "unscored").sum().row(0) == (0, loans)
    assert f"{loans} loans have no good model dated before their vintage: no score" in logged


def test_a_lake_without_models_leaves_every_loan_unscored(tmp_path: Path, ingested: World) -> None:
    world = ingested.copy(tmp_path)
    world.run("group:scores", YOUNG[0], YOUNG[-1])
    lineage = world.rows(SCORES_LINEAGE)
    assert lineage["scored"].sum() == 0
    assert lineage["posterior_version"].null_count() == len(YOUNG)
    assert world.rows(SCORES_LOANS).is_empty()


def test_a_vintage_unlike_its_book_is_warned_of_and_ends_nothing(tmp_path: Path, batched: World) -> None:
    world = batched.copy(tmp_path)
    unlike = world.only(MODELS_BACKTEST, LATER).with_columns(low_left_out=0.0, high_left_out=0.0)
    world.lake.overwrite(MODELS_BACKTEST, unlike, [LATER])
    key = dg.AssetCheckKey(dg.AssetKey(list(MODELS_BACKTEST.key)), "predicts_its_vintages")
    job = dg.define_asset_job("some", selection=dg.AssetSelection.checks(key))
    definitions = dg.Definitions.merge(world.definitions, dg.Definitions(jobs=[job]))
    said: list[str] = []
    with dg.DagsterInstance.ephemeral() as instance:
        run_stage(Stage("check", "some", str(LATER), str(LATER), 1), definitions, instance, said.append)
    (told,) = said
    assert told.startswith("check failed: models/backtest predicts_its_vintages (")
    assert "held_left_out: 0" in told


def test_the_batch_keeps_a_failing_posterior_tells_of_it_and_goes_on(
    tmp_path: Path, batched: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = batched.copy(tmp_path)
    failing(world, LATER)
    stored = [batched.rows(table) for table in (MODELS_POSTERIOR, MODELS_PARAMETERS, MODELS_MOMENTS)]
    stored += [world.only(MODELS_DIAGNOSTICS, LATER), batched.rows(MODELS_BACKTEST)]

    def sampled_badly(
        features: pl.LazyFrame, evidence: pl.DataFrame, expansion: Expansion, window: object
    ) -> artifacts.KeptPosterior:
        mine = {"model_date": expansion.model_date, "feature_set": expansion.design.feature_set}
        draws, parameters, moments, diagnostics, backtest = (frame.filter(**mine) for frame in stored)
        return artifacts.KeptPosterior(
            draws, parameters, moments, diagnostics, backtest, {"median": 0.1}, b"\x89HDF", "sampled badly"
        )

    # Only the outcome of the fit is given; run, tables, checks and what follows are the real ones.
    monkeypatch.setattr(artifacts, "fit_as_known", sampled_badly)
    said: list[str] = []
    train = Stage("models", "train_models", LATER.isoformat(), LATER.isoformat(), 1)
    with dg.DagsterInstance.ephemeral() as instance:
        run_stage(train, world.definitions, instance, said.append)
        score = replace(train, name="scores", job="score_vintages")
        run_stage(score, world.definitions, instance, said.append)
    assert len(said) == 1
    assert said[0].startswith(f"check failed: models/posterior sampled_well (failed: {LATER} application: r_hat_max")
    assert world.lake.version(MODELS_POSTERIOR) == batched.lake.version(MODELS_POSTERIOR) + 1
    assert_frame_equal(world.rows(MODELS_POSTERIOR), batched.rows(MODELS_POSTERIOR))
    assert world.lake.version(MODELS_COMPARISON) == batched.lake.version(MODELS_COMPARISON)
    assert world.only(SCORES_LOANS, LATER)["model_date"].unique().to_list() == [EARLIER]
