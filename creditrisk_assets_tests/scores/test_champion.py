"""The model in charge: the newest good one of the configured feature set."""

from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.contracts import MODELS_DIAGNOSTICS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.champion import champion
from creditrisk_assets.scores.policy import PolicyError
from creditrisk_assets_tests.world import MODEL_DATES, World


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


def test_it_is_the_newest_that_passed_with_the_platforms_scale_and_policy(batched: World) -> None:
    found = champion(batched.lake, settings(base_points=500.0, base_odds=20.0))
    assert found is not None
    assert found.model_date == MODEL_DATES[-1]
    assert (found.scale.base_points, found.scale.base_odds) == (500.0, 20.0)
    assert found.posterior.design.feature_set == "application"
    assert found.policy.version


@pytest.mark.parametrize(("failed", "expected"), [(0, MODEL_DATES[1]), (1, MODEL_DATES[0]), (2, None)])
def test_one_that_failed_a_gate_is_passed_over(batched: World, tmp_path: Path, failed: int, expected: object) -> None:
    lake = batched.copy(tmp_path).lake
    for day in list(reversed(MODEL_DATES))[:failed]:
        rows = lake.scan(MODELS_DIAGNOSTICS, [day]).collect()
        lake.overwrite(MODELS_DIAGNOSTICS, rows.with_columns(passed=pl.lit(False)), [day])
    found = champion(lake, settings())
    assert (found and found.model_date) == expected


def test_one_of_another_feature_set_does_not_count(batched: World, tmp_path: Path) -> None:
    lake = batched.copy(tmp_path).lake
    for day in MODEL_DATES:
        rows = lake.scan(MODELS_DIAGNOSTICS, [day]).collect()
        lake.overwrite(MODELS_DIAGNOSTICS, rows.filter(feature_set="application"), [day])
    assert champion(lake, settings(feature_set="application_with_price")) is None
    assert champion(lake, settings()) is not None


def test_there_is_none_before_the_first_model(tmp_path: Path) -> None:
    assert champion(Lake(str(tmp_path)), settings()) is None


def test_a_policy_that_cannot_be_used_is_named(batched: World, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"missing\.yaml: there is no such file"):
        champion(batched.lake, settings(policy=tmp_path / "missing.yaml"))
