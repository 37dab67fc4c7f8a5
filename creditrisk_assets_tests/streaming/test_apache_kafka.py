"""What only Apache Kafka does, and the platform must read right: transactions, compaction, passwords."""

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from creditrisk_assets.resources.environments import settings
from creditrisk_assets.streaming.connection import client_arguments
from creditrisk_assets_tests.streaming.apache_kafka import PASSWORD, USER, ApacheKafka
from creditrisk_assets_tests.streaming.brokers import eventually
from creditrisk_assets_tests.streaming.clients import bounds, new_topic, producer, read, send, values


def test_aborted_transactions_are_never_read_by_those_who_ask_for_committed_records(apache: ApacheKafka) -> None:
    topic = new_topic(apache.bootstrap)
    with producer(apache.bootstrap, transactional_id="books") as client:
        client.init_transactions()
        for number in range(6):
            client.begin_transaction()
            client.send(topic, b"%d" % number, partition=0).get(30)
            if number % 2:
                client.abort_transaction()
            else:
                client.commit_transaction()
    assert bounds(apache.bootstrap, topic) == (0, 12)  # every transaction ends with a marker that takes an offset
    committed = read(apache.bootstrap, topic, isolation_level="read_committed")
    assert [(record.offset, record.value) for record in committed] == [(0, b"0"), (4, b"2"), (8, b"4")]
    assert len(read(apache.bootstrap, topic)) == 6


def test_an_open_transaction_holds_back_what_lies_behind_it(apache: ApacheKafka) -> None:
    topic = new_topic(apache.bootstrap)
    where = TopicPartition(topic, 0)
    with producer(apache.bootstrap, transactional_id="slow") as client:
        client.init_transactions()
        client.begin_transaction()
        client.send(topic, b"open", partition=0).get(30)
        send(apache.bootstrap, topic, [b"behind"])
        options = {"group_id": None, "isolation_level": "read_committed", "metrics_enabled": False}
        consumer = KafkaConsumer(bootstrap_servers=apache.bootstrap, **options)
        assert consumer.end_offsets([where])[where] == 0
        client.commit_transaction()
        eventually(lambda: consumer.end_offsets([where])[where] == 3)
        consumer.close()
    assert values(read(apache.bootstrap, topic, isolation_level="read_committed")) == [b"open", b"behind"]


def test_compaction_leaves_gaps_that_a_range_reads_over(apache: ApacheKafka) -> None:
    topic = new_topic(apache.bootstrap, cleanup_policy="compact", segment_ms=100, min_cleanable_dirty_ratio=0.01,
                      max_compaction_lag_ms=200)  # fmt: skip

    def compacted() -> bool:
        with producer(apache.bootstrap) as client:  # a new record rolls the segment, only older ones are compacted
            client.send(topic, b"last", key=b"clock", partition=0).get(30)
        offsets = [record.offset for record in read(apache.bootstrap, topic)]
        return offsets[:2] == [18, 19]

    with producer(apache.bootstrap) as client:
        for number in range(20):
            client.send(topic, b"%d" % number, key=b"customer %d" % (number % 2), partition=0).get(30)
    eventually(compacted, seconds=60, every=0.3)
    assert values(read(apache.bootstrap, topic, start=0, end=20)) == [b"18", b"19"]
    assert read(apache.bootstrap, topic, start=3, end=9) == []


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_settings_with_a_password_reach_a_broker_that_asks_for_one(
    apache: ApacheKafka, mechanism: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDITRISK_KAFKA_BOOTSTRAP", f"127.0.0.1:{apache.sasl_port}")
    monkeypatch.setenv("CREDITRISK_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("CREDITRISK_KAFKA_SASL_MECHANISM", mechanism)
    monkeypatch.setenv("CREDITRISK_KAFKA_SASL_USERNAME", USER)
    monkeypatch.setenv("CREDITRISK_KAFKA_SASL_PASSWORD", PASSWORD)
    topic = new_topic(apache.bootstrap, 2)
    consumer = KafkaConsumer(**client_arguments(settings()), metrics_enabled=False)
    assert consumer.partitions_for_topic(topic) == {0, 1}
    consumer.close()
    monkeypatch.setenv("CREDITRISK_KAFKA_SASL_PASSWORD", "wrong")
    with pytest.raises(KafkaError):
        KafkaConsumer(**client_arguments(settings()), bootstrap_timeout_ms=3000)
