"""The landing sensor over a real folder, evaluated as the daemon does."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest

from creditrisk_assets.automation import RANGE_END, RANGE_START
from creditrisk_assets.raw.sensors import landing
from creditrisk_assets.resources.loan_files import LoanFiles
from creditrisk_assets_tests.raw.written import loan, text, write

LONG_AGO = 1_500_000_000_000_000_000
BROKEN = "member;amount\n1;2\n"


@dataclass
class Folder:
    """A landing folder and the sensor's memory of it."""

    path: Path
    loans: str | None = None
    cursor: str | None = None
    told: str = field(default="", init=False)

    def put(self, name: str, *months: str, stamp: int | None = LONG_AGO) -> Path:
        """A loan file with one loan issued in each of the months, written at `stamp` (None: just now)."""
        rows = [loan(number, issue_d=month) for number, month in enumerate(months)]
        return self.put_text(name, text(rows), stamp)

    def put_text(self, name: str, content: str, stamp: int | None = LONG_AGO) -> Path:
        path = write(self.path / name, content)
        if stamp is not None:
            os.utime(path, ns=(stamp, stamp))
        return path

    def look(self) -> list[dg.RunRequest]:
        """One evaluation, remembered by cursor as the daemon does."""
        files = LoanFiles(
            loans=self.loans, landing=str(self.path), first_vintage="2015-01-01", last_vintage="2015-12-01"
        )
        with dg.build_sensor_context(cursor=self.cursor, resources={"loan_files": files}) as context:
            result = landing.evaluate_tick(context)
        self.told = result.skip_message or ""
        self.cursor = result.cursor or self.cursor
        return list(result.run_requests or ())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def spans(requests: list[dg.RunRequest]) -> list[tuple[str, str]]:
    return [(request.tags[RANGE_START][:7], request.tags[RANGE_END][:7]) for request in requests]


def test_a_new_file_asks_for_each_run_of_vintages_it_holds(folder: Folder) -> None:
    path = folder.put("loans.csv", "Mar-2015", "Feb-2015", "Jul-2015", "Mar-2015")
    requests = folder.look()
    assert spans(requests) == [("2015-02", "2015-03"), ("2015-07", "2015-07")]
    assert [request.tags["creditrisk/file"] for request in requests] == ["loans.csv"] * 2
    size = path.stat().st_size
    assert [request.run_key for request in requests] == [
        f"{path}:{LONG_AGO}:{size}:2015-02-01",
        f"{path}:{LONG_AGO}:{size}:2015-07-01",
    ]


def test_an_unchanged_file_asks_for_nothing(folder: Folder) -> None:
    folder.put("loans.csv", "Mar-2015")
    folder.look()
    assert folder.look() == []
    assert folder.told == "no new loan files"


@pytest.mark.parametrize("stamp", [LONG_AGO + 1, LONG_AGO], ids=["later", "another size at the same time"])
def test_a_changed_file_asks_again_under_another_key(folder: Folder, stamp: int) -> None:
    folder.put("loans.csv", "Mar-2015")
    (before,) = folder.look()
    folder.put("loans.csv", "Mar-2015", "Apr-2015", stamp=stamp)
    (after,) = folder.look()
    assert spans([after]) == [("2015-03", "2015-04")]
    assert after.run_key != before.run_key


def test_only_the_file_that_is_new_asks(folder: Folder) -> None:
    folder.put("a.csv", "Mar-2015")
    folder.look()
    folder.put("b.csv", "May-2015")
    assert spans(folder.look()) == [("2015-05", "2015-05")]


def test_a_file_that_is_still_being_written_is_left_for_later(folder: Folder) -> None:
    path = folder.put("loans.csv", "Mar-2015", stamp=None)
    assert folder.look() == []
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    assert spans(folder.look()) == [("2015-03", "2015-03")]


def test_vintages_outside_the_book_are_not_asked_for(folder: Folder) -> None:
    folder.put("loans.csv", "Dec-2014", "Jan-2015", "Dec-2015", "Jan-2016")
    assert spans(folder.look()) == [("2015-01", "2015-01"), ("2015-12", "2015-12")]


def test_a_broken_file_is_told_of_and_the_others_still_go(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    folder.put_text("a.csv", BROKEN)
    folder.put("b.csv", "May-2015")
    assert spans(folder.look()) == [("2015-05", "2015-05")]
    assert "a.csv" in capfd.readouterr().err


def test_a_broken_file_alone_is_why_nothing_runs_and_is_told_once(folder: Folder) -> None:
    folder.put_text("a.csv", BROKEN)
    assert folder.look() == []
    assert folder.told.startswith("a.csv: ")
    assert folder.look() == []
    assert folder.told == "no new loan files"


def test_a_broken_file_that_was_mended_asks(folder: Folder) -> None:
    folder.put_text("a.csv", BROKEN)
    folder.look()
    folder.put("a.csv", "May-2015", stamp=LONG_AGO + 1)
    assert spans(folder.look()) == [("2015-05", "2015-05")]


def test_an_empty_folder_says_what_to_put_there(folder: Folder) -> None:
    assert folder.look() == []
    assert "Put LendingClub files there" in folder.told


def test_named_files_are_watched_instead_of_the_folder(folder: Folder) -> None:
    folder.put("a.csv", "Mar-2015")
    folder.loans = str(folder.put("b.txt", "May-2015"))
    assert spans(folder.look()) == [("2015-05", "2015-05")]


def test_the_job_runs_over_the_range_that_was_asked_for(folder: Folder, tmp_path: Path) -> None:
    from creditrisk_assets.contracts import FEATURES_LOANS
    from creditrisk_assets_tests.world import World

    folder.put("loans.csv", "Mar-2015", "Apr-2015", "Jul-2015")
    world = World(tmp_path / "world", str(folder.path / "*.csv"))
    request = folder.look()[0]
    job = world.definitions.resolve_job_def("close_vintages")
    assert job.execute_in_process(tags=request.tags).success
    assert world.rows(FEATURES_LOANS)["vintage"].unique().sort().dt.to_string("%Y-%m").to_list() == [
        "2015-03", "2015-04",
    ]  # fmt: skip
