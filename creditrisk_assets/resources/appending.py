"""Tables to which rows are only ever added, each by a decision on all rows there are. No Dagster here."""

import random
import time
from collections.abc import Callable, Mapping

import polars as pl
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from creditrisk_assets.columns import Table
from creditrisk_assets.resources.commit import ATTEMPTS, CONFIGURATION, LONGEST_PAUSE, LakeError, opened, prepared
from creditrisk_assets.resources.delta import Lake

ROWS = "rows"
"""Application transaction that counts them: two who decided on the same rows cannot both add to them."""


def append(
    lake: Lake, table: Table, decide: Callable[[pl.DataFrame], pl.DataFrame | None], metadata: Mapping[str, str]
) -> pl.DataFrame | None:
    """Add the rows that `decide` gives for all rows of the table so far; what was added, None for nothing.

    `decide` is asked again whenever another writer came between. Delta itself refuses to change or remove
    what was added. LakeError when others are always faster, or as `Lake.prove`.
    """
    lake.prove()
    for attempt in range(ATTEMPTS):
        stored = opened(lake.uri(table), lake.storage_options) or _created(lake, table)
        before = lake.scan(table, version=stored.version()).collect()
        added = decide(before)
        if added is None:
            return None
        rows = prepared(table, added)
        try:
            _write(stored, rows, before.height + rows.height, metadata)
        except CommitFailedError as error:
            lost = error
            time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.02 * 2**attempt)))  # noqa: S311 - jitter, no secret
        else:
            return rows
    raise LakeError(f"{table.name}: {ATTEMPTS} commits lost to other writers, run it again: {lost}") from lost


def _created(lake: Lake, table: Table) -> DeltaTable:
    DeltaTable.create(
        lake.uri(table),
        Schema.from_arrow(pl.DataFrame(schema=table.schema).to_arrow().schema),
        mode="ignore",
        name=table.name,
        description=table.meaning,
        configuration=CONFIGURATION | {"delta.appendOnly": "true"},
        storage_options=dict(lake.storage_options),
    )
    return lake.open(table)


def _write(stored: DeltaTable, rows: pl.DataFrame, count: int, metadata: Mapping[str, str]) -> None:
    """Through the handle whose rows were looked at: Delta then refuses a commit after one it has not seen."""
    properties = CommitProperties(
        custom_metadata=dict(metadata), app_transactions=[Transaction(ROWS, count)], max_commit_retries=0
    )
    write_deltalake(stored, rows, mode="append", schema_mode="merge", commit_properties=properties)
