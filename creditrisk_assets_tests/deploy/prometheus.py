"""Prometheus and promtool for the tests: skipped where they are lacking, or failed where they are required."""

import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.needed import lacking
from creditrisk_assets_tests.streaming.brokers import eventually, free_ports

RULES = PROJECT / "deploy" / "prometheus"


def program(name: str) -> str:
    """Where prometheus or promtool is."""
    found = shutil.which(name)
    if found is None:
        lacking("PROMETHEUS", f"needs {name} (Debian and Ubuntu: apt install prometheus)")
    return found


def promtool(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("promtool"), *arguments],
        cwd=RULES,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def alerts() -> dict[str, dict[str, Any]]:
    """The alerts of rules.yml by name."""
    return {rule["alert"]: rule for rule in _rules() if "alert" in rule}


def recorded() -> dict[str, str]:
    """The expressions that are recorded, by the name they get."""
    return {rule["record"]: rule["expr"] for rule in _rules() if "record" in rule}


def _rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((RULES / "rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@dataclass(frozen=True)
class Prometheus:
    """A server that scrapes and answers."""

    port: int

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression now; an AssertionError says what is wrong with it."""
        query = urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query?{query}", timeout=30) as told:
                result: list[dict[str, Any]] = json.load(told)["data"]["result"]
                return result
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expression}: {error.read().decode()}") from error

    def answers(self) -> bool:
        try:
            return bool(urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=30).status == 200)
        except OSError:  # not listening yet, or 503 while it starts
            return False


@contextlib.contextmanager
def prometheus(folder: Path, exporter: int) -> Iterator[Prometheus]:
    """Prometheus with our configuration and rules, every two seconds, and an exporter on that port."""
    document = yaml.safe_load((RULES / "prometheus.yml").read_text())
    document["global"] = {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "2s"}
    (job,) = document["scrape_configs"]
    job["static_configs"][0]["targets"] = [f"127.0.0.1:{exporter}"]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(document))
    shutil.copy(RULES / "rules.yml", folder)
    (port,) = free_ports(1)
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
               f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([program("prometheus"), *options], stdout=log, stderr=log)
    try:
        server = Prometheus(port)
        eventually(server.answers, seconds=60)
        yield server
    finally:
        process.terminate()
        process.wait(60)
