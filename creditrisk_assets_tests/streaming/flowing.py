"""A stream for the tests of what follows from it: messages, micro-batches with and without Kafka, models in charge."""

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import SecretStr

from creditrisk_assets.contracts import (
    ACTIVITY,
    APPLICATIONS,
    FEATURES_BEHAVIOUR,
    MODELS_BEHAVIOUR,
    RAW_EVENTS,
    SCORES_LIVE,
    TOPICS,
    Instant,
)
from creditrisk_assets.models.behaviour import BehaviourModel
from creditrisk_assets.models.histories import rows_of
from creditrisk_assets.models.steps import Steps
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.live import LiveScoring
from creditrisk_assets.serving.frames import newest
from creditrisk_assets.streaming.assembly import assembled, models_in_charge
from creditrisk_assets.streaming.decoding import decode
from creditrisk_assets.streaming.deriving import Deriver
from creditrisk_assets.streaming.events import Events, now
from creditrisk_assets.streaming.offsets import Caps, OffsetRange, Place
from creditrisk_assets.streaming.pipeline import Pipeline
from creditrisk_assets.streaming.remembering import remembered
from creditrisk_assets.streaming.table import MicroBatch, StreamTable
from creditrisk_assets_tests.raw.written import loan
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.streaming.brokers import BrokerProcess, eventually
from creditrisk_assets_tests.streaming.clients import admin, bounds, has_partitions, producer
from creditrisk_assets_tests.streaming.enveloped import AMOUNTS, activity, application
from creditrisk_assets_tests.world import World

START = datetime(2020, 5, 21, 9, tzinfo=UTC)
"""Long ago, for a broker's clock tells what lies in the future."""
STEPS = (
    ("days_past_due", (1, 31)), ("missed_12m", (1, 3)), ("spikes_3m", (1, 2)), ("paid_12m", (2, 5)),
    ("utilisation", (0, 80)), ("inquiries_12m", (1,)), ("months_observed", (1, 6)),
)  # fmt: skip
Message = tuple[str, dict[str, Any]]
"""Topic and event; an event that is None is a tombstone."""


def behaviour_model() -> BehaviourModel:
    """A model that nobody learned, in which everything a customer does moves the PD."""
    factors = tuple(Steps(name, edges, (0.7, *[0.3 / len(edges)] * len(edges))) for name, edges in STEPS)
    p = 2 + sum(factor.size - 1 for factor in factors)
    mean = np.append([-2.0, 0.8], np.linspace(-0.4, 0.9, p - 2))
    gates = {"passed": True, "customers": 1, "defaults": 1, "cells": 1, "r_hat_max": 1.0, "ess_bulk_min": 1e3,
             "ess_tail_min": 1e3, "divergences": 0, "bfmi_min": 1.0}  # fmt: skip
    return BehaviourModel(factors, mean, np.eye(p) * 0.01, -2.0, (-2.0, 0.4), gates)


def with_behaviour(lake: Lake) -> Lake:
    """The lake, with that model in it."""
    lake.overwrite(MODELS_BEHAVIOUR, rows_of(behaviour_model(), Path("history")))
    return lake


def models(world: World) -> LiveScoring:
    """The champion of a lake, and that model."""
    found = models_in_charge(world.lake, settings_of(world.lake))
    assert found is not None
    return LiveScoring(found.scoring, behaviour_model(), found.rules)


def settings_of(lake: Lake, bootstrap: str = "127.0.0.1:1", database: Database | None = None) -> Settings:
    """Settings of a platform that is all there, or has no PostgreSQL."""
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        lake=lake.root,
        kafka_bootstrap=bootstrap,
        postgres_url=None if database is None else SecretStr(database.url.get_secret_value()),
    )


def did(customer: str, kind: str = "payment_missed", days: float = 0, event_id: str | None = None,
        **payload: object) -> Message:  # fmt: skip
    """What a customer did some days after START, minus for before."""
    told = AMOUNTS[kind] | payload
    time = (START + timedelta(days=days)).isoformat()
    name = event_id or f"{customer} {kind} {days}"
    return ACTIVITY, activity(kind, told, event_id=name, event_time=time, customer_id=customer)


def applied(number: int, customer: str | None = None, days: float = 0, **changes: str) -> Message:
    """The application of the loan with that number."""
    time = (START + timedelta(days=days)).isoformat()
    name = {} if customer is None else {"customer_id": customer}
    return APPLICATIONS, application(
        loan(number, **changes), event_id=f"e-{number}", application_id=f"a-{number}", event_time=time, **name
    )


def poison(topic: str = ACTIVITY) -> Message:
    """A message that cannot be read."""
    return topic, {"version": 7}


@dataclass
class Flow:
    """Micro-batches of messages as raw/events would hold them, one after the other; no lake, no Kafka."""

    ends: Counter[str] = field(default_factory=Counter)
    previous: datetime | None = None
    number: int = 0

    def batch(self, *messages: Message, at: datetime | None = None) -> MicroBatch:
        """The next micro-batch."""
        frame, ranges = rows_of_messages(messages, self.ends)
        self.ends.update({one.topic: len(one) for one in ranges})
        instant = at or START + timedelta(milliseconds=self.number)
        stamped = frame.with_columns(
            pl.lit(instant.date()).alias("ingest_day"), pl.lit(instant).cast(Instant).alias("ingested_at")
        ).select(RAW_EVENTS.schema.names())
        batch = MicroBatch(instant, self.previous, ranges, stamped)
        self.previous, self.number = instant, self.number + 1
        return batch


