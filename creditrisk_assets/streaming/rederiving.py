"""Days of the stream derived again from raw/events: after a fix, or to see that stream and batch agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import FEATURES_BEHAVIOUR, SCORES_LIVE
from creditrisk_assets.resources.commit import (
    Overwrite,
    Written,
    commit,
    predicate,
    prepared,
    refuse_strangers,
    summary,
)
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.scores.live import LiveScoring
from creditrisk_assets.streaming.deriving import Derived, Deriver
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.remembering import remembered
from creditrisk_assets.streaming.store import Store
from creditrisk_assets.streaming.table import BEGINNING, MICROSECOND, StreamTable


@dataclass(frozen=True)
class Day:
    """What follows from the micro-batches of an ingest day, as far as the stream itself has come: up to `reached`."""

    day: date
    features: pl.DataFrame
    scores: pl.DataFrame
    batches: int
    unscored: int
    reached: datetime


def derived_again(lake: Lake, scoring: LiveScoring | None, day: date, shadow: Store | None = None) -> Day:
    """features/behaviour and scores/live of one ingest day from raw/events alone.

    With the models that scored the day the rows are those the stream wrote. Micro-batches that the
    stream has not come to yet are left to it. `shadow`, the table scores/shadow, where the models are not those
    in charge: they remember what they said themselves. LakeUnavailableError as usual.
    """
    events, live = Events(lake), StreamTable(lake, SCORES_LIVE)
    for table in (events, live):
        table.create()
    start = datetime.combine(day, time(), UTC)
    before, reached = start - MICROSECOND, live.patiently(live.reached) or BEGINNING
    deriver = Deriver(scoring, remembered(lake, events, live, before, shadow))
    found: list[Derived] = []
    for batch in events.after(before):
        if batch.ingested_at >= start + timedelta(days=1) or batch.ingested_at > reached:
            break
        found.append(deriver.derive(batch.frame))
    nothing = Derived(pl.DataFrame(schema=FEATURES_BEHAVIOUR.schema), pl.DataFrame(schema=SCORES_LIVE.schema))
    parts = [nothing, *found]
    return Day(
        day,
        pl.concat([part.features for part in parts]),
        pl.concat([part.scores for part in parts]),
        len(found),
        sum(part.unscored for part in parts),
        reached,
    )


def replaced(lake: Lake, table: Table, derived: Day, metadata: Mapping[str, str]) -> Written:
    """Put the rows of features/behaviour or scores/live in the place of those the stream wrote that day.

    In one commit, which leaves alone what the stream adds meanwhile, and how far it says it is. LakeError
    when other writers are always faster.
    """
    rows = prepared(table, derived.features if table == FEATURES_BEHAVIOUR else derived.scores)
    refuse_strangers(table, rows, [derived.day])
    reached = f"arrow_cast('{derived.reached:%Y-%m-%dT%H:%M:%S.%f}', 'Timestamp(Microsecond, Some(\"UTC\"))')"
    where = f"{predicate(table, [derived.day])} AND ingested_at <= {reached}"
    work = Overwrite(lake.uri(table), table, rows, where, metadata, lake.storage_options)
    return summary(table, rows, commit(work))
