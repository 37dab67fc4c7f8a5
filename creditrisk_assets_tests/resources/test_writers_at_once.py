"""Several processes on one table, a process that dies, and commits that lose against others."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake.exceptions import CommitFailedError
from polars.testing import assert_frame_equal

from creditrisk_assets.resources import commit
from creditrisk_assets.resources.delta import Lake, LakeError
from creditrisk_assets_tests.resources import writer
from creditrisk_assets_tests.resources.books import FEBRUARY, JANUARY, LEDGER, LOANS, MARCH, TOTAL, ledger, loans


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A writer process, gone at the end whatever happens."""
    paths = {"PYTHONPATH": str(Path(commit.__file__).parents[2])}
    child = subprocess.Popen(
        [sys.executable, writer.__file__, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | paths,
    )  # fmt: skip
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def line(child: subprocess.Popen[str]) -> str:
    """The next line a process prints; blocks until it has."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def test_two_processes_on_different_vintages_and_the_same_rows_of_none_lose_nothing(tmp_path: Path) -> None:
    with ExitStack() as stack:
        children = [stack.enter_context(process("race", str(tmp_path), str(month))) for month in (1, 2)]
        assert [line(child) for child in children] == ["ready", "ready"]
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        for child in children:
            _, errors = child.communicate(timeout=60)
            assert child.returncode == 0, errors[-3000:]
    lake = Lake(str(tmp_path))
    assert_frame_equal(lake.scan(LOANS).collect().sort("loan_id"), loans(JANUARY, FEBRUARY))
    expected = ledger((None, "a", 1), (None, "b", 2), (JANUARY, "a", 1), (FEBRUARY, "a", 2))
    assert_frame_equal(lake.scan(LEDGER).collect().sort("vintage", "file"), expected)
    assert lake.version(LEDGER) == 2 * writer.ROUNDS - 1


def test_a_process_killed_in_the_middle_of_a_write_leaves_the_old_version_and_the_next_run_whole(
    tmp_path: Path,
) -> None:
    lake = Lake(str(tmp_path))
    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY), [JANUARY, FEBRUARY])
    with process("die", str(tmp_path)) as child:
        files = int(line(child).removesuffix(" files"))
        child.kill()
        child.wait(timeout=30)
    assert files > 2
    assert lake.version(LOANS) == 0
    assert_frame_equal(lake.scan(LOANS).collect().sort("loan_id"), loans(JANUARY, FEBRUARY))
    lake.overwrite(LOANS, loans(JANUARY, each=3), [JANUARY])
    assert_frame_equal(lake.scan(LOANS).collect().sort("loan_id"), loans(JANUARY, each=3).vstack(loans(FEBRUARY)))


def overtaken(monkeypatch: pytest.MonkeyPatch, times: int, overtake: object = None) -> list[object]:
    """Let another writer in, `times` over, between opening the table and writing to it; predicates in order."""
    write: Any = vars(commit)["write_deltalake"]
    predicates: list[object] = []

    def late(target: object, frame: pl.DataFrame, **options: Any) -> None:
        predicates.append(options["predicate"])
        if len(predicates) <= times:
            monkeypatch.setattr(commit, "write_deltalake", write)
            overtake() if callable(overtake) else None
            monkeypatch.setattr(commit, "write_deltalake", late)
        write(target, frame, **options)

    monkeypatch.setattr(commit, "write_deltalake", late)
    return predicates


def test_a_write_to_other_partitions_in_between_costs_no_second_attempt(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY), [JANUARY, FEBRUARY])
    attempts = overtaken(monkeypatch, 1, lambda: lake.overwrite(LOANS, loans(MARCH), [MARCH]))
    lake.overwrite(LOANS, loans(JANUARY, each=1), [JANUARY])
    assert len(attempts) == 1
    assert_frame_equal(
        lake.scan(LOANS).collect().sort("loan_id"), loans(JANUARY, each=1).vstack(loans(FEBRUARY, MARCH))
    )


@pytest.mark.parametrize("before", [loans(JANUARY), loans()], ids=["replacing", "first"])
def test_of_two_writes_to_one_partition_the_later_stays_whole(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, before: pl.DataFrame
) -> None:
    lake.overwrite(LOANS, before, [JANUARY])
    attempts = overtaken(monkeypatch, 3, lambda: lake.overwrite(LOANS, loans(JANUARY, each=9), [JANUARY]))
    lake.overwrite(LOANS, loans(JANUARY, each=5), [JANUARY])
    assert len(attempts) == 4
    assert_frame_equal(lake.scan(LOANS).collect().sort("loan_id"), loans(JANUARY, each=5))


def test_of_two_whole_writes_to_an_empty_table_the_later_stays_alone(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def total(amount: float) -> pl.DataFrame:
        return pl.DataFrame({"amount": [amount]})

    lake.overwrite(TOTAL, total(0.0).clear())
    overtaken(monkeypatch, 1, lambda: lake.overwrite(TOTAL, total(1.0)))
    lake.overwrite(TOTAL, total(2.0))
    assert lake.scan(TOTAL).collect()["amount"].to_list() == [2.0]


def test_a_table_created_by_another_in_between_keeps_its_rows(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    overtaken(monkeypatch, 1, lambda: lake.overwrite(LOANS, loans(FEBRUARY), [FEBRUARY]))
    lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    assert_frame_equal(lake.scan(LOANS).collect().sort("loan_id"), loans(JANUARY, FEBRUARY))


def test_a_writer_that_always_loses_gives_up_with_a_reason(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def lose(*_: object, **__: object) -> None:
        attempts.append(1)
        raise CommitFailedError("another was faster")

    monkeypatch.setattr(commit, "write_deltalake", lose)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(
        LakeError, match="raw/loans: 20 commits lost to other writers, run it again: another was faster"
    ):
        lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    assert len(attempts) == commit.ATTEMPTS
