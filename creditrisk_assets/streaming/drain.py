"""A bounded run along the stream: until it is idle, or its time is over and a successor is at work; or exact offsets.

Past its time a run goes on until it sees micro-batches of another, so a steady stream never waits for
the start of a process; without a successor it ends a minute later.
"""

import math
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from creditrisk_assets.streaming.errors import AlreadyTakenError, RangeError
from creditrisk_assets.streaming.offsets import OffsetRange, Place, Positions, as_json, remaining
from creditrisk_assets.streaming.pipeline import Pipeline, Step
from creditrisk_assets.streaming.progress import Progress

GRACE = 60.0  # seconds past its time that a run waits for a successor
LOOK = 1.0  # seconds of one wait for news


@dataclass(frozen=True)
class Limits:
    """How long a run lasts, ends when idle, pauses between micro-batches, and reports; in seconds."""

    seconds: float = 300.0
    idle: float = 15.0
    pace: float = 0.25
    report: float = 5.0


@dataclass(frozen=True)
class Drained:
    """How a run ended: `reason` idle, taken over, or time; and what it did in all."""

    reason: str
    total: Progress
    elapsed: float


Report = Callable[[Progress, float], None]


def drain(pipeline: Pipeline, limits: Limits, report: Report, at_work: Callable[[], None] = lambda: None) -> Drained:
    """Take micro-batches until the run may end; `report` is given what was done every few seconds.

    `at_work` is told when the run has caught up and takes from Kafka. Errors as `Pipeline.step`, once what was
    done is reported; ServingUnavailableError at the end when PostgreSQL is behind the lake.
    """
    began = time.monotonic()
    pipeline.catch_up()
    pipeline.warm_up()
    at_work()
    total, reason = Progress(), None
    with _reporting(report, limits.report) as stretch:
        news = time.monotonic()
        while reason is None:
            turn = time.monotonic()
            step = pipeline.step() if _wait(pipeline) else None
            others = pipeline.follow() if step is None else step.others
            if step is not None:
                news = time.monotonic()
                stretch.add(step)
                total.add(step)
            stretch.tell()
            reason = _end(pipeline, limits, turn - began, time.monotonic() - news, others)
            left = limits.pace - (time.monotonic() - turn)
            time.sleep(max(0.0, left) if step is not None and reason is None else 0.0)
    pipeline.finish()
    return Drained(reason, total, time.monotonic() - began)


def exactly(pipeline: Pipeline, ranges: tuple[OffsetRange, ...], report: Report) -> Drained:
    """Take what of the ranges is not in the lake, in as many micro-batches as it needs. Errors as `drain`."""
    began = time.monotonic()
    pipeline.catch_up()
    total = Progress()
    with _reporting(report, math.inf) as stretch:
        while _left(pipeline, ranges):
            if (step := pipeline.step(ranges)) is not None:
                stretch.add(step)
                total.add(step)
    pipeline.finish()
    return Drained("done", total, time.monotonic() - began)


def ranges_asked(text: str) -> tuple[OffsetRange, ...]:
    """Ranges as somebody wrote them (JSON as `as_json` writes it); RangeError says what is wrong with them."""
    try:
        found = msgspec.json.decode(text, type=tuple[OffsetRange, ...])
    except (msgspec.DecodeError, UnicodeError) as error:
        form = as_json([OffsetRange("customer-activity", 0, 0, 0, 100)])
        raise RangeError(f"ranges: {error}; write them as {form}") from error
    for one in found:
        if not 0 <= one.start <= one.end:
            raise RangeError(f"ranges: {one.place} from {one.start} to {one.end}: end lies after start; correct them")
    return found


def _left(pipeline: Pipeline, ranges: tuple[OffsetRange, ...]) -> bool:
    try:
        return bool(remaining(ranges, _positions(pipeline, {one.place for one in ranges})))
    except AlreadyTakenError:
        return False


def _wait(pipeline: Pipeline) -> bool:
    return pipeline.intake.log.wait_for_news(_positions(pipeline), LOOK)


def _positions(pipeline: Pipeline, others: Collection[Place] = ()) -> Positions:
    """Of partitions from the first on, and of others: an exact range may be the first of its topic."""
    events, topics = pipeline.intake.events, pipeline.intake.log.topics
    events.refresh()
    return events.patiently(lambda: events.positions(events.places(topics).union(others)))


def _end(pipeline: Pipeline, limits: Limits, age: float, idle: float, others: int) -> str | None:
    if idle >= limits.idle:
        return "idle"
    if age < limits.seconds:
        return None
    if others or pipeline.overtaken():
        return "taken over"
    return "time" if age >= limits.seconds + GRACE else None


class _Stretch:
    """Progress between two reports; a new day begins a new one."""

    def __init__(self, report: Report, every: float) -> None:
        self._report, self._every = report, every
        self._begin, self._progress = time.monotonic(), Progress()

    def add(self, step: Step) -> None:
        assert step.taken.batch is not None
        if self._progress.day not in (None, step.taken.batch.ingested_at.date()):
            self.tell(last=True)
        self._progress.add(step)

    def tell(self, last: bool = False) -> None:
        elapsed = time.monotonic() - self._begin
        if self._progress.batches and not (last or elapsed >= self._every):
            return
        if self._progress.batches:
            self._report(self._progress, elapsed)
        self._begin, self._progress = time.monotonic(), Progress()


@contextmanager
def _reporting(report: Report, every: float) -> Iterator[_Stretch]:
    """What is in the lake is reported, whatever happens next."""
    stretch = _Stretch(report, every)
    try:
        yield stretch
    finally:
        stretch.tell(last=True)
