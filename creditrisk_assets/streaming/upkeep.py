"""Keeping a stream table quick: few files, no leftovers, a short log. Beside a writer, at any time."""

from dataclasses import dataclass
from datetime import timedelta

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from creditrisk_assets.resources.delta import LakeError
from creditrisk_assets.streaming.store import COMPRESSION, Store

TARGET = 128 * 2**20  # bytes of a compacted file
SHORTEST = timedelta(hours=1)
KEPT = timedelta(hours=6)


@dataclass(frozen=True)
class Upkept:
    """What was done: files merged into fewer ones, files removed from storage."""

    merged: int
    into: int
    removed: int


def upkeep(store: Store, kept: timedelta = KEPT) -> Upkept:
    """Merge small files, remove what no version within `kept` needs, and shorten the log.

    Rows, and the transactions that say how far the stream is committed, are the same before and after.
    Writers are not disturbed: appends do not conflict with a merge, and a file that was written and is not
    committed yet is younger than `kept`, of an hour at least; LakeError for less. Of two that merge at once
    one gives up, which is no error.
    """
    if kept < SHORTEST:
        raise LakeError(
            f"{store.contract.name}: keep files for an hour at least, not {kept}: "
            "a writer may have written what it has not committed yet"
        )
    store.create()
    merged, into = _merged(store)
    removed = len(store.patiently(lambda: _vacuumed(store, kept)))
    store.forget()
    return Upkept(merged, into, removed)


def _table(store: Store) -> DeltaTable:
    """A handle of its own: the one of a writer stays where its checks were made."""
    return store.lake.open(store.contract)


def _merged(store: Store) -> tuple[int, int]:
    try:
        done = _table(store).optimize.compact(target_size=TARGET, writer_properties=COMPRESSION)
    except CommitFailedError:
        return 0, 0
    return int(done["numFilesRemoved"]), int(done["numFilesAdded"])


def _vacuumed(store: Store, kept: timedelta) -> list[str]:
    table = _table(store)
    hours = max(1, round(kept / timedelta(hours=1)))
    # Full: a crash leaves files that no version knows.
    removed = table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
    table.create_checkpoint()
    table.cleanup_metadata()
    return removed
