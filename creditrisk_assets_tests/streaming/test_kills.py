"""Kill -9 at named points and at any other: every message is in the lake once, at its offset.

STREAM_KILLS is how many; the more, the longer.
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.errors import AlreadyTakenError
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.offsets import Caps
from creditrisk_assets.streaming.table import StreamTable
from creditrisk_assets.streaming.upkeep import upkeep
from creditrisk_assets_tests.streaming import taking
from creditrisk_assets_tests.streaming.brokers import BrokerProcess
from creditrisk_assets_tests.streaming.clients import new_topic, producer, read
from creditrisk_assets_tests.streaming.taking import DEADLY, drain, intake, rows

KILLS = int(os.environ.get("STREAM_KILLS", "20"))
PARTITIONS = 3
EACH = 150  # messages sent before each kill
ROOT = str(Path(taking.__file__).parents[2])


@contextmanager
def child(broker: BrokerProcess, lake: Lake, topic: str, die_at: str, batches: int) -> Iterator[subprocess.Popen[str]]:
    """An intake of its own, which is about to begin; gone at the end whatever happens."""
    task = {"bootstrap": broker.bootstrap, "lake": lake.root, "topics": [topic], "die_at": die_at, "batches": batches,
            "rows_at_once": 40}  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, taking.__file__, json.dumps(task)], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": ROOT, "PYTHONWARNINGS": "ignore"}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ready(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def send_some(broker: BrokerProcess, topic: str, chance: random.Random, transactional: bool) -> None:
    """Messages, 1 % of them bad; on Apache Kafka in transactions, some of them aborted."""
    options = {"transactional_id": topic} if transactional else {}
    with producer(broker.bootstrap, linger_ms=5, **options) as client:
        if transactional:
            client.init_transactions()
        for _ in range(3):
            client.begin_transaction() if transactional else None
            for _ in range(EACH // 3):
                value = (b"bad \xff " if chance.random() < 0.01 else b"good ") + chance.randbytes(4).hex().encode()
                client.send(topic, value, key=b"key", partition=chance.randrange(PARTITIONS))
            if transactional:
                client.abort_transaction() if chance.random() < 0.3 else client.commit_transaction()


def killed(broker: BrokerProcess, lake: Lake, topic: str, chance: random.Random, number: int) -> None:
    """One kill: at every named point in turn, every third time at any other moment beside a second intake."""
    if number % 3 < 2:
        point = DEADLY[(number // 3 * 2 + number % 3) % len(DEADLY)]
        with child(broker, lake, topic, point, batches=1 + chance.randrange(2)) as one:
            ready(one)
            assert one.wait(60) == -signal.SIGKILL, f"was not killed at {point}"
        return
    with ExitStack() as stack:
        both = [stack.enter_context(child(broker, lake, topic, "never", 0)) for _ in range(2)]
        for one in both:
            ready(one)
        try:
            both[0].wait(chance.uniform(0, 0.4))
        except subprocess.TimeoutExpired:
            both[0].kill()
        assert both[1].wait(60) == 0


@pytest.mark.parametrize("seed", [7])
def test_every_message_is_taken_once_however_often_an_intake_is_killed(
    broker: BrokerProcess, tmp_path: Path, seed: int
) -> None:
    lake, chance = Lake(str(tmp_path / "lake")), random.Random(seed)
    topic, transactional = new_topic(broker.bootstrap, PARTITIONS), broker.name == "apache"
    for number in range(KILLS // 2 if transactional else KILLS):
        send_some(broker, topic, chance, transactional)
        killed(broker, lake, topic, chance, number)
        if number % 8 == 7:
            upkeep(Events(lake))
    with (one := intake(broker.bootstrap, lake, topic, caps=Caps(rows=500))).log:
        drain(one)
    found = rows(lake)
    for partition in range(PARTITIONS):
        expected = read(broker.bootstrap, topic, partition, isolation_level="read_committed")
        own = found.filter(partition=partition)
        assert own["offset"].to_list() == [record.offset for record in expected]
        assert own["key"].to_list() == [record.key for record in expected]
        values = [own_value.encode() if raw is None else raw for own_value, raw in own.select("value", "raw").rows()]
        assert values == [record.value for record in expected]
    bad = found.filter(pl.col("error").is_not_null())
    assert bad["raw"].to_list() == [value for value in bad["raw"] if value.startswith(b"bad")] != []
    catches_up(lake, found)
    known = set(Events(lake).files(pl.lit(True)))
    assert {str(path) for path in Path(lake.uri(RAW_EVENTS)).rglob("*.parquet")} - known, "no file was left by a crash"


def catches_up(lake: Lake, found: pl.DataFrame) -> None:
    """A table that follows gets every micro-batch, in order, though its writers never saw one end."""
    names = ("ingest_day", "ingested_at", "topic", "epoch", "partition", "offset")
    contract = Table(("scores", "followed"), "", tuple(Column(name, found.schema[name], "") for name in names),
                     partition="ingest_day")  # fmt: skip
    table, batches = StreamTable(lake, contract), list(Events(lake).after(None))
    assert all(one.ingested_at == other.previous for one, other in pairwise(batches))
    for batch in batches:
        table.append(batch.frame.select(names), batch)
        with pytest.raises(AlreadyTakenError):
            StreamTable(lake, contract).append(batch.frame.select(names), batch)
    assert lake.scan(contract).collect().sort(names).equals(found.select(names).sort(names))
