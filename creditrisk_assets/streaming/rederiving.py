"""Days of the stream derived again from raw/events: after a fix, or to see that stream and batch agree."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from creditrisk_assets.contracts import FEATURES_BEHAVIOUR, SCORES_LIVE
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.scores.live import LiveScoring
from creditrisk_assets.streaming.deriving import Derived, Deriver
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.remembering import remembered
from creditrisk_assets.streaming.table import MICROSECOND, StreamTable


@dataclass(frozen=True)
class Day:
    """What follows from the micro-batches of an ingest day, as far as the stream itself has come."""

    features: pl.DataFrame
    scores: pl.DataFrame
    batches: int
    unscored: int


def derived_again(lake: Lake, scoring: LiveScoring | None, day: date) -> Day:
    """features/behaviour and scores/live of one ingest day from raw/events alone.

    With the models that scored the day the rows are those the stream wrote. Micro-batches that the
    stream has not come to yet are left to it. LakeUnavailableError as usual.
    """
    events, live = Events(lake), StreamTable(lake, SCORES_LIVE)
    for table in (events, live):
        table.create()
    start = datetime.combine(day, time(), UTC)
    before, reached = start - MICROSECOND, live.patiently(live.reached)
    deriver = Deriver(scoring, remembered(lake, events, live, before))
    found: list[Derived] = []
    for batch in events.after(before):
        if batch.ingested_at >= start + timedelta(days=1) or reached is None or batch.ingested_at > reached:
            break
        found.append(deriver.derive(batch.frame))
    nothing = Derived(pl.DataFrame(schema=FEATURES_BEHAVIOUR.schema), pl.DataFrame(schema=SCORES_LIVE.schema))
    parts = [nothing, *found]
    return Day(
        pl.concat([part.features for part in parts]),
        pl.concat([part.scores for part in parts]),
        len(found),
        sum(part.unscored for part in parts),
    )
