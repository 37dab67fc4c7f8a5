"""A machine that appends, retries, cuts, kills and opens a log, beside a list of what it must hold."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from creditrisk_assets.local.broker import index
from creditrisk_assets.local.broker.log import PartitionLog
from creditrisk_assets_tests.streaming.batches import batch, content, log_in

RECORDS = st.lists(st.tuples(st.integers(0, 50), st.binary(max_size=60)), min_size=1, max_size=5)
SEGMENT = 400


@pytest.fixture(autouse=True, scope="module")
def index_of_small_steps() -> Iterator[None]:
    """An index that has several entries in the small segments of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "EVERY_BYTES", 100)
        yield


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


class LogMachine(RuleBasedStateMachine):
    """A log beside a list of what it must hold, written by one idempotent producer."""

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.log = self.opened()
        self.batches: list[tuple[int, list[tuple[int, bytes]], bytes]] = []  # offset, records, as sent
        self.start = self.sequence = 0

    def opened(self) -> PartitionLog:
        return log_in(self.folder, segment_bytes=SEGMENT, retention_ms=-1)

    @rule(records=RECORDS, codec=st.sampled_from([0, 1]))
    def append(self, records: list[tuple[int, bytes]], codec: int) -> None:
        sent = batch(*records, producer=(7, 0, self.sequence), codec=codec)
        end = self.log.end
        assert self.log.append(sent) == end
        self.batches.append((end, records, sent))
        self.sequence += len(records)

    @precondition(lambda self: self.batches and self.batches[-1][0] >= self.start)
    @rule(back=st.integers(1, 5))
    def send_again(self, back: int) -> None:
        """A retry is answered with the offset it has, and not written."""
        offset, _, sent = self.batches[-min(back, len(self.batches))]
        end = self.log.end
        assert self.log.append(sent) == offset
        assert self.log.end == end

    @rule()
    def close_and_open(self) -> None:
        self.log.close()
        self.log = self.opened()
        self.log.delete_before(self.start)  # the broker keeps the start in its store

    @rule()
    def kill_and_open(self) -> None:
        self.log.close(checkpoint=False)
        self.log = self.opened()
        self.log.delete_before(self.start)

    @rule(rubbish=st.binary(min_size=1, max_size=100))
    def kill_in_the_middle_of_a_write(self, rubbish: bytes) -> None:
        self.log.close(checkpoint=False)
        with segments(self.folder)[-1].open("ab") as file:
            file.write(rubbish)
        self.log = self.opened()
        self.log.delete_before(self.start)

    @rule(share=st.floats(0, 1))
    def lose_the_tail(self, share: float) -> None:
        """A machine without power, and no fsync: everything up to the last whole batch is there."""
        self.log.close(checkpoint=False)
        last = segments(self.folder)[-1]
        left = int(last.stat().st_size * share)
        os.truncate(last, left)
        base = int(last.stem)
        while self.batches and self.batches[-1][0] >= base and left < self.bytes_since(base):
            self.sequence -= len(self.batches.pop()[1])
        self.log = self.opened()
        self.start = min(self.start, self.log.end)
        self.log.delete_before(self.start)

    def bytes_since(self, base: int) -> int:
        return sum(len(sent) for offset, _, sent in self.batches if offset >= base)

    @rule(segment=st.integers(0, 3), how=st.sampled_from(["gone", "rubbish"]))
    def lose_an_index(self, segment: int, how: str) -> None:
        self.log.close()
        for path in sorted(self.folder.glob("*.index"))[segment : segment + 1]:
            path.unlink() if how == "gone" else path.write_text("{")
        self.log = self.opened()
        self.log.delete_before(self.start)

    @rule(share=st.floats(0, 1))
    def delete_records(self, share: float) -> None:
        self.start += int((self.log.end - self.start) * share)
        self.log.delete_before(self.start)

    def expected(self) -> list[tuple[int, int, bytes]]:
        """Offset, time and value of every record."""
        return [
            (offset + n, timestamp, value)
            for offset, records, _ in self.batches
            for n, (timestamp, value) in enumerate(records)
            if offset + n >= self.start
        ]

    @invariant()
    def holds_what_was_written(self) -> None:
        expected = self.expected()
        assert content(self.log) == content(self.log, 1) == [(offset, value) for offset, _, value in expected]
        assert self.log.start == self.start

    @invariant()
    def finds_every_time(self) -> None:
        expected = self.expected()
        for timestamp in (0, 1, 25, 50, 51):
            first = next(((offset, time) for offset, time, _ in expected if time >= timestamp), None)
            assert self.log.offset_at(timestamp) == first

    def teardown(self) -> None:
        if hasattr(self, "log"):
            self.log.close()
            shutil.rmtree(self.folder)


TestLog = LogMachine.TestCase
# Not made smaller when it fails: every step writes to disk, and the steps are told anyway.
TestLog.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
)
