"""What a stretch of the stream did, in the figures that an operator wants to see."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.streaming.errors import StreamError
from creditrisk_assets.streaming.offsets import OffsetRange, Place
from creditrisk_assets.streaming.pipeline import Step


@dataclass
class Progress:
    """Micro-batches of one ingest day added up; figures are empty until the first."""

    day: date | None = None
    batches: int = 0
    good: int = 0
    bad: int = 0
    bytes: int = 0
    repeats: int = 0
    unscored: int = 0
    scored: int = 0
    updated: int = 0
    ranges: list[OffsetRange] = field(default_factory=list)
    lag: Mapping[Place, int] = field(default_factory=dict)
    refused: Mapping[str, StreamError] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    _waits: list[NDArray[np.float64]] = field(default_factory=list)
    _under_way: list[tuple[NDArray[np.float64], Callable[[], float | None], dict[str, float]]] = field(
        default_factory=list
    )

    @property
    def rows(self) -> int:
        """Messages taken."""
        return self.good + self.bad

    def add(self, step: Step) -> None:
        """Count a micro-batch."""
        batch = step.taken.batch
        assert batch is not None
        self.day = batch.ingested_at.date()
        self.batches += 1
        self.good += step.taken.good
        self.bad += step.taken.bad
        self.bytes += step.taken.bytes
        self.repeats += step.derived.repeats
        self.unscored += step.derived.unscored
        self.scored += step.derived.scores.height
        self.updated += step.derived.features.height
        self.lag = step.taken.lag
        self.refused = step.taken.refused
        self.ranges = joined([*self.ranges, *batch.ranges])
        self._under_way.append((_sent_at(batch.frame), step.visible, step.seconds))

    def told(self) -> list[str]:
        """The ranges taken, in words."""
        return [str(one) for one in self.ranges]

    def latency(self) -> dict[str, float]:
        """Seconds from the broker's timestamp until visible: p50, p95 and max; nothing while that is unknown.

        Waits for the last to be visible.
        """
        self._settle()
        waits = np.concatenate(self._waits) if self._waits else np.zeros(0)
        if not waits.size:
            return {}
        middle, late = np.quantile(waits, [0.5, 0.95])
        return {"latency_p50": float(middle), "latency_p95": float(late), "latency_max": float(waits.max())}

    def figures(self, elapsed: float) -> dict[str, Any]:
        """Plain figures of `elapsed` seconds: counts, rate, lag, latency and seconds by stage."""
        self._settle()
        counts = {name: getattr(self, name) for name in ("batches", "rows", "good", "bad", "repeats", "unscored",
                                                         "scored", "updated", "bytes")}  # fmt: skip
        rate = {"events_per_second": round(self.rows / elapsed, 1) if elapsed > 0 else 0.0}
        stages = {f"seconds_{name}": round(spent, 3) for name, spent in self.seconds.items()}
        behind = {"lag": sum(self.lag.values())}
        return counts | rate | behind | {name: round(value, 3) for name, value in self.latency().items()} | stages

    def _settle(self) -> None:
        for sent_at, visible, seconds in self._under_way:
            at = visible()
            if at is not None:
                self._waits.append(np.maximum(at - sent_at, 0.0))
            for stage, spent in seconds.items():
                self.seconds[stage] = self.seconds.get(stage, 0.0) + spent
        self._under_way.clear()


def joined(ranges: Iterable[OffsetRange]) -> list[OffsetRange]:
    """The same offsets in as few ranges as can be, in order; none of them is empty."""
    found: list[OffsetRange] = []
    for one in sorted(one for one in ranges if len(one)):
        if found and (*found[-1].place, found[-1].epoch, found[-1].end) == (*one.place, one.epoch, one.start):
            found[-1] = replace(found[-1], end=one.end)
        else:
            found.append(one)
    return found


def _sent_at(frame: pl.DataFrame) -> NDArray[np.float64]:
    """Seconds since 1970 of the broker's timestamps of good messages."""
    known = frame.filter(pl.col("error").is_null(), ~pl.col("replayed"))["broker_time"].drop_nulls()
    return known.dt.epoch("us").to_numpy() / 1e6
