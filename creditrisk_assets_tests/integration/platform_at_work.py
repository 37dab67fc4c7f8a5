"""The platform's sensor and its runs, as a daemon has them, in threads of a test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import pytest

from creditrisk_assets.automation import QUIET
from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.definitions import build_defs
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.lake import DeltaLakeIOManager
from creditrisk_assets.streaming import launching, sensors
from creditrisk_assets_tests.serving.databases import Database

IDLE = 1.0
Run = dg.ExecuteInProcessResult


def settle(patch: pytest.MonkeyPatch, lake: Lake, bootstrap: str, database: Database, **values: object) -> None:
    """Settings of this process: the platform over that lake, broker and database, quick to end and to try again."""
    ours = {"CREDITRISK_LAKE": lake.root, "CREDITRISK_KAFKA_BOOTSTRAP": bootstrap,
            "CREDITRISK_DRAIN_IDLE_SECONDS": IDLE, **database.environment, **values}  # fmt: skip
    for name, value in ours.items():
        patch.setenv(name, str(value))
    patch.setattr(sensors, "POLL", 1.0)
    patch.setattr(sensors, "PATIENCE", 2.0)
    patch.setattr(launching, "FIRST_PAUSE", 1.0)


@dataclass
class Platform:
    """One installation: its history of runs, what its sensor said, and how its runs ended."""

    lake: Lake
    instance: dg.DagsterInstance
    said: list[str] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    def __post_init__(self) -> None:
        manager = DeltaLakeIOManager(root=self.lake.root)
        self._resources = {"lake": manager, "io_manager": manager}
        self._definitions = build_defs(resource_overrides=self._resources)

    def tick(self) -> list[dg.RunRequest]:
        """One look of the sensor: what it asks for; what it says is in `said`."""
        told = {
            "resources": {"lake": self._resources["lake"]},
            "repository_def": self._definitions.get_repository_def(),
        }
        with dg.build_sensor_context(instance=self.instance, **told) as context:
            result = sensors.events.evaluate_tick(context)
        self.said.append(result.skip_message or "")
        return list(result.run_requests or ())

    def run(self, config: dict[str, Any] | None = None, day: str = "2026-11-21", **tags: str) -> Run:
        """Run the drain job to its end, as by hand; `config` is that of `stream`."""
        found = self._definitions.resolve_job_def("drain_stream").execute_in_process(
            instance=self.instance, partition_key=day, tags=tags, raise_on_error=False,
            run_config=QUIET | {"ops": {"stream": {"config": config or {"idle_seconds": IDLE}}}},
        )  # fmt: skip
        self.runs.append(found)
        return found

    def turn(self) -> None:
        """What a daemon does again and again."""
        for request in self.tick():
            config = request.run_config["ops"]["stream"]["config"]
            assert request.partition_key is not None
            self.run(dict(config), request.partition_key, **request.tags)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Turns in a thread of their own."""
        done, failed = threading.Event(), []

        def work() -> None:
            try:
                while not done.wait(0.2):
                    self.turn()
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(120)
        assert not failed, failed


def taken(run: Run) -> list[int]:
    """Rows of raw/events by report of a run."""
    found = [event for event in run.get_asset_materialization_events() if event.asset_key.path == list(RAW_EVENTS.key)]
    return [int(str(event.materialization.metadata["new_rows"].value)) for event in found]
