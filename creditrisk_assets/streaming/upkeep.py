"""Keeping a stream table quick: few files, no leftovers, a short log. Beside a writer, at any time.

Small files are merged here and not by Delta's own OPTIMIZE: two of those at once are both accepted
(deltalake 1.6.6), and every row is there twice. A merge sets a transaction of its own, so that of two one is
refused.
"""

import io
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import unquote

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from creditrisk_assets.resources.delta import LakeError
from creditrisk_assets.resources.objects import Objects
from creditrisk_assets.streaming.store import STATISTICS, Store

UPKEEP = "upkeep"
TARGET = 64 * 2**20  # bytes of a merged file; files of half that size are left alone
FEWEST = 8  # small files of a day that are worth a merge
ROW_GROUP = 100_000
SHORTEST = timedelta(hours=1)
KEPT = timedelta(hours=6)


@dataclass(frozen=True)
class Upkept:
    """What was done: files merged into fewer ones, files removed from storage."""

    merged: int
    into: int
    removed: int


def upkeep(store: Store, kept: timedelta = KEPT, fewest: int = FEWEST) -> Upkept:
    """Merge small files, remove what no version within `kept` needs, and shorten the log.

    Rows, and the transactions that say how far the stream is committed, are the same before and after.
    Writers are not disturbed: appends do not conflict with a merge, and a file that was written and is not
    committed yet is younger than `kept`, of an hour at least; LakeError for less. Of two merges at once one
    gives up, which is no error. LakeUnavailableError when storage keeps failing.
    """
    if kept < SHORTEST:
        raise LakeError(
            f"{store.contract.name}: keep files for an hour at least, not {kept}: "
            "a writer may have written what it has not committed yet"
        )
    store.create()
    store.patiently(lambda: _settled(store))
    merged = into = 0
    while part := store.patiently(lambda: _merge(store, fewest)):
        merged, into = merged + part, into + 1
    removed = len(store.patiently(lambda: _vacuumed(store, kept)))
    store.forget()
    return Upkept(merged, into, removed)


def _table(store: Store) -> DeltaTable:
    """A handle of its own: the one of a writer stays where its checks were made."""
    return store.lake.open(store.contract)


def _settled(store: Store) -> None:
    """Tables that an earlier version made learn what new ones are made with."""
    table = _table(store)
    known = table.metadata().configuration
    if changed := {name: value for name, value in store.properties.items() if known.get(name) != value}:
        table.alter.set_table_properties(changed)


def _merge(store: Store, fewest: int) -> int:
    """Merge the next small files of a day into one; how many, 0 when none are left or another is at it."""
    table = _table(store)
    before = table.transaction_version(UPKEEP) or 0
    chosen = next(_groups(pl.DataFrame(table.get_add_actions(flatten=True)), store.contract.partition, fewest), None)
    if chosen is None:
        return 0
    add = _written(store, chosen)
    now = int(time.time() * 1000)
    values = dict(add.partition_values)
    removes = [
        RemoveAction(path, data_change=False, deletion_timestamp=now, size=size, partition_values=values)
        for path, size in chosen.select("path", "size_bytes").iter_rows()
    ]
    properties = CommitProperties(
        custom_metadata={"merged": str(chosen.height)}, app_transactions=[Transaction(UPKEEP, before + 1)]
    )
    partitions = table.metadata().partition_columns
    try:
        table.create_write_transaction(
            [add, *removes], "append", table.schema(), partitions, commit_properties=properties
        )
    except CommitFailedError:
        return 0
    return chosen.height


def _groups(files: pl.DataFrame, partition: str | None, fewest: int) -> Iterator[pl.DataFrame]:
    """Small files of one day, in the order in which they were written, that make about one of the target size."""
    if files.is_empty():
        return
    small = files.filter(pl.col("size_bytes") < TARGET / 2).sort("modification_time", "path")
    days = [small] if partition is None else small.partition_by(f"partition.{partition}", maintain_order=True)
    for day in days:
        group = day.filter(pl.col("size_bytes").cum_sum() <= TARGET)
        if group.height >= fewest:
            yield group


def _written(store: Store, chosen: pl.DataFrame) -> AddAction:
    """One file with the rows of others, on storage but not in the table yet."""
    partition = store.contract.partition
    day: date | None = None if partition is None else chosen[f"partition.{partition}"][0]
    values = {} if partition is None or day is None else {partition: day.isoformat()}
    path = "".join(f"{name}={value}/" for name, value in values.items()) + f"part-merged-{uuid.uuid4()}.parquet"
    uri = store.lake.uri(store.contract)
    rows = store.scan([f"{uri}/{unquote(one)}" for one in chosen["path"]])
    content = io.BytesIO()
    rows.drop(*values).sink_parquet(content, compression="zstd", compression_level=1, row_group_size=ROW_GROUP)
    Objects(uri, store.lake.storage_options).put(path, content.getvalue())
    now = int(time.time() * 1000)
    return AddAction(path, content.getbuffer().nbytes, values, now, False, _statistics(rows))


def _statistics(rows: pl.LazyFrame) -> str:
    """What Delta keeps of a file so that readers can skip it; texts that may be long have no bounds."""
    schema = rows.collect_schema()
    kept = [name for name in STATISTICS if name in schema]
    bounded = [name for name in kept if name != "error"]
    found = rows.select(
        pl.len().alias("rows"),
        *(pl.col(name).min().alias(f"min {name}") for name in bounded),
        *(pl.col(name).max().alias(f"max {name}") for name in bounded),
        *(pl.col(name).null_count().alias(f"null {name}") for name in kept),
    )
    row = found.collect(engine="streaming").row(0, named=True)
    told: Mapping[str, object] = {
        "numRecords": row["rows"],
        "minValues": {name: _told(row[f"min {name}"]) for name in bounded},
        "maxValues": {name: _told(row[f"max {name}"]) for name in bounded},
        "nullCount": {name: row[f"null {name}"] for name in kept},
    }
    return json.dumps(told)


def _told(value: object) -> object:
    """Times as Delta writes them, which is in milliseconds."""
    return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z" if isinstance(value, datetime) else value


def _vacuumed(store: Store, kept: timedelta) -> list[str]:
    table = _table(store)
    hours = max(1, round(kept / timedelta(hours=1)))
    # Full: a crash leaves files that no version knows.
    removed = table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
    table.create_checkpoint()
    table.cleanup_metadata()
    return removed
