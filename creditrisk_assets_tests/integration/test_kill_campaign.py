"""Killed at any moment, again and again, the stream loses nothing and does nothing twice."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from creditrisk_assets.contracts import ACTIVITY
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets_tests.integration.draining import Orders
from creditrisk_assets_tests.integration.killing import Drainers, campaign
from creditrisk_assets_tests.integration.sending import PARTITIONS, Sent, platform_topics, sending
from creditrisk_assets_tests.integration.streamed import (
    a_mixture,
    everything_agrees,
    everything_sent_is_there_once,
    lake_with_models,
)
from creditrisk_assets_tests.resources.writer import tell
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.streaming.apache_kafka import ApacheKafka
from creditrisk_assets_tests.streaming.brokers import BrokerProcess, DevelopmentBroker, eventually
from creditrisk_assets_tests.streaming.clients import read
from creditrisk_assets_tests.world import World

KILLS = int(os.environ.get("CREDITRISK_SOAK_KILLS", "15"))
KILLS_ON_APACHE = max(4, KILLS * 3 // 20)
RATE = 250
"""Messages a second."""
COMPACTED = {"cleanup.policy": "compact", "segment.ms": "500", "max.compaction.lag.ms": "500",
             "min.cleanable.dirty.ratio": "0.01"}  # fmt: skip


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[DevelopmentBroker]:
    """A development broker that nobody else uses."""
    found = DevelopmentBroker(tmp_path / "broker")
    found.start()
    yield found
    found.end()


def drainers_of(root: Path, lake: str, broker: BrokerProcess, database: Database) -> Drainers:
    return Drainers(lake, broker.bootstrap, database.url.get_secret_value(), root / "drainers.log")


def say(broker: BrokerProcess, drainers: Drainers, sent: Sent, began: float) -> None:
    """Figures for those who watch (`make soak`)."""
    kills, seconds = drainers.killed.total(), time.monotonic() - began
    poison = len(sent.poison())
    tell(f"\n{broker.name}: {kills} kills in {seconds:.0f} s, {len(sent.messages)} messages, {poison} of them poison")
    tell(", ".join(f"{point} {count}" for point, count in sorted(drainers.killed.items())))


def test_killed_anywhere_the_lake_and_postgresql_end_as_if_nobody_had_been_killed(
    tmp_path: Path, batched: World, broker: DevelopmentBroker, postgres: Database
) -> None:
    lake, began = lake_with_models(tmp_path, batched), time.monotonic()
    platform_topics(broker.bootstrap)
    with drainers_of(tmp_path, lake.root, broker, postgres) as drainers:
        with sending(broker.bootstrap, a_mixture(lake), RATE) as sent:
            campaign(drainers, KILLS, seed=4)
        drainers.finished(Orders(idle=1.0))
    say(broker, drainers, sent, began)
    everything_sent_is_there_once(lake, sent)
    everything_agrees(lake, Settings(lake=lake.root), postgres)


def left_of(bootstrap: str) -> dict[tuple[str, int], set[int]]:
    """Offsets that compaction has left of the activity topic."""
    partitions = [(ACTIVITY, partition) for partition in range(PARTITIONS)]
    return {
        place: {record.offset for record in read(bootstrap, *place, isolation_level="read_committed")}
        for place in partitions
    }


def is_compacted(bootstrap: str, sent: Sent) -> bool:
    """Has every partition of the activity topic lost messages in its midst?"""
    left, places = left_of(bootstrap), list(sent.messages)
    return all(
        any(place[:2] == where and place[2] not in offsets and place[2] < max(offsets, default=0) for place in places)
        for where, offsets in left.items()
    )


def test_killed_between_aborted_transactions_and_compaction_it_ends_the_same(
    tmp_path: Path, batched: World, apache: ApacheKafka, postgres: Database
) -> None:
    lake, began = lake_with_models(tmp_path, batched), time.monotonic()
    platform_topics(apache.bootstrap, customer_activity=COMPACTED)
    with drainers_of(tmp_path, lake.root, apache, postgres) as drainers:
        with sending(apache.bootstrap, a_mixture(lake, seed=2), RATE, transactional=True) as sent:
            eventually(lambda: is_compacted(apache.bootstrap, sent), seconds=60, every=0.2)
            campaign(drainers, KILLS_ON_APACHE, seed=5, points=("after_fetch", "after_commit", "inside_postgres"))
        drainers.finished(Orders(idle=1.0))
    say(apache, drainers, sent, began)
    left = left_of(apache.bootstrap)
    everything_sent_is_there_once(lake, sent, left)
    assert sum(map(len, left.values())) < sum(len(sent.offsets()[place]) for place in left)
    everything_agrees(lake, Settings(lake=lake.root), postgres)
