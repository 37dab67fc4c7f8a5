"""Reading exactly the offsets that were planned, and hearing of news, on both brokers."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import TopicPartition

from creditrisk_assets.streaming import columnar
from creditrisk_assets.streaming.errors import (
    KafkaUnavailableError,
    RetentionPassedError,
    StreamError,
    TopicRestartedError,
)
from creditrisk_assets.streaming.log import Log
from creditrisk_assets.streaming.offsets import Bounds, Caps, OffsetRange, Place, Position, plan
from creditrisk_assets.streaming.reading import Fetched
from creditrisk_assets_tests.streaming.brokers import BrokerProcess, DevelopmentBroker, eventually
from creditrisk_assets_tests.streaming.clients import admin, bounds, has_partitions, new_topic, producer, read, send

NOW = int(time.time() * 1000)


@pytest.fixture(params=[True, False], ids=["in columns", "record by record"])
def in_columns(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def log(bootstrap: str, *topics: str, in_columns: bool = True, patience: float = 10) -> Log:
    return Log({"bootstrap_servers": bootstrap}, topics, in_columns, patience)


def numbered(first: int, count: int) -> list[bytes | None]:
    return [b"%06d" % n for n in range(first, first + count)]


def topic_of(path: Path, content: bytes) -> bool:
    return path.suffix == ".log" and content in path.read_bytes()


def values(fetched: list[Fetched]) -> list[bytes | None]:
    return [value for one in fetched for value in one.records.values]


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_a_range_brings_its_records_as_the_client_reads_them(
    bootstrap: str, in_columns: bool, codec: str | None
) -> None:
    topic = new_topic(bootstrap)
    with producer(bootstrap, compression_type=codec, linger_ms=20, batch_size=5_000) as client:
        for n in range(500):
            value = None if n % 50 == 7 else b"value %d" % n * (n % 9)
            key = None if n % 3 == 0 and value is not None else b"key %d" % n
            headers = [("n", b"%d" % n)] if n % 2 else []
            client.send(topic, value, key=key, headers=headers, timestamp_ms=NOW + n, partition=0)
    with log(bootstrap, topic, in_columns=in_columns) as source:
        (found,) = source.fetch([OffsetRange(topic, 0, 0, 33, 444)])
        assert source._client.columnar == in_columns
    expected = read(bootstrap, topic, start=33, end=444)
    assert found.range == OffsetRange(topic, 0, 0, 33, 444)
    assert found.records.offsets == [one.offset for one in expected]
    assert found.records.timestamps == [one.timestamp for one in expected]
    assert found.records.keys == [one.key for one in expected]
    assert found.records.values == [one.value for one in expected]


def test_ranges_of_many_partitions_and_topics_are_read_together(bootstrap: str, in_columns: bool) -> None:
    one, other = new_topic(bootstrap, 3), new_topic(bootstrap, 1)
    for partition in range(3):
        send(bootstrap, one, numbered(partition * 1000, 300), partition, linger_ms=5, batch_size=500)
    send(bootstrap, other, numbered(5000, 10))
    ranges = [OffsetRange(one, 0, n, 10 * n, 200 + n) for n in range(3)] + [OffsetRange(other, 0, 0, 3, 9)]
    with log(bootstrap, one, other, in_columns=in_columns) as source:
        for _ in range(2):  # and again, though the client stands elsewhere now
            found = source.fetch(ranges)
            assert [part.range for part in found] == ranges
            assert [part.records.values[0] for part in found] == [b"000000", b"001010", b"002020", b"005003"]
            assert [len(part.records.offsets) for part in found] == [len(part.range) for part in found]


def test_reading_goes_on_where_it_stopped_however_small_the_steps(bootstrap: str, in_columns: bool) -> None:
    topic = new_topic(bootstrap, 2)
    for partition in (0, 1):
        send(bootstrap, topic, numbered(1000 * partition, 400), partition, linger_ms=20, batch_size=2_000)
    found: list[bytes | None] = []
    positions: dict[Place, Position] = {}
    with log(bootstrap, topic, in_columns=in_columns) as source:
        while ranges := plan(positions, source.watermarks(), Caps(rows=77)):
            fetched = source.fetch(ranges)
            found += values(fetched)
            positions |= {one.range.place: Position(0, one.range.end) for one in fetched}
    assert sorted(found) == numbered(0, 400) + numbered(1000, 400)  # type: ignore[type-var]


def test_reading_stops_once_the_bytes_are_there_and_says_where(bootstrap: str, in_columns: bool) -> None:
    topic = new_topic(bootstrap, 2)
    for partition in (0, 1):
        send(bootstrap, topic, [b"x" * 1_000] * 200, partition, linger_ms=20, batch_size=10_000)
    ranges = [OffsetRange(topic, 0, 0, 0, 200), OffsetRange(topic, 0, 1, 0, 200)]
    with log(bootstrap, topic, in_columns=in_columns) as source:
        fetched = source.fetch(ranges, max_bytes=50_000)
        rest = source.fetch([OffsetRange(topic, 0, n, one.range.end, 200) for n, one in enumerate(fetched)])
    assert 0 < sum(len(one.range) for one in fetched) < 400
    for one, other in zip(fetched, rest, strict=True):
        assert one.records.offsets == list(range(one.range.start, one.range.end))
        assert other.records.offsets == list(range(one.range.end, 200))


def test_a_message_of_five_megabytes_comes_whole(bootstrap: str, in_columns: bool) -> None:
    topic = new_topic(bootstrap, max_message_bytes=10_000_000)
    big = bytes(range(256)) * 20_000
    send(bootstrap, topic, [b"before", big, b"after"], max_request_size=20_000_000)
    with log(bootstrap, topic, in_columns=in_columns) as source:
        assert values(source.fetch([OffsetRange(topic, 0, 0, 0, 3)])) == [b"before", big, b"after"]


def test_a_range_without_offsets_is_empty_at_once(bootstrap: str) -> None:
    topic = new_topic(bootstrap)
    with log(bootstrap, topic) as source:
        (found,) = source.fetch([OffsetRange(topic, 0, 0, 0, 0)])
    assert (found.range.end, found.records.offsets) == (0, [])


def test_offsets_that_the_broker_removed_are_a_loss_by_name(bootstrap: str) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 10))
    with log(bootstrap, topic) as source:
        assert source.watermarks() == {Place(topic, 0): Bounds(0, 10)}
        with admin(bootstrap) as client:
            client.delete_records({TopicPartition(topic, 0): 6})
        eventually(lambda: bounds(bootstrap, topic) == (6, 10))
        with pytest.raises(RetentionPassedError, match=r"\[0\] offsets 2 to 5: removed by the broker"):
            source.fetch([OffsetRange(topic, 0, 0, 2, 10)])
        assert values(source.fetch([OffsetRange(topic, 0, 0, 6, 10)])) == numbered(6, 4)


def test_offsets_removed_while_waiting_are_news_for_the_planning(bootstrap: str) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 10))
    with log(bootstrap, topic) as source:
        with admin(bootstrap) as client:
            client.delete_records({TopicPartition(topic, 0): 10})
        eventually(lambda: bounds(bootstrap, topic) == (10, 10))
        assert source.wait_for_news({Place(topic, 0): Position(0, 4)}, 20)


@pytest.mark.parametrize("in_columns", [True, False])
def test_a_damaged_record_is_told_with_its_offset_and_a_way_past_it(
    development: DevelopmentBroker, in_columns: bool
) -> None:
    development.ensure()
    topic = new_topic(development.bootstrap)
    for value in (b"first", b"to be damaged", b"last"):  # a batch each
        send(development.bootstrap, topic, [value])
    (file,) = (path for path in development.folder.rglob("*") if path.is_file() and topic_of(path, b"to be damaged"))
    file.write_bytes(file.read_bytes().replace(b"to be damaged", b"to BE damaged"))
    with log(development.bootstrap, topic, in_columns=in_columns) as source:
        assert values(source.fetch([OffsetRange(topic, 0, 0, 0, 1)])) == [b"first"]
        with pytest.raises(
            StreamError, match=r"at offset 1 failed crc check: mend .* creditrisk stream restart --from"
        ):
            source.fetch([OffsetRange(topic, 0, 0, 1, 3)])
        assert values(source.fetch([OffsetRange(topic, 0, 0, 2, 3)])) == [b"last"]
    file.write_bytes(file.read_bytes().replace(b"to BE damaged", b"was damaged !"))


def test_a_range_beyond_the_end_is_of_another_log(bootstrap: str) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 3))
    with log(bootstrap, topic) as source, pytest.raises(TopicRestartedError, match="ends at 3, 7 is committed"):
        source.fetch([OffsetRange(topic, 0, 0, 7, 9)])


def test_a_topic_made_anew_has_another_identity(bootstrap: str) -> None:
    topic = new_topic(bootstrap)
    with log(bootstrap, topic) as source:
        before = source.identities()[topic]
    with log(bootstrap, topic) as source:
        assert source.identities() == {topic: before}
    with admin(bootstrap) as client:
        client.delete_topics([topic])
        eventually(lambda: topic not in client.list_topics())
        client.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
        eventually(lambda: has_partitions(client, topic, 1))
    with log(bootstrap, topic) as source:
        assert source.identities()[topic] != before
        assert 0 < source.identities()[topic] < 2**63


def test_a_topic_that_does_not_exist_has_no_partitions_and_is_not_made(bootstrap: str) -> None:
    with log(bootstrap, "nobody-made-it") as source:
        assert source.watermarks() == {}
        assert source.identities() == {}
    with admin(bootstrap) as client:
        assert "nobody-made-it" not in client.list_topics()


def test_a_topic_deleted_a_moment_ago_is_seen_to_be_gone(bootstrap: str) -> None:
    topic, other = new_topic(bootstrap), new_topic(bootstrap)
    with log(bootstrap, topic, other, patience=3) as source:
        assert set(source.watermarks()) == {Place(topic, 0), Place(other, 0)}
        with admin(bootstrap) as client:
            client.delete_topics([topic])
            eventually(lambda: topic not in client.list_topics())
        source._client.consumer.topics()
        assert set(source.watermarks()) == {Place(other, 0)}


def test_a_topic_that_does_not_exist_can_be_waited_for(bootstrap: str) -> None:
    topic = f"later-{new_topic(bootstrap)}"
    with log(bootstrap, topic) as source:
        began, busy = time.monotonic(), time.process_time()
        assert not source.wait_for_news({}, 1)
        assert time.monotonic() - began > 0.9
        assert time.process_time() - busy < 0.3
        with admin(bootstrap) as client:
            client.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
        assert source.wait_for_news({}, 20)


@pytest.fixture
def waiting(bootstrap: str) -> Iterator[tuple[Log, str, dict[Place, Position]]]:
    """A log of two partitions, read to its end."""
    topic = new_topic(bootstrap, 2)
    send(bootstrap, topic, numbered(0, 5))
    with log(bootstrap, topic) as source:
        yield source, topic, {place: Position(0, one.end) for place, one in source.watermarks().items()}


def test_without_news_waiting_ends_in_time_and_costs_next_to_nothing(
    waiting: tuple[Log, str, dict[Place, Position]],
) -> None:
    source, _, positions = waiting
    source.wait_for_news(positions, 0.1)
    began, busy = time.monotonic(), time.process_time()
    assert not source.wait_for_news(positions, 1.5)
    assert 1.4 < time.monotonic() - began < 3
    assert time.process_time() - busy < 0.3


def test_news_end_the_waiting_at_once_in_whichever_partition(
    bootstrap: str, waiting: tuple[Log, str, dict[Place, Position]]
) -> None:
    source, topic, positions = waiting
    with producer(bootstrap) as client:
        for partition in (0, 1, 0):
            sender = threading.Timer(0.3, lambda n=partition: client.send(topic, b"news", partition=n).get(30))
            sender.start()
            began = time.monotonic()
            assert source.wait_for_news(positions, 20)
            assert time.monotonic() - began < 10
            sender.join()
            fetched = source.fetch(plan(positions, source.watermarks(), Caps()))
            assert values(fetched) == [b"news"]
            positions |= {one.range.place: Position(0, one.range.end) for one in fetched}


def test_what_was_not_taken_is_news_and_a_new_partition_too(
    bootstrap: str, waiting: tuple[Log, str, dict[Place, Position]]
) -> None:
    source, topic, positions = waiting
    assert source.wait_for_news(positions | {Place(topic, 0): Position(0, 4)}, 5)
    with admin(bootstrap) as client:
        client.create_partitions({topic: 3})
        eventually(lambda: has_partitions(client, topic, 3))
    assert source.wait_for_news(positions, 20)
    assert Place(topic, 2) in source.watermarks()


def test_a_client_that_is_built_otherwise_is_read_record_by_record(
    bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 50), linger_ms=20)
    monkeypatch.setattr(columnar, "understood", lambda: False)
    with log(bootstrap, topic) as source:
        assert values(source.fetch([OffsetRange(topic, 0, 0, 5, 50)])) == numbered(5, 45)
        assert not source._client.columnar


def test_a_broker_that_is_gone_is_named_and_one_that_comes_back_is_read_on(broker: BrokerProcess) -> None:
    topic = new_topic(broker.bootstrap)
    send(broker.bootstrap, topic, numbered(0, 20))
    with log(broker.bootstrap, topic, patience=2) as source:
        positions = {Place(topic, 0): Position(0, 20)}
        assert values(source.fetch([OffsetRange(topic, 0, 0, 0, 10)])) == numbered(0, 10)
        broker.kill()
        said = rf"no answer from the broker at {broker.bootstrap} within 2 s: start it, or correct CREDITRISK_KAFKA"
        with pytest.raises(KafkaUnavailableError, match=said):
            source.fetch([OffsetRange(topic, 0, 0, 10, 20)])
        with pytest.raises(KafkaUnavailableError, match=said):
            source.watermarks()
        with pytest.raises(KafkaUnavailableError, match=said):
            source.wait_for_news(positions, 10)
        broker.start()
        assert values(source.fetch([OffsetRange(topic, 0, 0, 10, 20)])) == numbered(10, 10)
