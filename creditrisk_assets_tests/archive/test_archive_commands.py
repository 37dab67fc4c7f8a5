"""`creditrisk archive`: list, verify and restore, as an operator meets them."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from polars.testing import assert_frame_equal

from creditrisk_assets.archive.events import archive_day
from creditrisk_assets.archive.reports import archive_reports
from creditrisk_assets.cli import main
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets_tests.archive.days import MONDAY, TUESDAY, WEDNESDAY, Kept, a_busy_week, rows, transactions
from creditrisk_assets_tests.archive.reported import JANUARY, with_drift


@pytest.fixture
def filled(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """A week and a report, archived."""
    a_busy_week(kept)
    with_drift(kept.lake, JANUARY)
    for day in (MONDAY, TUESDAY, WEDNESDAY):
        archive_day(kept.events, kept.archive, day, kept.clock)
    archive_reports(kept.lake, kept.archive, kept.clock)
    monkeypatch.setenv("CREDITRISK_ARCHIVE", kept.archive.objects.root)
    return kept


def said(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["archive", *arguments])


def test_list_shows_days_and_reports(filled: Kept) -> None:
    done = said("list", "--from", "2026-02-03")
    assert done.exit_code == 0, done.output
    tuesday, wednesday, reports = done.output.splitlines()
    assert tuesday.startswith("events/day=2026-02-03: 9 rows in 4 objects of ")
    assert ", up to 12:00:00; manifest 1 of 2026-02-0" in tuesday
    assert wednesday.startswith("events/day=2026-02-04: 5 rows")
    assert reports.startswith("reports: 1 rows in 1 objects")


def test_verify_reads_everything_back(filled: Kept) -> None:
    done = said("verify")
    assert (done.exit_code, done.output) == (0, "4 groups, everything as it was archived\n")


def test_verify_names_what_is_damaged_and_fails(filled: Kept) -> None:
    manifest = filled.archive.newest("events/day=2026-02-03")
    assert manifest is not None
    names = [entry.name for entry in manifest.entries[:2]]
    folder = Path(filled.archive.objects.base, manifest.group)
    (folder / names[0]).write_bytes(b"rotten")
    (folder / names[1]).unlink()
    done = said("verify")
    assert done.exit_code == 1
    assert f"{names[0]}: damaged. It has 6 bytes" in done.output
    assert f"{names[1]}: missing" in done.output
    assert "2 objects are damaged or missing" in done.output
    assert said("verify", "--to", "2026-02-02").exit_code == 0


def test_verify_names_what_a_crash_left_and_does_not_fail_for_it(filled: Kept) -> None:
    filled.archive.objects.put("events/day=2026-02-03/left.parquet", b"half")
    done = said("verify")
    assert done.exit_code == 0
    assert "events/day=2026-02-03/left.parquet: listed by no manifest; a run died before it" in done.output


def test_restore_brings_a_lake_back(filled: Kept, tmp_path: Path) -> None:
    root = str(tmp_path / "restored")
    done = said("restore", "--into", root)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "2026-02-02: 5 rows restored", "2026-02-03: 9 rows restored", "2026-02-04: 5 rows restored",
    ]  # fmt: skip
    assert_frame_equal(rows(Lake(root)), rows(filled.lake))
    assert transactions(Lake(root)) == transactions(filled.lake)
    again = said("restore", "--into", root, "--to", "2026-02-02")
    assert again.output == "2026-02-02: 0 rows restored, 5 were there already\n"


def test_restore_refuses_a_damaged_object_in_one_line(filled: Kept, tmp_path: Path) -> None:
    manifest = filled.archive.newest("events/day=2026-02-02")
    assert manifest is not None
    Path(filled.archive.objects.base, manifest.group, manifest.entries[0].name).write_bytes(b"rotten")
    done = said("restore", "--into", str(tmp_path / "restored"))
    assert done.exit_code == 1
    assert len(done.output.splitlines()) == 1
    assert f"{manifest.entries[0].name}: damaged" in done.output


@pytest.mark.parametrize("verb", [["list"], ["verify"], ["restore", "--into", "x"]])
def test_without_an_archive_the_setting_is_named(verb: list[str]) -> None:
    done = said(*verb)
    assert done.exit_code == 1
    assert "CREDITRISK_ARCHIVE is not set: name a folder or s3://bucket/prefix" in done.output
