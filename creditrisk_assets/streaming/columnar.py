"""Records of a batch as columns: four times less work than the client's object per record.

The client keeps everything that is easy to get wrong: checksums, decompression, aborted transactions,
control records, positions, leader epochs. It is handed batches that seem to hold one record each, whose
value is all of them. This reaches into the client, hence `understood` looks whether it is the one we know,
and the plain way stays: tests hold both to the same answers.
"""

import inspect
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from kafka import KafkaConsumer
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch

LOG_APPEND_TIME = 1


class Records(NamedTuple):
    """Records of one partition in their order; times in milliseconds since 1970, -1 for none."""

    offsets: list[int]
    timestamps: list[int]
    keys: list[bytes | None]
    values: list[bytes | None]

    def within(self, start: int, end: int) -> "Records":
        """Those from `start` up to, not including, `end`."""
        if not self.offsets or (self.offsets[0] >= start and self.offsets[-1] < end):
            return self
        part = slice(bisect_left(self.offsets, start), bisect_left(self.offsets, end))
        return Records(self.offsets[part], self.timestamps[part], self.keys[part], self.values[part])

    def add(self, more: "Records") -> None:
        """Append records that follow."""
        self.offsets.extend(more.offsets)
        self.timestamps.extend(more.timestamps)
        self.keys.extend(more.keys)
        self.values.extend(more.values)

    @property
    def bytes(self) -> int:
        """Size of keys and values."""
        return sum(sum(map(len, filter(None, column))) for column in (self.keys, self.values))


def from_objects(records: Iterable[Any]) -> Records:
    """Columns of the client's own records."""
    kept = list(records)
    return Records(
        [record.offset for record in kept],
        [record.timestamp for record in kept],
        [record.key for record in kept],
        [record.value for record in kept],
    )


def understood() -> bool:
    """Is the client built as this module expects?"""
    own = Fetcher.PartitionRecords
    try:
        arguments = list(inspect.signature(own._unpack_records).parameters)
        source = inspect.getsource(own._unpack_records)
    except (AttributeError, OSError, TypeError):
        return False
    parts = {"_buffer", "_pos", "_num_records", "_maybe_uncompress"}
    return (
        arguments == ["self", "tp", "records", "key_deserializer", "value_deserializer"]
        and all(part in source for part in ("records.next_batch()", "for record in batch:", "batch.is_control_batch"))
        and all(hasattr(DefaultRecordBatch, part) for part in parts)
    )


def install(consumer: KafkaConsumer) -> bool:
    """Let a consumer's `poll` return batches as columns; False, and nothing changed, where that cannot be done.

    The value of a record is then `Records`, its offset the last one of its batch. Records before the
    position, in the same batch, are among them: see `Records.within`.
    """
    fetcher = getattr(consumer, "_fetcher", None)
    if not isinstance(fetcher, Fetcher) or not understood():
        return False
    fetcher.PartitionRecords = ColumnarPartition
    return True


class ColumnarPartition(Fetcher.PartitionRecords):  # type: ignore[misc]
    """What the client makes of one answer for one partition."""

    def _unpack_records(self, tp: Any, records: Any, key_deserializer: Any, value_deserializer: Any) -> Iterator[Any]:
        unpacked: Iterator[Any] = super()._unpack_records(tp, _Batches(records), key_deserializer, value_deserializer)
        return unpacked


class _Batches:
    """The client's batches, each handed out as one record."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def next_batch(self) -> Any:
        batch = self._records.next_batch()
        return batch if batch is None or batch.magic < 2 else _Batch(batch)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)


class _Batch:
    """A batch that iterates over a single record: all of its own."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)  # the client reads the marker of a control batch this way

    def __iter__(self) -> Iterator["_AsRecord"]:
        if self._batch.records_count:
            yield _AsRecord(self._batch)


class _AsRecord:
    """A whole batch in the place of a record."""

    key = None
    headers: tuple[()] = ()
    checksum = None
    timestamp_type = 0

    def __init__(self, batch: Any) -> None:
        self.offset = batch.last_offset
        self.timestamp = batch.max_timestamp
        self.size_in_bytes = batch.size_in_bytes
        self.value = columns_of(batch)

    def validate_crc(self) -> bool:
        return True  # the batch's own was compared before


def columns_of(batch: Any) -> Records:
    """Every record of a batch of the current format; CorruptRecordError where it is none."""
    batch._maybe_uncompress()
    data = bytes(memoryview(batch._buffer)[batch._pos :])
    try:
        columns = _columns(data, batch.records_count, batch.base_offset, batch.first_timestamp)
    except IndexError as error:
        raise CorruptRecordError(f"the batch at offset {batch.base_offset} ends within a record") from error
    if batch.timestamp_type == LOG_APPEND_TIME:
        columns = columns._replace(timestamps=[batch.max_timestamp] * len(columns.offsets))
    return columns


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of any length in the zigzag form, and where the next one begins."""
    shift = number = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
        shift += 7


def _columns(data: bytes, count: int, base_offset: int, first_timestamp: int) -> Records:
    """The loop over records: numbers of one and two bytes, nearly all, are read in line, without a call.

    Record: length, attributes, timestamp delta, offset delta, key, value, headers
    (https://kafka.apache.org/documentation/#record); headers are skipped.
    """
    offsets, timestamps, keys, values = Records([], [], [], [])
    at, read = 0, _varint
    for _ in range(count):
        length, at = read(data, at)
        end = at + length
        at += 1
        byte = data[at]
        if byte < 0x80:
            delta, at = (byte >> 1) ^ -(byte & 1), at + 1
        else:
            delta, at = read(data, at)
        timestamps.append(first_timestamp + delta)
        byte = data[at]
        if byte < 0x80:
            offsets.append(base_offset + (byte >> 1))
            at += 1
        else:
            delta, at = read(data, at)
            offsets.append(base_offset + delta)
        size, at = read(data, at)
        if size < 0:
            keys.append(None)
        else:
            keys.append(data[at : at + size])
            at += size
        size, at = read(data, at)
        if size < 0:
            values.append(None)
        else:
            values.append(data[at : at + size])
            at += size
        if at >= end:  # one byte at least tells how many headers follow
            raise CorruptRecordError(f"the record at offset {offsets[-1]} is longer than it says")
        at = end
    if at != len(data):
        raise CorruptRecordError(f"the batch at offset {base_offset} holds {len(data) - at} bytes beyond its records")
    return Records(offsets, timestamps, keys, values)
