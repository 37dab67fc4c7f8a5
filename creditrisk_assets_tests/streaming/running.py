"""Brokers for the tests: the development broker and Apache Kafka, one of each for all tests of a process."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from creditrisk_assets_tests.needed import lacking

if TYPE_CHECKING:  # the client of Kafka costs every test process .3 s
    from creditrisk_assets_tests.streaming.apache_kafka import ApacheKafka
    from creditrisk_assets_tests.streaming.brokers import BrokerProcess, DevelopmentBroker

Running = TypeVar("Running", bound="BrokerProcess")


def apache_kafka_in(folder: Path) -> "ApacheKafka":
    """Apache Kafka with its data in a folder; skips, or fails where it is required, when it cannot be had."""
    from creditrisk_assets_tests.streaming.apache_kafka import ApacheKafka, KafkaUnavailableError

    try:
        return ApacheKafka(folder)
    except KafkaUnavailableError as error:
        lacking("KAFKA", f"needs Apache Kafka, and {error}")


def _running(broker: Running) -> Iterator[Running]:
    try:
        broker.start()
        yield broker
    finally:
        broker.end()


@pytest.fixture(scope="session")
def development(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[DevelopmentBroker]":
    """The development broker; `broker` is what tests ask for."""
    from creditrisk_assets_tests.streaming.brokers import DevelopmentBroker

    yield from _running(DevelopmentBroker(tmp_path_factory.mktemp("development")))


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[ApacheKafka]":
    """Apache Kafka; `apache` and `broker` are what tests ask for."""
    yield from _running(apache_kafka_in(tmp_path_factory.mktemp("apache")))


@pytest.fixture
def apache(apache_kafka: "ApacheKafka") -> "ApacheKafka":
    """Apache Kafka, for what only it can do."""
    apache_kafka.ensure()
    return apache_kafka


@pytest.fixture(scope="session", params=["development", "apache_kafka"])
def either(request: pytest.FixtureRequest) -> "BrokerProcess":
    """Both brokers, one after the other: what holds for one must hold for the other."""
    found: BrokerProcess = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def broker(either: "BrokerProcess") -> "BrokerProcess":
    """A broker that runs, whatever the test before did to it."""
    either.ensure()
    return either


@pytest.fixture
def bootstrap(broker: "BrokerProcess") -> str:
    """Where the broker is found."""
    return broker.bootstrap
