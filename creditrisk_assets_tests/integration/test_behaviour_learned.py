"""models/behaviour: learned from a history where there is one, empty where there is none."""

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from creditrisk_assets.contracts import MODELS_BEHAVIOUR
from creditrisk_assets.models.histories import model_of
from creditrisk_assets.simulation.history import simulate_history
from creditrisk_assets_tests.world import World


def learned(world: World) -> dg.ExecuteInProcessResult:
    job = world.definitions.resolve_job_def("learn_behaviour")
    return job.execute_in_process(raise_on_error=False)


def test_without_a_history_nothing_is_learned_and_the_stream_may_run(tmp_path: Path) -> None:
    world = World(tmp_path, None)
    assert learned(world).success
    rows = world.lake.scan(MODELS_BEHAVIOUR).collect()
    assert rows.is_empty()
    assert model_of(rows) is None


def test_a_history_becomes_a_model_that_keeps_its_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = simulate_history(customers=4_000, seed=2, out=tmp_path / "history")
    monkeypatch.setenv("CREDITRISK_HISTORY", str(history.folder))
    world = World(tmp_path, None)
    result = learned(world)
    assert result.success
    assert {check.check_name: check.passed for check in result.get_asset_check_evaluations()} == {
        "keeps_its_contract": True, "sampled_well": True,
    }  # fmt: skip
    (event,) = result.get_asset_materialization_events()
    assert "spikes_3m" in str(event.materialization.metadata["effects"].value)
    rows = world.lake.scan(MODELS_BEHAVIOUR).collect()
    assert rows.select("customers", "defaults").row(0) == (history.landmarks, history.defaults)
    model = model_of(rows)
    assert model is not None
    assert rows["version"].to_list() == [model.version]
    assert model.effects().select(pl.col("share").sum().over("factor") == 1.0).height > len(model.factors)


def test_a_history_that_cannot_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_HISTORY", str(tmp_path / "nowhere"))
    result = learned(World(tmp_path, None))
    (failure,) = result.get_step_failure_events()
    assert "events.parquet does not exist: write it, or point CREDITRISK_HISTORY" in str(
        failure.step_failure_data.error
    )
