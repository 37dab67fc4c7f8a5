"""Sends the messages of a living book at a steady rate until it is told to stop."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import polars as pl

from creditrisk_assets.contracts import ACTIVITY, APPLICATIONS
from creditrisk_assets.simulation.mishaps import DUPLICATE, GOOD, LATE, POISON
from creditrisk_assets.simulation.stream import Asked, Stream
from creditrisk_assets.simulation.stream_truth import MessagesTruth, customers_file, customers_truth
from creditrisk_assets.streaming.producer import Addressed, deliver, ensure_topic

TICK = 0.005
"""Seconds by which a message may be early: shorter sleeps cost more than they are worth."""
NAP = 0.1
"""Seconds after which whoever waits looks whether they are to stop."""


@dataclass
class Stop:
    """Whether to stop. A plain flag: a handler of signals must not take locks."""

    asked: bool = False
    deadline: float = float("inf")

    def __bool__(self) -> bool:
        return self.asked or time.monotonic() > self.deadline

    def sleep(self, seconds: float) -> None:
        """Sleep unless, and no longer than until, it is time to stop."""
        until = time.monotonic() + seconds
        while not self and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, NAP))


@dataclass
class Bucket:
    """A token bucket: `rate` a second, and at most one second's worth after a standstill; 0: no limit."""

    rate: float
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _due: float | None = None

    def take(self) -> None:
        """Wait for the next token."""
        if not self.rate:
            return
        now = self.clock()
        # What was not taken for more than a second is lost.
        due = now if self._due is None else max(self._due, now - 1)
        if due - now > TICK:
            self.sleep(due - now)
        self._due = due + 1 / self.rate


@dataclass
class Run:
    """One run of the simulator: `events` and `seconds` bound what follows the backlog, as does `stop`."""

    asked: Asked
    rate: float
    events: int | None = None
    seconds: float | None = None
    truth: Path | None = None
    stop: Stop = field(default_factory=Stop)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def send(self, arguments: Mapping[str, Any], partitions: int) -> str:
        """Send until it ends; one line of counts. Raises SendError and ValueError, which name the remedy."""
        stream = Stream(self.asked, self.started, keep=self.truth is not None)
        for topic in (APPLICATIONS, ACTIVITY):
            ensure_topic(arguments, topic, partitions)
        begun = time.monotonic()
        with ExitStack() as open_files:
            truth = None if self.truth is None else open_files.enter_context(MessagesTruth(self.truth))
            sent = _Sent(truth)
            open_files.callback(self._told, stream, sent)
            deliver(arguments, self._messages(stream, sent))
        return self._line(sent.counts, time.monotonic() - begun)

    def _messages(self, stream: Stream, sent: "_Sent") -> Iterator[Addressed]:
        bucket, live, stop = Bucket(self.rate, self.stop.sleep), 0, self.stop
        for block in stream.messages():
            sent.begin(block)
            paced = block["month"][0] >= self.asked.backlog
            if paced and self.seconds is not None:
                stop.deadline = min(stop.deadline, time.monotonic() + self.seconds)
            for topic, key, value in block.select("topic", pl.col("key").cast(pl.Binary), "value").iter_rows():
                if paced:
                    if live == self.events:
                        return
                    bucket.take()
                    live += 1
                if stop:
                    return
                sent.rows += 1
                yield Addressed(topic, key, value)

    def _told(self, stream: Stream, sent: "_Sent") -> None:
        sent.end()
        if self.truth is not None:
            customers_truth(stream.lives, sent.month).write_parquet(customers_file(self.truth))

    def _line(self, counts: Counter[str], seconds: float) -> str:
        kinds = sum(counts[kind] for kind in (GOOD, LATE, POISON, DUPLICATE))
        told = ", ".join(f"{counts[kind]:,} {kind}" for kind in (GOOD, LATE, POISON, DUPLICATE))
        topics = ", ".join(f"{topic} {counts[topic]:,}" for topic in (APPLICATIONS, ACTIVITY))
        return f"{kinds:,} messages in {seconds:.1f} s ({kinds / seconds:,.0f}/s): {told}; {topics}"


@dataclass
class _Sent:
    """Counts, and the truth, of the messages handed over so far; `rows` of the current block were."""

    truth: MessagesTruth | None
    counts: Counter[str] = field(default_factory=Counter)
    month: float = -1.0
    rows: int = 0
    _block: pl.DataFrame = field(default_factory=pl.DataFrame)

    def begin(self, block: pl.DataFrame) -> None:
        """The next block; all of the one before was sent."""
        self.end()
        self._block = block

    def end(self) -> None:
        """Write down what was sent of the current block."""
        sent, self._block, self.rows = self._block.head(self.rows), pl.DataFrame(), 0
        if sent.is_empty():
            return
        for name in ("kind", "topic"):
            self.counts.update(dict(sent[name].cast(pl.String).value_counts().iter_rows()))
        self.month = float(sent["month"][-1])
        if self.truth is not None:
            self.truth.add(sent)


@contextmanager
def until_signalled(stop: Stop) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask for a `stop`: what was sent is flushed, and a line of counts ends the run."""

    def ask(number: int, frame: FrameType | None) -> None:
        stop.asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
