"""What the benchmark of the stream runs on: a lake with models, brokers, messages. Used by `stream.py`."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from creditrisk_assets.contracts import (
    MODELS_BEHAVIOUR,
    MODELS_DIAGNOSTICS,
    MODELS_MOMENTS,
    MODELS_POSTERIOR,
    SCORES_LOANS,
    TOPICS,
)
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import PROJECT, add_months

if TYPE_CHECKING:
    from creditrisk_assets.streaming.producer import Message
    from creditrisk_assets_tests.streaming.brokers import BrokerProcess

REAL = PROJECT.parent / "shared/data/events/loan_application_events_300.jsonl"
LOANS, VINTAGES, FIRST, HISTORY, PARTITIONS = 20_000, 28, date(2014, 1, 1), 20_000, 4
KINDS = {
    "payment_made": (0.70, '"amount":312.5,"days_past_due":0'),
    "payment_missed": (0.10, '"amount":312.5,"days_past_due":31'),
    "utilisation_spike": (0.08, '"utilisation":0.8312'),
    "credit_line_change": (0.04, '"credit_line":5000.0'),
    "credit_inquiry": (0.08, ""),
}
FURTHER = '"channel":"mobile","branch":"north-west 14","reference":"4f0c1d2e-7a65-4b1e-9d43"'
"""Fields that are kept and ignored: messages of some 300 bytes."""


def lake_in(folder: Path) -> Lake:
    """A lake with a posterior, a behaviour model and a scored book; made where it is not there yet."""
    if not (folder / "ready").exists():
        print(f"fitting the models into {folder}, once", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _fill(folder)
        (folder / "ready").touch()
    return Lake(str(folder / "lake"))


def _fill(folder: Path) -> None:
    from creditrisk_assets.features.loans import features
    from creditrisk_assets.models.artifacts import fit_as_known
    from creditrisk_assets.models.exposure import learned_from
    from creditrisk_assets.models.histories import learn_history, rows_of
    from creditrisk_assets.models.records import evidence_rows, fit_expansion
    from creditrisk_assets.raw.intake import read_loans
    from creditrisk_assets.resources.environments import settings
    from creditrisk_assets.scores.champion import champion
    from creditrisk_assets.simulation.book import simulate_loans
    from creditrisk_assets.simulation.history import simulate_history

    lake, last = Lake(str(folder / "lake")), add_months(FIRST, VINTAGES - 1)
    file = simulate_loans(loans=LOANS, vintages=VINTAGES, seed=3, out=folder, observed_months=24).file
    book = features(read_loans([file], (FIRST, last)).clean.lazy()).collect()
    day = add_months(FIRST, 24)
    known = learned_from(book.lazy(), day, 24)
    expansion, _ = fit_expansion(known, "application", day, add_months(day, -1))
    evidence = evidence_rows(known.select(book.columns), list(expansion.design.vintages), expansion)
    kept = fit_as_known(book.lazy(), evidence, expansion, 24)
    for table, rows in (
        (MODELS_POSTERIOR, kept.draws), (MODELS_MOMENTS, kept.moments), (MODELS_DIAGNOSTICS, kept.diagnostics),
    ):  # fmt: skip
        lake.overwrite(table, rows, [day])
    scoring = champion(lake, settings())
    assert scoring is not None, kept.told
    lake.overwrite(SCORES_LOANS, scoring.score(book), book["vintage"].unique().to_list())
    simulate_history(customers=HISTORY, seed=3, out=folder / "history")
    lake.overwrite(MODELS_BEHAVIOUR, rows_of(learn_history(folder / "history"), folder / "history"))


@contextmanager
def copied(lake: Lake, folder: Path) -> Iterator[Lake]:
    """The models in a lake of its own, without anything of the stream."""
    target = folder / "lake"
    shutil.copytree(lake.root, target)
    yield Lake(str(target))
    shutil.rmtree(target)


@contextmanager
def broker(name: str, folder: Path) -> "Iterator[BrokerProcess]":
    """A running broker with the topics of the stream, empty."""
    from creditrisk_assets.streaming.producer import ensure_topic
    from creditrisk_assets_tests.streaming.apache_kafka import ApacheKafka
    from creditrisk_assets_tests.streaming.brokers import DevelopmentBroker

    made: BrokerProcess = {"development": DevelopmentBroker, "apache": ApacheKafka}[name](folder)
    try:
        made.start()
        for topic in TOPICS:
            ensure_topic({"bootstrap_servers": [made.bootstrap]}, topic, PARTITIONS)
        yield made
    finally:
        made.end()


def customers(lake: Lake, count: int) -> pl.Series:
    """Identifiers: those of the book first, then people of whom nothing is known."""
    known = lake.scan(SCORES_LOANS, columns=["loan_id"]).collect()["loan_id"].head(count)
    others = pl.Series([f"stranger-{number:08d}" for number in range(count - len(known))], dtype=pl.String)
    return pl.concat([known, others])


def activity(who: pl.Series, count: int, seed: int, end: datetime, in_turn: bool = False) -> "Iterator[Message]":
    """Activity of customers, random ones or one after the other, over the year before `end`."""
    from creditrisk_assets.streaming.producer import Message

    random = np.random.default_rng(seed)
    chosen = np.arange(count) % len(who) if in_turn else random.integers(0, len(who), count)
    kind = random.choice(len(KINDS), count, p=[share for share, _ in KINDS.values()])
    payload = [",".join(filter(None, (text, FURTHER))) for _, text in KINDS.values()]
    frame = pl.DataFrame({
        "id": random.integers(0, 2**62, count),
        "kind": pl.Series(list(KINDS)).gather(kind),
        "payload": pl.Series(payload).gather(kind),
        "customer": who.gather(chosen),
        "time": pl.Series(random.integers(0, 365 * 86_400_000_000, count)).cast(pl.Duration("us")),
    }).with_columns(time=(pl.lit(end) - pl.col("time")).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))  # fmt: skip
    value = pl.concat_str(
        pl.lit('{"version":1,"event_id":"'), "id", pl.lit('","event_type":"'), "kind",
        pl.lit('","event_time":"'), "time", pl.lit('","customer_id":"'), "customer",
        pl.lit('","payload":{'), "payload", pl.lit("}}"),
    )  # fmt: skip
    yield from map(Message, frame["customer"].cast(pl.Binary), frame.select(value).to_series().cast(pl.Binary))


def applications(count: int, seed: int, now: datetime) -> "Iterator[Message]":
    """The 300 real applications over and over, each time with another identifier; simulated ones where they lack."""
    from creditrisk_assets.streaming.producer import Message

    known = rows()
    for number in range(count):
        name = f"A{seed}-{number}"
        time = (now + timedelta(microseconds=number)).isoformat()
        head = f'{{"version":1,"event_id":"{name}","event_type":"loan_application","event_time":"{time}",'
        value = f'{head}"application_id":"{name}","payload":{known[number % len(known)]}}}'
        yield Message(name.encode(), value.encode())


def rows() -> Sequence[str]:
    """Payloads of applications."""
    if REAL.exists():
        return REAL.read_text().splitlines()
    from creditrisk_assets.simulation.living import new_customers

    lives = next(new_customers(3, datetime.now(UTC), 300))
    return [payload.decode() for payload in lives.applications]


def pid_of(running: "BrokerProcess") -> int:
    """Of the process of a broker."""
    assert running._process is not None
    return running._process.pid


def cpu_seconds(pid: int) -> float:
    """CPU of a process and its children so far, those that have ended among them."""
    return sum(_ticks(pid)) / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if folder.name == str(pid):
            yield sum(int(ticks) for ticks in fields[11:15])
        elif fields[1] == str(pid):
            yield int(fields[11]) + int(fields[12])


if __name__ == "__main__":
    print("part of benchmarks/stream.py: nothing to measure alone")
