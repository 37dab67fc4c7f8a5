"""Record batches as producers send them, and brokers' logs as tests look at them."""

from pathlib import Path

from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder

from creditrisk_assets.local.broker.log import Limits, PartitionLog

NO_ID = (-1, -1, -1)


def batch(*records: tuple[int, bytes], producer: tuple[int, int, int] = NO_ID, codec: int = 0) -> bytes:
    """One batch of (timestamp, value); `producer` is its id, epoch and first sequence number."""
    producer_id, epoch, sequence = producer
    builder = MemoryRecordsBuilder(
        magic=2, compression_type=codec, batch_size=10_000_000, transactional=False,
        producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence,
    )  # fmt: skip
    for timestamp, value in records:
        builder.append(timestamp=timestamp, key=None, value=value)
    builder.close()
    return bytes(builder.buffer())


def log_in(folder: Path, **limits: int) -> PartitionLog:
    """The log in a folder, opened as the broker does at its start."""
    return PartitionLog(folder, Limits(**limits))


def content(log: PartitionLog, max_bytes: int = 1_000_000) -> list[tuple[int, bytes]]:
    """Offset and value of every record of a log."""
    found: list[tuple[int, bytes]] = []
    offset = log.start
    while offset < log.end:
        records = MemoryRecords(log.read(offset, max_bytes))
        while records.has_next():
            one = records.next_batch()
            assert one.validate_crc()
            found += [(record.offset, record.value) for record in one if record.offset >= log.start]
        offset = found[-1][0] + 1
    return found
