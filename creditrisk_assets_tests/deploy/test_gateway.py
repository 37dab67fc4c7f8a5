"""The door for people: a real httpd, a login over OIDC, and two real webservers of Dagster behind it."""

import contextlib
import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from creditrisk_assets_tests.commands import BIN
from creditrisk_assets_tests.dashboard.identity_provider import SECRET, identity_provider
from creditrisk_assets_tests.deploy.gateway import HOST, PASSPHRASE, Answer, Gateway, echo, gateway, httpd
from creditrisk_assets_tests.streaming.brokers import eventually, free_ports

CODE = """
import dagster as dg

@dg.job
def some():
    dg.op(name="nothing")(lambda: None)()

defs = dg.Definitions(jobs=[some])
"""
LAUNCH = {
    "query": """mutation($of: ExecutionParams!) { launchRun(executionParams: $of) { __typename } }""",
    "variables": {
        "of": {
            "selector": {
                "repositoryLocationName": "some", "repositoryName": "__repository__", "pipelineName": "some",
            },
            "runConfigData": {},
            "mode": "default",
        }
    },
}  # fmt: skip
COUNT = {"query": "{ runsOrError { ... on Runs { count } } }"}


@contextlib.contextmanager
def webserver(home: Path, prefix: str, *options: str) -> Iterator[str]:
    """dagster-webserver over a job of its own."""
    (port,) = free_ports(1)
    command = [str(BIN / "dagster-webserver"), "-h", HOST, "-p", str(port), "-w", str(home / "workspace.yaml"),
               "--path-prefix", prefix, *options]  # fmt: skip
    environment = os.environ | {"DAGSTER_HOME": str(home), "PYTHONWARNINGS": "ignore"}
    with (home / f"webserver-{port}.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield f"http://{HOST}:{port}"
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway before a writable and a read-only webserver, and stand-ins for dashboard and API."""
    httpd()
    home, run = tmp_path_factory.mktemp("dagster"), tmp_path_factory.mktemp("gateway")
    (home / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\n"
        "run_coordinator: {module: dagster.core.run_coordinator, class: QueuedRunCoordinator}\n"
    )
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.get_runs_count()  # two webservers that make its tables at once stumble over each other
    (home / "some.py").write_text(CODE)
    (home / "workspace.yaml").write_text(
        f"load_from: [{{python_file: {{relative_path: {home}/some.py, location_name: some}}}}]\n"
    )
    with (
        identity_provider() as provider,
        webserver(home, "/operate") as operate,
        webserver(home, "/view", "--read-only") as view,
        echo("dashboard") as dashboard,
        echo("api") as api,
    ):
        for url in (f"{operate}/operate", f"{view}/view"):
            eventually(lambda url=url: _up(url), seconds=600)
        with gateway(run, provider, operate=operate, view=view, dashboard=dashboard, api=api) as found:
            yield found


def _up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def launched(answer: Answer) -> str:
    """How a launch was answered."""
    assert answer.status == 200, answer
    name: str = json.loads(answer.text)["data"]["launchRun"]["__typename"]
    return name


def counted(answer: Answer) -> int:
    assert answer.status == 200, answer
    count: int = json.loads(answer.text)["data"]["runsOrError"]["count"]
    return count


@pytest.mark.parametrize("path", ["/operate", "/operate/runs", "/view", "/view/runs?a=b"])
def test_whoever_is_unknown_is_sent_to_the_login(door: Gateway, path: str) -> None:
    answer = door.person().open(path, follow=False)
    assert answer.status == 302
    assert "/authorize?" in answer.headers["Location"]
    assert "code_challenge_method=S256" in answer.headers["Location"]


@pytest.mark.parametrize("path", ["/operate/graphql", "/view/graphql"])
def test_whoever_is_unknown_can_ask_and_launch_nothing(door: Gateway, path: str) -> None:
    for body in (LAUNCH, COUNT):
        assert door.person().open(path, body, follow=False).status == 401
    stranger = door.person()
    assert stranger.open(path, follow=False, headers={"Upgrade": "websocket", "Connection": "Upgrade"}).status == 401
    assert stranger.open(path, follow=False, headers={"X-Requested-With": "XMLHttpRequest"}).status == 401
    assert len(stranger.jar) == 0


@pytest.mark.parametrize(
    "path",
    ["//operate/server_info", "/view/../operate/server_info", "/view/%2e%2e/operate/server_info",
     "/%6fperate/server_info", "/v1/../operate/server_info", "/./operate/server_info", "/operate;/server_info",
     "/OPERATE/server_info", "/view/..%2foperate/server_info", "/operate%00/server_info", "/operate%2fserver_info"],
)  # fmt: skip
def test_no_spelling_of_a_path_leads_past_the_login(door: Gateway, path: str) -> None:
    answer = door.person().open(path, follow=False)
    assert "dagster_webserver_version" not in answer.text
    if answer.status == 200:  # then it is what everyone may ask
        assert json.loads(answer.text)["upstream"] in ("dashboard", "api")


def test_headers_do_not_make_anybody_somebody(door: Gateway) -> None:
    claimed = {"OIDC_CLAIM_groups": "credit-officers", "Remote-User": "olivia", "Authorization": "Bearer x"}
    answer = door.person().open("/operate/graphql", COUNT, follow=False, headers=claimed)
    assert answer.status == 401


def test_an_operator_launches_and_a_viewer_looks_and_cannot(door: Gateway) -> None:
    operator, viewer = door.person(), door.person()
    page = operator.log_in("olivia", "/operate/runs")
    assert (page.status, page.url) == (200, f"{door.root}/operate/runs")
    assert "Dagster" in page.text
    before = counted(operator.open("/operate/graphql", COUNT))
    assert launched(operator.open("/operate/graphql", LAUNCH)) == "LaunchRunSuccess"
    assert viewer.log_in("victor", "/view").status == 200
    assert counted(viewer.open("/view/graphql", COUNT)) == before + 1
    assert launched(viewer.open("/view/graphql", LAUNCH)) == "UnauthorizedError"
    for body in (LAUNCH, COUNT):
        assert viewer.open("/operate/graphql", body).status == 403
    assert viewer.open("/operate").status == 403
    assert launched(operator.open("/view/graphql", LAUNCH)) == "UnauthorizedError"
    assert counted(operator.open("/operate/graphql", COUNT)) == before + 1


def test_somebody_of_no_named_group_reaches_neither(door: Gateway) -> None:
    stranger = door.person()
    assert stranger.log_in("mallory", "/view").status == 403
    for path in ("/view/graphql", "/operate/graphql"):
        assert stranger.open(path, COUNT).status == 403


def test_whoever_logs_out_is_unknown_again(door: Gateway) -> None:
    viewer = door.person()
    assert viewer.log_in("victor", "/view").status == 200
    assert viewer.open(f"/door/callback?logout={door.root}/", follow=False).status == 302
    assert viewer.open("/view", follow=False).status == 302
    assert viewer.open("/view/graphql", COUNT).status == 401


def test_logging_out_leads_nowhere_else(door: Gateway) -> None:
    viewer = door.person()
    assert viewer.log_in("victor", "/view").status == 200
    answer = viewer.open("/door/callback?logout=https://elsewhere.example/", follow=False)
    assert "elsewhere.example" not in answer.headers.get("Location", "")


def test_a_cookie_that_was_changed_is_none(door: Gateway) -> None:
    viewer = door.person()
    assert viewer.log_in("victor", "/view").status == 200
    for cookie in viewer.jar:
        if cookie.value:
            cookie.value = cookie.value[:-4] + ("AAAA" if not cookie.value.endswith("AAAA") else "BBBB")
    assert viewer.open("/view/graphql", COUNT).status == 401


def test_dashboard_and_api_keep_their_own_doors(door: Gateway) -> None:
    anyone = door.person()
    for path, upstream in (("/", "dashboard"), ("/vintages", "dashboard"), ("/v1/score", "api")):
        told = json.loads(anyone.open(path, headers={"X-API-Key": "crk_x"}).text)
        assert (told["upstream"], told["path"]) == (upstream, path)
        assert {name.lower(): value for name, value in told["headers"].items()}["x-api-key"] == "crk_x"
    # What the API tells Prometheus and probes is not for people.
    assert json.loads(anyone.open("/metrics").text)["upstream"] == "dashboard"


def test_answers_tell_browsers_to_be_careful_and_nobody_what_runs_here(door: Gateway) -> None:
    answer = door.person().open("/", follow=False)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    refused = door.person().open("/operate/graphql", COUNT, follow=False)
    assert refused.headers["Server"] == "Apache"
    cookies = door.person()
    cookies.log_in("victor", "/view")
    for cookie in cookies.jar:
        assert cookie.has_nonstandard_attr("HttpOnly"), cookie.name
        assert cookie.get_nonstandard_attr("SameSite") in ("Lax", "Strict"), cookie.name


def test_neither_secrets_nor_codes_of_logins_stand_in_the_log(door: Gateway) -> None:
    door.person().log_in("olivia", "/operate")
    log = door.log.read_text()
    assert "GET /operate/ 200" in log
    for told in (SECRET, PASSPHRASE, "code=", "is not defined"):
        assert told not in log
