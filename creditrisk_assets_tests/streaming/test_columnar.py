"""Records as columns: the same as the client's own objects, for every batch a producer can send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaConsumer
from kafka.errors import CorruptRecordError
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder

from creditrisk_assets.streaming import columnar
from creditrisk_assets.streaming.columnar import Records, columns_of, from_objects, install, understood

maybe_bytes = st.none() | st.binary(max_size=300) | st.binary(min_size=9_000, max_size=9_100)
record = st.tuples(
    st.integers(0, 2**40), maybe_bytes, maybe_bytes, st.lists(st.tuples(st.text(max_size=9), maybe_bytes), max_size=2)
)


def batch(records: list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]], codec: int,
          holes: list[int]) -> MemoryRecords:  # fmt: skip
    builder = MemoryRecordsBuilder(2, codec, 100_000_000, producer_id=-1, producer_epoch=-1, base_sequence=-1)
    for place, (time, key, value, headers) in enumerate(records):
        builder.skip(holes[place % len(holes)] if holes and place else 0)
        builder.append(time, key, value, headers)
    builder.close()
    return MemoryRecords(bytes(builder.buffer()))


@given(st.lists(record, min_size=1, max_size=40), st.sampled_from([0, 1, 3, 4]), st.lists(st.integers(0, 200)))
def test_columns_hold_what_the_objects_of_the_client_hold(records, codec, holes) -> None:  # type: ignore[no-untyped-def]
    plain = from_objects(batch(records, codec, holes).next_batch())
    assert columns_of(batch(records, codec, holes).next_batch()) == plain
    assert plain.values == [value for _, _, value, _ in records]
    assert plain.bytes == sum(len(part) for one in records for part in one[1:3] if part is not None)


@given(st.lists(st.integers(0, 100), unique=True), st.integers(-5, 105), st.integers(-5, 105))
def test_only_offsets_of_the_range_are_within(found: list[int], start: int, end: int) -> None:
    found.sort()
    records = Records(found, [n + 1 for n in found], [b"%d" % n for n in found], [None for _ in found])
    part = records.within(start, end)
    assert part.offsets == [n for n in found if start <= n < end]
    assert part.timestamps == [n + 1 for n in part.offsets]
    assert part.keys == [b"%d" % n for n in part.offsets]


@given(st.integers(1, 400), st.binary(min_size=1, max_size=3))
def test_a_damaged_batch_is_refused_rather_than_read_wrong(cut: int, more: bytes) -> None:
    whole = batch([(0, b"key", b"v" * 50, [])] * 10, 0, []).next_batch()
    whole._maybe_uncompress()
    content = bytes(whole._buffer)
    for damaged in (content[:-cut] if cut < len(content) - 61 else content[:-1], content + more):
        whole._buffer = bytearray(damaged)
        with pytest.raises(CorruptRecordError):
            columns_of(whole)


def test_the_client_is_the_one_we_know() -> None:
    assert understood()


def test_a_client_built_otherwise_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        def _unpack_records(self, records: object) -> None: ...

    monkeypatch.setattr(columnar.Fetcher, "PartitionRecords", Other)
    assert not understood()
    assert not install(KafkaConsumer.__new__(KafkaConsumer))


def test_a_client_without_its_source_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(thing: object) -> str:
        raise OSError("could not get source code")

    monkeypatch.setattr(columnar.inspect, "getsource", hidden)
    assert not understood()
