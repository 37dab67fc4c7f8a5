"""Dagster keeps runs, events and ticks in PostgreSQL when the platform has one."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml

from creditrisk_assets.local import home as module
from creditrisk_assets.local.home import Home, prepare
from creditrisk_assets.local.instance import dagster_yaml
from creditrisk_assets.resources.history import forget_runs
from creditrisk_assets.serving.connection import sqlalchemy_url
from creditrisk_assets_tests.serving.databases import Database


@dg.asset
def answer() -> int:
    return 42


@dg.job
def streaming() -> None:
    dg.op(name="nothing")(lambda: None)()


@dg.job
def batch_like() -> None:
    dg.op(name="nothing")(lambda: None)()


@pytest.fixture
def home(tmp_path: Path, postgres: Database, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(os, "environ", os.environ | postgres.environment)
    monkeypatch.setattr(module, "DEMO_ENV", tmp_path / "demo.env")
    found = Home(tmp_path)
    prepare(found, {"CREDITRISK_LOANS": "/a.csv"})
    return found


@pytest.fixture
def instance(home: Home) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home.dagster)) as found:
        yield found


def test_a_run_and_its_events_are_in_the_database(home: Home, instance: dg.DagsterInstance, postgres: Database) -> None:
    result = dg.materialize([answer], instance=instance, resources={"io_manager": dg.mem_io_manager})
    assert result.success
    assert postgres.rows("SELECT run_id, status FROM runs") == [(result.run_id, "SUCCESS")]
    ((events,),) = postgres.rows("SELECT count(*) FROM event_logs WHERE asset_key = '[\"answer\"]'")
    assert events >= 1
    assert postgres.rows("SELECT count(*) FROM job_ticks") == [(0,)]
    assert sorted(path.name for path in home.dagster.iterdir() if path.is_file()) == ["dagster.yaml"]
    assert not (home.dagster / "history").exists()


def test_children_find_it_in_the_way_sqlalchemy_wants_it_and_the_file_holds_no_password(
    home: Home, postgres: Database
) -> None:
    assert os.environ["CREDITRISK_POSTGRES_URL"] == sqlalchemy_url(postgres.url)
    text = (home.dagster / "dagster.yaml").read_text()
    assert yaml.safe_load(text)["storage"] == {"postgres": {"postgres_url": {"env": "CREDITRISK_POSTGRES_URL"}}}
    assert "postgresql" not in text


def test_a_reader_of_the_serving_tables_cannot_look_into_the_history(
    instance: dg.DagsterInstance, postgres: Database
) -> None:
    assert instance.get_runs_count() == 0
    with postgres.connect("reader") as connection, pytest.raises(Exception, match="permission denied for table runs"):
        connection.execute("SELECT * FROM runs")


def test_finished_runs_of_one_job_are_forgotten_with_their_events(
    instance: dg.DagsterInstance, postgres: Database
) -> None:
    old = [streaming.execute_in_process(instance=instance).run_id for _ in range(3)]
    other = batch_like.execute_in_process(instance=instance).run_id
    running = instance.create_run_for_job(streaming, status=dg.DagsterRunStatus.STARTED).run_id
    assert forget_runs(instance, "streaming", datetime.now(UTC) - timedelta(hours=1)) == 0
    assert forget_runs(instance, "streaming", datetime.now(UTC) + timedelta(hours=1)) == 3
    kept = {run_id for (run_id,) in postgres.rows("SELECT run_id FROM runs")}
    assert kept == {other, running}
    assert not {run_id for (run_id,) in postgres.rows("SELECT run_id FROM event_logs")} & set(old)


def test_ticks_are_forgotten_by_dagster_itself() -> None:
    for postgres in (False, True):
        retention = yaml.safe_load(dagster_yaml(postgres))["retention"]
        assert retention["sensor"]["purge_after_days"] == {"skipped": 7, "failure": 30, "success": 30}
        assert retention["schedule"]["purge_after_days"] == 90
