"""The sensor of the stream: asks for a run on news, in time for a hand-over, and says what is wrong and what to do."""

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from kafka import TopicPartition

from creditrisk_assets.automation import drain_stream
from creditrisk_assets.contracts import ACTIVITY, APPLICATIONS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming import sensors
from creditrisk_assets.streaming.errors import PartitionsMissingError, RetentionPassedError, TopicRestartedError
from creditrisk_assets.streaming.launching import Plan, Run
from creditrisk_assets_tests.streaming.brokers import DevelopmentBroker, eventually
from creditrisk_assets_tests.streaming.clients import admin, bounds
from creditrisk_assets_tests.streaming.flowing import Platform, applied, did, partition_of, renewed_topics
from creditrisk_assets_tests.world import World

REMEDY = "creditrisk stream restart --topic customer-activity --from beginning"
TODAY = datetime.now(UTC).date()


class Sensor:
    """The sensor over a lake without models, with a history of runs of its own."""

    def __init__(self, platform: Platform, instance: dg.DagsterInstance, world: World) -> None:
        self.platform, self.instance, self.world = platform, instance, world

    def tick(self) -> Any:
        definitions = self.world.definitions
        context = dg.build_sensor_context(
            instance=self.instance, definitions=definitions, resources={"lake": self.world.resources["lake"]}
        )
        return definitions.resolve_sensor_def("events").evaluate_tick(context)

    def skipped(self) -> str:
        found = self.tick()
        assert found.run_requests == []
        assert found.skip_message is not None
        return found.skip_message

    def asked(self) -> dg.RunRequest:
        found = self.tick()
        assert found.skip_message is None
        (request,) = found.run_requests or []
        assert request.partition_key is not None
        assert datetime.fromisoformat(request.partition_key).date() in (TODAY, datetime.now(UTC).date())
        return request

    def run(self) -> dg.DagsterRun:
        """One that was asked for and has not ended."""
        job = self.world.definitions.resolve_job_def(drain_stream.name)
        return self.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)

    def drained(self) -> None:
        with self.platform.pipeline() as pipeline:
            while pipeline.step() is not None:
                pass


@pytest.fixture
def sensor(development: DevelopmentBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sensor]:
    development.ensure()
    renewed_topics(development)
    world = World(tmp_path, None)
    monkeypatch.setenv("CREDITRISK_LAKE", world.lake.root)
    monkeypatch.setenv("CREDITRISK_KAFKA_BOOTSTRAP", development.bootstrap)
    monkeypatch.setattr(sensors, "POLL", 0.5)
    monkeypatch.setattr(sensors, "PATIENCE", 1.0)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Sensor(Platform(world.lake, development), instance, world)


def test_news_ask_for_a_run_and_the_tags_name_ranges_and_lag(sensor: Sensor) -> None:
    sensor.platform.send(did("c-1"), did("c-1", days=-1), applied(1))
    request = sensor.asked()
    assert request.tags["creditrisk/why"] == "no run is at work"
    assert request.tags["creditrisk/lag"] == "3"
    bootstrap = sensor.platform.broker.bootstrap
    acted, applications = (f"{topic}[{partition_of(bootstrap, topic)}]" for topic in (ACTIVITY, APPLICATIONS))
    assert json.loads(request.tags["creditrisk/ranges"]) == {
        acted: "from its beginning, lag 2",
        applications: "from its beginning, lag 1",
    }
    assert request.run_config == {"ops": {"stream": {"config": {"seconds": 300.0, "idle_seconds": 15.0}}}}
    sensor.drained()
    sensor.platform.send(did("c-1", days=-2))
    again = json.loads(sensor.asked().tags["creditrisk/ranges"])
    assert again == {acted: "from 2, lag 1"}


