"""Who wrote which partitions of a table, and when, from the Delta log: as far back as the log is kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from creditrisk_assets.columns import Table
from creditrisk_assets.resources.delta import Lake

_DAY = re.compile(r"'(\d{4}-\d{2}-\d{2})'")


@dataclass(frozen=True)
class Commit:
    """One write; `days`: the partitions it replaced, none of an unpartitioned table. `run_id`: of Dagster, or empty."""

    version: int
    written: datetime
    days: frozenset[date]
    run_id: str


def commits(lake: Lake, table: Table) -> list[Commit]:
    """Writes of a table, newest first; none where it was never written. Compaction writes nothing anew."""
    if not lake.exists(table):
        return []
    return [_commit(entry) for entry in lake.open(table).history() if entry.get("operation") == "WRITE"]


def _commit(entry: Mapping[str, object]) -> Commit:
    about = entry.get("operationParameters")
    predicate = str(about.get("predicate", "")) if isinstance(about, Mapping) else ""
    return Commit(
        int(str(entry["version"])),
        datetime.fromtimestamp(int(str(entry["timestamp"])) / 1_000, UTC),
        frozenset(date.fromisoformat(day) for day in _DAY.findall(predicate)),
        str(entry.get("dagster_run_id", "")),
    )


def newest(known: list[Commit], day: date | None = None) -> Commit | None:
    """The last write of a partition, of anything for None; None where the log tells of none."""
    return next((one for one in known if day is None or day in one.days), None)


def version_at(known: list[Commit], moment: datetime) -> int | None:
    """Newest version at a moment; None where the log does not reach back so far."""
    return next((one.version for one in known if one.written <= moment), None)


class Logs:
    """Commits of the tables of a lake, each log read once."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._known: dict[tuple[str, ...], list[Commit]] = {}

    def of(self, table: Table) -> list[Commit]:
        """`commits` of a table."""
        if table.key not in self._known:
            self._known[table.key] = commits(self._lake, table)
        return self._known[table.key]
