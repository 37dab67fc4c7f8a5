"""Drift tables, monitoring and model cards into the archive: each state of each date once."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from creditrisk_assets.archive.errors import OvertakenError
from creditrisk_assets.archive.manifest import Entry, Manifest, Report, digest, sealed
from creditrisk_assets.archive.storage import Archive
from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    MODELS_COMPARISON,
    MODELS_DIAGNOSTICS,
    MONITORING_CALIBRATION,
    MONITORING_CHALLENGER,
    MONITORING_DRIFT,
    MONITORING_MODEL_CARDS,
    MONITORING_PERFORMANCE,
    MONITORING_POPULATION,
    MONITORING_RULE_AGREEMENT,
)
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.events import now

GROUP = "reports"
ATTEMPTS = 5
TABLES = (
    MONITORING_DRIFT, MONITORING_POPULATION, MONITORING_CALIBRATION, MONITORING_PERFORMANCE,
    MONITORING_RULE_AGREEMENT, MONITORING_CHALLENGER, MONITORING_MODEL_CARDS, MODELS_DIAGNOSTICS, MODELS_COMPARISON,
)  # fmt: skip
"""Reports of vintages, then of model dates; partitioned by one of the two."""


@dataclass(frozen=True)
class Kept:
    """What one run did: the newest manifest (None: there is nothing to report), and what it added to it."""

    manifest: Manifest | None
    objects: int
    bytes: int


@dataclass(frozen=True)
class _Document:
    """Something to archive: the name of its object without checksum and ending, and the digest of what it says."""

    report: Report
    stem: str
    ending: str
    rows: int
    data: Callable[[], bytes]


def archive_reports(lake: Lake, archive: Archive, clock: Callable[[], datetime] = now) -> Kept:
    """Archive every report that says something else than what is archived of its date; errors as `archive_day`."""
    archive.prove()
    for _ in range(ATTEMPTS - 1):
        try:
            return _archived(lake, archive, clock)
        except OvertakenError:
            continue
    return _archived(lake, archive, clock)


def _archived(lake: Lake, archive: Archive, clock: Callable[[], datetime]) -> Kept:
    newest = archive.newest(GROUP)
    known = {} if newest is None else {entry.report: entry for entry in newest.entries}
    there = [table for table in TABLES if lake.exists(table)]
    versions = {table.name: lake.version(table) for table in there}
    fresh = [one for table in there for one in _documents(lake, table, versions[table.name]) if one.report not in known]
    if not fresh:
        return Kept(newest, 0, 0)
    added = [_put(archive, one, clock()) for one in fresh]
    manifest = Manifest(
        group=GROUP,
        version=1 if newest is None else newest.version + 1,
        written_at=clock(),
        entries=(*(newest.entries if newest else ()), *added),
        sources=versions,
        previous=None if newest is None else digest(sealed(newest)),
    )
    archive.publish(manifest)
    return Kept(manifest, len(added), sum(entry.bytes for entry in added))


def _documents(lake: Lake, table: Table, version: int) -> Iterator[_Document]:
    assert table.partition is not None
    rows = lake.scan(table, version=version).collect().sort(table.primary)
    for (day,), part in rows.partition_by(table.partition, as_dict=True, maintain_order=True).items():
        if not isinstance(day, date):
            continue
        folder = f"{table.partition}={day.isoformat()}"
        # What the rows say, however a later parquet writer would put it.
        content = digest(part.write_ndjson().encode())
        stem = f"{folder}/{table.key[1]}"
        report = Report(table=table.name, day=day, content=content)
        yield _Document(report, stem, "parquet", part.height, lambda part=part: _parquet(part))  # type: ignore[misc]
        if table == MONITORING_MODEL_CARDS:
            yield from _cards(part, folder, day)


def _cards(cards: pl.DataFrame, folder: str, day: date) -> Iterator[_Document]:
    """Cards as files that any browser shows, without the platform."""
    for row in cards.iter_rows(named=True):
        data = str(row["html"]).encode()
        report = Report(table=f"{MONITORING_MODEL_CARDS.name}/{row['feature_set']}", day=day, content=digest(data))
        yield _Document(report, f"{folder}/card-{row['feature_set']}", "html", 1, lambda data=data: data)  # type: ignore[misc]


def _parquet(rows: pl.DataFrame) -> bytes:
    content = io.BytesIO()
    rows.write_parquet(content, compression="zstd", compression_level=9)
    return content.getvalue()


def _put(archive: Archive, document: _Document, moment: datetime) -> Entry:
    data = document.data()
    checksum = digest(data)
    name = f"{document.stem}-{checksum[:12]}.{document.ending}"
    archive.put(GROUP, name, data)
    return Entry(
        name=name, sha256=checksum, bytes=len(data), rows=document.rows, written_at=moment.astimezone(UTC),
        report=document.report,
    )  # fmt: skip
