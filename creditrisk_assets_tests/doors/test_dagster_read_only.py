"""The webserver for viewers, a real one: whatever it is asked to change is refused, and nothing is changed."""

import json
import os
import subprocess
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from creditrisk_assets_tests.commands import BIN
from creditrisk_assets_tests.doors.asking_dagster import Graph
from creditrisk_assets_tests.streaming.brokers import eventually, free_ports

HARMLESS = {"logTelemetry", "setNuxSeen"}
"""What the UI says of itself: nothing of it is about assets, runs or their history."""
REFUSALS = ("UnauthorizedError", "do not have permission")
CODE = """
import dagster as dg

@dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="some"))
def some(): ...

@dg.job(name="launched")
def launched():
    dg.op(name="nothing")(lambda: None)()

@dg.sensor(job=launched)
def watching(): ...

@dg.schedule(job=launched, cron_schedule="@daily")
def daily(): ...

defs = dg.Definitions(assets=[some], jobs=[launched], sensors=[watching], schedules=[daily])
"""
PLACE = {"repositoryLocationName": "some", "repositoryName": "__repository__"}


@dataclass(frozen=True)
class Served:
    """A webserver and the folder of its instance."""

    graph: Graph
    home: Path
    run: str

    def state(self) -> object:
        """Everything that a mutation could change."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            runs = [(run.run_id, run.status, dict(run.tags)) for run in instance.get_runs()]
            ticks = [one.status for one in instance.all_instigator_state()]
            wiped = instance.get_latest_materialization_event(dg.AssetKey("some")) is None
            keys = instance.get_dynamic_partitions("some")
            pools = instance.event_log_storage.get_concurrency_keys()
            return (
                runs,
                ticks,
                wiped,
                list(keys),
                [(one.backfill_id, one.status) for one in instance.get_backfills()],
                set(pools),
            )


@contextmanager
def webserver(home: Path, *options: str) -> Iterator[str]:
    """dagster-webserver over that instance; where it answers."""
    (port,) = free_ports(1)
    command = [str(BIN / "dagster-webserver"), "-p", str(port), "-w", str(home / "workspace.yaml"), *options]
    environment = os.environ | {"DAGSTER_HOME": str(home), "PYTHONWARNINGS": "ignore"}
    with (home / "webserver.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _up(url), seconds=420)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _backfill(instance: dg.DagsterInstance, name: str) -> PartitionBackfill:
    """One that an operator has asked for."""

    @dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="some"))
    def some() -> None:
        """As the code of the webserver has it."""

    graph = dg.Definitions([some]).get_repository_def().asset_graph
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Dagster calls what it has deprecated
        return PartitionBackfill.from_asset_partitions(
            backfill_id=name, asset_graph=graph, partition_names=["a"], asset_selection=[dg.AssetKey("some")],
            backfill_timestamp=1e9, tags={}, dynamic_partitions_store=instance, all_partitions=False, title=None,
            description=None, run_config=None,
        )  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """With a run, a materialization, a key of a partition and a pool that could be taken away."""
    home = tmp_path_factory.mktemp("dagster")
    (home / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\n"
        "run_coordinator: {module: dagster.core.run_coordinator, class: QueuedRunCoordinator}\n"
    )
    (home / "some.py").write_text(CODE)
    (home / "workspace.yaml").write_text(
        f"load_from: [{{python_file: {{relative_path: {home}/some.py, location_name: some}}}}]\n"
    )

    @dg.job
    def waiting() -> None:
        dg.op(name="nothing")(lambda: None)()

    with dg.DagsterInstance.from_config(str(home)) as instance:
        run = instance.create_run_for_job(waiting, status=dg.DagsterRunStatus.STARTED).run_id
        instance.report_runless_asset_event(dg.AssetMaterialization("some", partition="a"))
        instance.add_dynamic_partitions("some", ["a"])
        instance.event_log_storage.set_concurrency_slots("pool", 1)
        instance.add_backfill(_backfill(instance, "backfill"))
        instance.add_backfill(_backfill(instance, "over").with_status(BulkActionStatus.COMPLETED_SUCCESS))
    known = PLACE | {
        "pipelineName": "launched", "jobName": "launched", "sensorName": "watching", "scheduleName": "daily",
        "name": "watching", "runId": run, "runIds": [run], "parentRunId": run, "path": ["some"], "partitionKey": "b",
        "partitionKeys": ["a"], "partitionsDefName": "some", "concurrencyKey": "pool", "cursor": "b",
        "repositorySelector": PLACE, "mode": "default", "executionMetadata": {"tags": []}, "backfillId": "backfill",
        "launchRunReexecution.reexecutionParams": None, "launchPipelineReexecution.reexecutionParams": None,
        "assetSelection": [{"path": ["some"]}], "partitionNames": ["a"],
        "reexecutePartitionBackfill.reexecutionParams": {"parentRunId": "over", "strategy": "ALL_STEPS"},
    }  # fmt: skip
    with webserver(home, "--read-only") as url:
        yield Served(Graph(url, known | _states(Graph(url, {}))), home, run)


def _states(graph: Graph) -> dict[str, str]:
    """Identities of the sensor and the schedule, which those ask for who would stop them."""
    query = """query($of: RepositorySelector!) {
        sensorsOrError(repositorySelector: $of) { ... on Sensors { results { sensorState { id } } } }
        schedulesOrError(repositorySelector: $of) { ... on Schedules { results { scheduleState { id } } } }
    }"""
    answer = graph.ask(query, {"of": PLACE})["data"]
    (sensor,), (schedule,) = answer["sensorsOrError"]["results"], answer["schedulesOrError"]["results"]
    return {"stopSensor.id": sensor["sensorState"]["id"], "stopRunningSchedule.id": schedule["scheduleState"]["id"]}


def test_no_mutation_of_the_schema_is_done(served: Served) -> None:
    """All there are: one that a later Dagster brings is asked as well."""
    before, done = served.state(), {}
    mutations = served.graph.mutations()
    assert {"launchRun", "terminateRun", "deletePipelineRun", "wipeAssets", "launchPartitionBackfill"} <= set(mutations)
    for name, (query, variables) in mutations.items():
        answer = json.dumps(served.graph.ask(query, variables))
        if not any(refusal in answer for refusal in REFUSALS):
            done[name] = answer
    assert served.state() == before
    assert not {name: told for name, told in done.items() if name not in HARMLESS}, json.dumps(done, indent=1)


def test_a_launch_is_refused_and_no_run_is_stored(served: Served) -> None:
    before = served.state()
    query, variables = served.graph.mutations()["launchRun"]
    answer = served.graph.ask(query, variables)
    assert answer["data"]["launchRun"]["__typename"] == "UnauthorizedError"
    assert served.state() == before


def test_the_permissions_say_so_to_the_ui(served: Served) -> None:
    answer = served.graph.ask("{ permissions { permission value } }")
    told = {one["permission"]: one["value"] for one in answer["data"]["permissions"]}
    assert told["launch_pipeline_execution"] is False
    assert not [name for name, value in told.items() if value]


def test_what_is_only_looked_at_is_answered(served: Served) -> None:
    answer = served.graph.ask("{ runsOrError { ... on Runs { results { runId status } } } }")
    assert answer["data"]["runsOrError"]["results"] == [{"runId": served.run, "status": "STARTED"}]


FILES = [
    "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/logs/x/../../../dagster.yaml", "/download_debug/nobody",
    "/notebook?repoLocName=some&path=/etc/passwd", "/logs/%2e%2e%2f%2e%2e%2fdagster.yaml/x/stdout",
]  # fmt: skip


@pytest.mark.parametrize("path", FILES)
def test_no_file_of_the_machine_is_read(served: Served, path: str) -> None:
    try:
        with urllib.request.urlopen(f"{served.graph.url}{path}", timeout=60) as answer:
            text = answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        text = error.read().decode("utf-8", "replace")
    assert "root:x:0" not in text
    assert "QueuedRunCoordinator" not in text
