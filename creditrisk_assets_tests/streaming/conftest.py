"""Brokers for the tests: the development broker and Apache Kafka, one of each for a module."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from creditrisk_assets_tests.streaming.apache_kafka import ApacheKafka, KafkaUnavailableError
from creditrisk_assets_tests.streaming.brokers import BrokerProcess, DevelopmentBroker


def apache_kafka_in(folder: Path) -> ApacheKafka:
    """Apache Kafka with its data in a folder; skips, or fails where it is required, when it cannot be had."""
    try:
        return ApacheKafka(folder)
    except KafkaUnavailableError as error:
        told = f"needs Apache Kafka, and {error}"
        if os.environ.get("CREDITRISK_REQUIRE_KAFKA") == "1":
            pytest.fail(told)
        pytest.skip(told)


def _running(broker: BrokerProcess) -> Iterator[BrokerProcess]:
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


@pytest.fixture(scope="module", params=["development", "apache"])
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """Both brokers, one after the other: what holds for one must hold for the other."""
    folder = tmp_path_factory.mktemp(request.param)
    yield from _running(DevelopmentBroker(folder) if request.param == "development" else apache_kafka_in(folder))


@pytest.fixture(scope="module")
def apache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """Apache Kafka, for what only it can do."""
    for running in _running(apache_kafka_in(tmp_path_factory.mktemp("apache"))):
        assert isinstance(running, ApacheKafka)
        yield running


@pytest.fixture(scope="module")
def bootstrap(broker: BrokerProcess) -> str:
    """Where the broker is found."""
    return broker.bootstrap
