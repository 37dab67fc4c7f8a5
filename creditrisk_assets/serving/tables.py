"""Small tables of the lake for those who look: whole frames kept by Delta version, rows of large ones looked up."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import polars as pl
from deltalake import DeltaTable

from creditrisk_assets.columns import Table
from creditrisk_assets.resources.delta import Lake, LakeError

AGE = 1.0
"""Seconds for which the newest version of a table is taken to be the newest."""
KEPT = 256
"""Results of `derived` kept; the one unused for longest goes first."""
UPKEEP = frozenset({"OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES", "ADD CONSTRAINT", "FSCK"})
"""Commits that change no row."""
INGESTED = "max.ingested_at"

T = TypeVar("T")


class EmptyTableError(LakeError):
    """A table has been written and holds no row; the message says what would fill it."""


@dataclass
class _Known:
    """A table as last looked at; `identity` tells it from one made anew under its name."""

    handle: DeltaTable
    looked_at: float
    stamp: Hashable
    identity: tuple[str, int] = field(init=False)
    frames: dict[tuple[str, int], pl.DataFrame] = field(default_factory=dict)
    facts: "Facts | None" = None

    def __post_init__(self) -> None:
        self.identity = str(self.handle.metadata().id), self.handle.version()


@dataclass(frozen=True)
class Facts:
    """A table from its log: newest version, rows, and when rows last changed, UTC."""

    version: int
    rows: int
    changed: datetime


class ServedTables:
    """The tables of one lake, shared by all readers of a process; safe among threads."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._known: dict[str, _Known] = {}
        self._derived: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def exists(self, table: Table) -> bool:
        """Has the table ever been written?"""
        try:
            self._looked_at(table)
        except LakeError:
            return False
        return True

    def version(self, table: Table) -> int:
        """Newest version, at most `AGE` seconds old; LakeError when the table was never written."""
        return self._looked_at(table).handle.version()

    def identity(self, table: Table) -> tuple[str, int] | None:
        """What tells the newest version from any other, of a table made anew under its name too; None without it."""
        try:
            return self._looked_at(table).identity
        except LakeError:
            return None

    def as_of(self, table: Table) -> datetime:
        """When rows last changed, UTC; LakeError as `version`."""
        return self.facts(table).changed

    def facts(self, table: Table) -> Facts:
        """Version, rows and last change, read from the log once per version; LakeError as `version`."""
        known = self._looked_at(table)
        if known.facts is None:
            known.facts = _facts(known.handle)
        return known.facts

    def frame(self, table: Table) -> pl.DataFrame:
        """All rows of the newest version, read once per version: for small tables only, and never to be changed.

        LakeError when the table was never written.
        """
        known = self._looked_at(table)
        identity = known.identity
        found = known.frames.get(identity)
        if found is None:
            found = self._lake.scan(table, version=identity[1]).collect()
            known.frames = {identity: found}
        return found

    def filled(self, table: Table) -> pl.DataFrame:
        """`frame`, but EmptyTableError where it has no row."""
        found = self.frame(table)
        if found.is_empty():
            raise EmptyTableError(f"{table.name} holds no row yet: run the batch job, or make demo")
        return found

    def derived(
        self, make: Callable[..., T], tables: Sequence[Table], *arguments: Hashable, or_empty: bool = False
    ) -> T:
        """make(frame of each table, *arguments), made once for these versions and arguments, never to be changed.

        `make` must be a pure function of the module level. LakeError when a table was never written, unless it is
        taken for one without rows (`or_empty`).
        """
        key = (make, tuple(self.identity(table) for table in tables), arguments)
        with self._lock:
            if key in self._derived:
                self._derived.move_to_end(key)
                found: T = self._derived[key]
                return found
        made = make(*(self._or_empty(table) if or_empty else self.frame(table) for table in tables), *arguments)
        with self._lock:
            self._derived[key] = made
            while len(self._derived) > KEPT:
                self._derived.popitem(last=False)
        return made

    def _or_empty(self, table: Table) -> pl.DataFrame:
        return self.frame(table) if self.exists(table) else pl.DataFrame(schema=table.schema)

    def rows(self, table: Table, where: pl.Expr, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows of the newest version for which `where` holds, read from the lake each time.

        LakeError when the table was never written.
        """
        return self._lake.scan(table).filter(where).select(columns or pl.all()).collect()

    def _looked_at(self, table: Table) -> _Known:
        with self._lock:
            known, now = self._known.get(table.name), time.monotonic()
            if known is not None and now <= known.looked_at + AGE:
                return known
            if known is not None:
                known.looked_at = now  # who comes while this one looks need not wait for it
        stamp = self._lake.stamp(table)
        if known is not None and stamp is not None and stamp == known.stamp:
            return known
        try:
            # Opened anew: a handle that is only brought up to date never notices a table made anew.
            fresh = _Known(self._lake.open(table), now, stamp)
        except LakeError:
            with self._lock:
                self._known.pop(table.name, None)
            raise
        if known is not None and known.identity == fresh.identity:
            fresh.frames, fresh.facts = known.frames, known.facts
        with self._lock:
            self._known[table.name] = fresh
        return fresh


def _facts(handle: DeltaTable) -> Facts:
    files = pl.DataFrame(handle.get_add_actions(flatten=True))
    rows = int(files["num_records"].sum()) if files.height else 0
    return Facts(handle.version(), rows, _changed(handle, files))


def _changed(handle: DeltaTable, files: pl.DataFrame) -> datetime:
    """When rows came last: a table of the stream says so of each, for its log is short and full of merged files."""
    if files.height and INGESTED in files.columns and (newest := files[INGESTED].max()) is not None:
        assert isinstance(newest, datetime)
        return newest
    commits = handle.history(20)
    stamp = next((one for one in commits if one.get("operation") not in UPKEEP), commits[-1])["timestamp"]
    return datetime.fromtimestamp(stamp / 1000, UTC)
