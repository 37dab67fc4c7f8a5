"""A bounded run along the stream: until it is idle, or its time is over and a successor is at work.

Past its time a run goes on until it sees micro-batches of another, so a steady stream never waits for
the start of a process; without a successor it ends a minute later.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

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

    `at_work` is told when the run has caught up and takes from Kafka. Errors as `Pipeline.step`.
    """
    began = time.monotonic()
    pipeline.catch_up()
    at_work()
    stretch, total = _Stretch(report, limits.report), Progress()
    news = time.monotonic()
    reason = None
    while reason is None:
        turn = time.monotonic()
        step = pipeline.step() if _wait(pipeline) else None
        if step is not None:
            news = time.monotonic()
            stretch.add(step)
            total.add(step)
        elif pipeline.follower is not None and pipeline.follower.error is not None:
            pipeline.follower.catch_up()
        stretch.tell()
        reason = _end(pipeline, limits, turn - began, time.monotonic() - news, step)
        time.sleep(max(0.0, limits.pace - (time.monotonic() - turn)) if step is not None and reason is None else 0.0)
    stretch.tell(last=True)
    if pipeline.follower is not None and not pipeline.follower.catch_up(wait=True):
        assert pipeline.follower.error is not None
        raise pipeline.follower.error
    return Drained(reason, total, time.monotonic() - began)


def _wait(pipeline: Pipeline) -> bool:
    intake = pipeline.intake
    intake.events.refresh()
    positions = intake.events.positions(intake.events.places(intake.log.topics))
    return intake.log.wait_for_news(positions, LOOK)


def _end(pipeline: Pipeline, limits: Limits, age: float, idle: float, step: Step | None) -> str | None:
    if idle >= limits.idle:
        return "idle"
    if age < limits.seconds:
        return None
    if (step is not None and step.others) or pipeline.overtaken():
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
