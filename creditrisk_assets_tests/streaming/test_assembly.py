"""Which models are in charge of the stream, and what a run is put together from."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import MODELS_BEHAVIOUR, MODELS_DIAGNOSTICS, SCORES_LOANS
from creditrisk_assets.models.behaviour import prior_of
from creditrisk_assets.models.histories import rows_of
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.assembly import assembled, models_in_charge
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.streaming.brokers import DevelopmentBroker
from creditrisk_assets_tests.streaming.flowing import (
    Platform,
    behaviour_model,
    did,
    renewed_topics,
    settings_of,
    with_behaviour,
)
from creditrisk_assets_tests.world import MODEL_DATES, World


@pytest.fixture
def lake(batched: World, tmp_path: Path) -> Lake:
    return batched.copy(tmp_path).lake


def test_the_champion_and_what_was_learned_of_behaviour_are_in_charge(lake: Lake) -> None:
    found = models_in_charge(with_behaviour(lake), settings_of(lake))
    assert found is not None
    assert found.scoring.model_date == MODEL_DATES[-1]
    assert found.behaviour.version == behaviour_model().version


def test_without_a_posterior_that_passed_there_is_nobody(lake: Lake, tmp_path: Path) -> None:
    empty = Lake(str(tmp_path / "empty"))
    assert models_in_charge(empty, settings_of(empty)) is None


def test_a_behaviour_model_that_failed_its_gates_leaves_the_applications_pd(lake: Lake) -> None:
    rows = rows_of(behaviour_model(), Path("history")).with_columns(passed=pl.lit(False))
    lake.overwrite(MODELS_BEHAVIOUR, rows)
    found = models_in_charge(lake, settings_of(lake))
    assert found is not None
    assert found.behaviour.version == "none"
    book = lake.scan(SCORES_LOANS).select("pd_low", "pd_high").collect()
    mean, variance = prior_of(book["pd_low"], book["pd_high"])
    assert found.behaviour.average == pytest.approx((mean.mean(), mean.var() + variance.mean()))


def test_without_scores_of_a_book_its_average_is_that_of_the_model(batched: World, lake: Lake) -> None:
    import shutil

    expected = models_in_charge(lake, settings_of(lake))
    shutil.rmtree(lake.uri(SCORES_LOANS))
    found = models_in_charge(lake, settings_of(lake))
    assert found is not None
    assert expected is not None
    assert found.behaviour.average[0] == pytest.approx(expected.behaviour.average[0], abs=0.7)
    assert 0 < found.behaviour.average[1] < 3


def test_a_posterior_that_failed_is_not_in_charge_and_an_older_one_that_passed_is(lake: Lake) -> None:
    newest = lake.scan(MODELS_DIAGNOSTICS, [MODEL_DATES[-1]]).collect()
    lake.overwrite(MODELS_DIAGNOSTICS, newest.with_columns(passed=pl.lit(False)), [MODEL_DATES[-1]])
    found = models_in_charge(lake, settings_of(lake))
    assert found is not None
    assert found.scoring.model_date == MODEL_DATES[0]


def test_a_run_without_postgresql_serves_nobody_and_one_with_it_does(
    lake: Lake, development: DevelopmentBroker, postgres: Database
) -> None:
    development.ensure()
    renewed_topics(development)
    for database in (None, postgres):
        platform = Platform(with_behaviour(lake), development, database)
        points: list[str] = []
        with assembled(lake, platform.values, at=points.append) as pipeline:
            assert (pipeline.follower is None) is (database is None)
            pipeline.catch_up()
            platform.send(did("c-1", days=-1.0 if database is None else -2.0))
            assert pipeline.step() is not None
        assert points[-1] == ("after_scores" if database is None else "after_postgres")
    assert np.isfinite(postgres.rows("SELECT pd FROM serving.live_risk")[0][0])
    with assembled(lake, platform.values) as pipeline:
        assert pipeline.reached is not None
        assert pipeline.reached.date() >= date(2020, 1, 1)
