"""The challenger on the stream: days that are over scored once more, so that the hot path is not slowed."""

from datetime import date

import polars as pl

from creditrisk_assets.contracts import SCORES_LIVE, SCORES_SHADOW
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.scores.live import LiveScoring
from creditrisk_assets.streaming.deriving import OFFSETS
from creditrisk_assets.streaming.rederiving import derived_again
from creditrisk_assets.streaming.store import Store


def shadowed(lake: Lake, scoring: LiveScoring | None, day: date) -> pl.DataFrame:
    """scores/shadow of one ingest day: what `scoring` says at the offsets of scores/live, at no others.

    Derived from raw/events as scores/live is. Days should follow one another: of customers whose application
    fell on a day without scores/shadow, the champion's PD is where behaviour starts from. Empty without a model.
    LakeUnavailableError as usual.
    """
    if scoring is None:
        return pl.DataFrame(schema=SCORES_SHADOW.schema)
    derived = derived_again(lake, scoring, day, Store(lake, SCORES_SHADOW))
    decided = lake.scan(SCORES_LIVE, [day], list(OFFSETS)).collect()
    rows = derived.scores.join(decided, on=list(OFFSETS), how="semi")
    return SCORES_SHADOW.conform(rows.lazy()).collect()
