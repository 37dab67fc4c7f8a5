"""Which days still have something to archive."""

from datetime import date, datetime, timedelta

from creditrisk_assets.archive.events import group_of
from creditrisk_assets.archive.storage import Archive
from creditrisk_assets.streaming.events import Events

LOOKED_BACK = 31
"""Days that are looked at; older ones are archived by hand."""


def due(events: Events, archive: Archive, today: date) -> list[date]:
    """Days before `today`, of the last LOOKED_BACK, whose newest micro-batch is not archived; from the log alone."""
    if not events.exists:
        return []
    events.refresh()
    newest = events.newest_by_day()
    first = today - timedelta(days=LOOKED_BACK)
    return [day for day, reached in newest if first <= day < today and _behind(archive, day, reached)]


def _behind(archive: Archive, day: date, reached: datetime | None) -> bool:
    manifest = archive.newest(group_of(day))
    if manifest is None or manifest.reached is None or reached is None:
        return True
    return reached > manifest.reached
