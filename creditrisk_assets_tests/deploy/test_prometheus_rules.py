"""Configuration, rules and alerts by Prometheus' own tools; every alert is tested and has a remedy."""

import urllib.request

import yaml

from creditrisk_assets.serving.metrics.exporter import serving
from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.deploy.compose_file import services
from creditrisk_assets_tests.deploy.prometheus import RULES, alerts, promtool
from creditrisk_assets_tests.serving.measured import Measured


def test_the_configuration_and_the_rules_are_accepted() -> None:
    for arguments in (("config", "prometheus.yml"), ("config", "compose.yml"), ("rules", "rules.yml")):
        done = promtool("check", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr


def test_in_compose_only_the_targets_are_others() -> None:
    alone, composed = (yaml.safe_load((RULES / f"{name}.yml").read_text()) for name in ("prometheus", "compose"))
    for document in (alone, composed):
        for job in document["scrape_configs"]:
            (found,) = job.pop("static_configs")
            for target in found["targets"] if document is composed else ():
                service, _, port = target.partition(":")
                assert services()[service]["command"][-1] == port
    assert {**composed, "scrape_configs": composed["scrape_configs"][:1]} == alone


def test_the_alerts_fire_when_they_should_and_only_then() -> None:
    done = promtool("test", "rules", "rules_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested_firing_and_silent() -> None:
    tests = yaml.safe_load((RULES / "rules_test.yml").read_text())["tests"]
    fired = {one["alertname"] for test in tests for one in test.get("alert_rule_test", []) if one["exp_alerts"]}
    silent = {one["alertname"] for test in tests for one in test.get("alert_rule_test", []) if not one["exp_alerts"]}
    assert fired == set(alerts())
    assert silent == {name for name, rule in alerts().items() if "for" in rule} | {"RunsFailed"}


def test_every_alert_has_its_severity_and_a_runbook_with_cause_and_remedy() -> None:
    runbook = (PROJECT / "docs" / "operations.md").read_text()
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in ("page", "ticket"), name
        assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{name.lower()}"
        _, _, section = runbook.partition(f"\n### {name}\n")
        section = section.partition("\n### ")[0].partition("\n## ")[0]
        assert "Cause:" in section, name
        assert "Remedy:" in section, name


def test_what_the_exporter_writes_is_accepted_without_a_remark(measured: Measured) -> None:
    with serving(measured.sources(), "127.0.0.1", 0) as port:
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30).read().decode()
    assert "creditrisk_event_to_score_seconds_bucket" in text
    done = promtool("check", "metrics", given=text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
