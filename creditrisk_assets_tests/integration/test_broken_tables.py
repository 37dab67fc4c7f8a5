"""Checks catch a table that was changed behind its back, and say what is wrong with it."""

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from creditrisk_assets.automation import Stage, StageError, run_stage
from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    RAW_LOANS,
    RAW_LOANS_LEDGER,
    RAW_LOANS_QUARANTINE,
    SCORES_LOANS,
)
from creditrisk_assets_tests.world import FIRST, LAST, VINTAGES, World, checked

VINTAGE = VINTAGES[4]


def test_a_value_out_of_bounds_fails_the_contract_check_which_names_the_column(tmp_path: Path, ingested: World) -> None:
    world = ingested.copy(tmp_path)
    rows = world.only(RAW_LOANS, VINTAGE)
    cheaper = pl.when(pl.int_range(pl.len()) < 2).then(-5.0).otherwise("loan_amnt").alias("loan_amnt")
    world.lake.overwrite(RAW_LOANS, rows.with_columns(cheaper, grade=pl.lit("H")), [VINTAGE])
    told = checked(world, "keeps_its_contract", "raw/loans", VINTAGE)
    assert told == {
        "broken_rows": {"loan_amnt": 2, "grade": rows.height}, "shape": "as declared", "repeated_keys": 0,
    }  # fmt: skip
    assert checked(world, "keeps_its_contract", "raw/loans", VINTAGES[5], LAST) is None
    assert checked(world, "keeps_its_contract", "raw/loans", FIRST, LAST) == told


def test_a_repeated_key_fails_the_contract_check(tmp_path: Path, ingested: World) -> None:
    world = ingested.copy(tmp_path)
    rows = world.only(FEATURES_LOANS, VINTAGE)
    world.lake.overwrite(FEATURES_LOANS, pl.concat([rows, rows.head(3)]), [VINTAGE])
    told = checked(world, "keeps_its_contract", "features/loans", VINTAGE)
    assert told == {"broken_rows": {}, "shape": "as declared", "repeated_keys": 3}


def test_a_missing_column_fails_the_contract_check_which_names_it(tmp_path: Path, ingested: World) -> None:
    from deltalake import write_deltalake

    world = ingested.copy(tmp_path)
    rows = world.rows(RAW_LOANS_LEDGER).drop("clean")
    write_deltalake(
        world.lake.uri(RAW_LOANS_LEDGER), rows, mode="overwrite", schema_mode="overwrite", partition_by=["vintage"]
    )
    told = checked(world, "keeps_its_contract", "raw/loans_ledger", VINTAGE)
    assert told == {"shape": "clean is missing", "broken_rows": {}, "repeated_keys": 0}


def test_a_column_stored_beside_the_declared_ones_fails_the_contract_check(tmp_path: Path, ingested: World) -> None:
    from deltalake import write_deltalake

    world = ingested.copy(tmp_path)
    rows = world.only(FEATURES_LOANS, VINTAGE).with_columns(recovered=pl.lit(100.0))
    where = f"vintage = DATE '{VINTAGE}'"
    write_deltalake(world.lake.uri(FEATURES_LOANS), rows, mode="overwrite", schema_mode="merge", predicate=where)
    told = checked(world, "keeps_its_contract", "features/loans", VINTAGE)
    assert told == {"shape": "recovered is not declared", "broken_rows": {}, "repeated_keys": 0}


@pytest.mark.parametrize("table", [RAW_LOANS, RAW_LOANS_QUARANTINE], ids=lambda table: table.key[1])
def test_the_accounting_check_fails_when_a_row_disappears(tmp_path: Path, ingested: World, table: Table) -> None:
    world = ingested.copy(tmp_path)
    rows = world.only(table, *VINTAGES)
    lost = rows["vintage"][0]
    assert checked(world, "every_record_is_accounted_for", "raw/loans_ledger", FIRST, LAST) is None
    of_none = world.lake.scan(table, [], of_none=True).collect()  # a write of any vintage replaces them too
    world.lake.overwrite(table, pl.concat([rows.filter(vintage=lost).tail(-1), of_none]), [lost])
    told = checked(world, "every_record_is_accounted_for", "raw/loans_ledger", lost)
    assert told is not None
    assert told["read"] == told["clean"] + told["quarantined"] + 1
    others = [day for day in VINTAGES if day > lost]
    assert checked(world, "every_record_is_accounted_for", "raw/loans_ledger", others[0], LAST) is None


def test_nothing_is_built_on_a_table_that_breaks_its_contract_and_the_batch_ends_there(
    tmp_path: Path, ingested: World
) -> None:
    world = ingested.copy(tmp_path)
    world.lake.overwrite(RAW_LOANS, world.only(RAW_LOANS, VINTAGE).with_columns(int_rate=None), [VINTAGE])
    job = dg.define_asset_job("some", selection=dg.AssetSelection.groups("features", "scores"))
    definitions = dg.Definitions.merge(world.definitions, dg.Definitions(jobs=[job]))
    stage = Stage("features", "some", VINTAGES[3].isoformat(), VINTAGES[5].isoformat(), 3)
    said: list[str] = []
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(StageError) as failed:
        run_stage(stage, definitions, instance, said.append)
    assert "features 2014-04-01 to 2014-06-01: check failed: features/loans keeps_its_contract" in str(failed.value)
    assert "interest_rate" in str(failed.value)
    assert said == []
    assert world.lake.version(FEATURES_LOANS) == 1
    assert not world.lake.exists(SCORES_LOANS)
