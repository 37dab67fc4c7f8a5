"""The hot path: one micro-batch from Kafka through the lake to PostgreSQL, and catching up after a crash.

    raw/events -> features/behaviour -> scores/live -> PostgreSQL

Each stage commits for itself and says how far it is; what a stage lacks is derived again from the one
before it, so a crash between any two loses and doubles nothing. Several may run at once: whoever is
later finds the work done and goes on from there.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import polars as pl

from creditrisk_assets.contracts import APPLICATIONS
from creditrisk_assets.streaming.consume import Intake, Taken
from creditrisk_assets.streaming.deriving import Derived, Deriver
from creditrisk_assets.streaming.errors import AlreadyTakenError
from creditrisk_assets.streaming.offsets import OffsetRange
from creditrisk_assets.streaming.serving import Follower
from creditrisk_assets.streaming.table import MicroBatch, StreamTable

AT_WORK = timedelta(seconds=5)
"""Whoever committed so lately still takes what comes."""


@dataclass(frozen=True)
class Step:
    """One micro-batch that went through: what was taken, what followed, `others` micro-batches met on the way.

    `visible` waits for the moment at which PostgreSQL shows it, None when it is behind; `seconds` by stage,
    that of PostgreSQL once it is visible.
    """

    taken: Taken
    derived: Derived
    others: int
    visible: Callable[[], float | None]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def visible_at(self) -> float | None:
        """When it became visible."""
        return self.visible()


@dataclass
class Pipeline:
    """The stages in their order; `reached` is the newest micro-batch the deriver has seen.

    After an error the deriver may be ahead of the tables: begin with another pipeline, which catches up.
    """

    intake: Intake
    features: StreamTable
    scores: StreamTable
    deriver: Deriver
    reached: datetime | None
    follower: Follower | None = None
    at: Callable[[str], None] = lambda point: None
    _served: "Future[float | None] | None" = None

    def catch_up(self) -> int:
        """Derive and serve every micro-batch of raw/events that is not yet; how many were derived."""
        done = self._absorb_rest()
        if self.follower is not None:
            self.follower.catch_up(wait=True)
        return done

    def warm_up(self) -> None:
        """Load what scoring needs while another is at work, and catch up with that one again.

        Alone there is nothing to gain: the first event waits for it in any case.
        """
        if self.reached is not None and datetime.now(UTC) - self.reached < AT_WORK and self.deriver.scoring is not None:
            self.deriver.scoring.warm_up()
            self.catch_up()

    def follow(self) -> int:
        """While there is no news: take care of what others committed, who may have died over it.

        How many of their micro-batches were derived.
        """
        if self.overtaken():
            return self._absorb_rest()
        if self.follower is not None and self.follower.error is not None:
            self.follower.catch_up()
        return 0

    def step(self, ranges: tuple[OffsetRange, ...] | None = None) -> Step | None:
        """Take the next micro-batch, or what is left of given ranges, through all stages; None without news.

        While there is more to take, the last stage goes on beside the next step: its errors come there.
        Errors as `Intake.take`; LakeUnavailableError. PostgreSQL being down stops nothing, see `Follower`.
        """
        taken = self.intake.take(ranges)
        if taken.batch is None or taken.batch.frame.is_empty():
            if self.follower is not None and taken.batch is not None:
                self.follower.advance(taken.batch)
            elif self.follower is not None:
                self.follower.settle()
            return None
        seconds = dict(taken.seconds)
        if taken.batch.previous == self.reached:
            derived, others = self._absorb(taken.batch, _loans(taken), seconds), 0
        else:
            derived, others = self._among_others(taken.batch, seconds)
        now = time.time()
        if self.follower is None or self._served is None:
            return Step(taken, derived, others, lambda: now, seconds)
        if not any(taken.lag.values()):
            self.follower.settle()
        return Step(taken, derived, others, partial(_moment, self._served), seconds)

    def finish(self) -> None:
        """Have PostgreSQL hold what the lake holds; ServingUnavailableError while it does not answer."""
        if self.follower is not None and not self.follower.catch_up(wait=True):
            assert self.follower.error is not None
            raise self.follower.error

    def overtaken(self) -> bool:
        """Has another committed a micro-batch since the last one that went through here?"""
        events = self.intake.events
        events.refresh()
        newest = events.patiently(events.reached)
        return newest is not None and newest != self.reached

    def _absorb_rest(self) -> int:
        done = 0
        for batch in self.intake.events.after(self.reached):
            self._absorb(batch, None, {})
            done += 1
        return done

    def _among_others(self, batch: MicroBatch, seconds: dict[str, float]) -> tuple[Derived, int]:
        """Others have committed since: theirs come first, and ours is among those read back."""
        begin, derived, others = time.perf_counter(), None, -1
        for one in self.intake.events.after(self.reached):
            found = self._absorb(one, None, {})
            derived, others = found if one.ingested_at == batch.ingested_at else derived, others + 1
        assert derived is not None
        seconds["derive"] = time.perf_counter() - begin
        return derived, others

    def _absorb(self, batch: MicroBatch, loans: pl.DataFrame | None, seconds: dict[str, float]) -> Derived:
        """Derive a micro-batch, append what another has not, and have it served."""
        clock = [time.perf_counter()]
        derived = self.deriver.derive(batch.frame, loans)
        self.reached = batch.ingested_at
        clock.append(time.perf_counter())
        for table, rows in ((self.features, derived.features), (self.scores, derived.scores)):
            with suppress(AlreadyTakenError):
                table.append(rows, batch)
            self.at(f"after_{table.contract.key[0]}")
        clock.append(time.perf_counter())
        seconds |= {"derive": clock[1] - clock[0], "lake": clock[2] - clock[1]}
        if self.follower is not None:
            self._served = self.follower.apply(batch, derived.scores, seconds)
        return derived


def _moment(served: "Future[float | None]") -> float | None:
    """When a micro-batch became visible; None also where it failed, which `Follower.settle` tells."""
    return None if served.exception() is not None else served.result()


def _loans(taken: Taken) -> pl.DataFrame | None:
    """Rows of features/loans that the decoder made of the applications on the way; None to read them again."""
    decoded = taken.decoded.get(APPLICATIONS)
    return getattr(decoded, "loans", None)
