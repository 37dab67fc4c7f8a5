"""The messages of a living book, in the order in which they are sent: a pure function of what is asked.

Time. A number of customers live at once. The clock of the stream counts months of the book from 0 and
runs as fast as messages are sent: at 50 a second a month of 500 customers takes some 13 seconds. When a
loan is over, or after `living.LIFE_MONTHS`, another customer applies. So that no event lies in the future
however long the stream runs, and windows of 3 and 12 months mean what they say, every customer has a
calendar of their own, which ends before the month of the start: an event n months after the
application is dated n months after it. Each customer's events come in the order of time, those of
different customers from different years. A backlog is the first months, to be sent at once, so that
customers have a history when the rest begins at its rate.

With the same seed and customers the messages are the same in the same order; another month of start
moves all times by whole months. Their event ids stay, so what is sent again counts once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from creditrisk_assets.contracts import Instant
from creditrisk_assets.simulation.applicants import Applicants
from creditrisk_assets.simulation.draws import generator
from creditrisk_assets.simulation.living import Lives, customers_of_book, new_customers
from creditrisk_assets.simulation.mishaps import Kind, Mishaps
from creditrisk_assets.simulation.turns import Turns, scheduled
from creditrisk_assets.simulation.wording import worded

ROWS_AT_ONCE = 10_000
"""Messages of a block, about."""
SMALLEST, LARGEST = 1_000, 16_000
"""Customers drawn at once."""
MESSAGES = {
    "month": pl.Float64, "topic": pl.String, "key": pl.String, "value": pl.Binary, "kind": Kind, "poison": pl.String,
    "event_id": pl.String, "event_time": Instant, "customer_id": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What the stream is to be: shares from 0 to 1, `backlog` in months; ValueError says what is out of range.

    `poison` and `duplicates` are shares of all messages, `late` of the activity events that can be,
    `applications` of the good messages after the backlog: None as many as there are new customers; with a
    smaller share some customers never apply in the stream, with a larger one others apply now and do
    nothing more. `book` names the file of a simulated book whose customers are to live; they have
    applied already.
    """

    seed: int = 7
    customers: int = 500
    poison: float = 0.0
    duplicates: float = 0.0
    late: float = 0.0
    applications: float | None = None
    backlog: float = 0.0
    book: Path | None = None

    def __post_init__(self) -> None:
        for name in ("poison", "duplicates", "late", "applications"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise ValueError(f"{name} is {share}: give a share from 0 to 1")
        if self.poison + self.duplicates >= 1:
            raise ValueError(f"poison and duplicates are {self.poison + self.duplicates}: leave some good messages")
        if not 0 <= self.backlog < float("inf"):
            raise ValueError(f"backlog is {self.backlog}: give a number of months, 0 for none")
        if self.customers < 1 or self.seed < 0:
            raise ValueError("give at least one customer, and no negative seed")


@dataclass
class Stream:
    """Messages from `start` (UTC) on; to be read once.

    With `keep`, `lives` are the customers drawn so far (some 500 bytes each) and when they begin.
    """

    asked: Asked
    start: datetime
    keep: bool = False
    lives: list[tuple[Lives, pl.DataFrame]] = field(default_factory=list)

    def messages(self) -> Iterator[pl.DataFrame]:
        """Blocks of messages (MESSAGES) in their order; ends only with the customers of a book.

        `month` is the clock of the stream when a message is sent. `value` is null for a tombstone. `event_id`
        of poison names it here, though the message itself may not tell it.
        """
        mishaps = Mishaps(self.asked.poison, self.asked.duplicates, f"S{self.asked.seed}-", self.start)
        applicants = Applicants(self.asked.applications, self.asked.seed, self.start)
        for number, piece in enumerate(self._pieces()):
            rng = generator(self.asked.seed, 12, number)
            happened = applicants.share(piece, rng) if piece["month"][0] >= self.asked.backlog else piece
            if happened.height:
                yield mishaps.mixed(worded(happened), rng).select(MESSAGES.keys())

    def _pieces(self) -> Iterator[pl.DataFrame]:
        """What happens, in the order it is sent; a piece is not empty and lies within the backlog or after it."""
        asked = self.asked
        # Repeats, poison and further applications come on top.
        fewer = (1 - asked.poison - asked.duplicates) * max(1 - (asked.applications or 0), 0.05)
        for ready in self._ready():
            after = ready["month"] >= asked.backlog
            for part in (ready.filter(~after), ready.filter(after)):
                yield from part.iter_slices(max(1, int(ROWS_AT_ONCE * fewer)))

    def _ready(self) -> Iterator[pl.DataFrame]:
        asked, turns = self.asked, Turns(self.asked.customers)
        waiting: list[pl.DataFrame] = []
        for number, lives in enumerate(self._blocks()):
            begins = turns.of(lives)
            if self.keep:
                self.lives.append((replace(lives, events=lives.events.clear(), applications=[]), begins))
            every = pl.concat([*waiting, scheduled(lives, begins, asked.late, generator(asked.seed, 11, number))])
            # Whoever is drawn later begins no earlier than that.
            ready = every["month"] < turns.following()
            yield every.filter(ready).sort("month", maintain_order=True)
            waiting = [every.filter(~ready)]
        yield pl.concat(waiting).sort("month", maintain_order=True)

    def _blocks(self) -> Iterator[Lives]:
        if self.asked.book is not None:
            return customers_of_book(self.asked.book, self.asked.seed, self.start)
        size = min(max(self.asked.customers, SMALLEST), LARGEST)
        return new_customers(self.asked.seed, self.start, size, self.asked.applications != 0)