def test_settings_say_how_long_a_run_lasts(sensor: Sensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_DRAIN_SECONDS", "60")
    monkeypatch.setenv("CREDITRISK_DRAIN_IDLE_SECONDS", "5")
    sensor.platform.send(did("c-1"))
    assert sensor.asked().run_config["ops"]["stream"]["config"] == {"seconds": 60.0, "idle_seconds": 5.0}


def test_without_news_the_positions_are_named(sensor: Sensor) -> None:
    sensor.platform.send(did("c-1"))
    sensor.drained()
    partition = partition_of(sensor.platform.broker.bootstrap, ACTIVITY)
    told = sensor.skipped()
    assert told.startswith("no news: customer-activity[0] at ")
    assert f"customer-activity[{partition}] at 1" in told
    assert "loan-applications[1] at 0" in told


def test_topics_that_were_never_read_are_read_though_they_are_empty(sensor: Sensor) -> None:
    assert sensor.asked().tags["creditrisk/lag"] == "0"


def test_news_that_come_while_it_looks_are_seen_at_once(sensor: Sensor, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    sensor.platform.send(did("c-1"))
    sensor.drained()
    monkeypatch.setattr(sensors, "POLL", 20.0)
    sender = threading.Timer(1.0, sensor.platform.send, [applied(1)])
    sender.start()
    began = time.monotonic()
    assert sensor.asked().tags["creditrisk/lag"] == "1"
    assert time.monotonic() - began < 10
    sender.join()


def test_nothing_starts_beside_a_young_run(sensor: Sensor) -> None:
    sensor.platform.send(did("c-1"))
    run = sensor.run()
    assert sensor.skipped().startswith("a run is at work, for ")
    sensor.instance.report_run_canceled(run)
    assert sensor.asked().tags["creditrisk/why"] == "no run is at work"


def test_a_successor_is_asked_for_before_the_time_of_a_run_is_over(
    sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor.platform.send(did("c-1"))
    sensor.drained()
    sensor.run()
    monkeypatch.setenv("CREDITRISK_DRAIN_SECONDS", "0.000001")
    request = sensor.asked()
    assert request.tags["creditrisk/why"].endswith("its successor starts")
    assert request.tags["creditrisk/lag"] == "0"
    monkeypatch.setenv("CREDITRISK_DRAIN_SECONDS", "300")
    sensor.run()
    assert sensor.skipped().startswith("a run is at work")


def test_after_a_failure_another_run_starts_though_there_is_no_news(
    sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor.platform.send(did("c-1"))
    sensor.drained()
    sensor.instance.report_run_failed(sensor.run())
    assert "runs failed, 1 in a row: the next one starts in" in sensor.skipped()
    monkeypatch.setattr("creditrisk_assets.streaming.launching.FIRST_PAUSE", 0.0)
    assert sensor.asked().tags["creditrisk/why"] == "runs failed, 1 in a row: another tries"


def test_a_broker_that_is_down_is_told_with_the_remedy(sensor: Sensor) -> None:
    sensor.platform.send(did("c-1"))
    sensor.platform.broker.stop()
    told = sensor.skipped()
    assert "no answer from the broker at" in told
    assert "start it, or correct CREDITRISK_KAFKA_BOOTSTRAP; nothing is lost" in told
    sensor.platform.broker.start()
    assert sensor.asked().tags["creditrisk/lag"] == "1"


def test_a_lake_that_cannot_be_read_is_told_with_the_remedy(sensor: Sensor) -> None:
    sensor.platform.send(did("c-1"))
    folder = Path(sensor.world.lake.root)
    folder.write_text("a file where the lake should be")
    told = sensor.skipped()
    assert "raw/events at" in told
    assert "Mend the storage or its permissions; nothing is lost" in told
    folder.unlink()
    assert sensor.asked().tags["creditrisk/lag"] == "1"


def test_topics_that_are_missing_are_told_with_the_remedy(sensor: Sensor) -> None:
    renewed_topics(sensor.platform.broker, topics=())
    told = sensor.skipped()
    for topic in (ACTIVITY, APPLICATIONS):
        assert f"{topic}: the broker has no such topic. Make it, or correct its name" in told
    renewed_topics(sensor.platform.broker, topics=[ACTIVITY])
    sensor.platform.send(did("c-1"))
    assert sensor.asked().tags["creditrisk/lag"] == "1"
    sensor_lake_holds(sensor, 1)
    assert f"{APPLICATIONS}: the broker has no such topic. Make it" in sensor.skipped()


def sensor_lake_holds(sensor: Sensor, rows: int) -> None:
    with sensor.platform.pipeline() as pipeline:
        step = pipeline.step()
        assert step is not None
        assert step.taken.good == rows


def lose(sensor: Sensor) -> None:
    """Three messages of activity are gone before they were taken."""
    bootstrap = sensor.platform.broker.bootstrap
    sensor.platform.send(did("c-1"))
    sensor.drained()
    sensor.platform.send(*(did("c-1", days=-1 - number) for number in range(4)))
    partition = partition_of(bootstrap, ACTIVITY)
    with admin(bootstrap) as client:
        client.delete_records({TopicPartition(ACTIVITY, partition): 4})
    eventually(lambda: bounds(bootstrap, ACTIVITY, partition) == (4, 5))


def test_what_retention_removed_fails_the_tick_with_the_remedy(sensor: Sensor) -> None:
    lose(sensor)
    with pytest.raises(RetentionPassedError, match=f"offsets 1 to 3: removed by the broker before .*{REMEDY}"):
        sensor.tick()


def test_topics_that_lost_nothing_go_on_meanwhile(sensor: Sensor) -> None:
    lose(sensor)
    sensor.platform.send(applied(1))
    request = sensor.asked()
    assert request.tags["creditrisk/lag"] == "1"
    assert next(iter(json.loads(request.tags["creditrisk/ranges"]))).startswith(APPLICATIONS)


def test_a_loss_is_named_in_the_ticks_beside_a_run_that_the_other_topic_keeps_at_work(sensor: Sensor) -> None:
    lose(sensor)
    sensor.platform.send(applied(1))
    sensor.run()
    told = sensor.skipped()
    assert told.startswith("a run is at work")
    assert "offsets 1 to 3: removed by the broker before" in told
    assert REMEDY in told


@pytest.mark.parametrize("now", [0, 1, 3], ids=["shorter", "as long", "longer"])
def test_a_topic_made_anew_fails_the_tick_with_the_remedy(sensor: Sensor, now: int) -> None:
    sensor.platform.send(did("c-1"))
    sensor.drained()
    renewed_topics(sensor.platform.broker)
    if now:
        sensor.platform.send(*(did("c-1", days=-9 - number) for number in range(now)))
    with pytest.raises(TopicRestartedError, match=f"made anew since it was last read.*{REMEDY}"):
        sensor.tick()


def test_a_topic_that_was_deleted_fails_the_tick_with_the_remedy(sensor: Sensor) -> None:
    sensor.platform.send(did("c-1"))
    sensor.drained()
    renewed_topics(sensor.platform.broker, topics=())
    with pytest.raises(PartitionsMissingError, match=f"read before, and gone.*{REMEDY}"):
        sensor.tick()


def test_a_lake_elsewhere_is_not_looked_at(sensor: Sensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The resource says where the lake is."""
    monkeypatch.setenv("CREDITRISK_LAKE", str(tmp_path / "elsewhere"))
    sensor.platform.send(did("c-1"))
    sensor.asked()
    assert not Path(tmp_path / "elsewhere").exists()
    assert Lake(sensor.world.lake.root).exists(sensors.Events(sensor.world.lake).contract)


def test_news_after_the_end_of_a_run_are_met_within_the_tick_that_saw_it_at_work(
    sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "POLL", 20.0)
    monkeypatch.setattr(sensors, "LOOK", 0.01)
    at_work, looks = sensor.run(), 0
    planned = sensors.planned

    def looked(runs: Sequence[Run], seconds: float) -> Plan:
        nonlocal looks
        looks += 1
        if looks == 3:
            sensor.instance.report_run_canceled(at_work)
            sensor.platform.send(did("c-1"))
        return planned(runs, seconds)

    monkeypatch.setattr(sensors, "planned", looked)
    begin = time.monotonic()
    assert sensor.asked().tags["creditrisk/lag"] == "1"
    assert time.monotonic() - begin < 15
    assert looks > 3
