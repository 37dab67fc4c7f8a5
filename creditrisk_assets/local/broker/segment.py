"""One file of record batches, named after the first offset it may hold."""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from creditrisk_assets.local.broker.batch import HEADER, Batch, header, whole
from creditrisk_assets.local.broker.index import Index
from creditrisk_assets.local.broker.producers import Producers

SUFFIX = ".log"


class Segment:
    """Batches one after another, and the index over them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.base_offset = int(path.stem)
        self.index = Index(self.base_offset)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @classmethod
    def at(cls, folder: Path, offset: int) -> "Segment":
        """The segment of a folder that starts at an offset, made when it is not there."""
        return cls(folder / f"{offset:020d}{SUFFIX}")

    @property
    def _checkpoint(self) -> Path:
        return self.path.with_suffix(".index")

    def recover(self, producers: Producers) -> tuple[Producers, int]:
        """Read what follows the checkpoint; the producers by then, and the bytes after the last whole batch.

        Producers known before this segment are replaced by those of its checkpoint, which holds them too.
        """
        there = os.fstat(self._file).st_size
        found = Index.load(self._checkpoint, there)
        if found is not None:
            self.index, producers = found[0], Producers(found[1])
        else:
            self._checkpoint.unlink(missing_ok=True)  # it would be believed again when the file has grown past it
        if there > self.index.size:
            with mmap.mmap(self._file, there, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as data:
                for batch in self._following(data):
                    self.index.add(batch)
                    producers.add(batch)
        return producers, there - self.index.size

    def _following(self, data: memoryview) -> Iterator[Batch]:
        while (batch := whole(data, self.index.size)) is not None and batch.base_offset == self.index.next_offset:
            yield batch

    def cut(self) -> None:
        """Drop what follows the last whole batch."""
        os.ftruncate(self._file, self.index.size)

    def append(self, batch: Batch, stored: bytes | bytearray, fsync: bool) -> None:
        """Write a batch behind the others; when the disk refuses, nothing of it stays."""
        try:
            written = 0
            while written < len(stored):
                written += os.pwrite(self._file, memoryview(stored)[written:], self.index.size + written)
            if fsync:
                os.fdatasync(self._file)
        except OSError:
            self.cut()
            raise
        self.index.add(batch)

    def headers(self, position: int) -> Iterator[tuple[int, Batch]]:
        """Position and header of every batch from a position on."""
        while position < self.index.size:
            batch = header(os.pread(self._file, HEADER.size, position))
            if batch is None:
                raise OSError(f"{self.path}: no batch at byte {position}")
            yield position, batch
            position += batch.size

    def locate(self, offset: int) -> tuple[int, Batch] | None:
        """Position and header of the batch that holds an offset, or the next one; None past the end."""
        for position, batch in self.headers(self.index.before_offset(offset)):
            if batch.next_offset > offset:
                return position, batch
        return None

    def read(self, position: int, size: int) -> bytes:
        """Bytes of the segment, never past its last whole batch."""
        return os.pread(self._file, min(size, self.index.size - position), position)

    def checkpoint(self, producers: Producers) -> None:
        """Bring everything to disk, then say so in the checkpoint."""
        os.fsync(self._file)
        self.index.save(self._checkpoint, producers.kept())

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)

    def delete(self) -> None:
        """Close and remove the segment; the checkpoint first, because without it the segment is still whole."""
        self.close()
        self._checkpoint.unlink(missing_ok=True)
        self.path.unlink()
