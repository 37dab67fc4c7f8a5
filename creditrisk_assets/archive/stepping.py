"""Where the stream stood after a micro-batch, reckoned back from where it stands now. Pure.

The log of the table reaches back two days only, and the newest transactions are ahead of the rows of a day that is
archived. Whatever came later tells by its first row where each partition stood before it: offsets between that and
what was taken last hold no message.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from creditrisk_assets.streaming.offsets import Place
from creditrisk_assets.streaming.quarantine import REPLAYS
from creditrisk_assets.streaming.table import epoch_app, offset_app, topic_app

RESTARTED = "restarted:"
COLUMNS = ("topic", "epoch", "partition", "offset", "replayed", "ingested_at", "error")


@dataclass(frozen=True)
class Later:
    """What rows tell of the moment before them.

    `firsts`: epoch and offset of the first by partition; `replays`: micro-batches out of quarantine;
    `restarted`: topics that an operator restarted meanwhile, whose identity may have been another before.
    """

    firsts: Mapping[Place, tuple[int, int]]
    replays: int
    restarted: frozenset[str]


def told(rows: pl.LazyFrame) -> Later:
    """What rows of raw/events (COLUMNS) tell; nothing of none."""
    new = rows.filter(~pl.col("replayed")).select(COLUMNS)
    order = pl.struct("ingested_at", "epoch", "offset")
    firsts = new.group_by("topic", "partition").agg(pl.col("epoch", "offset").sort_by(order).first())
    replays = rows.filter("replayed").select(pl.col("ingested_at").n_unique())
    restarted = new.filter(pl.col("error").str.starts_with(RESTARTED)).select(pl.col("topic").unique())
    found, counted, anew = pl.collect_all([firsts, replays, restarted], engine="streaming")
    return Later(
        {Place(row["topic"], row["partition"]): (row["epoch"], row["offset"]) for row in found.iter_rows(named=True)},
        int(counted.item()),
        frozenset(anew["topic"]),
    )


def before(transactions: Mapping[str, int], later: Later) -> dict[str, int]:
    """Transactions of raw/events before some rows came, `micro-batch` apart, given those after them.

    The identity of a topic that was restarted is left out: it is noted again with the next message.
    """
    found = dict(transactions)
    for place, (epoch, offset) in later.firsts.items():
        found |= {offset_app(place): offset, epoch_app(place): epoch}
    if later.replays:
        found[REPLAYS] = found.get(REPLAYS, 0) - later.replays
        if not found[REPLAYS]:
            del found[REPLAYS]
    for topic in later.restarted:
        found.pop(topic_app(topic), None)
    return found
