"""Broker, PostgreSQL or lake fail while the stream runs: the sensor says so, and all goes on by itself."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import settings
from creditrisk_assets_tests.integration.platform_at_work import Platform, settle
from creditrisk_assets_tests.integration.sending import platform_topics, send, sending
from creditrisk_assets_tests.integration.streamed import (
    a_mixture,
    everything_agrees,
    everything_sent_is_there_once,
    lake_with_models,
)
from creditrisk_assets_tests.resources.read_only import open_folder, read_only
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.streaming.brokers import DevelopmentBroker, eventually
from creditrisk_assets_tests.world import World

RATE = 100


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[DevelopmentBroker]:
    """A development broker that nobody else uses, with the topics of the platform."""
    found = DevelopmentBroker(tmp_path / "broker")
    found.start()
    platform_topics(found.bootstrap)
    yield found
    found.end()


@pytest.fixture
def platform(
    batched: World, broker: DevelopmentBroker, postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    with open_folder() as folder, dg.DagsterInstance.ephemeral() as instance:
        lake = lake_with_models(folder, batched)
        settle(monkeypatch, lake, broker.bootstrap, postgres)
        yield Platform(lake, instance)


def events_in(lake: Lake) -> int:
    return lake.scan(RAW_EVENTS, columns=["offset"]).collect().height if lake.exists(RAW_EVENTS) else 0


def served(database: Database) -> int:
    ((count,),) = database.rows("SELECT coalesce(max(events), 0) FROM serving.stream")
    return int(count)


def said(platform: Platform, text: str) -> bool:
    return any(text in one for one in platform.said)


def test_a_broker_that_stops_is_told_and_read_on_when_it_is_back(
    platform: Platform, broker: DevelopmentBroker, postgres: Database
) -> None:
    with platform.at_work():
        with sending(broker.bootstrap, a_mixture(platform.lake), RATE) as sent:
            eventually(lambda: served(postgres) > 0, seconds=60)
            broker.kill()
            eventually(lambda: said(platform, f"no answer from the broker at {broker.bootstrap}"), seconds=60)
            broker.start()
            before = events_in(platform.lake)
            eventually(lambda: events_in(platform.lake) > before, seconds=60)
        eventually(lambda: served(postgres) == len(sent.messages), seconds=60)
    everything_sent_is_there_once(platform.lake, sent)
    everything_agrees(platform.lake, settings(), postgres)


def test_without_postgresql_the_lake_goes_on_and_postgresql_follows_when_it_is_back(
    platform: Platform, broker: DevelopmentBroker, postgres: Database
) -> None:
    with platform.at_work():
        with sending(broker.bootstrap, a_mixture(platform.lake), RATE) as sent:
            eventually(lambda: served(postgres) > 0, seconds=60)
            postgres.stop()
            before = events_in(platform.lake)
            eventually(lambda: events_in(platform.lake) > before + 3 * RATE, seconds=60)
        eventually(lambda: said(platform, "PostgreSQL does not answer"), seconds=60)
        assert events_in(platform.lake) == len(sent.messages)
        postgres.start()
        eventually(lambda: served(postgres) == len(sent.messages), seconds=60)
    log = [entry.user_message for run in platform.runs for entry in platform.instance.all_logs(run.run_id)]
    assert any("the lake goes on, PostgreSQL follows when it can" in line for line in log)
    everything_sent_is_there_once(platform.lake, sent)
    everything_agrees(platform.lake, settings(), postgres)


def test_a_lake_that_is_read_only_for_a_while_is_told_and_written_again_afterwards(
    platform: Platform, broker: DevelopmentBroker, postgres: Database
) -> None:
    with platform.at_work():
        with sending(broker.bootstrap, a_mixture(platform.lake), RATE) as sent:
            eventually(lambda: served(postgres) > 0, seconds=60)
            # Everything in it belongs to nobody, without the right to write, and so does this process for a while.
            with read_only(Path(platform.lake.root)):
                eventually(lambda: said(platform, "Permission denied"), seconds=60)
            before = events_in(platform.lake)
            eventually(lambda: events_in(platform.lake) > before, seconds=60)
        eventually(lambda: served(postgres) == len(sent.messages), seconds=60)
    everything_sent_is_there_once(platform.lake, sent)
    everything_agrees(platform.lake, settings(), postgres)


def test_what_a_dead_run_left_undone_is_done_without_any_news(
    platform: Platform, broker: DevelopmentBroker, postgres: Database
) -> None:
    sent = send(broker.bootstrap, a_mixture(platform.lake), 300)
    postgres.stop()
    platform.turn()
    assert not platform.runs[-1].success
    assert events_in(platform.lake) == len(sent.messages)
    postgres.start()
    with platform.at_work():
        eventually(lambda: served(postgres) == len(sent.messages), seconds=60)
    everything_agrees(platform.lake, settings(), postgres)
