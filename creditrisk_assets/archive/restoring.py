"""raw/events out of an archive: equal rows, and the stream goes on from where it stood when the last was committed.

Each part of a day becomes one commit with the transactions that raw/events had after it. So a restore that dies is
run again, and at no moment does the lake hold a row whose offset the stream would take once more.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
from polars.exceptions import ComputeError

from creditrisk_assets.archive.errors import ArchiveError, DamagedError, NotEmptyError
from creditrisk_assets.archive.events import FOLDER, day_of
from creditrisk_assets.archive.manifest import Entry, Manifest, Part
from creditrisk_assets.archive.storage import Archive
from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.offsets import Place
from creditrisk_assets.streaming.store import Append
from creditrisk_assets.streaming.table import MICRO_BATCH, PLACE

ORDER = ("ingested_at", *PLACE, "replayed")


@dataclass(frozen=True)
class Restored:
    """One day: rows that were restored, and rows that the lake held already, all equal."""

    day: date
    rows: int
    held: int


@dataclass(frozen=True)
class _Commit:
    append: Append


def days(archive: Archive, first: date | None = None, last: date | None = None) -> list[str]:
    """Groups of the archived days from `first` to `last`, in order."""
    found = {day_of(group): group for group in archive.groups(FOLDER)}
    return [found[day] for day in sorted(found) if (first or day) <= day <= (last or day)]


def restore(archive: Archive, lake: Lake, first: date | None = None, last: date | None = None) -> Iterator[Restored]:
    """Restore raw/events of the days from `first` to `last` into a lake; each day as it is done.

    Where rows of a day are there already they must be equal: NotEmptyError otherwise, and nothing is changed.
    DamagedError names an object that is not what was archived; ArchiveError when there is nothing to restore, or a
    day in between is not archived: only before `first`, which the caller names, may something be missing.
    Features and scores follow when the stream runs next.
    """
    wanted = days(archive, first, last)
    if not wanted:
        raise ArchiveError(f"{archive} holds no day from {first or 'the first'} to {last or 'the last'}")
    events = Events(lake)
    events.create()
    begun = first is None
    for group in wanted:
        manifest = archive.newest(group)
        if manifest is not None:
            yield _day(archive, events, manifest, begun)
            begun = True


def _day(archive: Archive, events: Events, manifest: Manifest, begun: bool) -> Restored:
    """`begun`: what came before the day must be there."""
    restored = held = 0
    for number, part in enumerate(manifest.parts):
        rows = _rows(archive, manifest, number)
        if rows.height != part.rows:
            raise DamagedError(f"{archive}/{manifest.group}: part {number} has {rows.height} rows, not {part.rows}")
        if _holds(events, part, rows):
            held += rows.height
        else:
            _commit(events, part, rows, follows=begun or number > 0)
            restored += rows.height
    return Restored(day_of(manifest.group), restored, held)


def _rows(archive: Archive, manifest: Manifest, number: int) -> pl.DataFrame:
    """Rows of one part, with the columns of the contract, as they were committed."""
    chosen = [entry for entry in manifest.entries if entry.span is not None and entry.span.part == number]
    frames = [_read(archive, manifest, entry) for entry in chosen]
    return pl.concat([pl.DataFrame(schema=RAW_EVENTS.schema), *frames]).sort(*ORDER)


def _read(archive: Archive, manifest: Manifest, entry: Entry) -> pl.DataFrame:
    data = archive.read(manifest.group, entry)
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except ComputeError as error:
        raise DamagedError(f"{archive}/{manifest.group}/{entry.name}: no parquet file: {error}") from error
    added = [pl.lit(None, dtype).alias(name) for name, dtype in RAW_EVENTS.schema.items() if name not in frame.schema]
    return RAW_EVENTS.conform(frame.with_columns(added).lazy()).collect()


def _holds(events: Events, part: Part, rows: pl.DataFrame) -> bool:
    """Are the rows there already? NotEmptyError when the lake holds others in their place, or came further."""
    events.refresh()
    reached = events.patiently(events.reached)
    if reached is None or reached < part.first:
        return False
    stored = events.scan(events.files(pl.col("max.ingested_at") >= part.first))
    found = stored.filter(pl.col("ingested_at").is_between(part.first, part.last)).sort(*ORDER).collect()
    if found.equals(rows):
        return True
    raise NotEmptyError(
        f"{events.contract.name} of {events.lake.base} has come to micro-batch {reached:%Y-%m-%d %H:%M:%S.%f} and "
        f"holds {found.height} rows where {rows.height} were archived ({part.first:%Y-%m-%d %H:%M:%S} to "
        f"{part.last:%Y-%m-%d %H:%M:%S}): restore into an empty lake, and start the stream afterwards"
    )


def _commit(events: Events, part: Part, rows: pl.DataFrame, *, follows: bool) -> None:
    def prepare() -> _Commit:
        reached = events.reached()
        if reached is not None and reached >= part.first:
            raise NotEmptyError(f"{events.contract.name}: another writes to it; stop the stream and restore again")
        _refuse_overlap(events, rows)
        if follows and reached != part.after:
            raise _gap(events, part, reached)
        metadata = {"restored": f"{part.first.isoformat()} to {part.last.isoformat()}", "rows": str(rows.height)}
        return _Commit(Append(rows, part.transactions, metadata))

    assert part.transactions.get(MICRO_BATCH) is not None
    events.commit(prepare)


def _gap(events: Events, part: Part, reached: datetime | None) -> ArchiveError:
    if part.after is None or (reached is not None and reached > part.after):
        return NotEmptyError(
            f"{events.contract.name} of {events.lake.base} holds micro-batch {reached:%Y-%m-%d %H:%M:%S.%f}, which is "
            "not in the archive: restore into an empty lake, and start the stream afterwards"
        )
    start = "from the beginning" if reached is None else f"after {reached:%Y-%m-%d %H:%M:%S.%f}"
    return ArchiveError(
        f"micro-batches {start} up to {part.after:%Y-%m-%d %H:%M:%S.%f} are not archived, and the stream would not "
        f"take them again: archive those days, or leave them out with --from {part.first:%Y-%m-%d}"
    )


def _refuse_overlap(events: Events, rows: pl.DataFrame) -> None:
    """The lake may hold offsets although it holds no micro-batch that is as new."""
    new = rows.filter(~pl.col("replayed")).sort("epoch", "offset")
    starts = new.group_by("topic", "partition").agg(pl.col("epoch", "offset").first())
    for topic, partition, epoch, offset in starts.rows():
        place = Place(topic, partition)
        at = events.positions([place]).get(place)
        if at is not None and (at.epoch, at.next) > (epoch, offset):
            raise NotEmptyError(
                f"{events.contract.name} of {events.lake.base} has taken {place} up to offset {at.next - 1} of epoch "
                f"{at.epoch}; {offset} of epoch {epoch} was to be restored. Restore into an empty lake, and start the "
                "stream afterwards"
            )
