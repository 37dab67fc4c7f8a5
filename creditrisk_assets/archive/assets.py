"""Assets of the archive: what is in it, as tables of the lake; making them is what archives."""

from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from creditrisk_assets.archive.reports import TABLES
from creditrisk_assets.contracts import ARCHIVE_EVENTS, ARCHIVE_REPORTS, RAW_EVENTS
from creditrisk_assets.partitions import ingest_days
from creditrisk_assets.resources.archive import ArchiveStore
from creditrisk_assets.resources.lake import DeltaLakeIOManager
from creditrisk_assets.shell import at_once, catalogue
from creditrisk_assets.workloads import BOOK

Delta = dg.ResourceParam[DeltaLakeIOManager]
EVERYTHING = dg.AllPartitionMapping()


def _where(store: object) -> dict[str, Any]:
    return {"archive": str(store)}


@dg.asset(
    **catalogue(ARCHIVE_EVENTS, kinds={"parquet", "deltalake"}),
    deps=[list(RAW_EVENTS.key)],
    partitions_def=ingest_days,
    **at_once(BOOK),
)
def events(context: dg.AssetExecutionContext, lake: Delta, archive: ArchiveStore) -> dg.Output[pl.DataFrame]:
    """Archive the raw events of a day, compressed, with their offsets and checksums; what is archived already stays."""
    from creditrisk_assets.archive.events import archive_day
    from creditrisk_assets.archive.index import events_index
    from creditrisk_assets.streaming.events import Events

    store, table, found, objects = archive.archive, Events(lake.lake), [], 0
    for key in context.partition_keys:
        done = archive_day(table, store, date.fromisoformat(key))
        context.log.info(f"{key}: {done.rows} rows in {done.objects} new objects, {done.bytes} bytes")
        objects += done.objects
        found += [done.manifest] if done.manifest is not None else []
    figures = {"archived_rows": sum(one.rows for one in found), "archived_bytes": sum(one.bytes for one in found)}
    return dg.Output(events_index(found), metadata=figures | {"new_objects": objects} | _where(store))


@dg.asset(
    **catalogue(ARCHIVE_REPORTS, kinds={"parquet", "deltalake"}),
    deps=[dg.AssetDep(list(table.key), partition_mapping=EVERYTHING) for table in TABLES],
)
def reports(context: dg.AssetExecutionContext, lake: Delta, archive: ArchiveStore) -> dg.Output[pl.DataFrame]:
    """Archive drift tables, monitoring and model cards wherever they say something new of a vintage or model date."""
    from creditrisk_assets.archive.index import reports_index
    from creditrisk_assets.archive.reports import archive_reports

    store = archive.archive
    done = archive_reports(lake.lake, store)
    context.log.info(f"{done.objects} new objects, {done.bytes} bytes")
    figures = {"new_objects": done.objects, "new_bytes": done.bytes}
    return dg.Output(reports_index(done.manifest), metadata=figures | _where(store))
