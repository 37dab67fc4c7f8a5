"""What only Apache Kafka does, taken into the lake: transactions and compaction."""

from pathlib import Path

import pytest

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.offsets import Caps, Place
from creditrisk_assets_tests.streaming.apache_kafka import ApacheKafka
from creditrisk_assets_tests.streaming.brokers import eventually
from creditrisk_assets_tests.streaming.clients import new_topic, producer, read, send
from creditrisk_assets_tests.streaming.taking import drain, intake, offsets, rows


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.mark.parametrize("in_columns", [True, False])
@pytest.mark.parametrize("at_once", [1, 4, 1000])
def test_messages_of_aborted_transactions_are_never_taken_however_ranges_fall(
    apache: ApacheKafka, lake: Lake, in_columns: bool, at_once: int
) -> None:
    topic = new_topic(apache.bootstrap)
    with producer(apache.bootstrap, transactional_id=topic) as client:
        client.init_transactions()
        for number in range(8):
            client.begin_transaction()
            for part in range(3):
                client.send(topic, b"good %d %d" % (number, part), partition=0)
            client.abort_transaction() if number % 3 == 1 or number > 5 else client.commit_transaction()
    one = intake(apache.bootstrap, lake, topic, caps=Caps(rows=at_once))
    one.log.in_columns = one.log._client.in_columns = in_columns
    with one.log:
        drain(one)
        assert one.take().lag == {Place(topic, 0): 0}
    expected = read(apache.bootstrap, topic, isolation_level="read_committed")
    assert len(expected) == 3 * 4
    assert offsets(lake, topic) == [record.offset for record in expected]
    assert rows(lake)["value"].to_list() == [(record.value or b"").decode() for record in expected]


def test_what_lies_behind_an_open_transaction_waits_for_it(apache: ApacheKafka, lake: Lake) -> None:
    topic = new_topic(apache.bootstrap)
    with (one := intake(apache.bootstrap, lake, topic)).log:
        with producer(apache.bootstrap, transactional_id=topic) as client:
            client.init_transactions()
            client.begin_transaction()
            client.send(topic, b"good in it", partition=0).get(30)
            send(apache.bootstrap, topic, [b"good behind it"])
            assert sum(taken.good for taken in drain(one)) == 0
            positions = one.events.positions(one.events.places([topic]))
            assert not one.log.wait_for_news(positions, 0.3)
            client.commit_transaction()
        assert one.log.wait_for_news(positions, 20)
        eventually(lambda: drain(one) and rows(lake).height == 2)
    assert rows(lake)["value"].to_list() == ["good in it", "good behind it"]


def test_of_a_compacted_topic_every_record_that_is_left_is_taken(apache: ApacheKafka, lake: Lake) -> None:
    topic = new_topic(apache.bootstrap, cleanup_policy="compact", segment_ms=100, min_cleanable_dirty_ratio=0.01,
                      max_compaction_lag_ms=200)  # fmt: skip
    with producer(apache.bootstrap) as client:
        for number in range(40):
            client.send(topic, b"good %d" % number, key=b"customer %d" % (number % 2), partition=0).get(30)

    def compacted() -> bool:
        with producer(apache.bootstrap) as client:  # a new record rolls the segment, only older ones are compacted
            client.send(topic, b"good", key=b"clock", partition=0).get(30)
        return [record.offset for record in read(apache.bootstrap, topic)][:2] == [38, 39]

    eventually(compacted, seconds=60, every=0.2)
    with (one := intake(apache.bootstrap, lake, topic, caps=Caps(rows=7))).log:
        drain(one)
        assert one.take().lag == {Place(topic, 0): 0}
    assert offsets(lake, topic) == [record.offset for record in read(apache.bootstrap, topic)]
