"""Dagster of deploy/: accepted by Dagster, kept like a laptop's but for what production needs, and without a secret."""

from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.workspace.load import location_origins_from_yaml_paths

from creditrisk_assets.local.instance import DAGSTER_YAML
from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.serving.databases import Database

FILE = PROJECT / "deploy" / "dagster.yaml"


def test_what_a_laptop_keeps_and_forgets_production_does_too() -> None:
    ours, laptop = yaml.safe_load(FILE.read_text()), yaml.safe_load(DAGSTER_YAML)
    for name in ("telemetry", "nux", "sensors", "run_coordinator", "retention"):
        theirs = laptop[name]
        if name == "run_coordinator":  # `dagster.core` and `dagster._core` are one
            theirs = {**theirs, "module": ours[name]["module"]}
        assert ours[name] == theirs, name


def test_the_password_of_its_database_comes_from_the_environment() -> None:
    database = yaml.safe_load(FILE.read_text())["storage"]["postgres"]["postgres_db"]
    assert database["password"] == {"env": "DAGSTER_POSTGRES_PASSWORD"}
    assert database["scheme"] == "postgresql+psycopg2"


def test_dagster_accepts_it_and_writes_nothing_beside_it(
    tmp_path: Path, postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, home = postgres.server, tmp_path / "home"
    home.mkdir()
    document = yaml.safe_load(FILE.read_text())
    document["storage"]["postgres"]["postgres_db"]["port"] = server.port
    (home / "dagster.yaml").write_text(yaml.safe_dump(document))
    given = {"HOST": "127.0.0.1", "DATABASE": postgres.name, "USER": "creditrisk"}
    for name, value in {**given, "PASSWORD": server.cluster.password("creditrisk")}.items():
        monkeypatch.setenv(f"DAGSTER_POSTGRES_{name}", value)
    home.chmod(0o555)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_runs_count() == 0
        assert instance.run_retries_enabled
        assert instance.run_monitoring_enabled
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 5
        assert queue.tag_concurrency_limits == [{"key": "dagster/backfill", "limit": 2}]
    assert [path.name for path in home.iterdir()] == ["dagster.yaml"]
    assert postgres.rows("SELECT count(*) FROM runs") == [(0,)]


def test_the_workspace_asks_a_code_server_and_loads_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_CODE_SERVER_HOST", "code")
    (origin,) = location_origins_from_yaml_paths([str(PROJECT / "deploy" / "workspace.yaml")])
    assert (origin.location_name, getattr(origin, "host", None), getattr(origin, "port", None)) == (
        "creditrisk", "code", 4000
    )  # fmt: skip
