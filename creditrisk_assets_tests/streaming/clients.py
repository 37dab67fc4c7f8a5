"""Clients of a broker as the platform uses them, and records as the tests compare them."""

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from creditrisk_assets_tests.streaming.brokers import eventually


class Sent(NamedTuple):
    """A record as it was read."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: tuple[tuple[str, bytes], ...]


@contextmanager
def admin(bootstrap: str) -> Iterator[KafkaAdminClient]:
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=20_000)) as client:
        yield client


@contextmanager
def producer(bootstrap: str, **options: Any) -> Iterator[KafkaProducer]:
    with closing(KafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, **options)) as client:
        yield client


@contextmanager
def consumer(bootstrap: str, **options: Any) -> Iterator[KafkaConsumer]:
    """One that reads exact ranges, and fails rather than skips."""
    exact = {"group_id": None, "enable_auto_commit": False, "auto_offset_reset": "none", "metrics_enabled": False}
    with closing(KafkaConsumer(bootstrap_servers=bootstrap, **exact | options)) as client:
        yield client


def new_topic(bootstrap: str, partitions: int = 1, **config: object) -> str:
    """A topic that only this test knows."""
    name = f"topic-{uuid.uuid4().hex[:12]}"
    configs = {key.replace("_", "."): str(value) for key, value in config.items()}
    with admin(bootstrap) as client:
        client.create_topics(
            [NewTopic(name=name, num_partitions=partitions, replication_factor=1, topic_configs=configs)]
        )
        eventually(lambda: has_partitions(client, name, partitions))
    return name


def has_partitions(client: KafkaAdminClient, topic: str, partitions: int) -> bool:
    """Whether every partition of the topic has a leader, which takes a moment after it was made."""
    found = client.describe_topics([topic])[0]["partitions"]
    return len(found) == partitions and all(one["leader_id"] >= 0 for one in found)


def send(bootstrap: str, topic: str, values: list[bytes | None], partition: int = 0, **options: Any) -> list[int]:
    """Send values in their order; their offsets once all are acknowledged."""
    with producer(bootstrap, **options) as client:
        futures = [client.send(topic, value, partition=partition) for value in values]
        return [future.get(30).offset for future in futures]


def read(bootstrap: str, topic: str, partition: int = 0, start: int | None = None, end: int | None = None,
         **options: Any) -> list[Sent]:  # fmt: skip
    """Records of a range (the whole log when none is named), in the order they came."""
    where = TopicPartition(topic, partition)
    with consumer(bootstrap, **options) as client:
        client.assign([where])
        first = client.beginning_offsets([where])[where] if start is None else start
        last = client.end_offsets([where])[where] if end is None else end
        client.seek(where, first)
        found: list[Sent] = []

        def reached() -> bool:
            for record in client.poll(500, max_records=100_000).get(where, []):
                if record.offset < last:
                    headers = tuple(record.headers)
                    found.append(Sent(record.offset, record.key, record.value, record.timestamp, headers))
            return bool(client.position(where) >= last)

        eventually(reached, every=0)
        return found


def values(records: list[Sent]) -> list[bytes | None]:
    return [record.value for record in records]


def bounds(bootstrap: str, topic: str, partition: int = 0) -> tuple[int, int]:
    """First offset, and the one after the last."""
    where = TopicPartition(topic, partition)
    with consumer(bootstrap) as client:
        return client.beginning_offsets([where])[where], client.end_offsets([where])[where]
