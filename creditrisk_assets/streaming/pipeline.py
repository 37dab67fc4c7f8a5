"""The hot path: one micro-batch from Kafka through the lake to PostgreSQL, and catching up after a crash.

    raw/events -> features/behaviour -> scores/live -> PostgreSQL

Each stage commits for itself and says how far it is; what a stage lacks is derived again from the one
before it, so a crash between any two loses and doubles nothing. Several may run at once: whoever is
later finds the work done and goes on from there.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from creditrisk_assets.streaming.consume import Intake, Taken
from creditrisk_assets.streaming.deriving import Derived, Deriver
from creditrisk_assets.streaming.errors import AlreadyTakenError
from creditrisk_assets.streaming.offsets import OffsetRange
from creditrisk_assets.streaming.serving import Follower
from creditrisk_assets.streaming.table import MicroBatch, StreamTable


@dataclass(frozen=True)
class Step:
    """One micro-batch that went through: what was taken, what followed, `others` micro-batches met on the way."""

    taken: Taken
    derived: Derived
    others: int
    visible_at: float | None
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass
class Pipeline:
    """The stages in their order; `reached` is the newest micro-batch the deriver has seen."""

    intake: Intake
    features: StreamTable
    scores: StreamTable
    deriver: Deriver
    reached: datetime | None
    follower: Follower | None = None
    at: Callable[[str], None] = lambda point: None

    def catch_up(self) -> int:
        """Derive and serve every micro-batch of raw/events that is not yet; how many were derived."""
        done = 0
        for batch in self.intake.events.after(self.reached):
            self._absorb(batch, None)
            done += 1
        if self.follower is not None:
            self.follower.catch_up(wait=True)
        return done

    def step(self, ranges: tuple[OffsetRange, ...] | None = None) -> Step | None:
        """Take the next micro-batch, or what is left of given ranges, through all stages; None without news.

        Errors as `Intake.take`; LakeUnavailableError. PostgreSQL being down stops nothing, see `Follower`.
        """
        taken = self.intake.take(ranges)
        if taken.batch is None or taken.batch.frame.is_empty():
            return None
        begin, others = time.perf_counter(), 0
        seconds = dict(taken.seconds)
        if taken.batch.previous == self.reached:
            derived = self._absorb(taken.batch, _loans(taken), seconds)
        else:  # others have committed since: their micro-batches come first, and ours is among those read back
            derived = Derived(pl.DataFrame(), pl.DataFrame())
            for batch in self.intake.events.after(self.reached):
                found = self._absorb(batch, None)
                derived, others = (
                    (found, others) if batch.ingested_at == taken.batch.ingested_at else (derived, others + 1)
                )
            seconds["derive"] = time.perf_counter() - begin
        behind = self.follower is not None and self.follower.error is not None
        return Step(taken, derived, others, None if behind else time.time(), seconds)

    def overtaken(self) -> bool:
        """Has another committed a micro-batch since the last one that went through here?"""
        events = self.intake.events
        events.refresh()
        newest = events.patiently(events.reached)
        return newest is not None and newest != self.reached

    def _absorb(
        self, batch: MicroBatch, loans: pl.DataFrame | None, seconds: dict[str, float] | None = None
    ) -> Derived:
        """Derive a micro-batch, append what another has not, and serve it."""
        clock = [time.perf_counter()]
        derived = self.deriver.derive(batch.frame, loans)
        self.reached = batch.ingested_at
        clock.append(time.perf_counter())
        for table, rows in ((self.features, derived.features), (self.scores, derived.scores)):
            with suppress(AlreadyTakenError):
                table.append(rows, batch)
            self.at(f"after_{table.contract.key[0]}")
        clock.append(time.perf_counter())
        if self.follower is not None:
            self.follower.apply(batch, derived.scores)
        clock.append(time.perf_counter())
        if seconds is not None:
            told = zip(("derive", "lake", "postgres"), clock, clock[1:], strict=False)
            seconds |= {name: end - begin for name, begin, end in told}
        return derived


def _loans(taken: Taken) -> pl.DataFrame | None:
    """Rows of features/loans that the decoder made of the applications on the way; None to read them again."""
    from creditrisk_assets.contracts import APPLICATIONS

    decoded = taken.decoded.get(APPLICATIONS)
    return getattr(decoded, "loans", None)
