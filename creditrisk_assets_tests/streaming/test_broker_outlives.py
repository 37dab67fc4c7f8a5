"""What a broker keeps over restarts, kills and many clients at once; the same contract for both brokers."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from creditrisk_assets_tests.streaming.brokers import BrokerProcess, eventually
from creditrisk_assets_tests.streaming.clients import (
    admin,
    bounds,
    consumer,
    new_topic,
    producer,
    read,
    send,
    values,
)

KILLS = 4


def test_a_restart_keeps_topics_records_starts_and_committed_offsets(broker: BrokerProcess) -> None:
    bootstrap = broker.bootstrap
    topic = new_topic(bootstrap, 3)
    where = TopicPartition(topic, 1)
    send(bootstrap, topic, [str(n).encode() for n in range(500)], partition=1, compression_type="zstd")
    with admin(bootstrap) as client:
        client.delete_records({where: 123})
        before = client.describe_topics([topic])
    with consumer(bootstrap, group_id="kept") as client:
        client.assign([where])
        client.commit({where: OffsetAndMetadata(321, "", -1)})
    assert broker.stop() in {0, 143}  # Java ends with the number of the signal
    broker.start()
    with admin(bootstrap) as client:
        after = eventually(lambda: (found := client.describe_topics([topic]))[0]["error_code"] == 0 and found)
    assert after[0]["topic_id"] == before[0]["topic_id"]
    assert len(after[0]["partitions"]) == 3
    assert values(read(bootstrap, topic, 1)) == [str(n).encode() for n in range(123, 500)]
    with consumer(bootstrap, group_id="kept") as client:
        client.assign([where])
        assert client.committed(where) == 321
    assert send(bootstrap, topic, [b"next"], partition=1) == [500]


def test_kills_during_produce_lose_nothing_acknowledged_and_double_nothing(broker: BrokerProcess) -> None:
    """The producer goes on through every kill; what it was told is written, once, and in its order."""
    bootstrap, dice = broker.bootstrap, random.Random(11)
    topic = new_topic(bootstrap)
    done = threading.Event()

    def produce() -> list[tuple[int, bytes]]:
        options = {"delivery_timeout_ms": 120_000, "request_timeout_ms": 10_000, "reconnect_backoff_max_ms": 200}
        with producer(bootstrap, retry_backoff_ms=50, linger_ms=1, max_block_ms=120_000, **options) as client:
            sent = []
            while not done.is_set():
                value = str(len(sent)).encode()
                sent.append((client.send(topic, value, partition=0), value))
                if len(sent) % 50 == 0:
                    sent[-50][0].get(120)  # no more than a hundred on their way
            return [(future.get(120).offset, value) for future, value in sent]

    with ThreadPoolExecutor(1) as pool:
        producing = pool.submit(produce)
        for _ in range(KILLS):
            reached = bounds(bootstrap, topic)[1] + dice.randrange(20, 300)
            eventually(lambda reached=reached: producing.done() or bounds(bootstrap, topic)[1] >= reached)  # type: ignore[misc]
            broker.kill()
            broker.start()
        done.set()
        acknowledged = producing.result(120)
    found = read(bootstrap, topic)
    assert [(record.offset, record.value) for record in found] == acknowledged
    assert [offset for offset, _ in acknowledged] == list(range(len(acknowledged)))
    assert len(acknowledged) > KILLS * 20


def test_producers_at_once_are_all_heard(broker: BrokerProcess) -> None:
    topic = new_topic(broker.bootstrap, 2)

    def produce(number: int) -> list[int]:
        return send(broker.bootstrap, topic, [f"{number}:{n}".encode() for n in range(300)], number % 2, linger_ms=5)

    with ThreadPoolExecutor(6) as pool:
        offsets = list(pool.map(produce, range(6)))
    for partition in range(2):
        told = sorted(offset for number in range(partition, 6, 2) for offset in offsets[number])
        assert told == list(range(900))
        found = values(read(broker.bootstrap, topic, partition))
        for number in range(partition, 6, 2):
            mine = [value for value in found if value is not None and value.startswith(b"%d:" % number)]
            assert mine == [b"%d:%d" % (number, n) for n in range(300)]


def test_many_partitions_are_kept_apart(broker: BrokerProcess) -> None:
    topic = new_topic(broker.bootstrap, 100)
    with producer(broker.bootstrap, linger_ms=20) as client:
        for n in range(1000):
            client.send(topic, b"%d" % n, partition=n % 100)
    with consumer(broker.bootstrap) as client:
        everywhere = [TopicPartition(topic, partition) for partition in range(100)]
        assert set(client.end_offsets(everywhere).values()) == {10}
        client.assign(everywhere)
        client.seek_to_beginning(*everywhere)
        found: dict[int, list[bytes]] = {}

        def reached() -> bool:
            for where, records in client.poll(200).items():
                found.setdefault(where.partition, []).extend(record.value for record in records)
            return sum(map(len, found.values())) == 1000

        eventually(reached, every=0)
    assert found == {p: [b"%d" % n for n in range(p, 1000, 100)] for p in range(100)}


def test_a_consumer_who_waits_hears_at_once(broker: BrokerProcess) -> None:
    """A fetch is answered when a record comes, not when its time is up."""
    topic = new_topic(broker.bootstrap)
    where = TopicPartition(topic, 0)
    with consumer(broker.bootstrap, fetch_max_wait_ms=20_000) as client, ThreadPoolExecutor(1) as pool:
        client.assign([where])
        client.seek(where, 0)
        client.poll(100)  # the fetch waits at the broker now
        waiting = pool.submit(lambda: eventually(lambda: client.poll(1000), seconds=10, every=0))
        send(broker.bootstrap, topic, [b"news"])
        assert [record.value for record in waiting.result(15)[where]] == [b"news"]


def test_old_segments_are_removed_and_offsets_go_on(broker: BrokerProcess) -> None:
    topic = new_topic(broker.bootstrap, segment_bytes=1_048_576, retention_bytes=2_000_000, retention_ms=3_600_000)
    for _ in range(8):
        send(broker.bootstrap, topic, [random.Random(3).randbytes(700_000)])
    first = eventually(lambda: bounds(broker.bootstrap, topic)[0], seconds=60)
    assert bounds(broker.bootstrap, topic)[1] == 8
    found = read(broker.bootstrap, topic)
    assert [record.offset for record in found] == list(range(max(first, found[0].offset), 8))
    assert 2 <= len(found) < 8
