"""raw/events: what was taken from Kafka, and reading it back by offsets or micro-batch by micro-batch."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime

import polars as pl

from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.offsets import OffsetRange, as_json, remaining
from creditrisk_assets.streaming.store import PATIENCE, Append
from creditrisk_assets.streaming.table import (
    BEGINNING,
    MICRO_BATCH,
    MICROSECOND,
    PLACE,
    TICK,
    Committed,
    MicroBatch,
    StreamTable,
    offsets_of,
    ranges_of,
    topic_app,
)

ROWS_AT_ONCE = 500_000  # rows read back into memory


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def inside(ranges: Iterable[OffsetRange]) -> pl.Expr:
    """Rows whose offset is in one of the ranges."""
    return pl.any_horizontal(
        (pl.col("topic") == one.topic)
        & (pl.col("epoch") == one.epoch)
        & (pl.col("partition") == one.partition)
        & pl.col("offset").is_between(one.start, one.end, closed="left")
        for one in ranges
    )


class Events(StreamTable):
    """The table raw/events of a lake."""

    def __init__(self, lake: Lake, patience: float = PATIENCE, clock: Callable[[], datetime] = now) -> None:
        super().__init__(lake, RAW_EVENTS, patience)
        self._clock = clock

    def identities(self, topics: Iterable[str]) -> dict[str, int]:
        """Identity of the topics that were read, as far as the broker told it."""
        found = {topic: self.transaction(topic_app(topic)) for topic in topics}
        return {topic: number for topic, number in found.items() if number is not None}

    def take(
        self, frame: pl.DataFrame, ranges: Iterable[OffsetRange], identities: Mapping[str, int] | None = None
    ) -> Committed:
        """Append the messages of ranges, and that they are taken, in one commit.

        `frame` has the columns of raw/events but for `ingest_day` and `ingested_at`, which are set here. Of
        two that take the same range one wins; the other gets AlreadyTakenError, or commits what of its range
        remains. RangeError when offsets before a range are not taken. `identities` of topics are noted.
        """
        asked = tuple(ranges)

        def prepare() -> Committed:
            left = remaining(asked, self.positions(one.place for one in asked))
            rows = frame if left == asked else frame.filter(inside(left))
            return self.stamped(rows, left, self._new(identities or {}))

        return self.commit(prepare)

    def _new(self, identities: Mapping[str, int]) -> dict[str, int]:
        """Setting one without need would make commits of other topics wait for each other."""
        return {
            topic_app(name): number for name, number in identities.items() if self.transaction(topic_app(name)) is None
        }

    def stamped(self, frame: pl.DataFrame, ranges: tuple[OffsetRange, ...], transactions: dict[str, int]) -> Committed:
        """The commit of a micro-batch after the newest one; to be used while preparing a commit.

        `frame` as for `take`; `transactions` are set beside, or instead of, those that follow from `ranges`.
        """
        previous = self.reached()
        instant = self._clock() if previous is None else max(self._clock(), previous + TICK)
        instant -= instant.microsecond % 1000 * MICROSECOND
        rows = frame.with_columns(
            pl.lit(instant.date()).alias("ingest_day"),
            pl.lit(instant).cast(RAW_EVENTS.schema["ingested_at"]).alias("ingested_at"),
        ).select(RAW_EVENTS.schema.names())
        moved = offsets_of(ranges) | transactions
        if rows.height:
            moved[MICRO_BATCH] = (instant - BEGINNING) // MICROSECOND
        bad = rows.height - rows["error"].null_count()
        metadata = {"ranges": as_json(ranges), "rows": str(rows.height), "bad": str(bad)}
        return Committed(Append(rows, moved, metadata), MicroBatch(instant, previous, ranges, rows))

    def rows(self, ranges: Iterable[OffsetRange]) -> pl.DataFrame:
        """Rows of ranges in the order of their place, those decoded anew among them; few files are opened."""
        asked = [one for one in ranges if len(one)]
        if not asked:
            return pl.DataFrame(schema=RAW_EVENTS.schema)
        holding = pl.any_horizontal(
            (pl.col("min.topic") <= one.topic)
            & (pl.col("max.topic") >= one.topic)
            & (pl.col("min.offset") < one.end)
            & (pl.col("max.offset") >= one.start)
            for one in asked
        )
        self.refresh()
        return self.scan(self.files(holding)).filter(inside(asked)).sort(*PLACE, "replayed").collect()

    def after(self, reached: datetime | None) -> Iterator[MicroBatch]:
        """Micro-batches after one, in their order: what a table that has reached it still has to do."""
        since = BEGINNING if reached is None else reached
        self.refresh()
        files = self.files(pl.col("max.ingested_at") > since)
        later = self.scan(files).filter(pl.col("ingested_at") > since)
        counts = later.group_by("ingested_at").len().sort("ingested_at").collect()
        previous = reached
        for window in _windows(counts):
            chosen = later.filter(pl.col("ingested_at").is_between(window[0], window[-1])).sort("ingested_at", *PLACE)
            parts = chosen.collect().partition_by("ingested_at", maintain_order=True)
            for instant, rows in zip(window, parts, strict=True):
                yield MicroBatch(instant, previous, ranges_of(rows), rows)
                previous = instant


def _windows(counts: pl.DataFrame) -> Iterator[list[datetime]]:
    """Instants in runs that hold about as many rows as are read at once."""
    run = (counts["len"].cum_sum() - counts["len"]) // ROWS_AT_ONCE
    for part in counts.with_columns(run.alias("run")).partition_by("run", maintain_order=True):
        yield part["ingested_at"].to_list()
