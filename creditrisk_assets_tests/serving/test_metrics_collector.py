"""One scrape over all sources: whatever one of them does, the others are told, and in time."""

import logging
import threading
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from creditrisk_assets.serving.metrics.catalogue import ALL, BALANCE, MICRO_BATCHES
from creditrisk_assets.serving.metrics.collector import StateCollector

Read = Callable[[], list[Family]]


def told(collector: StateCollector) -> dict[tuple[str, str], float]:
    """Values by name of the sample and its source."""
    registry = CollectorRegistry()
    registry.register(collector)
    text = generate_latest(registry).decode()
    return {
        (sample.name, sample.labels.get("source", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def well() -> list[Family]:
    return [BALANCE.of(5.0)]


def broken() -> list[Family]:
    raise OSError("out of order")


def test_a_source_that_fails_is_down_and_the_others_are_told(caplog: pytest.LogCaptureFixture) -> None:
    collector = StateCollector({"lake": well, "kafka": broken})
    with caplog.at_level(logging.WARNING):
        first, _ = told(collector), told(collector)
    assert first["creditrisk_source_up", "lake"] == 1
    assert first["creditrisk_source_up", "kafka"] == 0
    assert first["creditrisk_portfolio_balance_usd", ""] == 5
    assert ("creditrisk_source_read_seconds", "kafka") not in first
    assert caplog.messages == ["kafka cannot be read: OSError: out of order"]  # once, not at every scrape


def test_a_source_that_hangs_ends_the_scrape_in_time_and_is_asked_once_only() -> None:
    go, asked = threading.Event(), []

    def hanging() -> list[Family]:
        asked.append(1)
        assert go.wait(60)
        return [MICRO_BATCHES.of(3)]

    collector = StateCollector({"lake": well, "postgres": hanging}, timeout=0.05)
    for _ in range(3):
        found = told(collector)
        assert found["creditrisk_source_up", "postgres"] == 0
        assert found["creditrisk_portfolio_balance_usd", ""] == 5
    assert asked == [1]
    go.set()
    for thread in threading.enumerate():
        if thread.name == "read postgres":
            thread.join(60)
    patient = told(StateCollector({"postgres": hanging}))
    assert patient["creditrisk_micro_batches_total", ""] == 3
    assert told(collector)["creditrisk_source_up", "lake"] == 1


def test_a_source_that_is_back_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[Read] = [broken, well]

    def wavering() -> list[Family]:
        return answers.pop(0)()

    collector = StateCollector({"lake": wavering})
    with caplog.at_level(logging.WARNING):
        assert told(collector)["creditrisk_source_up", "lake"] == 0
        assert told(collector)["creditrisk_source_up", "lake"] == 1
    assert caplog.messages[-1] == "lake can be read again"


def test_names_and_labels_follow_the_conventions() -> None:
    for metric in ALL.values():
        assert metric.name.startswith("creditrisk_")
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.name
        assert metric.meaning.endswith("."), metric.name
        assert not {"loan_id", "customer_id", "subject", "event_id", "run_id"} & set(metric.labels)
    assert len(ALL) > 25
