"""What goes wrong on the way: events that come late, messages sent again, messages that are no good."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import polars as pl

from creditrisk_assets.simulation.draws import Flags
from creditrisk_assets.simulation.poison import KINDS, poisoned

DELAY = 2.0
"""Months by which a late event comes after a newer one at the most."""
AT_ONCE = 0.5
"""Share of the repeats that follow right after the message; the others come up to LAST messages later."""
LAST = 2_000
GOOD, LATE, DUPLICATE, POISON = "good", "late", "duplicate", "poison"
Kind = pl.Enum([GOOD, LATE, DUPLICATE, POISON])


def delayed(events: pl.DataFrame, share: float, rng: np.random.Generator) -> pl.DataFrame:
    """`events` (number, lived) with `sent` (when they are sent, by the same clock as `lived`) and whether `late`.

    A late event is sent after at least one event of its customer that happened later, and every other
    one before all of those; a customer's last event cannot be late. Of the others `share` is.
    """
    events = events.sort("number", "lived", maintain_order=True)
    luck = rng.random((2, events.height))
    events = events.with_columns(picked=pl.Series(luck[0] < share), wait=pl.Series(DELAY * luck[1] + 1e-9))
    newer = pl.when(~pl.col("picked")).then("lived").shift(-1).backward_fill().over("number")
    late = pl.col("picked") & pl.col("newer").is_not_null()
    sent = pl.when(late).then(pl.col("newer") + pl.col("wait")).otherwise("lived")
    return events.with_columns(newer=newer).with_columns(late=late, sent=sent).drop("newer", "picked", "wait")


@dataclass
class Mishaps:
    """Mixes repeats and poison into messages, block after block; shares are of all messages."""

    poison: float
    duplicates: float
    prefix: str
    start: datetime
    _number: int = 0
    _last: pl.DataFrame = field(default_factory=pl.DataFrame)

    def mixed(self, messages: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
        """`messages` with what was drawn to come before each of them."""
        if not (self.poison or self.duplicates) or messages.is_empty():
            return messages
        kind = _kinds(rng, messages.height, self.poison, self.duplicates)
        own = kind == 0
        # Poison is made of the message that follows it, a repeat of one that went before.
        following = own.cumsum() - own
        told = pl.concat([self._last, messages]) if self._last.height else messages
        back = np.where(rng.random(len(kind)) < AT_ONCE, 1, rng.integers(2, LAST + 1, len(kind)))
        before = self._last.height + following
        place = np.where(kind == 2, np.maximum(before - back, 0), before)
        # Before the first message there is none to repeat.
        kept = (kind != 2) | (before > 0)
        moment = messages["month"].gather(following[kept])
        named = pl.Series("kind", kind[kept]).replace_strict([0, 1, 2], [None, POISON, DUPLICATE], return_dtype=Kind)
        mixed = told[place[kept]].with_columns(moment.alias("month"), pl.coalesce(named, "kind").alias("kind"))
        self._last = told.tail(LAST)
        return self._poison(mixed, rng)

    def _poison(self, mixed: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
        places = (mixed["kind"] == POISON).arg_true()
        chosen = mixed[places]
        rows = []
        for topic, value, luck in zip(chosen["topic"], chosen["value"], rng.random(len(chosen)), strict=True):
            kind = KINDS[topic][int(luck * len(KINDS[topic]))]
            event_id = f"{self.prefix}poison-{self._number}"
            self._number += 1
            rows.append((kind, event_id, poisoned(kind, topic, value, event_id, self.start)))
        kinds, ids, values = zip(*rows, strict=True) if rows else ((), (), ())
        return mixed.with_columns(
            mixed["poison"].scatter(places, list(kinds)),
            mixed["event_id"].scatter(places, list(ids)),
            mixed["value"].scatter(places, pl.Series(list(values), dtype=pl.Binary)),
        )


def _kinds(
    rng: np.random.Generator, messages: int, poison: float, duplicates: float
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """0 for each of the messages, and before it 1 for poison and 2 for repeats, as drawn; the last is a 0."""
    own = 1 - poison - duplicates
    count = int(messages / own * 1.1) + 100
    while True:
        kind = np.searchsorted([own, own + poison], rng.random(count), side="right")
        ends: Flags = (kind == 0).cumsum() == messages
        if ends.any():
            return kind[: int(ends.argmax()) + 1].astype(np.int64)
        count *= 2
