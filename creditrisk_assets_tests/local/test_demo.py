"""The demo as people run it: one summary, its own lake only, and nothing left behind."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values

from creditrisk_assets.contracts import FEATURE_SETS, FEATURES_LOANS, MODELS_POSTERIOR, TABLES
from creditrisk_assets.local.loopback import LOOPBACK
from creditrisk_assets.local.supervisor import free_port
from creditrisk_assets.models.evaluation import FIGURES
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.simulation.book import simulate_loans
from creditrisk_assets_tests.commands import BIN, command, environment
from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.raw.written import loan, text, write

VINTAGES = 36
"""Enough for a model date with twelve test vintages after it."""
STAGES = (
    "discover", "ingest", "rules", "references", "evidence", "models", "scores", "monitoring", "portfolio", "reports",
    "serving", "compare",
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after the demo of a simulated book."""
    files, folder = tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("data")
    book = simulate_loans(loans=28_000, vintages=VINTAGES, seed=5, out=files, dirty=0.01)
    done = command("creditrisk", "demo", "--once", "--loans", book.file, data=folder, CREDITRISK_MODEL_EVERY_MONTHS=12)
    assert done.returncode == 0, done.stderr
    (folder / "told.txt").write_text(done.stdout)
    (folder / "counts.json").write_text(json.dumps([book.rows, book.rows - book.dirty_rows, book.dirty_rows]))
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book too young for any model."""
    rows = [loan(number, issue_d=month) for number, month in enumerate(("Mar-2015", "Apr-2015", "Apr-2015"))]
    return write(tmp_path_factory.mktemp("small") / "loans.csv", text(rows))


def test_the_summary_holds_rows_models_diagnostics_and_seconds(data: Path) -> None:
    summary = json.loads((data / "summary.json").read_text())
    assert [summary["rows"][name] for name in ("read", "clean", "quarantined")] == json.loads(
        (data / "counts.json").read_text()
    )
    assert summary["vintages"] == VINTAGES
    for model in ("posterior", "logistic", "boosting"):
        for feature_set in FEATURE_SETS:
            figures = summary["models"][model][feature_set]
            assert figures["outcomes"] == "final"
            for protocol in (figures, figures["as_known"]):
                assert 0.5 < protocol["auc"] < 1
                assert 0 < protocol["ks"] < 1
                assert 0 < protocol["brier"] < 0.25
                assert 0 < protocol["log_loss"] < 0.7
                assert set(FIGURES) <= set(protocol)
    diagnostics = summary["diagnostics"]
    assert diagnostics["models"] == diagnostics["passed"] == 4
    assert 1 <= diagnostics["r_hat_max"] <= 1.01
    assert min(diagnostics["ess_bulk_min"], diagnostics["ess_tail_min"]) >= 400
    assert diagnostics["divergences"] == 0
    assert set(STAGES) == set(summary["seconds"])
    assert all(seconds > 0 for name, seconds in summary["seconds"].items() if name != "discover")
    assert summary["headline"]["model_date"] == "2016-01"
    assert (summary["headline"]["from"], summary["headline"]["to"]) == ("2016-01", "2016-12")


def test_each_stage_is_told_with_its_seconds_and_the_summary_once(data: Path) -> None:
    told = (data / "told.txt").read_text()
    for stage in STAGES:
        assert re.search(rf"^  {stage} .* \d+\.\d s$", told, re.MULTILINE), stage
    assert told.count("Rows       read") == 1
    assert "4 of 4 posteriors passed" in told
    assert "Warning" not in told


def test_any_shell_sees_the_book_of_the_demo_afterwards(data: Path) -> None:
    asked = ("--model-date", "2016-01", "--from", "2016-01", "--to", "2015-12")
    done = command("creditrisk", "evaluate", *asked, data=data)
    assert "must follow in order on model date 2016-01" in done.stderr
    noted = dotenv_values(data / "demo.env")
    assert noted["CREDITRISK_LAKE"] == str(data / "lake")
    assert (noted["CREDITRISK_FIRST_VINTAGE"], noted["CREDITRISK_LAST_VINTAGE"]) == ("2014-01-01", "2016-12-01")


def descendants(pid: int) -> set[int]:
    """All processes below `pid`, whatever session they are in."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found, edge = set(), {pid}
    while edge:
        edge = {child for child, parent in parents.items() if parent in edge}
        found |= edge
    return found


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


def shown_assets(url: str) -> set[str]:
    """Assets that the UI at `url` knows."""
    question = json.dumps({"query": "{assetNodes {assetKey {path}}}"}).encode()
    request = urllib.request.Request(f"{url}/graphql", question, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return {"/".join(node["assetKey"]["path"]) for node in json.load(response)["data"]["assetNodes"]}


def answers_of_the_platform(told: str) -> None:
    """The API and the exporter answer where the demo says that they do."""
    for name, path, expected in (
        ("API", "/openapi.json", "/v1/score"),
        ("Metrics", "/metrics", "creditrisk_source_up"),
    ):
        found = re.search(rf"^{name}: (http://{re.escape(LOOPBACK)}:\d+{path})$", told, re.MULTILINE)
        assert found, told
        with urllib.request.urlopen(found[1], timeout=30) as response:
            assert expected in response.read().decode()


@pytest.fixture
def demo(data: Path, small: Path) -> Iterator[subprocess.Popen[str]]:
    """The demo with its UI over another book in the same data folder; gone at the end whatever happens."""
    child = subprocess.Popen(
        [str(BIN / "creditrisk"), "demo", "--loans", str(small), "--port", str(free_port(3_900))],
        cwd=PROJECT, env=environment(data) | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield child
    finally:
        for pid in {child.pid, *descendants(child.pid)}:
            if alive({pid}):
                os.kill(pid, signal.SIGKILL)
        child.communicate()


def test_another_book_clears_the_old_one_shows_the_ui_and_leaves_nothing_behind(
    data: Path, demo: subprocess.Popen[str]
) -> None:
    bystander = write(data / "keep.csv", "mine")
    assert demo.stdout is not None
    told: list[str] = []
    for line in demo.stdout:
        told.append(line)
        if line.startswith("Dagster UI: "):
            break
    else:
        pytest.fail("".join(told))
    answers_of_the_platform("".join(told))
    url = told[-1].removeprefix("Dagster UI: ").strip()
    assert re.fullmatch(rf"http://{re.escape(LOOPBACK)}:\d+", url)
    assert shown_assets(url) == {"/".join(key) for key in TABLES}
    lake = Lake(str(data / "lake"))
    assert lake.scan(FEATURES_LOANS).collect().height == 3
    assert not lake.exists(MODELS_POSTERIOR)
    assert bystander.read_text() == "mine"
    below = descendants(demo.pid)
    assert len(below) >= 2
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate(timeout=60)
    assert demo.returncode in (0, 130)
    assert rest.splitlines()[-1] == "Stopped."
    deadline = time.monotonic() + 10  # orphans are reaped by init
    while alive(below) and time.monotonic() < deadline:
        os.sched_yield()
    assert alive(below) == set()
    assert json.loads((data / "summary.json").read_text())["vintages"] == 2


def test_a_lake_that_the_demo_did_not_make_is_refused_and_left_as_it_is(tmp_path: Path, small: Path) -> None:
    mine = tmp_path / "lake" / "raw"
    mine.mkdir(parents=True)
    write(mine / "loans", "precious")
    done = command("creditrisk", "demo", "--once", "--loans", small, data=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {tmp_path / 'lake'} holds tables that the demo did not make.")
    assert (mine / "loans").read_text() == "precious"
    assert not (tmp_path / "demo.env").exists()
