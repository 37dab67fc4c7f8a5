"""raw/events: what was taken from Kafka, and reading it back by offsets or micro-batch by micro-batch."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime

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
        previous = reached
        for stretch in _stretches(later):
            for rows in stretch.partition_by("ingested_at", maintain_order=True):
                instant = rows["ingested_at"][0]
                yield MicroBatch(instant, previous, ranges_of(rows), rows)
                previous = instant

    def newest_by_day(self) -> list[tuple[date, datetime | None]]:
        """The newest micro-batch of every ingest day, from the log alone; None where it does not tell."""
        files = self.patiently(self.add_actions)
        if files.is_empty():
            return []
        newest = pl.col("max.ingested_at").cast(RAW_EVENTS.schema["ingested_at"])
        known = pl.when(pl.col("max.ingested_at").is_null().any()).then(None).otherwise(newest.max())
        days = files.group_by(pl.col("partition.ingest_day").cast(pl.Date).alias("day")).agg(known.alias("newest"))
        return days.sort("day").rows()

    def preceding(self, instant: datetime) -> datetime | None:
        """The newest micro-batch before an instant, None for none; reads few files, as of the open handle."""
        earlier, newest = pl.col("min.ingested_at") < instant, pl.col("max.ingested_at")
        files = self.patiently(self.add_actions)
        known = files.filter(newest < instant)["max.ingested_at"].cast(RAW_EVENTS.schema["ingested_at"])
        astride = self.scan(self.files(earlier & (newest >= instant)), ["ingested_at"])
        found = astride.filter(pl.col("ingested_at") < instant).collect()["ingested_at"]
        instants = [one for one in (known.max(), found.max()) if isinstance(one, datetime)]
        return max(instants, default=None)

    def during(self, day: date, reached: datetime | None) -> Iterator[pl.DataFrame]:
        """Rows of an ingest day after a micro-batch, in their order: as many at once as are read into memory.

        As of the open handle; no micro-batch is split.
        """
        rows = self.scan(self.files(pl.col("partition.ingest_day") == day)).filter(pl.col("ingest_day") == day)
        return _stretches(rows if reached is None else rows.filter(pl.col("ingested_at") > reached))


def _stretches(rows: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Rows by micro-batch and place, as many at once as are read into memory."""
    counts = rows.group_by("ingested_at").len().sort("ingested_at").collect()
    for window in _windows(counts):
        chosen = rows.filter(pl.col("ingested_at").is_between(window[0], window[-1]))
        yield chosen.sort("ingested_at", *PLACE).collect()


def _windows(counts: pl.DataFrame) -> Iterator[list[datetime]]:
    """Instants in runs that hold about as many rows as are read at once."""
    run = (counts["len"].cum_sum() - counts["len"]) // ROWS_AT_ONCE
    for part in counts.with_columns(run.alias("run")).partition_by("run", maintain_order=True):
        yield part["ingested_at"].to_list()
