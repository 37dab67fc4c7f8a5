"""Asking Dagster: the question against its real schema, the answer against what a server may do."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dagster as dg
import pytest

from creditrisk_assets.serving.runs import (
    QUERY,
    DagsterUnavailableError,
    asset_link,
    orchestration,
    run_link,
    understood,
)
from creditrisk_assets_tests.world import World

Serving = Callable[[int, bytes], str]


@pytest.fixture
def serving() -> Iterator[Serving]:
    """A server that gives one answer to everything, and its address."""
    running: list[ThreadingHTTPServer] = []

    def serve(status: int, answer: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert asked["query"] == QUERY
                self.send_response(status)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in running:
        server.shutdown()
        server.server_close()


def answered(**other: Any) -> dict[str, Any]:
    run = {"runId": "abc", "jobName": "batch", "status": "SUCCESS", "creationTime": 1e9, "startTime": 1e9 + 1,
           "endTime": 1e9 + 4.5}  # fmt: skip
    entries = [{"label": "rate", "floatValue": 3.5}, {"label": "lag", "intValue": 42}]
    told = {
        "runsOrError": {"__typename": "Runs", "results": [run, run | {"endTime": None, "status": "STARTED"}]},
        "instance": {"daemonHealth": {"allDaemonStatuses": [
            {"daemonType": "SENSOR", "required": True, "healthy": False},
            {"daemonType": "ASSET", "required": False, "healthy": False},
        ]}},
        "assetOrError": {"__typename": "Asset", "assetMaterializations": [
            {"timestamp": "1000000000000", "metadataEntries": entries}
        ]},
    }  # fmt: skip
    return {"data": told | other}


def test_the_answer_of_a_real_dagster_is_understood(batched: World) -> None:
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import EmptyWorkspaceTarget
    from dagster_graphql.schema import create_schema

    asked = {"limit": 5, "asset": {"path": ["raw", "events"]}}
    with (
        dg.DagsterInstance.local_temp(str(batched.root / "history")) as instance,
        WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as process,
    ):
        known = instance.get_runs(limit=5)
        context = process.create_request_context()
        result = asyncio.run(create_schema().execute_async(QUERY, context_value=context, variable_values=asked))
    assert not result.errors
    found = understood({"data": result.data})
    assert found.runs["run_id"].to_list() == [run.run_id for run in known]
    assert found.runs["job"].to_list() == [run.job_name for run in known]
    assert set(found.runs["status"]) == {"SUCCESS"}
    assert found.runs["seconds"].min() > 0  # type: ignore[operator]
    assert found.lag is None


def test_runs_lag_and_daemons_are_told(serving: Serving) -> None:
    found = orchestration(serving(200, json.dumps(answered()).encode()))
    assert found.runs["run_id"].to_list() == ["abc", "abc"]
    assert found.runs["seconds"].to_list() == [3.5, None]
    assert (found.lag, found.lag_at) == (42, datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC))
    assert found.ill == ("SENSOR",)


def test_a_stream_that_never_ran_has_no_lag() -> None:
    found = understood(answered(assetOrError={"__typename": "AssetNotFoundError"}))
    assert found.lag is found.lag_at is None


@pytest.mark.parametrize(
    ("status", "answer"),
    [(500, b"oops"), (200, b"<html>"), (200, b"\xff\xfe"), (200, b"[]"), (200, b"{}"), (200, b'{"data": null}'),
     (200, json.dumps(answered(instance=None)).encode()), (404, b"")],
)  # fmt: skip
def test_whatever_else_answers_is_told_and_never_raised_as_such(serving: Serving, status: int, answer: bytes) -> None:
    with pytest.raises(DagsterUnavailableError, match=r"CREDITRISK_DAGSTER_URL"):
        orchestration(serving(status, answer))


def test_an_error_of_dagster_is_passed_on() -> None:
    with pytest.raises(DagsterUnavailableError, match="locked"):
        understood(answered(runsOrError={"__typename": "PythonError", "message": "locked"}))


def test_nobody_listening_is_told_at_once() -> None:
    with pytest.raises(DagsterUnavailableError, match="make demo"):
        orchestration("http://127.0.0.1:9")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "127.0.0.1:3000", ""])
def test_only_an_address_of_the_web_is_asked(url: str) -> None:
    with pytest.raises(DagsterUnavailableError, match="write it as"):
        orchestration(url)


def test_links_lead_into_the_dagster_ui() -> None:
    assert asset_link("http://127.0.0.1:3000/", "raw/loans") == "http://127.0.0.1:3000/assets/raw/loans"
    assert run_link("http://127.0.0.1:3000", "a/b?c") == "http://127.0.0.1:3000/runs/a%2Fb%3Fc"
