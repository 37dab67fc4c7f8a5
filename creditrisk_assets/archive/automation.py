"""When the archive is fed: once a day, after the stream's day has ended, with whatever is not archived yet."""

from datetime import UTC

import dagster as dg

from creditrisk_assets.contracts import ARCHIVE_EVENTS, ARCHIVE_REPORTS
from creditrisk_assets.partitions import KEY_FORMAT, ingest_days
from creditrisk_assets.resources.archive import UNSET, ArchiveStore
from creditrisk_assets.resources.lake import DeltaLakeIOManager

archive_events = dg.define_asset_job(
    "archive_events",
    selection=dg.AssetSelection.assets(list(ARCHIVE_EVENTS.key)),
    description="Archive the raw events of some days.",
)
archive_reports = dg.define_asset_job(
    "archive_reports",
    selection=dg.AssetSelection.assets(list(ARCHIVE_REPORTS.key)),
    description="Archive drift tables, monitoring and model cards that say something new.",
)


@dg.schedule(
    job=archive_events,
    cron_schedule="15 1 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def archived_days(
    context: dg.ScheduleEvaluationContext, lake: dg.ResourceParam[DeltaLakeIOManager], archive: ArchiveStore
) -> dg.SkipReason | list[dg.RunRequest]:
    """Archive yesterday, and every day before it that has rows which are not archived."""
    if archive.root is None:
        return dg.SkipReason(UNSET)
    from creditrisk_assets.archive.due import due
    from creditrisk_assets.streaming.events import Events

    moment = context.scheduled_execution_time.astimezone(UTC)
    known = set(ingest_days.get_partition_keys(current_time=moment))
    days = [day.strftime(KEY_FORMAT) for day in due(Events(lake.lake), archive.archive, moment.date())]
    requests = [dg.RunRequest(run_key=f"{moment:%Y-%m-%d} {day}", partition_key=day) for day in days if day in known]
    return requests or dg.SkipReason("every day of the stream is archived")


@dg.schedule(
    job=archive_reports,
    cron_schedule="45 1 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def archived_reports(archive: ArchiveStore) -> dg.SkipReason | dg.RunRequest:
    """Look once a day for reports that say something new."""
    return dg.RunRequest() if archive.root is not None else dg.SkipReason(UNSET)


SCHEDULES = (archived_days, archived_reports)
