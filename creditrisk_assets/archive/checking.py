"""Is everything there that the manifests list, and does it hold what the lake holds? Pure but for reading both."""

from collections.abc import Iterable, Iterator
from datetime import date

import polars as pl

from creditrisk_assets.archive.errors import ArchiveError
from creditrisk_assets.archive.events import group_of
from creditrisk_assets.archive.storage import Archive
from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.resources.delta import Lake


def faults_of_day(archive: Archive, lake: Lake, day: date) -> Iterator[str]:
    """What is wrong with a day in the archive: objects that are damaged, rows that are missing.

    A day that the lake holds no more is not held against it.
    """
    manifest = archive.newest(group_of(day))
    stored = _rows(lake, day) if lake.exists(RAW_EVENTS) else pl.Series(dtype=RAW_EVENTS.schema["ingested_at"])
    if manifest is None:
        if stored.len():
            yield f"{archive}/{group_of(day)}: no manifest, and the lake holds {stored.len()} rows of the day"
        return
    yield from archive.faults(manifest)
    there = stored.filter(stored <= manifest.reached).len()
    if stored.len() and there != manifest.rows:
        yield f"{archive}/{manifest.group}: {manifest.rows} rows are archived, the lake holds {there} up to then"


def _rows(lake: Lake, day: date) -> pl.Series:
    return lake.scan(RAW_EVENTS, [day], ["ingested_at"]).collect()["ingested_at"]


def faults_of(archive: Archive, groups: Iterable[str]) -> Iterator[str]:
    """What is wrong with groups, as the archive alone tells."""
    for group in groups:
        try:
            manifest = archive.newest(group)
        except ArchiveError as error:
            yield str(error)
            continue
        if manifest is not None:
            yield from archive.faults(manifest)
