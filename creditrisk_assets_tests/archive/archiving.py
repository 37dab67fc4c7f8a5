"""A process that archives a day and dies at a point: `python archiving.py FOLDER DAY POINT TIMES`."""

import os
import signal
import sys
from datetime import date
from pathlib import Path

from creditrisk_assets.archive.events import archive_day
from creditrisk_assets.archive.storage import Archive
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.objects import Objects
from creditrisk_assets.streaming.events import Events


def archive(folder: str, day: str, die_at: str, times: int) -> None:
    """Dies when it comes to the point for that many times."""
    left = times

    def at(point: str) -> None:
        nonlocal left
        left -= point == die_at
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    root = Path(folder)
    archive_day(Events(Lake(str(root / "lake"))), Archive(Objects(str(root / "archive")), at), date.fromisoformat(day))


if __name__ == "__main__":
    archive(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
