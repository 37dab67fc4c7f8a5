"""The log of one partition: segments in a folder, grown at one end, cut off at the other."""

import itertools
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk_assets.local.broker.batch import placed, produced, stamps
from creditrisk_assets.local.broker.errors import BrokerError, Code
from creditrisk_assets.local.broker.producers import Producers
from creditrisk_assets.local.broker.segment import SUFFIX, Segment

if TYPE_CHECKING:
    import asyncio

CHECKPOINT_BYTES = 16 * 1024 * 1024
logger = logging.getLogger(__name__)


class LogDamagedError(RuntimeError):
    """A log that cannot be read as it was written; the message says where, and what can be done."""


@dataclass(frozen=True)
class Limits:
    """What a topic may hold; -1 stands for no limit. Names as in Apache Kafka, with dots."""

    retention_ms: int = 7 * 24 * 3600 * 1000
    retention_bytes: int = -1
    segment_bytes: int = 64 * 1024 * 1024
    max_message_bytes: int = 1_048_588


class PartitionLog:
    """Offsets `start` to `end` (exclusive) of a partition.

    A batch is in the file before `append` returns, so the end of this process loses nothing; with
    `fsync` it is on disk, so the end of the machine loses nothing either.
    """

    def __init__(self, folder: Path, limits: Limits, start: int = 0, fsync: bool = False) -> None:
        self.folder = folder
        self.limits = limits
        self.waiters: set[asyncio.Future[None]] = set()
        self._fsync = fsync
        self._producers = Producers()
        self._segments = self._opened()
        self.start = max(start, self._segments[0].base_offset)
        self._since_checkpoint = 0

    @property
    def end(self) -> int:
        """The offset that the next record will get."""
        return self._segments[-1].index.next_offset

    @property
    def size(self) -> int:
        """Bytes of all batches."""
        return sum(segment.index.size for segment in self._segments)

    def _opened(self) -> list[Segment]:
        self.folder.mkdir(parents=True, exist_ok=True)
        segments = [Segment(path) for path in sorted(self.folder.glob(f"*{SUFFIX}"))]
        for segment in segments:
            self._producers, torn = segment.recover(self._producers)
            if torn and segment is not segments[-1]:
                raise LogDamagedError(
                    f"{segment.path} is damaged at byte {segment.index.size} while later segments exist. "
                    "Put the file back from a copy, or delete the topic's folder and start again"
                )
            if torn:
                logger.warning("%s: cut %d bytes of a batch that was never acknowledged", segment.path, torn)
                segment.cut()
        for one, following in itertools.pairwise(segments):
            if one.index.next_offset != following.base_offset:
                raise LogDamagedError(
                    f"{self.folder}: offsets {one.index.next_offset} to {following.base_offset} are gone"
                )
        return segments or [Segment.at(self.folder, 0)]

    def append(self, records: bytes) -> int:
        """Write the batch of a producer; its base offset, the earlier one when it was written before."""
        batch = produced(records)
        if batch.size > self.limits.max_message_bytes:
            raise BrokerError(
                Code.MESSAGE_TOO_LARGE,
                f"{batch.size} bytes are more than max.message.bytes={self.limits.max_message_bytes}",
            )
        seen = self._producers.seen(batch)
        if seen is not None:
            return seen
        if self._segments[-1].index.size and self._segments[-1].index.size + batch.size > self.limits.segment_bytes:
            self._roll()
        batch = batch._replace(base_offset=self.end)
        self._segments[-1].append(batch, placed(records, self.end), self._fsync)
        self._producers.add(batch)
        self._since_checkpoint += batch.size
        if self._since_checkpoint >= CHECKPOINT_BYTES:
            self.checkpoint()
        self.wake()
        return batch.base_offset

    def _roll(self) -> None:
        """Go on in a new segment; both know the producers, because the older may be deleted."""
        self.checkpoint()
        self._segments.append(Segment.at(self.folder, self.end))
        self.checkpoint()
        if self._fsync:
            folder = os.open(self.folder, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)

    def checkpoint(self) -> None:
        """Make the next start quick."""
        self._segments[-1].checkpoint(self._producers)
        self._since_checkpoint = 0

    def wake(self) -> None:
        """Tell everyone who waits for news of this log."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)

    def read(self, offset: int, max_bytes: int, at_least_one: bool = True) -> bytes:
        """Batches from the one that holds the offset; of the first all bytes, however many, when asked.

        Raises BrokerError when the log does not reach that far in either direction.
        """
        if not self.start <= offset <= self.end:
            raise BrokerError(Code.OFFSET_OUT_OF_RANGE, f"the log holds {self.start} to {self.end}")
        for segment in self._segments:
            if segment.index.next_offset > offset and (found := segment.locate(offset)) is not None:
                position, batch = found
                if batch.size > max_bytes and not at_least_one:
                    return b""
                return segment.read(position, max(batch.size, max_bytes))
        return b""

    def offset_at(self, timestamp: int) -> tuple[int, int] | None:
        """Offset and timestamp of the first record that is not older than a time, None when all are."""
        for segment in self._segments:
            if segment.index.max_timestamp < timestamp:
                continue
            for position, batch in segment.headers(segment.index.before_time(timestamp)):
                if batch.max_timestamp < timestamp or batch.next_offset <= self.start:
                    continue
                for offset, stamp in stamps(segment.read(position, batch.size)):
                    if stamp >= timestamp and offset >= self.start:
                        return offset, stamp
        return None

    def delete_before(self, offset: int) -> None:
        """Let the log start at an offset, and remove the segments that end before it."""
        self.start = max(self.start, offset)
        while len(self._segments) > 1 and self._segments[0].index.next_offset <= self.start:
            self._segments.pop(0).delete()

    def expire(self, now_ms: int) -> None:
        """Remove whole segments that are too old, or more than the topic may hold."""
        for base in list(self._expired(now_ms)):
            if base == self._segments[-1].base_offset:
                self._roll()
            self.delete_before(self._segments[1].base_offset)

    def _expired(self, now_ms: int) -> Iterator[int]:
        limits, size = self.limits, self.size
        for segment in self._segments:
            index, last = segment.index, segment is self._segments[-1]
            old = limits.retention_ms >= 0 and index.max_timestamp < now_ms - limits.retention_ms
            large = limits.retention_bytes >= 0 and size - index.size >= limits.retention_bytes and not last
            if not index.size or not (old or large):
                return
            size -= index.size
            yield segment.base_offset

    def close(self, checkpoint: bool = True) -> None:
        """Give the files back; waiters are told, so that they look again."""
        if checkpoint:
            self.checkpoint()
        for segment in self._segments:
            segment.close()
        self.wake()
