"""The lake: one Delta table per contract under one root, local or s3://. No Dagster here."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from creditrisk_assets.columns import Table
from creditrisk_assets.resources import artifacts
from creditrisk_assets.resources.commit import (
    LakeError,
    Overwrite,
    Written,
    commit,
    listed,
    opened,
    partition_column,
    predicate,
    prepared,
    refuse_strangers,
    summary,
)
from creditrisk_assets.resources.conditional_puts import proven

__all__ = ["Lake", "LakeError", "Written"]

SETTLED = 2
"""Seconds after which two changes of a folder differ in their time on every file system."""


@dataclass(frozen=True)
class Lake:
    """Tables and artifacts under `root`, a local path or `s3://bucket/prefix`.

    `storage_options` are those of Delta (`region`, `endpoint`, `allow_http`, …); what they leave out is
    taken from the `AWS_*` environment variables.
    """

    root: str
    storage_options: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)

    @property
    def base(self) -> str:
        """The root without a trailing slash, absolute when local."""
        if "://" in self.root:
            return self.root.rstrip("/")
        path = str(Path(self.root).expanduser().absolute())
        if set(path) & set("%[]"):
            raise LakeError(f"{path}: Delta keeps no table under a folder with %, [ or ] in its name; move the lake")
        return path

    def uri(self, table: Table) -> str:
        """Where the table lives: the root and the parts of its key."""
        return "/".join((self.base, *table.key))

    def prove(self) -> None:
        """Make sure, once a process, that the store cannot lose a commit; whoever writes begins with it.

        UnsafeStoreError names the store, what was found and the remedy; ObjectStoreError when it does not answer.
        """
        proven(self.base, self.storage_options)

    def exists(self, table: Table) -> bool:
        """Has the table ever been written?"""
        return DeltaTable.is_deltatable(self.uri(table), storage_options=dict(self.storage_options))

    def stamp(self, table: Table) -> tuple[int, int, int] | None:
        """Changes with every commit to a local table, and when it is made anew; None where only opening it tells.

        A folder is told by when it last changed, to some milliseconds: one that changed just now may change again
        without a trace.
        """
        if "://" in self.root:
            return None
        try:
            log = Path(self.uri(table), "_delta_log").stat()
        except OSError:
            return None
        settled = time.time_ns() - log.st_mtime_ns > SETTLED * 1_000_000_000
        return (log.st_dev, log.st_ino, log.st_mtime_ns) if settled else None

    def open(self, table: Table, version: int | None = None) -> DeltaTable:
        """The Delta handle at a version, the newest by default; LakeError when there is none."""
        try:
            stored = opened(self.uri(table), self.storage_options, version)
        except DeltaError as error:
            if version is None:
                raise
            raise LakeError(f"{table.name} has no version {version}, the newest is {self.version(table)}") from error
        if stored is None:
            raise LakeError(f"{table.name} does not exist at {self.uri(table)}: materialize {table.name} first")
        return stored

    def version(self, table: Table) -> int:
        """Newest version of the table; LakeError when it was never written."""
        return self.open(table).version()

    def columns(self, table: Table) -> list[str]:
        """Names of the columns as stored, declared or not; LakeError when the table was never written."""
        return [field.name for field in self.open(table).schema().fields]

    def scan(
        self,
        table: Table,
        partitions: Sequence[date] | None = None,
        columns: Sequence[str] | None = None,
        version: int | None = None,
        *,
        of_none: bool = False,
    ) -> pl.LazyFrame:
        """Lazily read one version of the table, fixed now; only the files and columns that are needed.

        `partitions` None reads every row, a list exactly the rows of those days (none for an empty list).
        `of_none` adds the rows that belong to no partition. `columns` None reads the declared columns that this
        version has. LakeError for a table that was
        never written, a column it does not have, or partitions of a table without a partition column.
        """
        stored = self.open(table, version)
        frame = self._frame(stored, table)
        if partitions is not None:
            column = partition_column(table)
            if column is None:
                raise LakeError(f"{table.name} has no partitions to select {listed(partitions)} from")
            chosen = pl.col(column).is_in(list(partitions))
            frame = frame.filter(chosen | pl.col(column).is_null() if of_none else chosen)
        actual = {part.name for part in stored.schema().fields}
        names = [name for name in table.schema if name in actual] if columns is None else list(columns)
        missing = [name for name in names if name not in actual]
        if missing:
            raise LakeError(
                f"{table.name} has no column {listed(missing)} at version {stored.version()}: correct the name, or "
                f"materialize {table.name} again if the contract declares it since"
            )
        return frame.select(names)

    def _frame(self, stored: DeltaTable, table: Table) -> pl.LazyFrame:
        """Polars finds no file of a Delta table whose address needs escapes: a folder name with a blank, say."""
        if "://" in self.root or unquote(stored.table_uri) == stored.table_uri:
            return pl.scan_delta(stored, storage_options=dict(self.storage_options) or None)
        files = [Path(self.uri(table), unquote(path)) for path in pl.DataFrame(stored.get_add_actions())["path"]]
        names = [field.name for field in stored.schema().fields]
        schema = {name: table.schema[name] for name in names if name in table.schema}
        if not files:
            return pl.LazyFrame(schema=schema)
        column = table.partition
        return pl.scan_parquet(
            files, glob=False, hive_partitioning=column is not None, missing_columns="insert",
            extra_columns="ignore", schema=schema, hive_schema={column: pl.Date} if column else None,
        )  # fmt: skip

    def overwrite(
        self,
        table: Table,
        frame: pl.LazyFrame | pl.DataFrame,
        partitions: Sequence[date] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Written:
        """Replace exactly `partitions` (all of an unpartitioned table) by `frame` in one commit.

        A named partition without rows ends up empty. Where the contract lets the partition column be
        empty, the rows without one are replaced too. `metadata` is kept in the commit. LakeError, and
        nothing written, when the frame holds rows of other partitions, lacks a declared column, or
        when a stored type differs from the declared one; otherwise as `prove`.
        """
        self.prove()
        where = predicate(table, partitions)
        rows = prepared(table, frame)
        refuse_strangers(table, rows, partitions)
        work = Overwrite(self.uri(table), table, rows, where, metadata or {}, self.storage_options)
        return summary(table, rows, commit(work))

    def put_bytes(self, name: str, data: bytes) -> str:
        """Store an artifact (a netCDF file, a report) beside the tables; its address."""
        artifacts.put(self.base, name, data, self.storage_options)
        return f"{self.base}/{artifacts.FOLDER}/{name}"

    def get_bytes(self, name: str) -> bytes:
        """An artifact stored by `put_bytes`; FileNotFoundError when there is none."""
        return artifacts.get(self.base, name, self.storage_options)
