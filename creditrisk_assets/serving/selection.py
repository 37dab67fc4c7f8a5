"""Which part of the book is looked at."""

from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from creditrisk_assets.resources.environments import add_months


@dataclass(frozen=True)
class Selection:
    """Vintages from `first` to `last`; terms and purposes wanted, none of them meaning all."""

    first: date
    last: date
    terms: tuple[int, ...] = ()
    purposes: tuple[str, ...] = ()

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of a frame with vintage, term_months and perhaps purpose that are selected."""
        wanted = pl.col("vintage").is_between(self.first, self.last)
        if self.terms:
            wanted &= pl.col("term_months").is_in(self.terms)
        if self.purposes and "purpose" in frame.columns:
            wanted &= pl.col("purpose").is_in(self.purposes)
        return frame.filter(wanted)

    @property
    def months(self) -> int:
        """How many vintages it spans."""
        return (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1

    @property
    def before(self) -> "Selection":
        """The same over the period of equally many months that ends before it."""
        return replace(self, first=add_months(self.first, -self.months), last=add_months(self.first, -1))

    @property
    def until(self) -> "Selection":
        """The same over three years up to its end: its history."""
        return replace(self, first=min(self.first, add_months(self.last, -35)))
