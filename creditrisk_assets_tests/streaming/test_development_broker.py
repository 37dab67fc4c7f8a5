"""The development broker as people run it, and what it refuses."""

import contextlib
import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from kafka import KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import InvalidConfigurationError, KafkaError
from kafka.protocol.metadata import ApiVersionsRequest, ApiVersionsResponse

from creditrisk_assets.cli import main
from creditrisk_assets.local.broker.errors import Code
from creditrisk_assets.local.broker.handlers.apis import APIS
from creditrisk_assets.local.broker.server import NotLoopbackError, loopback
from creditrisk_assets_tests.streaming.batches import batch
from creditrisk_assets_tests.streaming.brokers import HOST, DevelopmentBroker, eventually
from creditrisk_assets_tests.streaming.clients import admin, bounds, new_topic, read, send, values


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevelopmentBroker]:
    """One with topics of its options, which brings every batch to disk."""
    folder = tmp_path_factory.mktemp("development")
    broker = DevelopmentBroker(folder, "--topic", "events:4", "--topic", "loan.applications:2", "--fsync")
    try:
        broker.start()
        yield broker
    finally:
        broker.end()


def refused(*arguments: str) -> str:
    """What the command says when it does not start."""
    result = CliRunner().invoke(main, ["broker", *arguments])
    assert result.exit_code != 0
    return result.output


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "10.0.0.1", "example.org", ""])
def test_an_address_that_others_could_reach_is_refused(host: str, tmp_path: Path) -> None:
    told = refused("--host", host, "--data", str(tmp_path / "data"))
    assert f"loopback only, not on {host}" in told
    assert "CREDITRISK_KAFKA_BOOTSTRAP" in told
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("host", "address"), [("localhost", HOST), ("127.0.0.9", "127.0.0.9"), ("::1", "::1")])
def test_any_address_of_loopback_will_do(host: str, address: str) -> None:
    assert loopback(host) == address
    with pytest.raises(NotLoopbackError):
        loopback("0.0.0.0")


def test_it_says_that_it_is_not_apache_kafka_and_where_it_is_ready(running: DevelopmentBroker) -> None:
    told = running.log.read_text()
    assert "It is not Apache Kafka" in told
    assert f"Ready at {running.bootstrap}" in told
    assert "it is not Apache Kafka" in CliRunner().invoke(main, ["broker", "--help"]).output


def test_topics_of_the_options_are_there_and_kept(running: DevelopmentBroker, tmp_path: Path) -> None:
    with admin(running.bootstrap) as client:
        found = {topic["name"]: len(topic["partitions"]) for topic in client.describe_topics()}
    assert (found["events"], found["loan.applications"]) == (4, 2)
    folder = str(tmp_path)
    broker = DevelopmentBroker(tmp_path, "--topic", "events:2")
    broker.start()
    send(broker.bootstrap, "events", [b"kept"])
    broker.stop()
    broker.options = ("--topic", "events:3")
    broker.start()
    assert values(read(broker.bootstrap, "events")) == [b"kept"]
    assert send(broker.bootstrap, "events", [b"new"], partition=2) == [0]
    assert broker.stop() == 0
    told = refused("--data", f"{folder}/data", "--topic", "events:1", "--port", "0")
    assert "topic 'events' has 3 partitions, and none can be taken away" in told


@pytest.mark.parametrize("topic", ["events", "events:", ":4", "events:many"])
def test_a_topic_without_its_partitions_is_refused(topic: str, tmp_path: Path) -> None:
    assert "write it as loan-applications:4" in refused("--data", str(tmp_path), "--topic", topic)


def test_it_stops_clean_and_says_so(tmp_path: Path) -> None:
    broker = DevelopmentBroker(tmp_path)
    broker.start()
    with socket.create_connection((HOST, broker.port)):  # somebody is connected, and silent
        assert broker.stop() == 0
    assert "Stopped; everything acknowledged is kept." in broker.log.read_text()
    assert "Traceback" not in broker.log.read_text()


def test_a_folder_serves_one_broker(running: DevelopmentBroker) -> None:
    told = refused("--data", str(running.folder / "data"), "--port", "0")
    assert "another process uses" in told
    assert "--data" in told


def test_a_port_that_is_taken_is_told(running: DevelopmentBroker, tmp_path: Path) -> None:
    assert "address already in use" in refused("--data", str(tmp_path), "--port", str(running.port))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"cleanup.policy": "compact"}, "has no compaction"),
        ({"min.insync.replicas": "1"}, "min.insync.replicas: the development broker knows"),
        ({"retention.ms": "long"}, "not a number"),
        ({"segment.bytes": "0"}, "segment.bytes must be above 0"),
    ],
)
def test_what_a_topic_cannot_be_is_refused_rather_than_ignored(
    running: DevelopmentBroker, config: dict[str, str], told: str
) -> None:
    with admin(running.bootstrap) as client, pytest.raises(InvalidConfigurationError, match=told):
        client.create_topics([NewTopic(name="other", num_partitions=1, replication_factor=1, topic_configs=config)])


