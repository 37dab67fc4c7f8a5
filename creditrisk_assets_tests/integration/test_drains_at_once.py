"""Two that drain at once, whoever started them: each message is taken by one of them, and the outcome is the same."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from creditrisk_assets.contracts import ACTIVITY, RAW_EVENTS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.offsets import OffsetRange, Position, as_json
from creditrisk_assets_tests.integration.draining import Orders
from creditrisk_assets_tests.integration.killing import Drainers
from creditrisk_assets_tests.integration.platform_at_work import Platform, settle, taken
from creditrisk_assets_tests.integration.sending import Sent, platform_topics, send, sending
from creditrisk_assets_tests.integration.streamed import (
    a_mixture,
    everything_agrees,
    everything_sent_is_there_once,
    lake_with_models,
)
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.streaming.brokers import DevelopmentBroker, eventually
from creditrisk_assets_tests.world import World


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[DevelopmentBroker]:
    """A development broker that nobody else uses, with the topics of the platform."""
    found = DevelopmentBroker(tmp_path / "broker")
    found.start()
    platform_topics(found.bootstrap)
    yield found
    found.end()


@pytest.fixture
def lake(
    tmp_path: Path, batched: World, broker: DevelopmentBroker, postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> Lake:
    found = lake_with_models(tmp_path, batched)
    settle(monkeypatch, found, broker.bootstrap, postgres)
    return found


def drainers(lake: Lake, broker: DevelopmentBroker, postgres: Database) -> Drainers:
    return Drainers(lake.root, broker.bootstrap, postgres.url.get_secret_value(), Path(lake.root) / "drainers.log")


def all_is_well(lake: Lake, sent: Sent, postgres: Database) -> None:
    everything_sent_is_there_once(lake, sent)
    everything_agrees(lake, settings(), postgres)


def test_of_two_that_drain_side_by_side_each_range_is_taken_by_one(
    lake: Lake, broker: DevelopmentBroker, postgres: Database
) -> None:
    with drainers(lake, broker, postgres) as processes:
        with sending(broker.bootstrap, a_mixture(lake), 400) as sent:
            both = [processes.start(Orders(idle=1.0, rows=50)) for _ in range(2)]
            eventually(lambda: len(sent.messages) >= 2_000, seconds=60)
        done = [processes.end(one) for one in both]
    assert sum(one["rows"] for one in done) == len(sent.messages)
    all_is_well(lake, sent, postgres)


def test_an_idle_one_finishes_what_another_left_when_it_was_killed(
    lake: Lake, broker: DevelopmentBroker, postgres: Database
) -> None:
    mixture = a_mixture(lake)
    with drainers(lake, broker, postgres) as processes:
        first = send(broker.bootstrap, mixture, 100)
        pid = processes.start(Orders()).process.pid
        assert pid is not None
        eventually(lambda: postgres.rows("SELECT events FROM serving.stream") == [(100,)], seconds=60)
        os.kill(pid, signal.SIGSTOP)  # stopped, so that the other one takes what comes
        dying = processes.start(Orders("after_commit"))
        second = send(broker.bootstrap, mixture, 100)
        processes.wait(dying, "after_commit")
        assert lake.scan(RAW_EVENTS).collect().height == 200
        os.kill(pid, signal.SIGCONT)
        eventually(lambda: postgres.rows("SELECT events FROM serving.stream") == [(200,)], seconds=20)
    all_is_well(lake, Sent(first.messages | second.messages), postgres)


def test_two_daemons_over_one_lake_do_everything_once(
    lake: Lake, broker: DevelopmentBroker, postgres: Database
) -> None:
    with dg.DagsterInstance.ephemeral() as one, dg.DagsterInstance.ephemeral() as other:
        both = [Platform(lake, one), Platform(lake, other)]
        with both[0].at_work(), both[1].at_work():
            with sending(broker.bootstrap, a_mixture(lake), 200) as sent:
                eventually(lambda: all(platform.runs or platform.said for platform in both), seconds=60)
                eventually(lambda: len(sent.messages) >= 1_500, seconds=60)
            total = len(sent.messages)
            eventually(lambda: postgres.rows("SELECT events FROM serving.stream") == [(total,)], seconds=60)
        runs = [run for platform in both for run in platform.runs]
    assert all(run.success for run in runs)
    assert all(platform.runs for platform in both)
    assert sum(sum(taken(run)) for run in runs) == total
    all_is_well(lake, sent, postgres)


def test_an_exact_range_is_taken_once_however_often_it_is_asked_for(
    lake: Lake, broker: DevelopmentBroker, postgres: Database
) -> None:
    sent = send(broker.bootstrap, a_mixture(lake), 300)
    (first, *_, last) = sent.offsets()[ACTIVITY, 0]
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(lake, instance)
        some = [OffsetRange(ACTIVITY, 0, 0, first, first + 20)]
        assert taken(platform.run({"ranges": as_json(some)})) == [20]
        version = lake.version(RAW_EVENTS)
        again = platform.run({"ranges": as_json(some)})
        assert again.success
        assert taken(again) == []
        assert lake.version(RAW_EVENTS) == version
        rest = [OffsetRange(ACTIVITY, 0, 0, first, last + 1)]
        assert sum(taken(platform.run({"ranges": as_json(rest)}))) == len(sent.offsets()[ACTIVITY, 0]) - 20
        assert sum(taken(platform.run())) == len(sent.messages) - len(sent.offsets()[ACTIVITY, 0])
        assert taken(platform.run({"ranges": as_json(rest)})) == []
        assert not platform.run({"ranges": as_json([OffsetRange(ACTIVITY, 0, 0, last + 2, last + 3)])}).success
    table = Events(lake)
    (place,) = [place for place in table.places([ACTIVITY]) if place.partition == 0]
    assert table.positions([place]) == {place: Position(0, last + 1)}
    all_is_well(lake, sent, postgres)
