"""The log of a partition: whatever is appended, cut, killed and opened again, whole batches stay."""

import errno
import os
from pathlib import Path

import pytest

from creditrisk_assets.local.broker.errors import BrokerError, Code
from creditrisk_assets.local.broker.log import LogDamagedError, PartitionLog
from creditrisk_assets_tests.streaming.batches import batch, content, log_in

SEGMENT = 400


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


def filled(folder: Path) -> PartitionLog:
    """A log of several segments."""
    log = log_in(folder, segment_bytes=SEGMENT, retention_ms=-1)
    for number in range(10):
        log.append(batch((number, b"x" * 100)))
    assert len(segments(folder)) > 2
    return log


def test_a_tail_cut_at_any_byte_leaves_the_whole_batches_before_it(tmp_path: Path) -> None:
    log = log_in(tmp_path / "log")
    for number in range(4):
        log.append(batch((number, b"x" * number * 10), (number, b"y")))
    log.close(checkpoint=False)
    file = segments(tmp_path / "log")[0]
    whole = file.read_bytes()
    for left in range(len(whole) + 1):
        folder = tmp_path / str(left)
        folder.mkdir()
        (folder / file.name).write_bytes(whole[:left])
        opened = log_in(folder)
        kept = opened.end
        assert content(opened) == content(log_in(tmp_path / "log"))[:kept]
        assert kept % 2 == 0
        assert opened.append(batch((9, b"next"))) == kept
        opened.close()


@pytest.mark.parametrize("at", [0, 30, 150])
def test_damage_before_the_last_segment_is_told_and_never_passed_over(tmp_path: Path, at: int) -> None:
    filled(tmp_path).close()
    for path in tmp_path.glob("*.index"):
        path.unlink()
    with segments(tmp_path)[1].open("r+b") as file:
        file.seek(at)
        file.write(b"\xff\xff\xff")
    with pytest.raises(LogDamagedError, match=r"damaged at byte \d+ while later segments exist"):
        log_in(tmp_path)


def test_a_segment_that_is_missing_is_told(tmp_path: Path) -> None:
    filled(tmp_path).close()
    segments(tmp_path)[1].unlink()
    with pytest.raises(LogDamagedError, match=r"offsets \d+ to \d+ are gone"):
        log_in(tmp_path)


def test_a_full_disk_leaves_nothing_of_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_in(tmp_path)
    log.append(batch((1, b"before")))
    write = os.pwrite

    def full(file: int, data: bytes, position: int) -> int:
        write(file, bytes(data)[:20], position)
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="no space left"):
            log.append(batch((2, b"lost")))
    assert log.append(batch((3, b"after"))) == 1
    assert content(log) == [(0, b"before"), (1, b"after")]
    log.close(checkpoint=False)
    assert content(log_in(tmp_path)) == [(0, b"before"), (1, b"after")]


def test_retention_by_time_removes_whole_segments_and_in_the_end_all(tmp_path: Path) -> None:
    log = log_in(tmp_path, segment_bytes=SEGMENT, retention_ms=100)
    for number in range(10):
        log.append(batch((number, b"x" * 100)))
    log.expire(now_ms=105)
    assert 0 < log.start <= 5
    assert content(log) == [(offset, b"x" * 100) for offset in range(log.start, 10)]
    log.expire(now_ms=1000)
    assert (log.start, log.end) == (10, 10)
    log.close(checkpoint=False)
    assert (log_in(tmp_path).start, log_in(tmp_path).end) == (10, 10)


def test_retention_by_size_keeps_at_least_as_much(tmp_path: Path) -> None:
    log = log_in(tmp_path, segment_bytes=SEGMENT, retention_ms=-1, retention_bytes=700)
    for number in range(10):
        log.append(batch((number, b"x" * 100)))
    log.expire(now_ms=0)
    assert 700 <= log.size < 700 + SEGMENT
    assert content(log) == [(offset, b"x" * 100) for offset in range(log.start, 10)]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", Code.CORRUPT_MESSAGE),
        (batch((1, b"x"))[:-1], Code.CORRUPT_MESSAGE),
        (batch((1, b"x"))[:-1] + b"y", Code.CORRUPT_MESSAGE),
        (batch((1, b"x")) * 2, Code.INVALID_RECORD),
        (batch((1, b"x" * 2000)), Code.MESSAGE_TOO_LARGE),
        (batch((1, b"x"))[:16] + b"\x01" + batch((1, b"x"))[17:], Code.UNSUPPORTED_FOR_MESSAGE_FORMAT),
    ],
)
def test_a_batch_that_cannot_be_kept_is_refused_by_its_code(tmp_path: Path, sent: bytes, code: Code) -> None:
    log = log_in(tmp_path, max_message_bytes=1000)
    with pytest.raises(BrokerError) as error:
        log.append(sent)
    assert error.value.code is code
    assert log.end == 0
