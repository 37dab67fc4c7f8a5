"""`creditrisk simulate events` against a broker: what the truth says was sent is what the log holds."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.cli import main
from creditrisk_assets.contracts import ACTIVITY, APPLICATIONS, Instant
from creditrisk_assets.simulation.sending import Bucket
from creditrisk_assets.simulation.stream import Asked
from creditrisk_assets.streaming import producer
from creditrisk_assets.streaming.decoding import decode
from creditrisk_assets.streaming.producer import ensure_topic
from creditrisk_assets_tests.streaming.brokers import BIN, DevelopmentBroker, eventually, free_ports
from creditrisk_assets_tests.streaming.clients import Sent, bounds
from creditrisk_assets_tests.streaming.clients import read as received

TOPICS = (APPLICATIONS, ACTIVITY)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[DevelopmentBroker]:
    """A broker for one test: the topics have the names they have everywhere."""
    broker = DevelopmentBroker(tmp_path / "broker")
    broker.start()
    yield broker
    broker.end()


def simulate(bootstrap: str, *arguments: object) -> Result:
    environment = {"CREDITRISK_KAFKA_BOOTSTRAP": bootstrap}
    return CliRunner().invoke(main, ["simulate", "events", *map(str, arguments)], env=environment)


def log(bootstrap: str, topic: str, partitions: int) -> list[Sent]:
    return [one for partition in range(partitions) for one in received(bootstrap, topic, partition)]


def test_the_log_holds_what_the_truth_says(own: DevelopmentBroker, tmp_path: Path) -> None:
    file = tmp_path / "truth" / "sent.parquet"
    trouble = ("--poison", 0.05, "--duplicates", 0.03, "--late", 0.05)
    result = simulate(own.bootstrap, "--rate", 0, "--events", 3_000, "--customers", 80, *trouble, "--partitions", 2,
                      "--truth", file)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.output.startswith("3,000 messages in ")
    truth = pl.read_parquet(file)
    assert truth["position"].to_list() == list(range(3_000))
    for topic in TOPICS:
        expected = truth.filter(pl.col("topic") == topic)
        found = log(own.bootstrap, topic, 2)
        assert f"{topic} {expected.height:,}" in result.output
        assert Counter(one.key.decode() for one in found if one.key) == Counter(expected["key"])
        events = decode(topic, [one.value for one in found], _times(found)).events
        poison = expected.filter(pl.col("kind") == "poison")
        assert Counter(events.filter(pl.col("error").is_not_null())["raw"]) == Counter(poison["raw"])
        rest = expected.filter(pl.col("kind") != "poison")
        assert Counter(events.filter(pl.col("error").is_null())["event_id"]) == Counter(rest["event_id"])
    for kind, count in truth["kind"].value_counts().iter_rows():
        assert f"{count:,} {kind}" in result.output
    customers = pl.read_parquet(file.with_name("sent_customers.parquet"))
    assert set(truth["customer_id"]) == set(customers["customer_id"])


def _times(found: list[Sent]) -> pl.Series:
    return pl.Series([one.timestamp * 1_000 for one in found], dtype=pl.Int64).cast(Instant)


def test_the_same_seed_sends_events_that_count_once(own: DevelopmentBroker) -> None:
    for _ in range(2):
        result = simulate(own.bootstrap, "--rate", 0, "--events", 500, "--customers", 20, "--partitions", 1)
        assert result.exit_code == 0, result.output
    values = [one.value for topic in TOPICS for one in log(own.bootstrap, topic, 1)]
    assert (len(values), len(set(values))) == (1_000, 500)


def test_a_signal_ends_it_cleanly_after_what_was_sent(own: DevelopmentBroker, tmp_path: Path) -> None:
    file = tmp_path / "sent.parquet"
    for topic in TOPICS:
        ensure_topic({"bootstrap_servers": [own.bootstrap]}, topic, 1)
    for number in (signal.SIGTERM, signal.SIGINT):
        before = _in_the_log(own.bootstrap)
        command = [str(BIN / "creditrisk"), "simulate", "events", "--rate", "200", "--customers", "10",
                   "--backlog", "1", "--truth", str(file)]  # fmt: skip
        environment = os.environ | {"CREDITRISK_KAFKA_BOOTSTRAP": own.bootstrap}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            eventually(lambda floor=before: _in_the_log(own.bootstrap) > floor + 100)
            process.send_signal(number)
            told, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        count = _in_the_log(own.bootstrap) - before
        assert told.startswith(f"{count:,} messages in ")
        assert len(told.splitlines()) == 1
        assert pl.read_parquet(file).height == count


def _in_the_log(bootstrap: str) -> int:
    return sum(bounds(bootstrap, topic)[1] for topic in TOPICS)


def test_it_ends_after_the_seconds_asked_for_which_begin_after_the_backlog(own: DevelopmentBroker) -> None:
    result = simulate(own.bootstrap, "--rate", 100, "--seconds", 0.5, "--customers", 30, "--backlog", 3)
    assert result.exit_code == 0, result.output
    count = int(result.output.split()[0].replace(",", ""))
    assert 100 < count < 220


def test_what_cannot_be_done_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = simulate("nowhere")
    assert result.exit_code == 1
    assert result.output.startswith("Error: CREDITRISK_KAFKA_BOOTSTRAP: 'nowhere' is no broker")
    assert "leave some good messages" in simulate("127.0.0.1:1", "--poison", 0.6, "--duplicates", 0.4).output
    monkeypatch.setattr(producer, "PATIENCE_MS", 1_000)
    port = free_ports(1)[0]
    result = simulate(f"127.0.0.1:{port}", "--truth", tmp_path / "sent.parquet")
    assert result.exit_code == 1
    assert f"the broker at 127.0.0.1:{port} did not take the messages" in result.output
    assert "start it, or correct CREDITRISK_KAFKA_BOOTSTRAP" in result.output
    assert not (tmp_path / "sent.parquet").exists()


@pytest.mark.parametrize("option", ["--rate", "--backlog", "--seconds", "--late"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1"])
def test_a_number_that_is_none_is_refused_before_anything_is_sent(option: str, value: str) -> None:
    result = simulate("127.0.0.1:1", option, value)
    assert result.exit_code == 2
    assert f"Invalid value for '{option}': " in result.output
    assert "is not a finite number" in result.output or "is not in the range" in result.output


@pytest.mark.parametrize("backlog", [float("nan"), float("inf"), -1.0])
def test_a_stream_has_a_backlog_of_so_many_months(backlog: float) -> None:
    with pytest.raises(ValueError, match="give a number of months, 0 for none"):
        Asked(backlog=backlog)


class Clock:
    """Time that passes while somebody sleeps, and otherwise when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(rate=st.floats(0.1, 50_000), pauses=st.lists(st.floats(0, 5), min_size=1, max_size=20))
def test_the_rate_is_kept_and_of_a_standstill_one_second_is_made_up(rate: float, pauses: list[float]) -> None:
    clock = Clock()
    bucket = Bucket(rate, clock.sleep, clock)
    times = []
    for pause in pauses:
        clock.now += pause
        for _ in range(5):
            bucket.take()
            times.append(clock.now)
    for first, begin in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= rate * (times[last] - begin + 1.01) + 1.01
    start = clock.now
    for _ in range(200):
        bucket.take()
    assert clock.now - start <= 200 / rate + 0.01


def test_without_a_rate_nobody_waits() -> None:
    clock = Clock()
    bucket = Bucket(0, clock.sleep, clock)
    for _ in range(1_000):
        bucket.take()
    assert clock.now == 100.0
