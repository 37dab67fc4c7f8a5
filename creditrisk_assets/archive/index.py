"""Tables of the lake that list what is archived, from the manifests. Pure."""

from collections.abc import Iterable

import msgspec
import polars as pl

from creditrisk_assets.archive.events import day_of
from creditrisk_assets.archive.manifest import Entry, Manifest
from creditrisk_assets.contracts import ARCHIVE_EVENTS, ARCHIVE_REPORTS


def events_index(manifests: Iterable[Manifest]) -> pl.DataFrame:
    """Rows of archive/events for the manifests of some days."""
    rows = [
        {**_told(one, entry), **msgspec.structs.asdict(entry.span), "ingest_day": day_of(one.group)}
        for one in manifests
        for entry in one.entries
        if entry.span is not None
    ]
    return pl.DataFrame(rows, schema_overrides=ARCHIVE_EVENTS.schema).pipe(_shaped, ARCHIVE_EVENTS.schema)


def reports_index(newest: Manifest | None) -> pl.DataFrame:
    """Rows of archive/reports; none of an archive without reports."""
    rows = [
        {**_told(manifest, entry), "report": one.table, "day": one.day, "content": one.content}
        for manifest in ([] if newest is None else [newest])
        for entry in manifest.entries
        if (one := entry.report) is not None
    ]
    return pl.DataFrame(rows, schema_overrides=ARCHIVE_REPORTS.schema).pipe(_shaped, ARCHIVE_REPORTS.schema)


def _told(manifest: Manifest, entry: Entry) -> dict[str, object]:
    return {
        "object": f"{manifest.group}/{entry.name}",
        "sha256": entry.sha256,
        "bytes": entry.bytes,
        "rows": entry.rows,
        "archived_at": entry.written_at,
        "manifest": manifest.version,
    }


def _shaped(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    return frame.select(schema.names()) if frame.width else pl.DataFrame(schema=schema)
