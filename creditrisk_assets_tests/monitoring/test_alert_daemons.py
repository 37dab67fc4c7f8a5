"""Sensors, schedules and daemons that fail again and again or stand still, on an instance that keeps their ticks."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from dagster._utils.error import SerializableErrorInfo

from creditrisk_assets.monitoring import sensors
from creditrisk_assets_tests.monitoring.receivers import Webhook, webhook
from creditrisk_assets_tests.monitoring.watched import Watch, close_books, watching


@dg.sensor(job=close_books)
def landing() -> None:
    """A sensor that is watched."""


DEFINITIONS = dg.Definitions(jobs=[close_books], sensors=[landing, sensors.alerts])
FAILURE, SKIPPED, STARTED = TickStatus.FAILURE, TickStatus.SKIPPED, TickStatus.STARTED


@pytest.fixture
def receiver() -> Iterator[Webhook]:
    with webhook() as one:
        yield one


@pytest.fixture
def watch(receiver: Webhook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Watch]:
    with (
        watching(monkeypatch, receiver.url) as one,
        dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
    ):
        one.instance = instance
        yield one


def instigator(instance: dg.DagsterInstance, name: str) -> InstigatorState:
    """A sensor that is on."""
    target = LoadableTargetOrigin(executable_path=sys.executable, module_name="nowhere")
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, "creditrisk")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), name)
    data = SensorInstigatorData(min_interval=30)
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, data)
    return instance.add_instigator_state(state)


def ticks(instance: dg.DagsterInstance, state: InstigatorState, *statuses: TickStatus, at: float) -> None:
    """Ticks of it, one a second from `at` on."""
    for number, status in enumerate(statuses):
        error = SerializableErrorInfo("hunter2", [], "ValueError") if status is FAILURE else None
        instance.create_tick(TickData(state.instigator_origin_id, state.instigator_name, InstigatorType.SENSOR, status,
                                      at + number, error=error, selector_id=state.selector_id))  # fmt: skip


def beat(watch: Watch, *without: str) -> None:
    """Heartbeats of all daemons but some."""
    for kind in {*watch.instance.get_required_daemon_types()} - {*without}:
        watch.instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() + watch.now, kind, "one"))


def test_a_sensor_that_fails_three_times_in_a_row_is_told_once_and_so_is_its_recovery(
    watch: Watch, receiver: Webhook
) -> None:
    state, now = instigator(watch.instance, "landing"), time.time()
    ticks(watch.instance, state, SKIPPED, FAILURE, FAILURE, at=now)
    watch.tick(2, DEFINITIONS)
    assert receiver.titles == []
    ticks(watch.instance, state, FAILURE, FAILURE, STARTED, at=now + 10)
    watch.tick(3, DEFINITIONS)
    assert receiver.titles == ["1 failing"]
    assert receiver.bodies[0].startswith("FAILING: sensor landing\n3 ticks in a row failed; remedy: ")
    ticks(watch.instance, state, SKIPPED, at=now + 20)
    watch.tick(3, DEFINITIONS)
    assert receiver.titles == ["1 failing", "1 recovered"]


def test_a_sensor_without_ticks_stands_still(watch: Watch, receiver: Webhook) -> None:
    state = instigator(watch.instance, "landing")
    ticks(watch.instance, state, SKIPPED, at=time.time())
    for _ in range(7):
        beat(watch)
        watch.tick(1, DEFINITIONS)
        watch.later(130)
    assert receiver.titles == ["1 failing"]
    assert receiver.bodies[0].startswith("FAILING: sensor landing\nno tick for ")


def test_after_the_daemon_was_down_nobody_is_blamed_for_his_silence(watch: Watch, receiver: Webhook) -> None:
    state = instigator(watch.instance, "landing")
    ticks(watch.instance, state, SKIPPED, at=time.time())
    watch.tick(1, DEFINITIONS)
    watch.later(24 * 3600)
    watch.tick(2, DEFINITIONS)
    assert receiver.titles == []


def test_sensors_that_no_code_defines_any_more_are_not_missed(watch: Watch, receiver: Webhook) -> None:
    state = instigator(watch.instance, "of_long_ago")
    ticks(watch.instance, state, FAILURE, FAILURE, FAILURE, at=time.time())
    watch.tick(2, DEFINITIONS)
    assert receiver.titles == []


def test_a_daemon_without_heartbeat_is_told_and_so_is_its_return(watch: Watch, receiver: Webhook) -> None:
    assert {"SENSOR", "BACKFILL"} < {*watch.instance.get_required_daemon_types()}
    for _ in range(7):
        beat(watch, "BACKFILL", "SENSOR")
        watch.tick(1, DEFINITIONS)
        watch.later(130)
    assert receiver.titles == ["1 failing"]
    assert receiver.bodies[0].startswith("FAILING: daemon backfill\nno heartbeat; remedy: ")
    beat(watch)
    watch.tick(2, DEFINITIONS)
    assert receiver.titles == ["1 failing", "1 recovered"]
