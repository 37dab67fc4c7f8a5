"""Recent events of all customers in memory, for counting what they did without reading the lake again.

Runs sorted by customer, of falling size: a micro-batch becomes a run, and runs merge like the digits of
a binary counter, so that an event is moved a few times in its life whatever the size of the history.
A look-up searches every run for all customers at once. Rows are the facts of the events (25 bytes)
and an eight-byte digest of the customer; at ten million customers the chance that any two share a
digest is three in a million.
"""

import numpy as np
import polars as pl

from creditrisk_assets.features.behaviour import FACTS, LOOKBACK_MONTHS, facts

LONGEST_MONTH = 31
GROWTH = 2
"""A run is at least this many times as long as the next."""
_TOLD = [name for name in FACTS if name != "customer_id"]


class History:
    """Events of all customers, at least those of the 13 months before each customer's newest.

    A customer who is silent for years keeps those last 13 months, so what is counted does not depend on
    when the history was begun. Not to be shared between threads.
    """

    def __init__(self) -> None:
        self._runs: list[pl.DataFrame] = []

    def __len__(self) -> int:
        """Rows held: events, and repeats until they meet in a merge."""
        return sum(run.height for run in self._runs)

    @property
    def bytes(self) -> int:
        """Memory of the rows held."""
        return int(sum(run.estimated_size() for run in self._runs))

    def add(self, events: pl.DataFrame) -> None:
        """Take in activity events (columns of raw/events), in any order; repeats and late events are welcome."""
        told = facts(events)
        if told.is_empty():
            return
        digest = pl.col("customer_id").hash(1).alias("customer")
        self._runs.append(told.with_columns(digest).select("customer", *_TOLD).sort("customer"))
        while len(self._runs) > 1 and self._runs[-2].height < GROWTH * self._runs[-1].height:
            last, before = self._runs.pop(), self._runs.pop()
            merged = before.merge_sorted(last, "customer")
            # Repeats of later runs are met when those are merged into the oldest, by far the largest.
            self._runs.append(merged if self._runs else _trimmed(merged))

    def of(self, customers: pl.Series) -> pl.DataFrame:
        """Facts of these customers (identifiers, each once), as `features.behaviour.behaviour` takes them."""
        digests = customers.cast(pl.String).hash(1)
        found = [pl.DataFrame(schema=FACTS)]
        for run in self._runs:
            start, end = (run["customer"].search_sorted(digests, side).to_numpy() for side in ("left", "right"))
            count = end.astype(np.int64) - start
            whose = np.repeat(np.arange(len(digests)), count)
            within = np.arange(len(whose)) - np.repeat(count.cumsum() - count, count)
            rows = run[start[whose] + within]
            found.append(rows.select(customers.gather(whose).alias("customer_id"), *_TOLD))
        return pl.concat(found)


def _trimmed(run: pl.DataFrame) -> pl.DataFrame:
    """Each event once, in the telling that counts, without those too old to count; still sorted by customer."""
    repeated = run["event"].is_duplicated()
    if repeated.any():
        doubtful = run.filter(repeated).sort("time", "kind", "value").unique("event", keep="last")
        run = run.filter(~repeated).merge_sorted(doubtful.sort("customer"), "customer")
    # In days, a little longer than the months: what counts is left to the counting.
    oldest = pl.col("time").max().over("customer") - pl.duration(days=LONGEST_MONTH * LOOKBACK_MONTHS)
    return run.set_sorted("customer").filter(pl.col("time") > oldest).rechunk()
