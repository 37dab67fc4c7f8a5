"""Small tables of the lake for those who look: whole frames kept by Delta version, rows of large ones looked up."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl
from deltalake import DeltaTable

from creditrisk_assets.columns import Table
from creditrisk_assets.resources.delta import Lake, LakeError

AGE = 1.0
"""Seconds for which the newest version of a table is taken to be the newest."""


class EmptyTableError(LakeError):
    """A table has been written and holds no row; the message says what would fill it."""


@dataclass
class _Known:
    """A table as last looked at; `identity` tells it from one made anew under its name."""

    handle: DeltaTable
    looked_at: float
    frames: dict[tuple[str, int], pl.DataFrame] = field(default_factory=dict)

    @property
    def identity(self) -> tuple[str, int]:
        return str(self.handle.metadata().id), self.handle.version()


class ServedTables:
    """The tables of one lake, shared by all readers of a process; safe among threads."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._known: dict[str, _Known] = {}
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

    def as_of(self, table: Table) -> datetime:
        """When the newest version was committed, UTC; LakeError as `version`."""
        known = self._looked_at(table)
        stamp = known.handle.history(1)[0]["timestamp"]
        return datetime.fromtimestamp(stamp / 1000, UTC)

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

    def rows(self, table: Table, where: pl.Expr, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows of the newest version for which `where` holds, read from the lake each time.

        LakeError when the table was never written.
        """
        return self._lake.scan(table).filter(where).select(columns or pl.all()).collect()

    def _looked_at(self, table: Table) -> _Known:
        with self._lock:
            known, now = self._known.get(table.name), time.monotonic()
            if known is None or now > known.looked_at + AGE:
                # Opened anew: a handle that is only brought up to date never notices a table made anew.
                fresh = _Known(self._lake.open(table), now)
                if known is not None and known.identity == fresh.identity:
                    fresh.frames = known.frames
                known = self._known[table.name] = fresh
            return known
