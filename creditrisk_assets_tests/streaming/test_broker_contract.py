"""What the platform asks of a broker, held against the development broker and Apache Kafka alike."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import (
    InvalidTopicError,
    MessageSizeTooLargeError,
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)
from kafka.structs import OffsetAndMetadata

from creditrisk_assets_tests.streaming.brokers import eventually
from creditrisk_assets_tests.streaming.clients import (
    admin,
    bounds,
    consumer,
    has_partitions,
    new_topic,
    producer,
    read,
    send,
    values,
)

NOW = int(time.time() * 1000)  # records of last year would be removed at once: topics keep a week
CODECS = [None, "gzip", "snappy", "lz4", "zstd"]


def test_a_topic_has_the_partitions_and_an_id_of_its_own(bootstrap: str) -> None:
    one, other = new_topic(bootstrap, 3), new_topic(bootstrap, 1)
    with admin(bootstrap) as client:
        assert {one, other} <= set(client.list_topics())
        found = {topic["name"]: topic for topic in client.describe_topics([one, other])}
    assert [len(found[name]["partitions"]) for name in (one, other)] == [3, 1]
    assert found[one]["topic_id"] != found[other]["topic_id"]


def test_a_topic_is_not_made_twice_nor_under_an_impossible_name(bootstrap: str) -> None:
    topic = new_topic(bootstrap)
    with admin(bootstrap) as client:
        with pytest.raises(TopicAlreadyExistsError):
            client.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
        with pytest.raises(InvalidTopicError):
            client.create_topics({"a topic/of mine": {"num_partitions": 1, "replication_factor": 1}})


@pytest.mark.parametrize("codec", CODECS)
def test_records_come_back_with_key_value_headers_and_time_in_every_codec(bootstrap: str, codec: str | None) -> None:
    topic = new_topic(bootstrap)
    with producer(bootstrap, compression_type=codec, linger_ms=20) as client:
        sent = [
            client.send(topic, f"value {n}".encode() * 50, key=f"key {n}".encode(), partition=0,
                        headers=[("version", b"1"), ("n", str(n).encode())], timestamp_ms=NOW + n)
            for n in range(100)
        ]  # fmt: skip
        offsets = [future.get(30).offset for future in sent]
    assert offsets == list(range(100))
    found = read(bootstrap, topic)
    assert [record.offset for record in found] == offsets
    assert [record.timestamp for record in found] == [NOW + n for n in range(100)]
    assert (found[7].key, found[7].value) == (b"key 7", b"value 7" * 50)
    assert found[7].headers == (("version", b"1"), ("n", b"7"))


def test_a_tombstone_is_not_an_empty_value(bootstrap: str) -> None:
    topic = new_topic(bootstrap)
    with producer(bootstrap) as client:
        for value in (None, b"", b"full"):
            client.send(topic, value, key=b"customer", partition=0).get(30)
    assert values(read(bootstrap, topic)) == [None, b"", b"full"]


def test_exactly_the_range_asked_for_can_be_read(bootstrap: str) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, [str(n).encode() for n in range(1000)], compression_type="lz4", linger_ms=50)
    dice = random.Random(5)
    for _ in range(5):
        start, end = sorted(dice.sample(range(1001), 2))
        assert values(read(bootstrap, topic, start=start, end=end)) == [str(n).encode() for n in range(start, end)]


def test_a_small_fetch_size_loses_nothing(bootstrap: str) -> None:
    topic = new_topic(bootstrap)
    sent = [bytes([n % 256]) * (n * 37 % 5000) for n in range(200)]
    send(bootstrap, topic, [*sent])
    assert values(read(bootstrap, topic, max_partition_fetch_bytes=1000, fetch_max_bytes=2000)) == sent


def test_offsets_are_found_by_time_record_by_record(bootstrap: str) -> None:
    topic = new_topic(bootstrap)
    times = [1000, 1010, 1005, 1020, 1030, 1030, 990, 1040]  # clocks of producers differ
    with producer(bootstrap, linger_ms=100) as client:  # several records in a batch
        for stamp in times:
            client.send(topic, b"x", partition=0, timestamp_ms=NOW + stamp)
    where = TopicPartition(topic, 0)
    with consumer(bootstrap) as client:
        for asked in (0, 1000, 1001, 1006, 1011, 1030, 1031, 1041):
            found = client.offsets_for_times({where: NOW + asked})[where]
            expected = next((offset for offset, stamp in enumerate(times) if stamp >= asked), None)
            assert (None if found is None else found.offset) == expected, asked
            assert found is None or found.timestamp == NOW + times[found.offset]


def test_outside_the_log_is_an_error_and_never_a_silent_jump(bootstrap: str) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, [b"1", b"2", b"3"])
    with admin(bootstrap) as client:
        client.delete_records({TopicPartition(topic, 0): 2})
    where = TopicPartition(topic, 0)
    for offset in (1, 4):
        with consumer(bootstrap) as client:
            client.assign([where])
            client.seek(where, offset)
            with pytest.raises(OffsetOutOfRangeError):
                eventually(lambda client=client: client.poll(200), seconds=10)  # type: ignore[misc]


def test_deleted_records_are_gone_and_the_others_keep_their_offsets(bootstrap: str) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, [str(n).encode() for n in range(10)], linger_ms=100)
    with admin(bootstrap) as client:
        client.delete_records({TopicPartition(topic, 0): 4})
        assert bounds(bootstrap, topic) == (4, 10)
        assert [record.offset for record in read(bootstrap, topic)] == [4, 5, 6, 7, 8, 9]
        client.delete_records({TopicPartition(topic, 0): -1})
    assert bounds(bootstrap, topic) == (10, 10)
    assert send(bootstrap, topic, [b"next"]) == [10]


def test_a_group_finds_its_offsets_again(bootstrap: str) -> None:
    topic, group = new_topic(bootstrap, 2), f"group-{time.time_ns()}"
    first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
    with consumer(bootstrap, group_id=group) as client:
        client.assign([first, second])
        assert client.committed(first) is None
        client.commit({first: OffsetAndMetadata(7, "up to here", -1)})
    with consumer(bootstrap, group_id=group) as client:
        client.assign([first, second])
        assert (client.committed(first), client.committed(second)) == (7, None)
        assert client.committed(first, metadata=True).metadata == "up to here"


def poll_until_it_has(partitions: int, member: KafkaConsumer) -> None:
    """Poll until the member has that many partitions.

    kafka-python 3.0 loses a join that is answered after the poll that began it has ended, whatever the broker: the
    next poll of a leader joins again and has everyone else join again, or, when new metadata was the reason to join,
    no poll asks for the answer any more. So a poll must outlast a join, and members must not wait for each other's
    turn. It costs no time: nothing is committed, so a partition begins with records, which end the poll.
    """
    eventually(lambda: member.poll(10_000) is not None and len(member.assignment()) == partitions)


def test_members_of_a_group_share_the_partitions_and_take_over(bootstrap: str) -> None:
    topic, group = new_topic(bootstrap, 4), f"group-{time.time_ns()}"
    for partition in range(4):
        send(bootstrap, topic, [f"{partition}".encode()] * 5, partition)
    # A leader that has not yet heard of the topic shares out nothing, until it looks at the metadata again.
    subscribed = {"group_id": group, "auto_offset_reset": "earliest", "session_timeout_ms": 15_000,
                  "heartbeat_interval_ms": 500, "metadata_max_age_ms": 1_000}  # fmt: skip
    with consumer(bootstrap, **subscribed) as one:
        one.subscribe([topic])
        poll_until_it_has(4, one)
        with consumer(bootstrap, **subscribed) as other, ThreadPoolExecutor() as at_once:
            other.subscribe([topic])
            halved = at_once.submit(poll_until_it_has, 2, one)
            poll_until_it_has(2, other)
            for partition in range(4):  # one keeps what it has read already, so only news end its poll
                send(bootstrap, topic, [b"news"], partition)
            halved.result()
            assert len(one.assignment()) == len(other.assignment()) == 2
            assert not one.assignment() & other.assignment()
        poll_until_it_has(4, one)


def test_a_message_of_a_megabyte_passes_and_a_larger_one_is_refused(bootstrap: str) -> None:
    topic = new_topic(bootstrap)
    large = random.Random(1).randbytes(1_000_000)
    send(bootstrap, topic, [large])
    assert values(read(bootstrap, topic)) == [large]
    with producer(bootstrap, max_request_size=8_000_000) as client, pytest.raises(MessageSizeTooLargeError):
        client.send(topic, large * 2, partition=0).get(30)
    assert bounds(bootstrap, topic) == (0, 1)


def test_a_topic_may_allow_messages_of_five_megabytes(bootstrap: str) -> None:
    topic = new_topic(bootstrap, max_message_bytes=6_000_000)
    large = random.Random(2).randbytes(5_000_000)
    send(bootstrap, topic, [large], max_request_size=6_000_000)
    assert values(read(bootstrap, topic)) == [large]


def test_partitions_can_be_added(bootstrap: str) -> None:
    topic = new_topic(bootstrap, 2)
    send(bootstrap, topic, [b"before"])
    with admin(bootstrap) as client:
        client.create_partitions({topic: 5})
        eventually(lambda: has_partitions(client, topic, 5))
    assert send(bootstrap, topic, [b"after"], partition=4) == [0]
    assert values(read(bootstrap, topic)) == [b"before"]


def test_a_topic_made_again_is_another_and_empty(bootstrap: str) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, [b"old"] * 3)
    with admin(bootstrap) as client:
        before = client.describe_topics([topic])[0]["topic_id"]
        client.delete_topics([topic])
        eventually(lambda: topic not in client.list_topics())
        client.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
        eventually(lambda: has_partitions(client, topic, 1))
        assert client.describe_topics([topic])[0]["topic_id"] != before
    assert bounds(bootstrap, topic) == (0, 0)
    assert send(bootstrap, topic, [b"new"]) == [0]


def test_an_unknown_topic_is_an_error(bootstrap: str) -> None:
    with admin(bootstrap) as client, pytest.raises(UnknownTopicOrPartitionError):
        client.delete_topics(["never-made"])
