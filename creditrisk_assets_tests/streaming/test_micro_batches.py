"""From Kafka to raw/events, on both brokers: every message once, whatever happens to broker, lake and topic."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import TopicPartition

from creditrisk_assets.contracts import ACTIVITY, RAW_EVENTS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.consume import POINTS
from creditrisk_assets.streaming.decoding import decode
from creditrisk_assets.streaming.errors import (
    KafkaUnavailableError,
    LakeUnavailableError,
    PartitionsMissingError,
    RangeError,
    RetentionPassedError,
    TopicMissingError,
    TopicRestartedError,
)
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.offsets import Caps, OffsetRange, Place, Position, Watermarks
from creditrisk_assets_tests.resources.read_only import open_folder, read_only
from creditrisk_assets_tests.streaming.brokers import BrokerProcess, eventually
from creditrisk_assets_tests.streaming.clients import admin, bounds, has_partitions, new_topic, producer, send
from creditrisk_assets_tests.streaming.taking import drain, intake, offsets, rows

NOW = int(time.time() * 1000)  # Kafka refuses messages of another time


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def numbered(first: int, count: int) -> list[bytes | None]:
    return [b"good %d" % n for n in range(first, first + count)]


def test_a_micro_batch_keeps_place_time_key_and_value_good_and_bad_apart(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap, 2)
    with producer(bootstrap) as client:
        for value in (b"good", b"bad \xff", None, b""):
            client.send(topic, value, key=b"key", partition=1, timestamp_ms=NOW).get(30)
    with (one := intake(bootstrap, lake, topic)).log:
        taken = one.take()
    assert taken.batch is not None
    assert taken.batch.ranges == (OffsetRange(topic, 0, 0, 0, 0), OffsetRange(topic, 0, 1, 0, 4))
    assert (taken.good, taken.bad, taken.bytes) == (2, 2, 4 * 3 + 4 + 5)
    assert set(taken.seconds) == {"plan", "fetch", "decode", "commit"}
    assert set(taken.lag.values()) == {0}
    found = rows(lake)
    assert found.schema == RAW_EVENTS.schema
    assert RAW_EVENTS.violations(found.lazy()) == {}
    assert found["value"].to_list() == ["good", None, None, ""]
    assert found["raw"].to_list() == [None, b"bad \xff", None, None]
    assert found["error"].is_null().to_list() == [True, False, False, True]
    assert found["key"].to_list() == [b"key"] * 4
    assert found["broker_time"].dt.epoch("ms").unique().to_list() == [NOW]
    assert found["partition"].unique().to_list() == [1]


def test_the_platforms_decoder_fits(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap)
    good = (
        b'{"version": 1, "event_id": "e1", "event_type": "payment_made", "event_time": "2026-11-21T09:03:02Z",'
        b' "customer_id": "c1", "payload": {"amount": 312.5, "days_past_due": 0}}'
    )
    send(bootstrap, topic, [good, b"no JSON"])
    one = intake(bootstrap, lake, topic)
    one.decode = lambda _, values, times: decode(ACTIVITY, values, times)
    with one.log:
        taken = one.take()
    assert (taken.good, taken.bad) == (1, 1)
    assert taken.decoded[topic].events.height == 2
    assert rows(lake)["event_id"].to_list() == ["e1", None]


def test_without_news_there_is_nothing_to_do(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 3))
    points: list[str] = []
    one = intake(bootstrap, lake, topic)
    one.at = points.append
    with one.log:
        assert one.take().good == 3
        assert points == list(POINTS)
        taken = one.take()
    assert taken.batch is None
    assert taken.lag == {Place(topic, 0): 0}
    assert points == list(POINTS)


def test_small_caps_take_everything_all_the_same(bootstrap: str, lake: Lake) -> None:
    one_topic, other = new_topic(bootstrap, 3), new_topic(bootstrap)
    for partition in range(3):
        send(bootstrap, one_topic, numbered(0, 70 + partition), partition, linger_ms=10, batch_size=300)
    send(bootstrap, other, [b"x" * 3_000] * 9)
    with (one := intake(bootstrap, lake, one_topic, other, caps=Caps(rows=40, bytes=9_000))).log:
        taken = drain(one)
    assert len(taken) > 6
    assert all(one.bytes < 20_000 for one in taken)
    for partition in range(3):
        assert offsets(lake, one_topic, partition) == list(range(70 + partition))
    assert offsets(lake, other) == list(range(9))


def test_an_exact_range_is_taken_as_far_as_it_is_not_there(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 10))
    with (one := intake(bootstrap, lake, topic)).log:
        assert one.take([OffsetRange(topic, 0, 0, 0, 4)]).good == 4
        assert one.take([OffsetRange(topic, 0, 0, 2, 6)]).good == 2
        assert one.take([OffsetRange(topic, 0, 0, 1, 6)]).batch is None
        with pytest.raises(RangeError, match="offsets 6 to 7 are not committed"):
            one.take([OffsetRange(topic, 0, 0, 8, 9)])
        with pytest.raises(RangeError, match="the log holds 0 to 9"):
            one.take([OffsetRange(topic, 0, 0, 6, 11)])
        assert one.take().good == 4
    assert offsets(lake, topic) == list(range(10))


def test_an_exact_range_may_be_the_first_that_is_ever_taken(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap, 3)
    send(bootstrap, topic, numbered(0, 6), partition=2)
    with (one := intake(bootstrap, lake, topic)).log:
        assert one.take([OffsetRange(topic, 0, 2, 2, 4)]).good == 2
        taken = one.take()
        assert taken.batch is not None
        assert taken.batch.ranges[2] == OffsetRange(topic, 0, 2, 4, 6)
    assert offsets(lake, topic, 2) == [2, 3, 4, 5]


def test_of_two_that_take_the_same_range_one_wins_and_the_other_finds_nothing(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 10))
    one, other = intake(bootstrap, lake, topic), intake(bootstrap, lake, topic)
    with one.log, other.log:
        # Just before one commits, the other has planned the same and is faster.
        one.at = lambda point: other.take() and None if point == "after_decode" else None
        taken = one.take()
    assert taken.batch is None
    assert offsets(lake, topic) == list(range(10))


def test_what_another_takes_while_the_log_is_looked_at_is_no_loss(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 3))
    one, other = intake(bootstrap, lake, topic), intake(bootstrap, lake, topic)
    look = one.log.watermarks

    def looked(fresh: bool = False) -> Watermarks:
        one.log.watermarks = look  # type: ignore[method-assign]
        found = look(fresh)
        send(bootstrap, topic, numbered(3, 2))
        assert other.take().good == 2
        one.events.forget()
        return found

    with one.log, other.log:
        one.take()
        one.log.watermarks = looked  # type: ignore[method-assign]
        assert one.take().batch is None
    assert offsets(lake, topic) == list(range(5))


def test_two_that_drain_at_once_take_everything_once(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap, 2)
    for partition in (0, 1):
        send(bootstrap, topic, numbered(0, 600), partition, linger_ms=10)
    both = [intake(bootstrap, lake, topic, caps=Caps(rows=50)) for _ in range(2)]
    won: list[int] = []

    def run(n: int) -> None:
        with both[n].log:
            while sum((taken := both[n].take()).lag.values()):
                won.append(n) if taken.batch else None

    threads = [threading.Thread(target=run, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for partition in (0, 1):
        assert offsets(lake, topic, partition) == list(range(600))


def test_a_partition_that_was_added_is_read_from_its_beginning(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 3))
    with (one := intake(bootstrap, lake, topic)).log:
        drain(one)
    with admin(bootstrap) as client:
        client.create_partitions({topic: 2})
        eventually(lambda: has_partitions(client, topic, 2))
    send(bootstrap, topic, numbered(0, 4), partition=1)
    with one.log:
        drain(one)
    assert (offsets(lake, topic, 0), offsets(lake, topic, 1)) == ([0, 1, 2], [0, 1, 2, 3])


def test_what_was_removed_before_it_was_taken_stops_its_topic_and_no_other(bootstrap: str, lake: Lake) -> None:
    topic, other = new_topic(bootstrap), new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 10))
    one = intake(bootstrap, lake, topic, other, caps=Caps(rows=4))
    with one.log:
        one.take()
    with admin(bootstrap) as client:
        client.delete_records({TopicPartition(topic, 0): 8})
        eventually(lambda: bounds(bootstrap, topic) == (8, 10))
    send(bootstrap, other, numbered(0, 3))
    with one.log:
        taken = one.take()
        assert (taken.good, list(taken.refused)) == (3, [topic])
        with pytest.raises(RetentionPassedError, match=rf"{topic}\[0\] offsets 4 to 7: removed"):
            one.take()
    assert (offsets(lake, topic), offsets(lake, other)) == ([0, 1, 2, 3], [0, 1, 2])


@pytest.mark.parametrize("now", [2, 5, 9], ids=["shorter", "as long", "longer"])
def test_a_topic_made_anew_stops_however_long_it_has_become(bootstrap: str, lake: Lake, now: int) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 5))
    with (one := intake(bootstrap, lake, topic)).log:
        drain(one)
    with admin(bootstrap) as client:
        client.delete_topics([topic])
        eventually(lambda: topic not in client.list_topics())
    with one.log, pytest.raises(PartitionsMissingError, match=rf"{topic}\[0\]: read before, and gone"):
        one.take()
    with admin(bootstrap) as client:
        client.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
        eventually(lambda: has_partitions(client, topic, 1))
    send(bootstrap, topic, numbered(100, now))
    with (
        one.log,
        pytest.raises(TopicRestartedError, match=f"{topic}: deleted and made anew .* new epoch"),
    ):
        one.take()
    assert offsets(lake, topic) == list(range(5))


def test_a_topic_that_does_not_exist_is_named_and_others_are_taken(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 3))
    with (one := intake(bootstrap, lake, topic, "not-there")).log:
        assert one.take().good == 3
        with pytest.raises(TopicMissingError, match=r"not-there: the broker has no such topic\. Make it"):
            one.take()


def test_a_broker_that_stops_between_plan_and_fetch_costs_nothing(broker: BrokerProcess, lake: Lake) -> None:
    topic = new_topic(broker.bootstrap)
    send(broker.bootstrap, topic, numbered(0, 10))
    one = intake(broker.bootstrap, lake, topic, patience=2)
    with one.log:
        one.take([OffsetRange(topic, 0, 0, 0, 4)])
        one.at = lambda point: broker.kill() if point == "after_plan" else None
        with pytest.raises(KafkaUnavailableError, match="nothing is lost"):
            one.take()
        one.at = lambda point: None
        broker.start()
        drain(one)
    assert offsets(lake, topic) == list(range(10))


@pytest.fixture
def folder_of_all() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def test_a_lake_that_cannot_be_written_for_a_while_is_told_and_nothing_is_lost(
    bootstrap: str, folder_of_all: Path
) -> None:
    lake, topic = Lake(str(folder_of_all / "lake")), new_topic(bootstrap)
    send(bootstrap, topic, numbered(0, 10))
    one = intake(bootstrap, lake, topic, patience=2)
    with one.log:
        one.take([OffsetRange(topic, 0, 0, 0, 4)])
        with read_only(Path(lake.root)):
            with pytest.raises(LakeUnavailableError, match=r"raw/events at .* Permission denied.* nothing is lost"):
                one.take()
            assert Events(lake).positions([Place(topic, 0)]) == {Place(topic, 0): Position(0, 4)}
        drain(one)
    assert offsets(lake, topic) == list(range(10))


def test_a_message_of_five_megabytes_and_more_than_the_cap_is_taken(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap, max_message_bytes=10_000_000)
    send(bootstrap, topic, [b"before", b"x" * 5_000_000, b"after"], max_request_size=20_000_000)
    with (one := intake(bootstrap, lake, topic, caps=Caps(bytes=100_000))).log:
        drain(one)
    assert offsets(lake, topic) == [0, 1, 2]
    assert rows(lake)["value"].str.len_bytes().to_list() == [6, 5_000_000, 5]


def test_lag_and_sizes_follow_what_is_taken(bootstrap: str, lake: Lake) -> None:
    topic = new_topic(bootstrap)
    send(bootstrap, topic, [b"x" * 100] * 50)
    with (one := intake(bootstrap, lake, topic, caps=Caps(rows=30))).log:
        assert one.take().lag == {Place(topic, 0): 20}
        assert one.take().lag == {Place(topic, 0): 0}
    assert one.sizes[topic] == pytest.approx(1_000 * 0.7**2 + 100 * 0.3 * 1.7)
