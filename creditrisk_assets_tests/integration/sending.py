"""A producer that sends a mixture while a test does other things, and knows afterwards where everything is."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kafka.admin import NewTopic

from creditrisk_assets.contracts import TOPICS
from creditrisk_assets_tests.integration.mixed_messages import Message, Mixture
from creditrisk_assets_tests.streaming.brokers import eventually
from creditrisk_assets_tests.streaming.clients import admin, has_partitions, producer

PARTITIONS = 2
IN_ONE_TRANSACTION = 25
Place = tuple[str, int, int]
"""Topic, partition, offset."""


@dataclass
class Sent:
    """What is in the log: every message by its place."""

    messages: dict[Place, Message] = field(default_factory=dict)

    def poison(self) -> dict[Place, bytes | None]:
        """Values of the bad ones by place."""
        return {place: message.value for place, message in self.messages.items() if not message.good}

    def offsets(self) -> dict[tuple[str, int], list[int]]:
        """Offsets by partition, in their order."""
        found: dict[tuple[str, int], list[int]] = {}
        for topic, partition, offset in sorted(self.messages):
            found.setdefault((topic, partition), []).append(offset)
        return found


def platform_topics(bootstrap: str, **configs: dict[str, str]) -> None:
    """The topics of the platform, new and empty; `configs` by topic, with underscores in its name."""
    with admin(bootstrap) as client:
        if old := sorted(set(TOPICS) & set(client.list_topics())):
            client.delete_topics(old)
            eventually(lambda: not set(TOPICS) & set(client.list_topics()))
        client.create_topics([
            NewTopic(name=name, num_partitions=PARTITIONS, replication_factor=1,
                     topic_configs=configs.get(name.replace("-", "_"), {}))
            for name in TOPICS
        ])  # fmt: skip
        for name in TOPICS:
            eventually(lambda name=name: has_partitions(client, name, PARTITIONS))  # type: ignore[misc]


def send(bootstrap: str, mixture: Mixture, count: int) -> Sent:
    """Send that many messages; where they are."""
    sent = Sent()
    with producer(bootstrap, linger_ms=5) as client:
        _send(client, mixture, count, sent)
    return sent


def _send(client: Any, mixture: Mixture, count: int, sent: Sent) -> None:
    messages = [mixture.next() for _ in range(count)]
    waiting = [(client.send(one.topic, one.value, key=one.key), one) for one in messages]
    for future, message in waiting:
        told = future.get(60)
        sent.messages[told.topic, told.partition, told.offset] = message


@contextmanager
def sending(bootstrap: str, mixture: Mixture, rate: float, transactional: bool = False) -> Iterator[Sent]:
    """Send so many messages a second until the test leaves; the places are complete then.

    `transactional`: in transactions, of which every third is aborted; their messages are nowhere.
    """
    sent, done, failed = Sent(), threading.Event(), []

    def run() -> None:
        options = {"transactional_id": "sending"} if transactional else {}
        try:
            with producer(bootstrap, linger_ms=5, **options) as client:
                if transactional:
                    client.init_transactions()
                number = 0
                while not done.wait(IN_ONE_TRANSACTION / rate):
                    number += 1
                    if transactional:
                        _in_transaction(client, mixture, sent, abort=number % 3 == 0)
                    else:
                        _send(client, mixture, IN_ONE_TRANSACTION, sent)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield sent
    finally:
        done.set()
        thread.join(120)
    assert not failed, failed


def _in_transaction(client: Any, mixture: Mixture, sent: Sent, abort: bool) -> None:
    client.begin_transaction()
    if abort:
        _send(client, mixture, IN_ONE_TRANSACTION, Sent())
        client.abort_transaction()
    else:
        _send(client, mixture, IN_ONE_TRANSACTION, sent)
        client.commit_transaction()
