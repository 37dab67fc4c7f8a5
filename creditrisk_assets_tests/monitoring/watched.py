"""A small platform with a check, a job and a sensor that fail on demand, watched by the alert sensor."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import pytest

from creditrisk_assets.automation import QUIET, RANGE_END, RANGE_START
from creditrisk_assets.monitoring import sensors
from creditrisk_assets.monitoring.alerts import FAILING_PARTITIONS

MONTHS = dg.MonthlyPartitionsDefinition("2015-01-01", end_date="2016-01-01")
FAILING: set[str] = set()
"""Partitions whose check fails."""
BROKEN: set[str] = set()
"""What fails now: "job"."""
SECRET = "Jane Doe, Main Street, password hunter2"


@dg.asset(key=["raw", "loans"], partitions_def=MONTHS)
def loans() -> None:
    """A table."""


@dg.asset_check(asset=["raw", "loans"], partitions_def=MONTHS)
def is_complete(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Fail the partitions that shall fail, and say which."""
    failing = sorted(FAILING & set(context.partition_keys))
    metadata = {FAILING_PARTITIONS: failing, "features": "fico", "share": 0.25, "remedy": "close it again",
                "found": SECRET, "cells": {"a": 1, "b": 2}}  # fmt: skip
    return dg.AssetCheckResult(passed=not failing, severity=dg.AssetCheckSeverity.WARN, metadata=metadata)


@dg.asset_check(asset=["raw", "loans"], partitions_def=MONTHS, blocking=True)
def keeps_its_contract(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Fail as one, without saying which partitions."""
    return dg.AssetCheckResult(passed="contract" not in BROKEN)


@dg.op
def work() -> None:
    """Work, or fail with an error that quotes a record."""
    if "job" in BROKEN:
        raise ValueError(SECRET)


@dg.job
def close_books() -> None:
    """A job."""
    work()


DEFINITIONS = dg.Definitions(
    assets=[loans], asset_checks=[is_complete, keeps_its_contract], jobs=[close_books], sensors=[sensors.alerts]
)


@dataclass
class Watch:
    """The alert sensor over an instance, its cursor kept as the daemon keeps it."""

    instance: dg.DagsterInstance
    clock: Callable[[float], None]
    cursor: str | None = None
    told: str = field(default="", init=False)
    now: float = 0.0

    def check(self, first: str, last: str | None = None, *names: str) -> bool:
        """Evaluate checks over some months at once, or of one with its table; did the run succeed?"""
        keys = [dg.AssetCheckKey(dg.AssetKey(["raw", "loans"]), name) for name in names or ("is_complete",)]
        selection: dg.AssetSelection = dg.AssetSelection.checks(*keys)
        if last is None:
            selection |= dg.AssetSelection.assets(["raw", "loans"]).without_checks()
        jobs = [dg.define_asset_job("looking", selection=selection)]
        job = dg.Definitions.merge(DEFINITIONS, dg.Definitions(jobs=jobs)).resolve_job_def("looking")
        key = {"partition_key": first} if last is None else {"tags": {RANGE_START: first, RANGE_END: last}}
        arguments: dict[str, Any] = {"instance": self.instance, "raise_on_error": False, "run_config": QUIET, **key}
        return bool(job.execute_in_process(**arguments).success)

    def work(self) -> bool:
        """Run the job; did it succeed?"""
        job = DEFINITIONS.resolve_job_def("close_books")
        return bool(job.execute_in_process(instance=self.instance, raise_on_error=False, run_config=QUIET).success)

    def tick(self, times: int = 1, definitions: dg.Definitions = DEFINITIONS) -> None:
        """Some ticks of the sensor, one after the other."""
        for _ in range(times):
            with dg.build_sensor_context(
                instance=self.instance, cursor=self.cursor, definitions=definitions, sensor_name="alerts"
            ) as context:
                result = sensors.alerts.evaluate_tick(context)
            self.cursor = result.cursor or self.cursor
            self.told = result.skip_message or ""

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.clock(self.now)


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch, *urls: str, **values: str) -> Iterator[Watch]:
    """A watch whose alerts go to `urls`, over an instance of its own."""
    real = sensors.time.time
    FAILING.clear()
    BROKEN.clear()
    monkeypatch.setenv("CREDITRISK_ALERT_URLS", ",".join(urls))
    for name, value in values.items():
        monkeypatch.setenv(f"CREDITRISK_{name.upper()}", value)

    class Clock:
        time = staticmethod(real)
        monotonic = staticmethod(sensors.time.monotonic)

    def clock(ahead: float) -> None:
        Clock.time = staticmethod(lambda: real() + ahead)

    monkeypatch.setattr(sensors, "time", Clock)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Watch(instance, clock)
