"""Dashboards: the committed JSON is what the code makes, and a real Prometheus answers every panel and every alert."""

import json
import re
import runpy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from creditrisk_assets.serving.metrics.catalogue import ALL
from creditrisk_assets.serving.metrics.exporter import serving
from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.deploy.prometheus import Prometheus, alerts, prometheus, recorded
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.serving.measured import Measured, flowing
from creditrisk_assets_tests.streaming.brokers import eventually

GRAFANA = PROJECT / "deploy" / "grafana"
NAME = re.compile(r"\b(creditrisk[a-z0-9_:]+)\b")


def committed() -> dict[str, Any]:
    return {path.name: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}


def expressions() -> list[str]:
    """What the panels ask."""
    return sorted(
        {
            target["expr"]
            for one in committed().values()
            for panel in one["panels"]
            for target in panel.get("targets", [])
        }
    )


def test_the_committed_dashboards_are_what_the_code_makes() -> None:
    made = runpy.run_path(str(GRAFANA / "build.py"))["documents"]()
    assert {path.name: path.read_text() for path in (GRAFANA / "dashboards").glob("*.json")} == made


def test_panels_and_alerts_name_only_metrics_that_exist() -> None:
    existing = (
        set(ALL) | set(recorded()) | {f"creditrisk_event_to_score_seconds_{it}" for it in ("bucket", "sum", "count")}
    )
    rules = [rule["expr"] for rule in alerts().values()] + list(recorded().values())
    for expression in (*expressions(), *rules):
        names = set(NAME.findall(expression.replace('job="creditrisk"', "")))
        assert names <= existing, expression


def test_every_metric_is_shown_or_watched() -> None:
    asked = " ".join((*expressions(), *recorded().values(), *(rule["expr"] for rule in alerts().values())))
    assert {name for name in ALL if name not in asked} == set()


def test_the_provisioned_source_is_the_one_that_the_panels_ask() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"]
    for one in committed().values():
        assert len({panel["id"] for panel in one["panels"]}) == len(one["panels"])
        for panel in one["panels"]:
            if panel["type"] != "row":
                assert panel["datasource"] == {"type": "prometheus", "uid": source["uid"]}, panel["title"]


@pytest.fixture
def watched(measured: Measured, tmp_path: Path) -> Iterator[tuple[Prometheus, Database]]:
    """A real Prometheus that has scraped the real exporter."""
    (tmp_path / "prometheus").mkdir()
    with serving(measured.sources(), "127.0.0.1", 0) as port, prometheus(tmp_path / "prometheus", port) as server:
        eventually(lambda: len(server.ask("creditrisk_dagster_runs")) > 1, seconds=60)
        yield server, measured.database


def test_a_real_prometheus_answers_every_panel_with_series_while_the_stream_runs(
    watched: tuple[Prometheus, Database],
) -> None:
    server, database = watched

    def lacking() -> list[str]:
        return [expression for expression in expressions() if not server.ask(expression)]

    deadline = time.monotonic() + 60
    with flowing(database):
        eventually(lambda: not lacking() or time.monotonic() > deadline, seconds=90)
        assert lacking() == []
        assert float(server.ask("sum(rate(creditrisk_events_total[1m]))")[0]["value"][1]) > 0
    for name, rule in alerts().items():
        assert isinstance(server.ask(rule["expr"]), list), name
    assert {one["metric"]["alertname"] for one in server.ask("ALERTS")} >= {"DaemonSilent", "CalibrationRed"}
    assert server.ask('up{job="creditrisk"}')[0]["value"][1] == "1"
