"""A process that is killed while it archives leaves an archive that is whole, and the next run completes it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.archive.checking import faults_of
from creditrisk_assets.archive.events import archive_day, group_of
from creditrisk_assets.archive.restoring import restore
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets_tests.archive import archiving
from creditrisk_assets_tests.archive.days import MONDAY, TUESDAY, Kept, a_busy_week, rows, transactions
from creditrisk_assets_tests.conftest import PROJECT

GROUP = group_of(TUESDAY)


def killed(folder: Path, point: str, times: int) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", archiving.__file__, str(folder), TUESDAY.isoformat(), point, str(times)],
        env=os.environ | {"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


@pytest.mark.parametrize(
    ("point", "times", "left"), [("after_upload", 1, 1), ("after_upload", 2, 2), ("before_manifest", 1, 4)]
)
def test_a_kill_between_upload_and_manifest_leaves_a_whole_archive_that_the_next_run_completes(
    kept: Kept, tmp_path: Path, point: str, times: int, left: int
) -> None:
    a_busy_week(kept)
    archive_day(kept.events, kept.archive, MONDAY)
    killed(tmp_path, point, times)
    assert kept.archive.newest(GROUP) is None
    assert list(faults_of(kept.archive, kept.archive.groups("events"))) == []
    orphans = kept.archive.orphans(GROUP, None)
    assert len(orphans) == left
    before = Lake(str(tmp_path / "before"))
    assert [one.day for one in restore(kept.archive, before)] == [MONDAY]

    done = archive_day(kept.events, kept.archive, TUESDAY)
    assert done.manifest is not None
    names = {f"{GROUP}/{entry.name}" for entry in done.manifest.entries}
    assert set(orphans) <= names, "what was there is used, not put again"
    assert kept.archive.orphans(GROUP, done.manifest) == []
    assert len(kept.archive.objects.listed(GROUP)) == len(names) + 1
    assert [one.rows for one in restore(kept.archive, before)] == [0, done.rows]
    wanted = rows(kept.lake)
    assert_frame_equal(rows(before), wanted.filter(wanted["ingest_day"] <= TUESDAY))


def test_a_kill_after_the_manifest_leaves_nothing_to_do(kept: Kept, tmp_path: Path) -> None:
    a_busy_week(kept)
    killed(tmp_path, "after_manifest", 1)
    assert archive_day(kept.events, kept.archive, TUESDAY).objects == 0
    manifest = kept.archive.newest(GROUP)
    assert manifest is not None
    assert kept.archive.orphans(GROUP, manifest) == []


def test_what_was_left_of_a_run_that_saw_fewer_rows_is_recognised_and_never_restored(
    kept: Kept, tmp_path: Path
) -> None:
    kept.take(TUESDAY, "a", "b")
    killed(tmp_path, "before_manifest", 1)
    kept.take(TUESDAY, "c", hour=11)
    manifest = archive_day(kept.events, kept.archive, TUESDAY).manifest
    assert manifest is not None
    assert len(kept.archive.orphans(GROUP, manifest)) == 1
    after = Lake(str(tmp_path / "after"))
    list(restore(kept.archive, after))
    assert_frame_equal(rows(after), rows(kept.lake))
    assert transactions(after) == transactions(kept.lake)
