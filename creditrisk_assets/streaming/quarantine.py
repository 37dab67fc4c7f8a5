"""Bad messages: which there are, and decoding them anew after a fix.

A message that is good now is not sent to Kafka again: that would give it a second offset, and a crash between
Kafka and the lake a third. It becomes a second row of raw/events at its own place (topic, epoch, partition,
offset), with `replayed` set, in a micro-batch of its own. So it reaches features and scores as every other row
does, exactly once; its lineage leads to the message it came from; the row in quarantine stays, as the record
of what happened. A place has at most one good row: what was replayed is not replayed again, neither later nor
by two at once, for the transaction `quarantine` counts replays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.streaming.consume import Decode
from creditrisk_assets.streaming.errors import AlreadyTakenError
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.table import PLACE, Committed, MicroBatch

REPLAYS = "quarantine"
SHOWN = ("ingested_at", *PLACE, "broker_time", "key", "error", "raw")


@dataclass(frozen=True)
class Replayed:
    """Bad messages that were decoded anew, those that are good now, and the micro-batch they went into."""

    tried: int
    good: int
    batch: MicroBatch | None


def quarantined(events: Events, topic: str | None = None, day: date | None = None) -> pl.DataFrame:
    """Messages in quarantine, in the order they came (columns SHOWN); `day` is the day of their micro-batch.

    None where there is no table yet, and then it is not made.
    """
    if not events.exists:
        return pl.DataFrame(schema=RAW_EVENTS.schema).select(SHOWN)
    events.refresh()
    holding = pl.col("null_count.error") < pl.col("num_records")
    if day is not None:
        holding &= pl.col("partition.ingest_day") == day
    bad = events.scan(events.files(holding)).filter(pl.col("error").is_not_null())
    if topic is not None:
        bad = bad.filter(pl.col("topic") == topic)
    if day is not None:
        bad = bad.filter(pl.col("ingest_day") == day)
    later = pl.lit(True) if day is None else pl.col("partition.ingest_day") >= day
    done = events.scan(events.files(later), [*PLACE, "replayed"]).filter("replayed")
    return bad.join(done, on=list(PLACE), how="anti").select(SHOWN).sort("ingested_at", *PLACE).collect()


def replay(events: Events, decode: Decode, topic: str | None = None, day: date | None = None) -> Replayed:
    """Decode what is in quarantine anew, and append what is good now; nothing happens where nothing is.

    LakeUnavailableError when the lake cannot be written; it is safe to run again.
    """
    if not events.exists:
        return Replayed(0, 0, None)
    while True:
        events.refresh()
        before = events.patiently(lambda: events.transaction(REPLAYS)) or 0
        bad = quarantined(events, topic, day)
        good = _good(bad, decode)
        if good is None:
            return Replayed(bad.height, 0, None)
        try:
            batch = _commit(events, good, before)
        except AlreadyTakenError:
            continue  # another replay came between: look at what it left
        return Replayed(bad.height, good.height, batch)


def _commit(events: Events, good: pl.DataFrame, before: int) -> MicroBatch:
    def prepare() -> Committed:
        if (events.transaction(REPLAYS) or 0) != before:
            raise AlreadyTakenError(f"{events.contract.name}: another replay of the quarantine was faster")
        return events.stamped(good, (), {REPLAYS: before + 1})

    return events.commit(prepare).batch


def _good(bad: pl.DataFrame, decode: Decode) -> pl.DataFrame | None:
    parts: list[pl.DataFrame] = []
    for (topic,), rows in bad.partition_by("topic", as_dict=True, maintain_order=True).items():
        values: Sequence[bytes | None] = rows["raw"].to_list()
        fields = decode(topic, values, rows["broker_time"]).events
        places = rows.select(*PLACE, "broker_time", "key", replayed=pl.lit(True))
        parts.append(pl.concat([places, fields], how="horizontal").filter(pl.col("error").is_null()))
    good = pl.concat(parts) if parts else None
    return good if good is not None and good.height else None
