"""Stream tables: every row exactly once, and everything that follows from raw/events able to catch up with it.

What a table's Delta transactions say, which is the only truth of the stream:

    kafka:<topic>:<partition>          next offset that is not committed
    kafka-epoch:<topic>:<partition>    epoch of that offset, 0 at first
    kafka-topic:<topic>                identity of the topic, as 63 bits of its id
    micro-batch                        `ingested_at` of the newest micro-batch, in microseconds since 1970

All commits with rows set micro-batch, hence they follow one another, and `ingested_at` grows from commit to
commit, whatever the clocks of several machines say. It is in whole milliseconds, as are the statistics by
which Delta lets readers skip files. A table that follows from raw/events carries the
micro-batch it has reached: what comes after it in raw/events is what it still has to do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from creditrisk_assets.columns import Table
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.errors import AlreadyTakenError, RangeError
from creditrisk_assets.streaming.offsets import OffsetRange, Place, Position, as_json
from creditrisk_assets.streaming.store import PATIENCE, Append, Store

MICRO_BATCH = "micro-batch"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
TICK = timedelta(milliseconds=1)
PLACE = ("topic", "epoch", "partition", "offset")


def offset_app(place: Place) -> str:
    """Transaction that holds the next offset of a partition."""
    return f"kafka:{place.topic}:{place.partition}"


def epoch_app(place: Place) -> str:
    """Transaction that holds the epoch of a partition."""
    return f"kafka-epoch:{place.topic}:{place.partition}"


def topic_app(topic: str) -> str:
    """Transaction that holds the identity of a topic."""
    return f"kafka-topic:{topic}"


@dataclass(frozen=True)
class MicroBatch:
    """Rows of raw/events that were committed together: `ingested_at` names them, `previous` those before them.

    Nothing follows from one without rows, which only moves offsets.
    """

    ingested_at: datetime
    previous: datetime | None
    ranges: tuple[OffsetRange, ...]
    frame: pl.DataFrame


@dataclass(frozen=True)
class Committed:
    """What one append did."""

    append: Append
    batch: MicroBatch


class StreamTable(Store):
    """A table that follows from raw/events, micro-batch by micro-batch."""

    def __init__(self, lake: Lake, contract: Table, patience: float = PATIENCE) -> None:
        super().__init__(lake, contract, patience)

    def reached(self) -> datetime | None:
        """The newest micro-batch that is in the table."""
        micros = self.transaction(MICRO_BATCH)
        return None if micros is None else BEGINNING + micros * MICROSECOND

    def positions(self, places: Iterable[Place]) -> dict[Place, Position]:
        """How far partitions are committed; those that never were are left out."""
        found = {}
        for place in places:
            following = self.transaction(offset_app(place))
            if following is not None:
                found[place] = Position(self.transaction(epoch_app(place)) or 0, following)
        return found

    def places(self, topics: Iterable[str]) -> set[Place]:
        """Partitions that were ever committed, also those that the broker has no more.

        They are numbered from 0 without a gap: the first micro-batch of a topic marks where all begin.
        """
        found = set()
        for topic in topics:
            partition = 0
            while self.transaction(offset_app(Place(topic, partition))) is not None:
                found.add(Place(topic, partition))
                partition += 1
        return found

    def append(self, frame: pl.DataFrame, batch: MicroBatch) -> Committed:
        """Append what follows from a micro-batch of raw/events, and that it is done; `frame` may be empty.

        AlreadyTakenError when it is there: another was faster. RangeError when earlier micro-batches are not
        done yet: take those of `Events.after(reached())` in their order.
        """
        metadata = {"ranges": as_json(batch.ranges), "rows": str(frame.height)}
        work = Committed(Append(frame, self._moved(batch), metadata), batch)

        def prepare() -> Committed:
            reached = self.reached()
            if reached is not None and reached >= batch.ingested_at:
                raise AlreadyTakenError(f"{self.contract.name}: micro-batch {batch.ingested_at} is done already")
            if reached != batch.previous:
                raise RangeError(
                    f"{self.contract.name} has reached micro-batch {reached}, not {batch.previous}: do those in "
                    f"between before {batch.ingested_at}"
                )
            return work

        return self.commit(prepare)

    def _moved(self, batch: MicroBatch) -> Mapping[str, int]:
        moved = {MICRO_BATCH: (batch.ingested_at - BEGINNING) // MICROSECOND}
        return moved | offsets_of(batch.ranges)


def offsets_of(ranges: Iterable[OffsetRange]) -> dict[str, int]:
    """Transactions for ranges that were taken."""
    return {offset_app(one.place): one.end for one in ranges} | {epoch_app(one.place): one.epoch for one in ranges}


def ranges_of(frame: pl.DataFrame) -> tuple[OffsetRange, ...]:
    """From the first to the last offset of every partition among rows as they came; a replay moves no offset."""
    ends = frame.filter(~pl.col("replayed")).group_by("topic", "epoch", "partition")
    found = ends.agg(pl.col("offset").min().alias("start"), pl.col("offset").max().alias("end") + 1)
    return tuple(sorted((OffsetRange(**row) for row in found.iter_rows(named=True)), key=lambda one: one.place))
