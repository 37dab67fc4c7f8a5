"""Who lives when: a number of customers at once, and another as soon as one is gone."""

import heapq
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from creditrisk_assets.contracts import Instant
from creditrisk_assets.simulation.living import Lives
from creditrisk_assets.simulation.mishaps import delayed

APPLICATION = "loan_application"


@dataclass
class Turns:
    """Hands out the months at which customers begin, in their order and never falling."""

    customers: int
    _begun: int = 0
    _ends: list[float] = field(default_factory=list)

    def of(self, lives: Lives) -> pl.DataFrame:
        """When each of the customers begins: number, begin (months of the stream's clock)."""
        months = lives.months.group_by("number", maintain_order=True).agg(pl.col("month_on_book").max().cast(pl.Int64))
        begins = []
        for length in months["month_on_book"]:
            begin = self.following()
            begins.append(begin)
            if self._begun >= self.customers:
                heapq.heapreplace(self._ends, begin + length + 1)
            else:
                heapq.heappush(self._ends, begin + length + 1)
            self._begun += 1
        return months.select("number", begin=pl.Series(begins, dtype=pl.Float64))

    def following(self) -> float:
        """When the next customer begins: the first ones within a month, the others where one is gone."""
        return self._begun / self.customers if self._begun < self.customers else self._ends[0]


def scheduled(lives: Lives, begins: pl.DataFrame, late: float, rng: np.random.Generator) -> pl.DataFrame:
    """What the customers do, with `month` (when it is sent): their applications first, then activity; see `worded`."""
    events = delayed(lives.events, late, rng).join(begins, on="number", maintain_order="left")
    names = lives.loans.select("number", "name")
    acting = events.join(names, on="number", maintain_order="left").select(
        pl.col("begin") + pl.col("sent"), "name", "event_id", "event_type", "event_time", "late",
        "amount", "days_past_due", "utilisation", "credit_line", payload=pl.lit(None, pl.String),
    ).rename({"begin": "month"})  # fmt: skip
    if not lives.applications:
        return acting
    return pl.concat([applying(lives).with_columns(month=begins["begin"]), acting], how="diagonal").select(
        acting.columns
    )


def applying(lives: Lives) -> pl.DataFrame:
    """The applications of the customers, all in month 0."""
    return lives.loans.select(
        pl.lit(0.0).alias("month"),
        "name",
        pl.format("{}-application", "name").alias("event_id"),
        pl.lit(APPLICATION).alias("event_type"),
        pl.lit(lives.applied).cast(Instant).alias("event_time"),
        pl.lit(False).alias("late"),
        pl.Series("payload", [told.decode() for told in lives.applications], dtype=pl.String),
    )
