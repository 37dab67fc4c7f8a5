"""What a micro-batch changes in PostgreSQL: risk, decisions, counters and offsets, in one transaction.

The micro-batch that was reached stands beside the rows, so that one applied again, by anyone, changes
nothing, and one that would leave out others is refused.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
from psycopg import errors

from creditrisk_assets.serving import statements
from creditrisk_assets.serving.connection import Connection
from creditrisk_assets.serving.errors import GapError, ServingError, told
from creditrisk_assets.serving.frames import counters, latencies, staged
from creditrisk_assets.streaming.offsets import OffsetRange, Place, Position
from creditrisk_assets.streaming.table import MicroBatch


@dataclass(frozen=True)
class Applied:
    """What a micro-batch changed: nothing when it was applied before.

    `subjects` are those whose row in live_risk is new or was replaced.
    """

    events: int = 0
    decisions: int = 0
    subjects: int = 0


def reached(connection: Connection) -> datetime | None:
    """The newest micro-batch applied; what comes after it in the lake is still to do."""
    with told():
        row = connection.execute(statements.REACHED).fetchone()
    return None if row is None else row[0]


def positions(connection: Connection) -> dict[Place, Position]:
    """Where the serving tables are, of every partition that was ever applied; of its newest epoch."""
    with told():
        rows = connection.execute(statements.ENDS).fetchall()
    return {Place(topic, partition): Position(epoch, end) for topic, epoch, partition, end in rows}


def apply(connection: Connection, batch: MicroBatch, scores: pl.DataFrame, now: datetime | None = None) -> Applied:
    """Apply a micro-batch of raw/events with its rows of scores/live.

    A subject keeps the row that is the newest by `as_of`, then by micro-batch, then by its place. `now` ends
    the latency of the events. One without rows moves offsets, unless micro-batches before it are missing.

    GapError when they are missing before one with rows, ValueError for scores of another one;
    ServingUnavailableError when PostgreSQL does not answer, and then nothing or everything is applied:
    applying again on a new connection settles it.
    """
    if not connection.autocommit:
        raise ValueError("the connection must commit by itself: open it with serving.connection.connect")
    if not scores.filter(pl.col("ingested_at") != batch.ingested_at).is_empty():
        raise ValueError(f"there are scores of other micro-batches than {batch.ingested_at}: give its own")
    with told(), connection.transaction():
        connection.execute(statements.LOCK)
        at = reached(connection)
        if batch.frame.is_empty():  # nothing can follow from it, and none comes after it
            if batch.previous is None or (at is not None and at >= batch.previous):
                _advance(connection, batch.ranges)
            return Applied()
        if _is_applied(batch, at):
            return Applied()
        _advance(connection, batch.ranges)
        _count(connection, batch.frame, now or datetime.now(UTC))
        subjects = 0 if scores.is_empty() else _store(connection, scores)
        connection.execute(statements.REACH, (batch.ingested_at, batch.frame.height, scores.height))
        return Applied(batch.frame.height, scores.height, subjects)


def forget(connection: Connection, days: int) -> int:
    """Remove decisions older than `days`; how many they were."""
    with told():
        row = connection.execute(statements.FORGET, (days,)).fetchone()
    return 0 if row is None else int(row[0])


def empty(connection: Connection) -> None:
    """Forget everything of the stream, which its next run applies again from the lake; overrides stay.

    For the owner. After a restore of the lake PostgreSQL may be ahead of it: messages that are taken once more would
    meet their own decisions.
    """
    with told():
        connection.execute(statements.EMPTY)


def _is_applied(batch: MicroBatch, at: datetime | None) -> bool:
    if at is not None and at >= batch.ingested_at:
        return True
    if at != batch.previous:
        raise GapError(
            f"PostgreSQL has reached micro-batch {at}, not {batch.previous}: apply those in between, as the lake has "
            f"them, before {batch.ingested_at}"
        )
    return False


def _advance(connection: Connection, ranges: tuple[OffsetRange, ...]) -> None:
    if ranges:
        columns = zip(*((one.topic, one.epoch, one.partition, one.end) for one in ranges), strict=True)
        connection.execute(statements.ADVANCE, [list(column) for column in columns])


def _count(connection: Connection, events: pl.DataFrame, now: datetime) -> None:
    for statement, counted in ((statements.COUNT, counters(events)), (statements.DELAY, latencies(events, now))):
        connection.execute(statement, [counted[name].to_list() for name in counted.columns])


def _store(connection: Connection, scores: pl.DataFrame) -> int:
    connection.execute(statements.STAGE)
    with connection.cursor() as cursor:
        with cursor.copy(statements.COPY) as copy:
            for part in staged(scores):
                copy.write(part)
        try:
            cursor.execute(statements.DECIDE)
        except errors.UniqueViolation as error:
            raise ServingError(
                f"two rows of scores/live have one place ({error.diag.message_detail}): they break their contract; "
                "mend the lake and apply the micro-batch again"
            ) from error
        cursor.execute(statements.UPSERT)
        return cursor.rowcount
