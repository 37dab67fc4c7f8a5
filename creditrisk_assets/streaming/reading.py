"""Ranges on their way from the broker: what came, and how far. No Kafka client here, only its names."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from kafka import TopicPartition

from creditrisk_assets.streaming.columnar import Records
from creditrisk_assets.streaming.offsets import OffsetRange

UNLIMITED = 2**62


@dataclass(frozen=True)
class Fetched:
    """Records of one range, as far as it was read: `range` ends where reading did."""

    range: OffsetRange
    records: Records


class Deadline:
    """A moment of the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then."""
        return max(0.0, self._until - time.monotonic())

    @property
    def over(self) -> bool:
        """Has it passed?"""
        return self.left == 0


class Reading:
    """Ranges on their way: what came, and how far."""

    def __init__(self, wanted: Mapping[TopicPartition, OffsetRange], max_bytes: int) -> None:
        self._wanted = wanted
        self._left = max_bytes
        self._at = {where: one.start for where, one in wanted.items()}
        self._read: dict[TopicPartition, Records] = {where: Records([], [], [], []) for where in wanted}
        self._cut: dict[TopicPartition, int] = {}

    @property
    def open(self) -> list[TopicPartition]:
        """Partitions that are not read to their end; none once the bytes are used up."""
        if self._left <= 0:
            return []
        return [where for where, one in self._wanted.items() if self._at[where] < one.end]

    def accept(self, where: TopicPartition, batches: Iterable[Records]) -> None:
        """Keep what belongs to the range; nothing more of any partition once the bytes are used up."""
        one = self._wanted[where]
        for batch in batches:
            part = batch.within(one.start, one.end)
            if self._left <= 0 and part.offsets:
                self._cut.setdefault(where, part.offsets[0])
            if where in self._cut:
                return
            self._read[where].add(part)
            self._left -= part.bytes

    def moved(self, reached: Mapping[TopicPartition, int | None]) -> bool:
        """Note positions, which also pass over offsets without records; has any moved?"""
        before = dict(self._at)
        for where, offset in reached.items():
            limit = self._cut.get(where, self._wanted[where].end)
            self._at[where] = max(self._at[where], min(limit, self._at[where] if offset is None else offset))
        return self._at != before

    def result(self, one: OffsetRange) -> Fetched:
        """A range as far as it was read."""
        where = TopicPartition(*one.place)
        if where not in self._wanted:
            return Fetched(one, Records([], [], [], []))
        return Fetched(replace(one, end=self._at[where]), self._read[where])
