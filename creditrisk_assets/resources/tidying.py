"""Files that no version of a table needs any more. No Dagster here."""

from collections.abc import Iterable
from datetime import timedelta

from deltalake.exceptions import DeltaError

from creditrisk_assets.columns import Table
from creditrisk_assets.resources.delta import Lake, LakeError


def tidy(lake: Lake, tables: Iterable[Table], kept: timedelta) -> dict[str, int]:
    """Remove files that no version within `kept` needs, those of writers that died among them; how many by table.

    Rows as they are now stay; versions older than `kept` can be read no more. A writer at work may have written
    what it has not committed yet: keep longer than any takes. LakeError names the table whose storage fails.
    """
    removed = {}
    for table in tables:
        try:
            if lake.exists(table):
                removed[table.name] = _tidied(lake, table, kept)
        except (DeltaError, OSError) as error:
            raise LakeError(f"{table.name} cannot be tidied, mend its storage or its permissions: {error}") from error
    return removed


def _tidied(lake: Lake, table: Table, kept: timedelta) -> int:
    stored = lake.open(table)
    hours = kept // timedelta(hours=1)
    gone = stored.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
    stored.create_checkpoint()
    stored.cleanup_metadata()
    return len(gone)
