"""However the vintages are materialised, the tables come out the same."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    RAW_LOANS,
    RAW_LOANS_LEDGER,
    RAW_LOANS_QUARANTINE,
    SCORES_LINEAGE,
    SCORES_LOANS,
)
from creditrisk_assets.simulation.book import SimulatedBook
from creditrisk_assets_tests.world import FIRST, LAST, VINTAGES, World, assert_same_tables

INGESTED = (RAW_LOANS, RAW_LOANS_QUARANTINE, RAW_LOANS_LEDGER, FEATURES_LOANS)


def test_one_run_over_all_vintages_holds_every_record_of_the_file(ingested: World, book: SimulatedBook) -> None:
    ledger = ingested.rows(RAW_LOANS_LEDGER)
    assert ledger["read"].sum() == book.rows
    assert ledger["quarantined"].sum() == book.dirty_rows == ingested.rows(RAW_LOANS_QUARANTINE).height
    assert ingested.rows(RAW_LOANS).height == ingested.rows(FEATURES_LOANS).height == book.rows - book.dirty_rows
    assert ledger["vintage"].drop_nulls().unique().sort().to_list() == list(book.vintages) == VINTAGES


def test_one_vintage_after_the_other_gives_the_same_rows(tmp_path: Path, ingested: World) -> None:
    world, vintages = World(tmp_path, ingested.loans), [VINTAGES[month] for month in (9, 2, 1, 27, 0)]
    for vintage in vintages:
        world.run("group:raw or group:features", vintage)
    for table in INGESTED:
        wanted = pl.col("vintage").is_in(vintages) | pl.col("vintage").is_null()
        assert_frame_equal(world.rows(table), ingested.rows(table).filter(wanted))
        assert world.lake.version(table) == len(vintages) - 1


def test_twice_over_and_over_a_part_again_gives_the_same_tables(tmp_path: Path, ingested: World) -> None:
    world = ingested.copy(tmp_path)
    world.run("group:raw or group:features", FIRST, LAST)
    world.run("group:raw or group:features", VINTAGES[3], VINTAGES[5])
    assert_same_tables(world, ingested, *INGESTED)
    assert world.lake.version(FEATURES_LOANS) == 2


@pytest.mark.parametrize("again", [1, 2])
def test_scores_of_the_same_models_are_the_same_vintage_by_vintage_and_again(
    tmp_path: Path, batched: World, again: int
) -> None:
    world = batched.copy(tmp_path)
    for vintage in VINTAGES[-4:] * again:
        world.run("group:scores", vintage)
    assert_same_tables(world, batched, SCORES_LOANS)
    versions = ["features_version", "posterior_version"]
    assert_frame_equal(world.rows(SCORES_LINEAGE).drop(versions), batched.rows(SCORES_LINEAGE).drop(versions))
    assert world.lake.version(SCORES_LOANS) == 4 * again