def test_transactions_fail_at_once_rather_than_wait(running: DevelopmentBroker) -> None:
    producer = KafkaProducer(bootstrap_servers=running.bootstrap, transactional_id="books")
    with (
        contextlib.closing(producer),
        pytest.raises(KafkaError, match=r"no transactions|InvalidRequest"),
    ):
        producer.init_transactions()


def exchange(broker: DevelopmentBroker, frame: bytes, seconds: float = 10) -> bytes:
    """What the broker answers to bytes: one frame, or nothing when it hangs up."""
    with socket.create_connection((HOST, broker.port), timeout=seconds) as connection:
        connection.sendall(struct.pack(">i", len(frame)) + frame)
        answer = connection.makefile("rb")
        size = answer.read(4)
        return answer.read(struct.unpack(">i", size)[0]) if size else b""


def test_a_version_from_the_future_is_answered_with_what_there_is(running: DevelopmentBroker) -> None:
    """KIP-511: version 0 of the response, with an error and the versions offered."""
    answer = exchange(running, struct.pack(">hhih", 18, 99, 5, -1) + b"\x00rubbish of the future")
    assert struct.unpack_from(">ih", answer) == (5, Code.UNSUPPORTED_VERSION)
    found = ApiVersionsResponse.decode(answer, version=0, header=True)
    versions = {one.api_key: (one.min_version, one.max_version) for one in found.api_keys}
    assert versions[ApiVersionsRequest.API_KEY] == (0, 4)
    assert versions.keys() == APIS.keys()


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x00",
        struct.pack(">hhih", 999, 0, 1, -1),  # no such api
        struct.pack(">hhih", 1, 99, 1, -1),  # no such version of fetch
        struct.pack(">hhih", 0, 2, 1, -1),  # produce of an old format
        struct.pack(">hhih", 1, 11, 1, -1) + b"\xff" * 5,
        struct.pack(">hhih", 3, 12, 1, -1) + b"\x7f\xff\xff\xff",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_bytes_that_are_no_request_end_the_connection_and_nothing_else(
    running: DevelopmentBroker, frame: bytes
) -> None:
    assert exchange(running, frame) == b""
    assert send(running.bootstrap, new_topic(running.bootstrap), [b"still here"]) == [0]
    assert "Traceback" not in running.log.read_text()


def test_rubbish_behind_a_true_beginning_never_brings_it_down(running: DevelopmentBroker) -> None:
    dice = random.Random(3)
    for api in APIS.values():
        for version in range(api.low, api.high + 1):
            with contextlib.suppress(TimeoutError):  # a join or a fetch may wait for ever
                head = struct.pack(">hhih", api.request.API_KEY, version, 1, -1)
                exchange(running, head + dice.randbytes(dice.randrange(60)), seconds=0.3)
    assert send(running.bootstrap, new_topic(running.bootstrap), [b"still here"]) == [0]


def test_a_request_of_a_size_that_cannot_be_ends_the_connection(running: DevelopmentBroker) -> None:
    for size in (-1, 2**31 - 1):
        with socket.create_connection((HOST, running.port), timeout=10) as connection:
            connection.sendall(struct.pack(">i", size))
            assert connection.recv(1) == b""


def test_a_topic_that_was_being_made_when_the_broker_ended_leaves_nothing(tmp_path: Path) -> None:
    broker = DevelopmentBroker(tmp_path)
    left_over = tmp_path / "data" / "topics" / "000"
    left_over.mkdir(parents=True)
    broker.start()
    assert not left_over.exists()
    broker.kill()


def test_a_torn_tail_is_cut_and_told_at_the_next_start(tmp_path: Path) -> None:
    broker = DevelopmentBroker(tmp_path, "--topic", "events:1")
    broker.start()
    send(broker.bootstrap, "events", [b"one", b"two"])
    broker.kill()
    segment = next((tmp_path / "data" / "topics").glob("*/0/*.log"))
    with segment.open("ab") as file:
        file.write(batch((1, b"three"))[:-3])
    broker.start()
    assert "of a batch that was never acknowledged" in broker.log.read_text()
    assert bounds(broker.bootstrap, "events") == (0, 2)
    eventually(lambda: send(broker.bootstrap, "events", [b"three"]) == [2])
    broker.kill()
