"""A cluster as the tests see it: kubectl, and Dagster's GraphQL through a forwarded port."""

import contextlib
import json
import os
import re
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

NAMESPACE = "creditrisk"
KUBERNETES = Path(__file__).parents[1] / "kubernetes"
PATIENCE = float(os.environ.get("CREDITRISK_E2E_PATIENCE", "1"))
"""How many times slower than a quiet node of four cores yours may be."""
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}

Found = TypeVar("Found")


def kubectl(*arguments: str, given: str | None = None, check: bool = True) -> str:
    """What kubectl prints; an AssertionError with what it complains of."""
    done = subprocess.run(
        ["kubectl", "--namespace", NAMESPACE, *arguments], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or not check, f"kubectl {' '.join(arguments)}: {done.stderr.strip()}"
    return done.stdout


def listed(kind: str, **labels: str) -> list[dict[str, Any]]:
    """Objects of a kind that carry the labels."""
    selector = ",".join(f"{name}={value}" for name, value in labels.items())
    found: list[dict[str, Any]] = json.loads(kubectl("get", kind, "--selector", selector, "--output", "json"))["items"]
    return found


def pods_of(run_id: str, component: str) -> list[dict[str, Any]]:
    """Pods of a run: its `run_worker`, or each `step_worker`."""
    return listed("pods", **{"dagster/run-id": run_id, "app.kubernetes.io/component": component})


def eventually(question: Callable[[], Found | None], seconds: float, what: str) -> Found:
    """The first answer that is true; an AssertionError after `seconds` times CREDITRISK_E2E_PATIENCE."""
    until = time.monotonic() + seconds * PATIENCE
    while time.monotonic() < until:
        answer = question()
        if answer:
            return answer
        time.sleep(1)
    raise AssertionError(f"after {seconds * PATIENCE:.0f} s not so: {what}")


def in_pod(deployment: str, *command: str, check: bool = True) -> str:
    """What a command prints in a pod of a deployment."""
    return kubectl("exec", f"deployment/{deployment}", "--", *command, check=check).strip()


def make_secret(name: str, values: Mapping[str, str]) -> None:
    """A Secret from values that no command line and no log sees."""
    with tempfile.NamedTemporaryFile("w", suffix=".env") as file:
        file.writelines(f"{key}={value}\n" for key, value in values.items())
        file.flush()
        kubectl("create", "secret", "generic", name, f"--from-env-file={file.name}")


@contextlib.contextmanager
def forwarded(service: str, port: int) -> Iterator[str]:
    """Address of a service on this machine, while the block runs."""
    command = ["kubectl", "--namespace", NAMESPACE, "port-forward", f"service/{service}", f":{port}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.search(r"127\.0\.0\.1:(\d+)", line)
        assert match is not None, line
        yield f"http://127.0.0.1:{match[1]}"
    finally:
        process.terminate()
        process.wait(30)


@dataclass(frozen=True)
class Dagster:
    """The webserver at `url`."""

    url: str

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of an answer."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as told:
            answer = json.load(told)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def launch(self, job: str, **tags: str) -> str:
        """Launch a job as the launchpad does; the id of its run."""
        query = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
            __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
        params = {
            "selector": {**_REPOSITORY, "jobName": job},
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        }
        answer = self.ask(query, params=params)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def backfill(self, job: str, partitions: list[str]) -> str:
        """Backfill partitions of a job; the id of the backfill."""
        query = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
            __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
        selector = {"partitionSetName": f"{job}_partition_set", "repositorySelector": _REPOSITORY}
        answer = self.ask(query, params={"selector": selector, "partitionNames": partitions})["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def terminate(self, run_id: str) -> None:
        """Ask for the end of a run."""
        query = "mutation($run: String!) { terminateRun(runId: $run) { __typename } }"
        answer = self.ask(query, run=run_id)["terminateRun"]
        assert answer["__typename"] == "TerminateRunSuccess", answer

    def runs(self, **tags: str) -> dict[str, str]:
        """Status of every run with these tags, by id."""
        query = """query($filter: RunsFilter!) { runsOrError(filter: $filter) {
            ... on Runs { results { runId status } } } }"""
        wanted = [{"key": key.replace("__", "/"), "value": value} for key, value in tags.items()]
        found = self.ask(query, filter={"tags": wanted})["runsOrError"]["results"]
        return {one["runId"]: one["status"] for one in found}

    def status(self, run_id: str) -> str:
        """Status of a run."""
        query = "query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"
        return str(self.ask(query, run=run_id)["runOrError"]["status"])

    def reached(self, run_id: str, *statuses: str, seconds: float = 300) -> str:
        """The first of the statuses that a run has; an AssertionError when it ends in another."""
        wanted = set(statuses)

        def looked() -> str | None:
            now = self.status(run_id)
            assert now in wanted or now not in ENDED, f"run {run_id}: {now}; {self.reason(run_id)}"
            return now if now in wanted else None

        return eventually(looked, seconds, f"run {run_id} is {' or '.join(statuses)}")

    def reason(self, run_id: str) -> str:
        """Messages of the events of a run that did not go well."""
        query = """query($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
            __typename ... on MessageEvent { message }
            ... on ExecutionStepFailureEvent { error { message cause { message } } } } } } }"""
        events = self.ask(query, run=run_id)["logsForRun"]["events"]
        bad = [one for one in events if "Failure" in one["__typename"] or "Engine" in one["__typename"]]
        return json.dumps(bad[-6:])[:3000]


_REPOSITORY = {"repositoryLocationName": "creditrisk", "repositoryName": "__repository__"}
