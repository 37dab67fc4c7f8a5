"""Two runs on one lake at once, and a run that is killed in the middle of a write."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import FEATURES_LOANS, RAW_LOANS, RAW_LOANS_LEDGER, RAW_LOANS_QUARANTINE
from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.integration import ingesting
from creditrisk_assets_tests.world import FIRST, LAST, VINTAGES, World, assert_same_tables

TABLES = (RAW_LOANS, RAW_LOANS_QUARANTINE, RAW_LOANS_LEDGER, FEATURES_LOANS)


@contextmanager
def process(role: str, world: World, vintages: list[date]) -> Iterator[subprocess.Popen[str]]:
    """A process that materialises; gone at the end whatever happens."""
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", ingesting.__file__, role, str(world.root), str(world.loans),
         *(day.isoformat() for day in vintages)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )  # fmt: skip
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def line(child: subprocess.Popen[str]) -> str:
    """The next line a process prints; blocks until it has, or has ended."""
    assert child.stdout is not None
    said = child.stdout.readline().strip()
    assert said, child.communicate()[1][-3000:]
    return said


def go(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("go\n")
    child.stdin.flush()


def test_two_processes_on_different_vintages_of_a_new_lake_lose_nothing(tmp_path: Path, ingested: World) -> None:
    world = World(tmp_path, ingested.loans)
    shares = (VINTAGES[0:2], VINTAGES[2:4])
    with ExitStack() as stack:
        children = [stack.enter_context(process("run", world, share)) for share in shares]
        assert [line(child) for child in children] == ["ready", "ready"]
        for round_ in range(2):
            for child in children:
                go(child)
            assert [line(child) for child in children] == [str(share[round_]) for share in shares]
        for child in children:
            assert child.wait(timeout=60) == 0
    for table in TABLES:
        wanted = pl.col("vintage").is_in(VINTAGES[:4]) | pl.col("vintage").is_null()
        assert_frame_equal(world.rows(table), ingested.rows(table).filter(wanted))
        assert world.lake.version(table) == 3


def test_a_run_killed_in_the_middle_of_a_write_leaves_the_old_version_and_the_next_run_whole(
    tmp_path: Path, ingested: World
) -> None:
    world = ingested.copy(tmp_path)
    with process("die", world, [FIRST, LAST]) as child:
        assert int(line(child).removesuffix(" files")) > 0
        child.kill()
        assert child.wait(timeout=30) < 0
    assert world.lake.version(RAW_LOANS) == 0
    assert_same_tables(world, ingested, *TABLES)
    world.run("group:raw or group:features", FIRST, LAST)
    assert world.lake.version(RAW_LOANS) == 1
    assert_same_tables(world, ingested, *TABLES)
