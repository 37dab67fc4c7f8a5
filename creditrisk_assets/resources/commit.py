"""How a frame becomes one Delta commit: what it may replace, what is refused, what is retried. No Dagster here."""

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl
from deltalake import CommitProperties, DeltaTable, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from polars import selectors as cs

from creditrisk_assets.columns import Table
from creditrisk_assets.resources.errors import LakeError

__all__ = ["LakeError"]

ATTEMPTS = 20
LONGEST_PAUSE = 1.0  # seconds
REBASES = 50
SHOWN = 12  # names listed in an error before "and n more"

# Opening a table reads the log since its last checkpoint; measured 14 to 49 ms a commit with 10, 18 to 622 without.
CONFIGURATION = {"delta.checkpointInterval": "10"}


@dataclass(frozen=True)
class Written:
    """What one overwrite left behind: rows it wrote, then rows and bytes of the whole table at `version`."""

    version: int
    rows: int
    partition_rows: Mapping[str, int]
    table_rows: int
    table_bytes: int


def listed(names: Iterable[object]) -> str:
    """Names for an error message, cut after the first dozen."""
    texts = ["NULL" if name is None else str(name) for name in names]
    rest = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + rest


def partition_column(table: Table) -> str | None:
    """Name of the Date column the table is partitioned by, None for a table kept in one piece.

    LakeError when it is declared with any other type: a predicate of dates would not select its rows.
    """
    if table.partition is None:
        return None
    dtype = table.schema.get(table.partition)
    if dtype != pl.Date:
        raise LakeError(
            f"{table.name} is partitioned by {table.partition}, declared {dtype}; "
            "partition columns are Date: declare a Date column in its contract"
        )
    return table.partition


def _replaced(table: Table, partitions: Sequence[date] | None) -> tuple[str, Sequence[date]] | None:
    """Column and dates an overwrite replaces, None for all of an unpartitioned table."""
    column = partition_column(table)
    if column is None and partitions is None:
        return None
    if column is None:
        raise LakeError(
            f"{table.name} declares no partition column, so writing {listed(partitions or ())} would replace all of "
            "it: declare a Date partition column in its contract or drop the partitions of the asset"
        )
    if not partitions:
        raise LakeError(f"{table.name} is partitioned by {column}, but the write names no {column}: name them")
    wrong = [value for value in partitions if type(value) is not date]
    if wrong:
        raise LakeError(f"{table.name} is partitioned by days, not by {listed(wrong)}: pass datetime.date values")
    return column, sorted(set(partitions))


def predicate(table: Table, partitions: Sequence[date] | None) -> str | None:
    """SQL for the rows an overwrite replaces; None (everything) only for a table without a partition column.

    Rows without a partition value describe the files rather than a vintage, hence every write replaces them.
    """
    replaced = _replaced(table, partitions)
    if replaced is None:
        return None
    column, dates = replaced
    days = ", ".join(f"DATE '{value.isoformat()}'" for value in dates)
    empty = f' OR "{column}" IS NULL' if table.column(column).nullable else ""
    return f'"{column}" IN ({days}){empty}'


def prepared(table: Table, frame: pl.LazyFrame | pl.DataFrame) -> pl.DataFrame:
    """The rows to store: the declared columns, no others, categories as text, sorted by the primary key."""
    lazy = frame.lazy()
    given = lazy.collect_schema()
    missing = [name for name in table.schema if name not in given]
    if missing:
        raise LakeError(f"{table.name}: the frame lacks the declared {listed(missing)}; it has {listed(given)}")
    strange = [name for name in given if name not in table.schema]
    if strange:
        raise LakeError(f"{table.name} declares no column {listed(strange)}: declare it in contracts, or leave it out")
    lazy = table.conform(lazy).with_columns(cs.by_dtype(pl.Categorical, pl.Enum).cast(pl.String))
    if table.primary:
        lazy = lazy.sort(table.primary)
    return lazy.collect(engine="streaming")


def refuse_strangers(table: Table, frame: pl.DataFrame, partitions: Sequence[date] | None) -> None:
    """LakeError naming the partitions of the rows that the write would not replace."""
    replaced = _replaced(table, partitions)
    if replaced is None:
        return
    column, dates = replaced
    inside = pl.col(column).is_in(list(dates)).fill_null(table.column(column).nullable)
    strangers = frame.filter(~inside).get_column(column)
    if len(strangers):
        raise LakeError(
            f"{table.name}: the write covers {column} {listed(dates)}, but {len(strangers)} rows belong to "
            f"{listed(strangers.unique().sort())}: filter the frame to the run's partitions or run those partitions"
        )


