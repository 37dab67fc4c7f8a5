"""Checks of the archive: blocking, for an archive that cannot be restored is none."""

from collections.abc import Iterable
from datetime import date

import dagster as dg

from creditrisk_assets.contracts import ARCHIVE_EVENTS, ARCHIVE_REPORTS
from creditrisk_assets.partitions import ingest_days
from creditrisk_assets.resources.archive import ArchiveStore
from creditrisk_assets.resources.lake import DeltaLakeIOManager, check_days

SHOWN = 20


def _result(faults: Iterable[str]) -> dg.AssetCheckResult:
    found = list(faults)
    told = "\n".join(found[:SHOWN]) or "none"
    return dg.AssetCheckResult(passed=not found, metadata={"faults": len(found), "found": told})


@dg.asset_check(
    asset=dg.AssetKey(list(ARCHIVE_EVENTS.key)),
    blocking=True,
    partitions_def=ingest_days,
    description="Every object that the manifest of the day lists has its checksum, and every row of the lake is there.",
)
def day_can_be_restored(
    context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[DeltaLakeIOManager], archive: ArchiveStore
) -> dg.AssetCheckResult:
    """Read back what the days of the run have in the archive."""
    from creditrisk_assets.archive.checking import faults_of_day

    days: list[date] = check_days(context) or [
        date.fromisoformat(day) for day in lake.lake.scan(ARCHIVE_EVENTS).collect()["ingest_day"].unique().cast(str)
    ]
    store = archive.archive
    return _result(fault for day in days for fault in faults_of_day(store, lake.lake, day))


@dg.asset_check(
    asset=dg.AssetKey(list(ARCHIVE_REPORTS.key)),
    blocking=True,
    description="Every object that the manifest of the reports lists has its checksum.",
)
def reports_can_be_read(archive: ArchiveStore) -> dg.AssetCheckResult:
    """Read back all reports; they are small."""
    from creditrisk_assets.archive.checking import faults_of
    from creditrisk_assets.archive.reports import GROUP

    return _result(faults_of(archive.archive, [GROUP]))


CHECKS = [day_can_be_restored, reports_can_be_read]
