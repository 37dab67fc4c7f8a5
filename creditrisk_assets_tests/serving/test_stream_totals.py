"""The sensor that has the stream added up: at once, then on news every ten minutes, and never without events."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from creditrisk_assets.automation import aggregate_stream
from creditrisk_assets.contracts import FEATURES_BEHAVIOUR, SERVING_QUARANTINE, SERVING_ROLL_RATES
from creditrisk_assets.serving import sensors
from creditrisk_assets.serving.roll_rates import roll_rates
from creditrisk_assets.streaming.events import Events
from creditrisk_assets_tests.serving.taken import taken
from creditrisk_assets_tests.streaming.enveloped import activity, packed
from creditrisk_assets_tests.world import World

ROLLED = dg.AssetKey(list(SERVING_ROLL_RATES.key))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, None)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as one:
        yield one


def tick(world: World, instance: dg.DagsterInstance) -> Any:
    definitions = world.definitions
    context = dg.build_sensor_context(
        instance=instance, definitions=definitions, resources={"lake": world.resources["lake"]}
    )
    return definitions.resolve_sensor_def("stream_totals").evaluate_tick(context)


def send(world: World, *values: bytes | None) -> None:
    taken(world.lake, "customer-activity", values or [packed(activity()), b"bad"])


def add_up(world: World, instance: dg.DagsterInstance) -> None:
    job = world.definitions.resolve_job_def(aggregate_stream.name)
    assert job.execute_in_process(instance=instance).success


def test_it_is_on_unless_switched_off(world: World) -> None:
    assert world.definitions.resolve_sensor_def("stream_totals").default_status is dg.DefaultSensorStatus.RUNNING


def test_nothing_is_added_up_without_events(world: World, instance: dg.DagsterInstance) -> None:
    assert tick(world, instance).skip_message == "there are no events"
    Events(world.lake).create()
    assert tick(world, instance).skip_message == "there are no events"


def test_the_first_events_are_added_up_at_once(world: World, instance: dg.DagsterInstance) -> None:
    send(world)
    (request,) = tick(world, instance).run_requests
    assert request.tags["creditrisk/why"].endswith("-1 was added up")
    add_up(world, instance)
    (row,) = world.rows(SERVING_QUARANTINE).rows(named=True)
    assert (row["source"], row["reason"], row["rows"]) == ("customer-activity", "message: not one JSON object", 1)
    assert tick(world, instance).skip_message.startswith("no events since version ")


def test_a_run_that_was_asked_for_is_not_asked_for_again(world: World, instance: dg.DagsterInstance) -> None:
    send(world)
    instance.create_run_for_job(
        world.definitions.resolve_job_def(aggregate_stream.name), status=dg.DagsterRunStatus.STARTED
    )
    assert tick(world, instance).skip_message.startswith("added up 0 s ago: again in ")


def test_news_is_added_up_ten_minutes_after_the_last_time(
    world: World, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(world)
    add_up(world, instance)
    Events(world.lake).take(
        world.lake.scan(Events(world.lake).contract).collect().drop("ingest_day", "ingested_at"), []
    )
    assert "again in " in tick(world, instance).skip_message
    later = time.time() + sensors.PAUSE
    monkeypatch.setattr(sensors.time, "time", lambda: later)
    assert len(tick(world, instance).run_requests) == 1


def test_the_run_notes_the_version_it_knows_and_keeps_what_customers_did(
    world: World, instance: dg.DagsterInstance
) -> None:
    send(world)
    rows = [("c-1", datetime(2026, month, 5, tzinfo=UTC), 31 * (month > 3), month) for month in (2, 3, 4, 5)]
    told = pl.DataFrame(
        [(who, as_of, days, as_of.date(), as_of, offset) for who, as_of, days, offset in rows],
        schema=["customer_id", "as_of", "days_past_due", "ingest_day", "ingested_at", "offset"], orient="row",
    ).lazy()  # fmt: skip
    absent = {name: pl.lit(None if FEATURES_BEHAVIOUR.column(name).nullable else 0)
              for name in FEATURES_BEHAVIOUR.schema if name not in told.collect_schema()}  # fmt: skip
    frame = FEATURES_BEHAVIOUR.conform(told.with_columns(**absent))
    world.lake.overwrite(FEATURES_BEHAVIOUR, frame, [as_of.date() for _, as_of, *_ in rows])
    add_up(world, instance)
    event = instance.get_latest_materialization_event(ROLLED)
    assert event is not None and event.asset_materialization is not None
    noted = event.asset_materialization.metadata["events_version"].value
    assert noted == world.lake.version(Events(world.lake).contract)
    found = world.rows(SERVING_ROLL_RATES)
    assert found.rows() == roll_rates(frame, datetime.now(UTC)).collect().rows()
    assert [row[1:] for row in found.rows()] == [("current", "current", 1), ("current", "30-59", 1)]