def refuse_changes(table: Table, frame: pl.DataFrame, stored: DeltaTable) -> None:
    """LakeError when the stored table has other partition columns or types; Delta would cast without a word."""
    remedy = f"delete {stored.table_uri} and materialize all of {table.name} again, or write to a new key"
    expected = [table.partition] if table.partition else []
    actual = stored.metadata().partition_columns
    if actual != expected:
        raise LakeError(f"{table.name} is stored partitioned by {actual}, declared {expected}: {remedy}")
    types = {field.name: field.type for field in stored.schema().fields}
    changed = [
        f"{field.name} is stored as {types[field.name].to_json()}, declared {frame.schema[field.name]}"
        for field in Schema.from_arrow(frame.schema).fields
        if field.name in types and types[field.name] != field.type
    ]
    if changed:
        raise LakeError(f"{table.name}: column {listed(changed)}: {remedy}")


def opened(uri: str, options: Mapping[str, str], version: int | None = None) -> DeltaTable | None:
    """The Delta table at `uri`, None when there is none."""
    try:
        return DeltaTable(uri, version=version, storage_options=dict(options))
    except TableNotFoundError:
        return None


@dataclass(frozen=True)
class Overwrite:
    """One overwrite: `frame` replaces the rows of the table at `uri` that match `where`, all of them for None."""

    uri: str
    table: Table
    frame: pl.DataFrame
    where: str | None
    metadata: Mapping[str, str]
    options: Mapping[str, str]

    @property
    def properties(self) -> CommitProperties:
        """Metadata of the commit, and how often Delta may put it after commits that do not conflict."""
        # Two whole overwrites of an empty table do not conflict for Delta, which would keep the rows of both.
        rebases = 0 if self.where is None else REBASES
        return CommitProperties(custom_metadata=dict(self.metadata), max_commit_retries=rebases)


def _attempt(work: Overwrite) -> DeltaTable:
    """One commit against the newest version; the table as committed."""
    stored = opened(work.uri, work.options)
    if stored is None:
        return _created(work)
    refuse_changes(work.table, work.frame, stored)
    write_deltalake(
        stored,
        work.frame,
        mode="overwrite",
        predicate=work.where,
        schema_mode="merge",
        commit_properties=work.properties,
    )
    return stored


def _created(work: Overwrite) -> DeltaTable:
    """The table created by its first commit."""
    write_deltalake(
        work.uri,
        work.frame,
        mode="overwrite",
        # A competitor may create the table after it was looked up: without the predicate this would erase its rows.
        predicate=work.where,
        schema_mode="merge",
        partition_by=[work.table.partition] if work.table.partition else None,
        name=work.table.name,
        description=work.table.meaning,
        configuration=CONFIGURATION,
        commit_properties=work.properties,
        storage_options=dict(work.options),
    )
    return DeltaTable(work.uri, storage_options=dict(work.options))


def commit(work: Overwrite) -> DeltaTable:
    """Carry out an overwrite in one commit, again from the newest version whenever another writer won.

    LakeError after twenty lost attempts; the table is then as the winners left it.
    """
    for attempt in range(ATTEMPTS):
        try:
            return _attempt(work)
        except CommitFailedError as error:
            lost = error
        time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.02 * 2**attempt)))  # noqa: S311 - jitter, no secret
    raise LakeError(f"{work.table.name}: {ATTEMPTS} commits lost to other writers, run it again: {lost}") from lost


def summary(table: Table, frame: pl.DataFrame, stored: DeltaTable) -> Written:
    """What a commit wrote and left behind, counted from the log without opening data files."""
    files = pl.DataFrame(stored.get_add_actions(flatten=True))
    counts: dict[str, int] = {}
    if table.partition is not None:
        groups = frame.group_by(table.partition).len().sort(table.partition)
        counts = {"NULL" if value is None else value.isoformat(): count for value, count in groups.rows()}
    return Written(
        version=stored.version(),
        rows=frame.height,
        partition_rows=counts,
        table_rows=int(files["num_records"].sum()),
        table_bytes=int(files["size_bytes"].sum()),
    )
