"""As many applications among the messages as were asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import polars as pl

from creditrisk_assets.contracts import Instant
from creditrisk_assets.simulation.living import new_customers
from creditrisk_assets.simulation.turns import APPLICATION, applying

AT_ONCE = 1_000


@dataclass
class Applicants:
    """Leaves out applications, or adds those of people who apply at `start` and are not heard of again.

    `wanted`: share of the good messages, None for as many as there are.
    """

    wanted: float | None
    seed: int
    start: datetime
    _left: list[pl.DataFrame] = field(default_factory=list)
    _others: Iterator[pl.DataFrame] | None = None

    def share(self, happened: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
        """The piece with the share of applications wanted."""
        if self.wanted is None:
            return happened
        apply = happened["event_type"] == APPLICATION
        own, acting = happened.filter(apply), happened.filter(~apply)
        if self.wanted == 1:
            return own if own.height else self._further(AT_ONCE, happened, rng)
        count = 0
        if self.wanted and acting.height:
            count = int(rng.negative_binomial(acting.height, 1 - self.wanted))
        if count <= own.height:
            parts = [own[np.sort(rng.choice(own.height, count, replace=False))], acting]
        else:
            parts = [self._further(count - own.height, happened, rng), own, acting]
        return pl.concat(parts).sort("month", maintain_order=True)

    def _further(self, count: int, happened: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
        """Applications of others, at moments among those of the piece."""
        self._others = self._others or self._people()
        while sum(part.height for part in self._left) < count:
            self._left.append(next(self._others))
        every = pl.concat(self._left)
        self._left = [every.slice(count)]
        moments = happened["month"].gather(np.sort(rng.integers(0, happened.height, count)))
        nothing = happened.clear()
        return pl.concat([nothing, every.head(count).with_columns(moments)], how="diagonal").select(nothing.columns)

    def _people(self) -> Iterator[pl.DataFrame]:
        now = pl.lit(self.start).cast(Instant).alias("event_time")
        for lives in new_customers(self.seed, self.start, AT_ONCE, prefix="A"):
            yield applying(lives).with_columns(now)
