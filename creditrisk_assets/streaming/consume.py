"""One micro-batch from Kafka to raw/events: plan, fetch, decode, commit. No Dagster here."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import Protocol

import numpy as np
import polars as pl

from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.streaming.errors import AlreadyTakenError, StreamError, TopicMissingError
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.log import Log
from creditrisk_assets.streaming.offsets import (
    TYPICAL_SIZE,
    Caps,
    OffsetRange,
    Place,
    Position,
    Positions,
    Watermarks,
    lag,
    losses,
    plan,
    refuse_outside,
    remaining,
)
from creditrisk_assets.streaming.reading import Fetched
from creditrisk_assets.streaming.table import MicroBatch

POINTS = ("after_plan", "after_fetch", "after_decode", "after_commit")
"""Where `Intake.at` is told, for those who want to be there when it dies."""
MEMORY = 0.3  # weight of the newest micro-batch in the mean size of a message


class DecodedMessages(Protocol):
    """What a decoder returns: see `decoding.Decoded`."""

    @property
    def events(self) -> pl.DataFrame:
        """One row for each message, in order."""


Decode = Callable[[str, Sequence[bytes | None], pl.Series], DecodedMessages]


@dataclass(frozen=True)
class Taken:
    """What one micro-batch did.

    `batch` None when there was nothing to do, or another was faster; else its ranges, as committed, and its
    rows. `good` and `bad` messages, `bytes` of keys and values, `seconds` by stage, `lag` in offsets by
    partition after it. `decoded` by topic is what the decoder returned, when every message of it was
    committed. `refused` topics are not read on, for the reason given.
    """

    batch: MicroBatch | None
    lag: Mapping[Place, int]
    refused: Mapping[str, StreamError]
    good: int = 0
    bad: int = 0
    bytes: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    decoded: Mapping[str, DecodedMessages] = field(default_factory=dict)


@dataclass
class Intake:
    """Takes from the topics of a log into raw/events, one micro-batch at a time."""

    log: Log
    events: Events
    decode: Decode
    caps: Caps = field(default_factory=Caps)
    at: Callable[[str], None] = lambda point: None
    sizes: dict[str, float] = field(default_factory=dict)

    def take(self, ranges: Sequence[OffsetRange] | None = None) -> Taken:
        """Take what is next, or of given `ranges` what is not in the lake yet.

        Topics that lost messages, or are missing, are left alone while others have news; then their error is
        raised: RetentionPassedError, TopicRestartedError, PartitionsMissingError, TopicMissingError.
        RangeError when given ranges would leave a gap; KafkaUnavailableError, LakeUnavailableError.
        """
        clock = _Stages()
        with clock("plan"):
            now = self._situation()
            planned = self._planned(now, ranges)
            if not planned and self.events.refresh():  # an operator has restarted a topic, say
                now = self._situation()
                planned = self._planned(now, ranges)
        if not planned:
            for error in now.refused.values():
                raise error
            return Taken(None, lag(now.positions, now.log), now.refused)
        self.at("after_plan")
        with clock("fetch"):
            fetched = self._fetched(planned, now.positions)
        self.at("after_fetch")
        with clock("decode"):
            decoded = {topic: self._decoded(topic, parts) for topic, parts in _by_topic(fetched)}
            frame = pl.concat([_rows(parts, decoded[topic].events) for topic, parts in _by_topic(fetched)])
        self.at("after_decode")
        with clock("commit"):
            batch = self._committed(frame, fetched, now)
        self.at("after_commit")
        return _told(batch, fetched, decoded, now, clock.seconds)

    def _situation(self) -> "_Situation":
        topics = self.log.topics
        log, identities = self.log.watermarks(), self.log.identities()
        positions, known = self.events.patiently(
            lambda: (self.events.positions(self.events.places(topics) | set(log)), self.events.identities(topics))
        )
        if any(place in log and at.next > log[place].end for place, at in positions.items()):
            log = self.log.watermarks()  # another has taken what came since: no log is cut
        renewed = {topic for topic, number in identities.items() if known.get(topic, number) != number}
        refused: dict[str, StreamError] = {
            topic: TopicMissingError(f"{topic}: the broker has no such topic. Make it, or correct its name")
            for topic in set(topics) - {place.topic for place in log}
        }
        refused.update(losses(positions, log, renewed))
        return _Situation(positions, log, refused, identities)

    def _planned(self, now: "_Situation", ranges: Sequence[OffsetRange] | None) -> tuple[OffsetRange, ...]:
        if ranges is not None:
            return _asked(ranges, now)
        healthy = {place: bounds for place, bounds in now.log.items() if place.topic not in now.refused}
        return plan(now.positions, healthy, self.caps, self.sizes)

    def _fetched(self, planned: Sequence[OffsetRange], positions: Positions) -> list[Fetched]:
        """What was read; a partition that the cap on bytes left no room for waits for the next micro-batch."""
        fetched = self.log.fetch(planned, self.caps.bytes)
        for topic, parts in _by_topic(fetched):
            self._learn(topic, sum(one.records.bytes for one in parts), sum(len(one.range) for one in parts))
        return [one for one in fetched if len(one.range) or one.range.place not in positions]

    def _decoded(self, topic: str, parts: Sequence[Fetched]) -> DecodedMessages:
        values = list(chain.from_iterable(one.records.values for one in parts))
        return self.decode(topic, values, _times(parts))

    def _committed(self, frame: pl.DataFrame, fetched: Sequence[Fetched], now: "_Situation") -> MicroBatch | None:
        topics = {one.range.topic for one in fetched}
        identities = {topic: number for topic, number in now.identities.items() if topic in topics}
        try:
            return self.events.take(frame, [one.range for one in fetched], identities).batch
        except AlreadyTakenError:
            return None

    def _learn(self, topic: str, size: int, offsets: int) -> None:
        if offsets:
            before = self.sizes.get(topic, TYPICAL_SIZE)
            self.sizes[topic] = max(1.0, (1 - MEMORY) * before + MEMORY * size / offsets)


@dataclass(frozen=True)
class _Situation:
    """What is committed and what the broker holds, at one moment."""

    positions: Positions
    log: Watermarks
    refused: Mapping[str, StreamError]
    identities: Mapping[str, int]


def _asked(asked: Sequence[OffsetRange], now: _Situation) -> tuple[OffsetRange, ...]:
    for one in asked:
        if one.topic in now.refused:
            raise now.refused[one.topic]
    try:
        left = remaining(asked, now.positions)
    except AlreadyTakenError:
        return ()
    refuse_outside(left, now.log)
    return tuple(sorted(left, key=lambda one: one.place))


def _told(
    batch: MicroBatch | None,
    fetched: Sequence[Fetched],
    decoded: Mapping[str, DecodedMessages],
    now: _Situation,
    seconds: Mapping[str, float],
) -> Taken:
    if batch is None:
        return Taken(None, lag(now.positions, now.log), now.refused, seconds=seconds)
    ends = {one.place: Position(one.epoch, one.end) for one in batch.ranges}
    bad = batch.frame.height - batch.frame["error"].null_count()
    return Taken(
        batch,
        lag({**now.positions, **ends}, now.log),
        now.refused,
        good=batch.frame.height - bad,
        bad=bad,
        bytes=sum(one.records.bytes for one in fetched),
        seconds=seconds,
        decoded=decoded if batch.ranges == tuple(one.range for one in fetched) else {},
    )


def _by_topic(fetched: Sequence[Fetched]) -> Iterator[tuple[str, list[Fetched]]]:
    """Ranges come sorted by topic."""
    for topic, parts in groupby(fetched, key=lambda one: one.range.topic):
        yield topic, list(parts)


def _times(parts: Sequence[Fetched]) -> pl.Series:
    """Timestamps of messages; those without one are null."""
    times = pl.Series(chain.from_iterable(one.records.timestamps for one in parts), dtype=pl.Int64)
    known = pl.select(pl.when(times >= 0).then(times)).to_series()
    return known.cast(pl.Datetime("ms", "UTC")).cast(RAW_EVENTS.schema["broker_time"]).alias("broker_time")


def _rows(parts: Sequence[Fetched], events: pl.DataFrame) -> pl.DataFrame:
    """Where each message comes from, beside what it says."""
    which = np.repeat(np.arange(len(parts)), [len(one.records.offsets) for one in parts])
    ranges = pl.DataFrame(
        [(one.range.topic, one.range.epoch, one.range.partition) for one in parts],
        schema={"topic": pl.String, "epoch": pl.Int32, "partition": pl.Int32}, orient="row",
    )  # fmt: skip
    places = ranges[which].with_columns(
        pl.concat(pl.Series("offset", one.records.offsets, dtype=pl.Int64) for one in parts),
        pl.concat(pl.Series("key", one.records.keys, dtype=pl.Binary) for one in parts),
    )
    return pl.concat([places.with_columns(_times(parts), replayed=pl.lit(False)), events], how="horizontal")


class _Stages:
    """Seconds that stages took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - begin
