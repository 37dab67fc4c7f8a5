"""Raw events of a day into the archive: every row once, in objects that say which offsets they hold."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from creditrisk_assets.archive.errors import ArchiveError, OvertakenError
from creditrisk_assets.archive.manifest import Entry, Manifest, Part, Span, digest, sealed
from creditrisk_assets.archive.stepping import COLUMNS, Later, before, told
from creditrisk_assets.archive.storage import Archive
from creditrisk_assets.contracts import TOPICS
from creditrisk_assets.streaming.events import Events, now
from creditrisk_assets.streaming.quarantine import REPLAYS
from creditrisk_assets.streaming.table import (
    BEGINNING,
    MICRO_BATCH,
    MICROSECOND,
    epoch_app,
    offset_app,
    topic_app,
)

FOLDER = "events"
ATTEMPTS = 5
GROUPED = ("topic", "epoch", "partition", "replayed")
COMPRESSION = 9  # of zstd: written once and kept for years


@dataclass(frozen=True)
class Archived:
    """What one run did for a day: its newest manifest (None: the day has no rows), and what it added to it."""

    manifest: Manifest | None
    objects: int
    rows: int
    bytes: int


@dataclass(frozen=True)
class _Piece:
    """Micro-batches that were archived together, and what their rows tell of the moment before them."""

    after: datetime | None
    first: datetime
    last: datetime
    entries: list[Entry]
    told: Later


def group_of(day: date) -> str:
    """Where a day lies in an archive."""
    return f"{FOLDER}/day={day.isoformat()}"


def day_of(group: str) -> date:
    """The day of a group; ArchiveError when the folder is none of ours."""
    try:
        return date.fromisoformat(group.rsplit("day=", 1)[-1])
    except ValueError as error:
        raise ArchiveError(f"{group}: no folder of a day; move it out of the archive") from error


def archive_day(events: Events, archive: Archive, day: date, clock: Callable[[], datetime] = now) -> Archived:
    """Archive what of an ingest day is not archived yet; nothing happens where nothing is.

    LakeUnavailableError, DamagedError, UnsafeStoreError, ObjectStoreError; OvertakenError when others are always
    faster. It is safe to run again after any of them, or a crash.
    """
    if not events.exists:
        return Archived(None, 0, 0, 0)
    archive.prove()
    for _ in range(ATTEMPTS - 1):
        try:
            return _archived(events, archive, day, clock)
        except OvertakenError:
            continue
    return _archived(events, archive, day, clock)


def _archived(events: Events, archive: Archive, day: date, clock: Callable[[], datetime]) -> Archived:
    newest = archive.newest(group_of(day))
    events.refresh()
    version = events.version()
    pieces: list[_Piece] = []
    for rows in events.during(day, None if newest is None else newest.reached):
        number = len(pieces) + (len(newest.parts) if newest else 0)
        added = [_put(archive, day, one, number, clock()) for one in _grouped(rows)]
        instants = rows["ingested_at"]
        after = pieces[-1].last if pieces else events.preceding(instants[0])
        pieces.append(_Piece(after, instants[0], instants[-1], added, told(rows.lazy())))
    if not pieces:
        return Archived(newest, 0, 0, 0)
    added = [entry for piece in pieces for entry in piece.entries]
    topics = {*TOPICS, *(entry.span.topic for entry in added if entry.span is not None)}
    stood = _stood(events, pieces[-1].last, topics)
    if events.version() != version:
        raise OvertakenError(f"{events.contract.name}: the lake failed meanwhile and was opened anew; run it again")
    manifest = Manifest(
        group=group_of(day),
        version=1 if newest is None else newest.version + 1,
        written_at=clock(),
        entries=(*(newest.entries if newest else ()), *added),
        sources={events.contract.name: version},
        previous=None if newest is None else digest(sealed(newest)),
        parts=(*(newest.parts if newest else ()), *_parts(pieces, stood)),
    )
    archive.publish(manifest)
    return Archived(manifest, len(added), sum(one.rows for one in added), sum(one.bytes for one in added))


def _grouped(rows: pl.DataFrame) -> list[pl.DataFrame]:
    """Rows of one partition, epoch and kind each, in order of their offsets."""
    ordered = rows.sort(*GROUPED, "ingested_at", "offset")
    return ordered.partition_by(*GROUPED, maintain_order=True)


def _put(archive: Archive, day: date, rows: pl.DataFrame, part: int, moment: datetime) -> Entry:
    content = io.BytesIO()
    rows.write_parquet(content, compression="zstd", compression_level=COMPRESSION)
    data = content.getvalue()
    head = rows.row(0, named=True)
    span = Span(
        **{name: head[name] for name in GROUPED},
        start=int(rows["offset"].min()),  # type: ignore[arg-type]
        end=int(rows["offset"].max()) + 1,  # type: ignore[arg-type]
        part=part,
    )
    name = named(span, digest(data))
    archive.put(group_of(day), name, data)
    return Entry(
        name=name, sha256=digest(data), bytes=len(data), rows=rows.height, written_at=moment.astimezone(UTC), span=span
    )


def named(span: Span, checksum: str) -> str:
    """Name of an object: topic, partition, offsets (the end is not included), and the beginning of its checksum."""
    kind = f"-epoch{span.epoch}" * (span.epoch > 0) + "-replayed" * span.replayed
    return f"{span.topic}-{span.partition}-{span.start:020}-{span.end:020}{kind}-{checksum[:12]}.parquet"


def _stood(events: Events, reached: datetime, topics: set[str]) -> dict[str, int]:
    """Transactions of raw/events after the micro-batch `reached`, whatever has come since."""
    known = events.patiently(lambda: _transactions(events, topics))
    later = events.scan(events.files(pl.col("max.ingested_at") > reached), list(COLUMNS))
    return before(known, told(later.filter(pl.col("ingested_at") > reached)))


def _transactions(events: Events, topics: set[str]) -> dict[str, int]:
    names = [topic_app(topic) for topic in sorted(topics)] + [REPLAYS]
    for place in sorted(events.places(topics)):
        names += [offset_app(place), epoch_app(place)]
    found = {name: events.transaction(name) for name in names}
    return {name: version for name, version in found.items() if version is not None}


def _parts(pieces: list[_Piece], stood: dict[str, int]) -> list[Part]:
    """Parts with the transactions after each, from those after the last one back."""
    found: list[Part] = []
    for piece in reversed(pieces):
        moved = stood | {MICRO_BATCH: (piece.last - BEGINNING) // MICROSECOND}
        rows = sum(entry.rows for entry in piece.entries)
        found.append(Part(after=piece.after, first=piece.first, last=piece.last, rows=rows, transactions=moved))
        stood = before(stood, piece.told)
    return found[::-1]
