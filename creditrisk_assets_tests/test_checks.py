"""Which checks there are, what they look at, and that they block."""

import dagster as dg
import polars as pl
import pytest

from creditrisk_assets.checks import AXES, CHECKS
from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts import RAW_LOANS_LEDGER, TABLES
from creditrisk_assets.models import checks as model_checks
from creditrisk_assets_tests.world import BATCH, MODEL_DATES, VINTAGES, World, checked

EVERY = [spec for check in (*CHECKS, *model_checks.CHECKS) for spec in check.check_specs]


def test_every_check_says_what_it_asks_and_blocks_unless_it_only_warns() -> None:
    for spec in EVERY:
        assert spec.blocking is (spec.name != "predicts_its_vintages"), spec.key
        assert spec.description, spec.key


def test_every_check_is_partitioned_as_its_table() -> None:
    for spec in EVERY:
        assert spec.partitions_def == AXES[TABLES[tuple(spec.asset_key.path)].partition], spec.key


def test_there_is_an_axis_for_every_table() -> None:
    assert {table.partition for table in TABLES.values()} <= set(AXES)


@pytest.mark.parametrize("table", BATCH.values(), ids=lambda table: table.name)
def test_tables_as_they_were_written_keep_their_contract(batched: World, table: Table) -> None:
    days = MODEL_DATES if table.partition == "model_date" else VINTAGES
    assert checked(batched, "keeps_its_contract", table.name, days[0], days[-1]) is None


def test_an_empty_partition_keeps_its_contract_and_its_accounts(ingested: World) -> None:
    from creditrisk_assets.resources.environments import add_months

    later = add_months(VINTAGES[-1], 2)
    assert checked(ingested, "keeps_its_contract", "raw/loans", later) is None
    assert checked(ingested, "every_record_is_accounted_for", "raw/loans_ledger", later) is None


def test_a_check_of_a_table_that_was_never_written_fails_with_the_remedy(ingested: World) -> None:
    key = dg.AssetCheckKey(dg.AssetKey(["scores", "loans"]), "keeps_its_contract")
    result = ingested.run(dg.AssetSelection.checks(key), VINTAGES[0], fails=True)
    (failure,) = result.get_step_failure_events()
    assert "materialize scores/loans first" in failure.step_failure_data.error.cause.message  # type: ignore[union-attr]


def test_the_ledger_balances_file_by_file_and_vintage_by_vintage(ingested: World) -> None:
    ledger = ingested.rows(RAW_LOANS_LEDGER)
    assert ledger.filter(pl.col("read") != pl.col("clean") + pl.col("quarantined")).is_empty()
    assert ledger.height > 1


def test_a_table_that_declares_no_key_has_no_repeated_ones() -> None:
    from creditrisk_assets.checks import _repeated_keys

    frame = pl.LazyFrame({"x": [1, 1]})
    columns = (Column("x", pl.Int64, "number"),)
    assert _repeated_keys(Table(("raw", "x"), "X.", columns), frame) == 0
    assert _repeated_keys(Table(("raw", "x"), "X.", columns, primary=("x",)), frame) == 1
