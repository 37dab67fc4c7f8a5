"""A sparse index of a segment: where to start reading for an offset or a time.

It can always be rebuilt from the segment. A checkpoint on disk only saves reading the whole segment
at the next start: it is written aside and renamed, after the bytes it speaks of are on disk.
"""

import json
import os
from array import array
from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import Any

from creditrisk_assets.local.broker.batch import Batch

EVERY_BYTES = 16 * 1024
FORMAT = 1


class Index:
    """Entries about 16 KiB apart, and the sums over the segment: its bytes, next offset and latest time."""

    def __init__(self, base_offset: int) -> None:
        self.size = 0
        self.next_offset = base_offset
        self.max_timestamp = -1
        self._offsets = array("q")
        self._positions = array("q")
        self._times_before = array("q")

    def add(self, batch: Batch) -> None:
        """Note the batch that follows."""
        if not self._positions or self.size - self._positions[-1] >= EVERY_BYTES:
            self._offsets.append(batch.base_offset)
            self._positions.append(self.size)
            self._times_before.append(self.max_timestamp)
        self.size += batch.size
        self.next_offset = batch.next_offset
        self.max_timestamp = max(self.max_timestamp, batch.max_timestamp)

    def before_offset(self, offset: int) -> int:
        """A position at or before the batch that holds the offset."""
        entry = bisect_right(self._offsets, offset) - 1
        return self._positions[entry] if entry >= 0 else 0

    def before_time(self, timestamp: int) -> int:
        """A position before which everything is older than the timestamp."""
        entry = bisect_left(self._times_before, timestamp) - 1
        return self._positions[entry] if entry >= 0 else 0

    def save(self, path: Path, producers: dict[str, Any]) -> None:
        """Write a checkpoint, with what the producers had sent by then."""
        kept = {
            "format": FORMAT,
            "size": self.size,
            "next_offset": self.next_offset,
            "max_timestamp": self.max_timestamp,
            "offsets": self._offsets.tolist(),
            "positions": self._positions.tolist(),
            "times_before": self._times_before.tolist(),
            "producers": producers,
        }
        aside = path.with_suffix(".index.new")
        with aside.open("w") as file:
            json.dump(kept, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)

    @classmethod
    def load(cls, path: Path, bytes_there: int) -> "tuple[Index, dict[str, Any]] | None":
        """The checkpoint and its producers; None when there is none, or it speaks of bytes that are not there."""
        try:
            kept = json.loads(path.read_text())
            index = cls(kept["next_offset"])
            index.size, index.max_timestamp = kept["size"], kept["max_timestamp"]
            index._offsets, index._positions, index._times_before = (
                array("q", kept[name]) for name in ("offsets", "positions", "times_before")
            )
            usable = kept["format"] == FORMAT and index.size <= bytes_there
            return (index, kept["producers"]) if usable else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None  # rebuilt from the segment, which is the truth
