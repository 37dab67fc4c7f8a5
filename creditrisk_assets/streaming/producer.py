"""Messages into Kafka: topics made when they are absent, a steady rate, and every message acknowledged."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any, NamedTuple, TypeVar

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from creditrisk_assets.streaming.connection import remedy
from creditrisk_assets.streaming.errors import StreamError

PATIENCE_MS = 30_000
"""How long a broker may leave us without an answer."""

KEPT_FOR_EVER = {"retention.ms": "-1"}
"""What happened years ago must not be removed before it has been read."""

RELIABLE = {
    "acks": "all",
    "enable_idempotence": True,
    "compression_type": "lz4",
    "linger_ms": 5,
    "batch_size": 65_536,
    "bootstrap_timeout_ms": PATIENCE_MS,
    "max_block_ms": PATIENCE_MS,
    "request_timeout_ms": PATIENCE_MS // 2,
    "delivery_timeout_ms": PATIENCE_MS,
    "metrics_enabled": False,
}

Item = TypeVar("Item")


class Message(NamedTuple):
    """A message before it is sent."""

    key: bytes
    value: bytes


class Addressed(NamedTuple):
    """A message and where it goes; a tombstone has no value."""

    topic: str
    key: bytes
    value: bytes | None


class SendError(StreamError):
    """Messages that the broker did not take; tells what to do."""


def ensure_topic(arguments: Mapping[str, Any], topic: str, partitions: int) -> int:
    """Make the topic unless it exists, with the broker's own replication; its number of partitions.

    `arguments` are those of a client, see `connection`. Raises SendError.
    """
    with _told(arguments), closing(_admin(arguments)) as client:
        wanted = NewTopic(topic, num_partitions=partitions, replication_factor=-1, topic_configs=KEPT_FOR_EVER)
        with suppress(TopicAlreadyExistsError):
            client.create_topics([wanted], timeout_ms=PATIENCE_MS, wait_for_metadata=True)
        return len(client.describe_topics([topic])[0]["partitions"])


def send(arguments: Mapping[str, Any], topic: str, messages: Iterable[Message], rate: float | None = None) -> int:
    """Send messages in their order within each key, `rate` a second or as fast as they go; see `deliver`."""
    steady = messages if rate is None else paced(messages, rate)
    return deliver(arguments, (Addressed(topic, *message) for message in steady))


def deliver(arguments: Mapping[str, Any], messages: Iterable[Addressed]) -> int:
    """Send messages as they come, in their order within each topic and key.

    Returns how many, once all are acknowledged. Raises SendError as soon as one is not; sending
    again is safe, since events are told apart by their identifiers.
    """
    failures: list[Exception] = []
    sent = 0
    with _told(arguments), closing(KafkaProducer(**RELIABLE, **arguments)) as client:
        for topic, key, value in messages:
            client.send(topic, value, key=key).add_errback(failures.append)
            sent += 1
            if failures:
                raise failures[0]
        client.flush(timeout=PATIENCE_MS / 1000)
        if failures:
            raise failures[0]
    return sent


def paced(items: Iterable[Item], rate: float, clock: Callable[[], float] = time.monotonic,
          sleep: Callable[[float], None] = time.sleep) -> Iterator[Item]:  # fmt: skip
    """The items at `rate` a second on the average since the first: a delay is made up for afterwards."""
    start = clock()
    for number, item in enumerate(items):
        ahead = start + number / rate - clock()
        if ahead > 0:
            sleep(ahead)
        yield item


def _admin(arguments: Mapping[str, Any]) -> KafkaAdminClient:
    return KafkaAdminClient(**arguments, bootstrap_timeout_ms=PATIENCE_MS, request_timeout_ms=PATIENCE_MS)


@contextmanager
def _told(arguments: Mapping[str, Any]) -> Iterator[None]:
    """Failures of the client as sentences."""
    try:
        yield
    except KafkaError as error:
        servers = ", ".join(arguments.get("bootstrap_servers", ()))
        raise SendError(
            f"the broker at {servers} did not take the messages ({error}): {remedy(arguments)}, "
            "and send them again; repeats count once"
        ) from error
