"""The exporter as a process: sources from the settings, and an HTTP server for Prometheus."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from prometheus_client import CollectorRegistry, start_http_server

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.serving.metrics.collector import TIMEOUT, Read, StateCollector
from creditrisk_assets.serving.metrics.kafka import KafkaMetrics
from creditrisk_assets.serving.metrics.lake import LakeMetrics
from creditrisk_assets.serving.metrics.orchestration import DagsterMetrics
from creditrisk_assets.serving.metrics.postgres import ServingMetrics
from creditrisk_assets.serving.tables import ServedTables


@runtime_checkable
class Closing(Protocol):
    """A source that holds a connection."""

    def close(self) -> None:
        """Give it up."""


def sources(values: Settings) -> dict[str, Read]:
    """What is read, by name; SettingsError for settings of Kafka that cannot work together."""
    from creditrisk_assets.streaming.connection import client_arguments

    lake = Lake(values.lake)
    return {
        "postgres": ServingMetrics(values.postgres_url),
        "lake": LakeMetrics(ServedTables(lake)),
        "kafka": KafkaMetrics(lake, client_arguments(values)),
        "dagster": DagsterMetrics(values.dagster_url),
    }


@contextmanager
def serving(read: dict[str, Read], host: str, port: int, timeout: float = TIMEOUT) -> Iterator[int]:
    """Answer Prometheus while inside; yields the port, which is any free one for 0. OSError when it is taken."""
    registry = CollectorRegistry()
    registry.register(StateCollector(read, timeout))
    server, thread = start_http_server(port, host, registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        for source in read.values():
            if isinstance(source, Closing):
                source.close()


def run(values: Settings, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; OSError when the port is taken, SettingsError for settings that cannot be used."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with serving(sources(values), host, port) as listening:
        say(f"Metrics: http://{host}:{listening}/metrics")
        ended.wait()