def rows_of_messages(messages: Sequence[Message], ends: Counter[str]) -> tuple[pl.DataFrame, tuple[OffsetRange, ...]]:
    """raw/events without the micro-batch, in order of topic and offset, and the ranges."""
    frames, ranges = [], []
    for topic in sorted({topic for topic, _ in messages}):
        values = [json.dumps(event).encode() for one, event in messages if one == topic]
        times = pl.Series([START + timedelta(days=400)] * len(values), dtype=Instant).alias("broker_time")
        start = ends[topic]
        events = decode(topic, values, times).events
        frames.append(
            events.with_columns(
                topic=pl.lit(topic), epoch=pl.lit(0, pl.Int32), partition=pl.lit(0, pl.Int32),
                offset=pl.int_range(start, start + len(values), dtype=pl.Int64), key=pl.lit(None, pl.Binary),
                replayed=pl.lit(False), broker_time=times,
            )
        )  # fmt: skip
        ranges.append(OffsetRange(topic, 0, 0, start, start + len(values)))
    return pl.concat(frames), tuple(ranges)


def take(events: Events, *messages: Message) -> MicroBatch:
    """Take messages into raw/events of a lake, as the next offsets of partition 0."""
    events.create()
    events.refresh()
    firsts = [Place(topic, 0) for topic in TOPICS]
    ends = Counter({place.topic: at.next for place, at in events.positions(firsts).items()})
    frame, ranges = rows_of_messages(messages, ends)
    return events.take(frame, ranges).batch


def state(scores: pl.DataFrame) -> pl.DataFrame:
    """The newest row of every subject, without the micro-batch and the event that brought it."""
    kept = [name for name in SCORES_LIVE.schema if name not in ("ingest_day", "ingested_at", "topic", "epoch",
                                                                "partition", "offset", "event_id")]  # fmt: skip
    return newest(scores).select(kept).sort("kind", "subject")


def renewed_topics(broker: BrokerProcess, partitions: int = 2, topics: Sequence[str] = TOPICS) -> None:
    """The platform's topics, empty, whatever was in them."""
    with admin(broker.bootstrap) as client:
        if known := sorted(set(TOPICS) & set(client.list_topics())):
            client.delete_topics(known)
            eventually(lambda: not set(known) & set(client.list_topics()))
        if topics:
            client.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1} for topic in topics})
            eventually(lambda: all(has_partitions(client, topic, partitions) for topic in topics))


def send(bootstrap: str, *messages: Message) -> None:
    """Send messages keyed as the platform keys them, each in a batch of its own, and have them acknowledged."""
    with producer(bootstrap) as client:
        for topic, event in messages:
            key = str(event.get("customer_id" if topic == ACTIVITY else "application_id"))
            client.send(topic, json.dumps(event).encode(), key=key.encode()).get(30)


def partition_of(bootstrap: str, topic: str) -> int:
    """The partition in which all messages of a topic are."""
    (found,) = [number for number in (0, 1) if bounds(bootstrap, topic, number)[1]]
    return found


@dataclass(frozen=True)
class Platform:
    """A lake with models, a broker with the platform's topics, and perhaps PostgreSQL."""

    lake: Lake
    broker: BrokerProcess
    database: Database | None = None

    @property
    def values(self) -> Settings:
        return settings_of(self.lake, self.broker.bootstrap, self.database)

    def send(self, *messages: Message) -> None:
        send(self.broker.bootstrap, *messages)

    @contextmanager
    def pipeline(
        self, at: Callable[[str], None] = lambda point: None, clock: Callable[[], datetime] = now, rows: int = 500_000
    ) -> Iterator[Pipeline]:
        """The hot path as a run puts it together; `clock` dates its micro-batches."""
        with assembled(self.lake, self.values, Caps(rows=rows), at) as pipeline:
            pipeline.intake.events._clock = clock
            yield pipeline


def derived_in_one_go(platform: Platform) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of features/behaviour and scores/live from raw/events, by a deriver that begins with the first event."""
    events, live = Events(platform.lake), StreamTable(platform.lake, SCORES_LIVE)
    memory = remembered(platform.lake, events, live, None)
    deriver = Deriver(models_in_charge(platform.lake, platform.values), memory)
    found = [deriver.derive(batch.frame) for batch in events.after(None)]
    features, scores = pl.concat([one.features for one in found]), pl.concat([one.scores for one in found])
    return features.sort(FEATURES_BEHAVIOUR.primary), scores.sort(SCORES_LIVE.primary)


def everything(pipeline: Pipeline) -> int:
    """Take until there is nothing more; how many messages."""
    rows = 0
    while (step := pipeline.step()) is not None:
        rows += step.taken.good + step.taken.bad
    return rows


def some_messages(seed: int, count: int, customers: int = 20) -> list[Message]:
    """Activity and applications, with repeats, late ones and a poisoned message in ten."""
    generator = np.random.default_rng(seed)
    kinds = list(AMOUNTS)
    found: list[Message] = []
    for number in range(count):
        chance, customer = generator.random(), f"c-{generator.integers(customers)}"
        if chance < 0.1:
            found.append(poison(TOPICS[number % 2]))
        elif chance < 0.2 and found:
            found.append(found[int(generator.integers(len(found)))])
        elif chance < 0.4:
            found.append(applied(1_000 * seed + number, customer if chance < 0.35 else None, -30 - chance))
        else:
            kind = kinds[int(generator.integers(len(kinds)))]
            days = -float(generator.integers(0, 400)) - generator.random()
            found.append(did(customer, kind, days, event_id=uuid.UUID(int=int(generator.integers(2**62))).hex))
    return found
