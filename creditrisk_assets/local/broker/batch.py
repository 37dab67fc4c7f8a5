"""One record batch of message format 2: its header, its checksum, and its place in the log.

Records inside a batch are never parsed on the way in: the checksum does not cover the base offset,
so a batch is placed in the log by writing eight bytes.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from creditrisk_assets.local.broker.errors import BrokerError, Code

HEADER = struct.Struct(">qiibIhiqqqhii")
OVERHEAD = 12  # base offset and length, which the length does not count
SMALLEST = HEADER.size - OVERHEAD
CRC_STARTS = 21
TRANSACTIONAL, CONTROL = 0x10, 0x20
MAX_SEQUENCE = 0x7FFFFFFF


class Batch(NamedTuple):
    """The header of a batch, in the order of the wire."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    first_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    records: int

    @property
    def size(self) -> int:
        """Bytes of the whole batch."""
        return self.length + OVERHEAD

    @property
    def next_offset(self) -> int:
        """The offset after its last record."""
        return self.base_offset + self.last_offset_delta + 1

    @property
    def last_sequence(self) -> int:
        """Sequence number of its last record; numbers start again at 0 after the largest."""
        return (self.base_sequence + self.last_offset_delta) & MAX_SEQUENCE


def header(data: bytes | memoryview, position: int = 0) -> Batch | None:
    """The header at a position, or None when too few bytes are left or it is no batch of format 2."""
    if len(data) - position < HEADER.size:
        return None
    batch = Batch._make(HEADER.unpack_from(data, position))
    return batch if batch.magic == 2 and batch.length >= SMALLEST and batch.last_offset_delta >= 0 else None


def whole(data: bytes | memoryview, position: int = 0) -> Batch | None:
    """The batch at a position when all of its bytes are there and its checksum agrees, else None."""
    from kafka.record.util import calc_crc32c

    batch = header(data, position)
    if batch is None or position + batch.size > len(data):
        return None
    body = memoryview(data)[position + CRC_STARTS : position + batch.size]
    with body:
        return batch if calc_crc32c(body) == batch.crc else None


def produced(data: bytes) -> Batch:
    """The one batch that a producer sent for a partition, or BrokerError with what is wrong with it."""
    if len(data) >= HEADER.size and data[16] != 2:
        raise BrokerError(Code.UNSUPPORTED_FOR_MESSAGE_FORMAT, "only message format 2 is stored")
    batch = whole(data)
    if batch is None:
        raise BrokerError(Code.CORRUPT_MESSAGE, "the batch is cut short or its checksum does not agree")
    if batch.size != len(data):
        raise BrokerError(Code.INVALID_RECORD, "a request holds exactly one batch for a partition")
    if batch.records != batch.last_offset_delta + 1 or batch.records < 1:
        raise BrokerError(Code.INVALID_RECORD, "the batch does not number its records one by one")
    if batch.attributes & (TRANSACTIONAL | CONTROL):
        raise BrokerError(Code.INVALID_REQUEST, "the development broker has no transactions")
    return batch


def placed(data: bytes, offset: int) -> bytearray:
    """The batch at an offset of the log, of the only leader there ever is."""
    stored = bytearray(data)
    struct.pack_into(">q", stored, 0, offset)
    struct.pack_into(">i", stored, OVERHEAD, 0)
    return stored


def stamps(data: bytes) -> Iterator[tuple[int, int]]:
    """Offset and timestamp of every record of a batch."""
    from kafka.record.default_records import DefaultRecordBatch

    for record in DefaultRecordBatch(data):
        yield record.offset, record.timestamp
