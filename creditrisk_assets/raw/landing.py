"""What has landed: new or changed loan files, and the ranges of vintages they touch."""

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from pathlib import Path

from creditrisk_assets.resources.environments import add_months

Seen = dict[str, tuple[int, int]]
"""Modification time (ns) and size of every file already handled, by path."""


def parse_cursor(cursor: str | None) -> Seen:
    """What an earlier evaluation has handled."""
    return {path: (stamp[0], stamp[1]) for path, stamp in json.loads(cursor).items()} if cursor else {}


def to_cursor(seen: Seen) -> str:
    """The cursor that `parse_cursor` reads."""
    return json.dumps(seen, sort_keys=True)


def stamps(files: Iterable[Path]) -> Seen:
    """Modification time and size of each file; one that has vanished since it was listed has none."""
    found: Seen = {}
    for path in files:
        with suppress(FileNotFoundError):
            stat = path.stat()
            found[str(path)] = stat.st_mtime_ns, stat.st_size
    return found


def new_files(now: Seen, seen: Seen, time_ns: int, settle_ns: int = 5_000_000_000) -> list[Path]:
    """Files that are new or changed since `seen` and have not been written to for `settle_ns`.

    A file that is still being copied grows: it is left for the next evaluation.
    """
    return [
        Path(path) for path, stamp in sorted(now.items()) if seen.get(path) != stamp and time_ns - stamp[0] >= settle_ns
    ]


def ranges(vintages: Iterable[date], book: tuple[date, date]) -> list[tuple[date, date]]:
    """Runs of consecutive months, first and last, of the vintages that belong to the book."""
    found: list[tuple[date, date]] = []
    for vintage in sorted({month for month in vintages if book[0] <= month <= book[1]}):
        if found and add_months(found[-1][1], 1) == vintage:
            found[-1] = (found[-1][0], vintage)
        else:
            found.append((vintage, vintage))
    return found
