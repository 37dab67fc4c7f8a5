"""The job `promote` as people launch it, the command that tells who decides, and jobs that must not promote."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, get_args

import dagster as dg
import polars as pl
import pytest
from click.testing import CliRunner

from creditrisk_assets.automation import QUIET, train_models
from creditrisk_assets.cli import main
from creditrisk_assets.contracts import FEATURE_SETS, MODELS_DIAGNOSTICS, MODELS_PROMOTIONS
from creditrisk_assets.models.registry.assets import PromotionConfig
from creditrisk_assets.models.registry.automation import promote
from creditrisk_assets.models.registry.promoting import Proposal
from creditrisk_assets.models.registry.promoting import promote as promoted
from creditrisk_assets.models.registry.record import Model, promotions
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets_tests.world import MODEL_DATES, World

KEY = dg.AssetKey(list(MODELS_PROMOTIONS.key))
PRICED = {"feature_set": "application_with_price", "model_date": "2016-04-01",
          "reason": "Its intervals are narrower", "promoted_by": "Ada"}  # fmt: skip


@pytest.fixture
def world(batched: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    copy = batched.copy(tmp_path)
    monkeypatch.setenv("CREDITRISK_LAKE", copy.lake.root)
    yield copy


def launch(world: World, **config: str) -> dg.ExecuteInProcessResult:
    """One run of the job."""
    job = world.definitions.resolve_job_def(promote.name)
    given = QUIET | {"ops": {"models__promotions": {"config": PRICED | config}}}
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(given, instance=instance)


def told(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["champion", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_run_with_a_reason_promotes_and_its_table_keeps_the_contract(world: World) -> None:
    result = launch(world)
    assert result.success
    assert [check.passed for check in result.get_asset_check_evaluations()] == [True]
    (made,) = promotions(world.lake)
    assert (made.model, made.run_id) == (Model(PRICED["feature_set"], MODEL_DATES[1]), result.run_id)
    (event,) = result.get_asset_materialization_events()
    shown = event.step_materialization_data.materialization.metadata
    assert shown["champion"].value == "application_with_price of 2016-04-01"
    assert shown["reason"].value == PRICED["reason"]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"reason": "because"}, "The reason has 7 characters: write 10 to 2,000"),
        ({"model_date": "spring"}, "model_date is 'spring': write it as 2016-04-01"),
        ({"model_date": "2011-01-01"}, "materialise models/posterior of 2011-01-01 first"),
        ({"promoted_by": " "}, "set promoted_by"),
    ],
)
def test_a_run_that_cannot_be_fails_with_the_remedy_and_leaves_no_row(
    world: World, config: dict[str, str], said: str
) -> None:
    with pytest.raises(dg.Failure, match=said):
        launch(world, **config)
    assert promotions(world.lake) == []


def test_without_config_it_does_not_start_and_shows_what_to_fill_in(world: World) -> None:
    job = world.definitions.resolve_job_def(promote.name)
    with pytest.raises(dg.DagsterInvalidConfigError, match="Missing required config entry") as error:
        job.execute_in_process(QUIET)
    for name in PRICED:
        assert f"'{name}'" in str(error.value)


def test_feature_sets_of_the_config_are_those_of_the_contracts() -> None:
    assert get_args(PromotionConfig.model_fields["feature_set"].annotation) == FEATURE_SETS


def test_no_other_job_promotes() -> None:
    from creditrisk_assets.definitions import defs

    found = [job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")
             and job.asset_layer and KEY in job.asset_layer.executable_asset_keys]  # fmt: skip
    assert found == [promote.name]
    assert KEY not in defs.resolve_job_def(train_models.name).asset_layer.executable_asset_keys


def test_the_command_says_that_the_newest_decides_until_somebody_is_promoted(world: World) -> None:
    output = told()
    assert output.startswith("application of 2016-04-01 decides: nobody was promoted so far")
    assert "application_with_price of 2016-04-01, the challenger that scores in shadow" in output
    assert "loans issued since both were trained: " in output


def test_the_command_says_who_decides_since_when_and_why(world: World) -> None:
    values = Settings(_env_file=None, lake=world.lake.root)  # type: ignore[call-arg]
    model = Model(PRICED["feature_set"], MODEL_DATES[1])
    made = promoted(world.lake, values, Proposal(model, PRICED["reason"], "Ada"), "run-7")
    assert made is not None
    first, reason, *rest = told().splitlines()
    assert first == (
        f"{model} decides since {made.promoted_at:%Y-%m-%d %H:%M} UTC, promoted by Ada in run run-7; "
        "before: application of 2016-04-01"
    )
    assert reason.strip() == PRICED["reason"]
    assert "application of 2016-04-01, the challenger that scores in shadow" in "\n".join(rest)
    assert any(line.strip().startswith("log loss: ") for line in rest)


def test_the_command_in_a_lake_without_models_says_what_to_materialise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDITRISK_LAKE", str(tmp_path))
    assert told().splitlines() == [
        "Nobody decides: no posterior has passed its gates. Materialise models/posterior first.", "",
        "No other posterior has passed its gates.",
    ]  # fmt: skip


def test_what_every_vintage_said_is_among_the_evidence(world: World) -> None:
    vintages = (date(2016, 1, 1), date(2016, 4, 1))
    world.run('key:"scores/challenger"', *vintages)
    made: Any = launch(world)
    assert made.success
    found = json.loads(world.lake.scan(MODELS_PROMOTIONS).collect()["evidence"][0])
    assert found["as_scored"]["loans"] > found["these_models"]["loans"] > 0
    world.lake.overwrite(
        MODELS_DIAGNOSTICS,
        world.only(MODELS_DIAGNOSTICS, MODEL_DATES[1]).with_columns(
            passed=pl.col("feature_set") == "application_with_price"
        ),
        [MODEL_DATES[1]],
    )
    output = told()  # the side from which it is seen has changed: the one before is the challenger now
    assert f"every vintage by the models of its time: {found['as_scored']['loans']:,} loans" in output
