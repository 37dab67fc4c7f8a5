"""What a run is given from the lake, in real runs on ephemeral instances."""

from datetime import date
from typing import Any

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.lake import check_days
from creditrisk_assets_tests.resources.books import (
    FEBRUARY,
    JANUARY,
    LOANS,
    MARCH,
    VINTAGES,
    TestLake,
    ledger,
    loans,
    refused,
    run,
)

pytestmark = pytest.mark.filterwarnings("error:.*is deprecated and will be removed.*:DeprecationWarning")
JANUARY_KEY, FEBRUARY_KEY, MARCH_KEY, APRIL_KEY = (f"2016-0{month}-01" for month in range(1, 5))


@dg.asset(key=["raw", "loans"], partitions_def=VINTAGES, backfill_policy=dg.BackfillPolicy.single_run())
def raw_loans(context: dg.AssetExecutionContext) -> pl.LazyFrame:
    days = [VINTAGES.time_window_for_partition_key(key).start.date() for key in context.partition_keys]
    return loans(*days).lazy()


@dg.asset(key=["raw", "loans_ledger"], partitions_def=VINTAGES)
def raw_ledger() -> pl.DataFrame:
    return ledger((JANUARY, "a", 1), (None, "a", 9))


def consumer(seen: list[Any], annotation: Any = pl.LazyFrame, **options: Any) -> dg.AssetsDefinition:
    """An asset that keeps what it was given in `seen` and writes nothing."""
    key, mapping = options.pop("upstream", ["raw", "loans"]), options.pop("mapping", None)
    metadata = options.pop("metadata", None)

    def read(loans: Any) -> None:
        seen.append(loans)

    read.__annotations__["loans"] = annotation
    ins = {"loans": dg.AssetIn(key, partition_mapping=mapping, metadata=metadata)}
    asset: dg.AssetsDefinition = dg.asset(key=["features", "loans"], ins=ins, **options)(read)
    return asset


def test_a_partitioned_consumer_reads_its_partition_lazily(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY), [JANUARY, FEBRUARY])
    seen: list[pl.LazyFrame] = []
    run([raw_loans.to_source_asset(), consumer(seen, partitions_def=VINTAGES)], lake.root, key=FEBRUARY_KEY)
    assert isinstance(seen[0], pl.LazyFrame)
    assert_frame_equal(seen[0].collect().sort("loan_id"), loans(FEBRUARY))


def test_a_consumer_may_ask_for_a_data_frame(lake: Lake) -> None:
    seen: list[pl.DataFrame] = []
    run([raw_loans, consumer(seen, pl.DataFrame, partitions_def=VINTAGES)], lake.root, key=FEBRUARY_KEY)
    assert_frame_equal(seen[0].sort("loan_id"), loans(FEBRUARY))


def test_a_range_run_reads_its_range(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY, MARCH), [JANUARY, FEBRUARY, MARCH])
    seen: list[pl.LazyFrame] = []
    downstream = consumer(seen, partitions_def=VINTAGES)
    run([raw_loans.to_source_asset(), downstream], lake.root, keys=(FEBRUARY_KEY, MARCH_KEY))
    assert_frame_equal(seen[0].collect().sort("loan_id"), loans(FEBRUARY, MARCH))


def test_a_training_window_reads_the_partitions_before_its_date(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY, MARCH), [JANUARY, FEBRUARY, MARCH])
    seen: list[pl.LazyFrame] = []
    window = dg.TimeWindowPartitionMapping(start_offset=-2, end_offset=-1, allow_nonexistent_upstream_partitions=True)
    for key in (MARCH_KEY, JANUARY_KEY):
        downstream = consumer(seen, partitions_def=VINTAGES, mapping=window)
        run([raw_loans.to_source_asset(), downstream], lake.root, key=key)
    assert_frame_equal(seen[0].collect().sort("loan_id"), loans(JANUARY, FEBRUARY))
    assert seen[1].collect().is_empty()


def test_declared_columns_are_the_only_ones_read(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    seen: list[pl.LazyFrame] = []
    downstream = consumer(seen, metadata={"columns": ["amount"]}, partitions_def=VINTAGES)
    run([raw_loans.to_source_asset(), downstream], lake.root, key=JANUARY_KEY)
    assert seen[0].collect_schema().names() == ["amount"]
    assert "PROJECT 2/3 COLUMNS" in seen[0].explain()


def test_rows_of_no_vintage_reach_the_unpartitioned_consumer_and_no_other(lake: Lake) -> None:
    run([raw_ledger], lake.root, key=JANUARY_KEY)
    seen: list[pl.LazyFrame] = []
    source = raw_ledger.to_source_asset()
    one = dg.MonthlyPartitionsDefinition(start_date="2016-01-01", end_date="2016-02-01")
    run([source, consumer(seen, upstream=["raw", "loans_ledger"])], lake.root)
    run([source, consumer(seen, upstream=["raw", "loans_ledger"], partitions_def=one)], lake.root, key=JANUARY_KEY)
    assert [frame.collect().height for frame in seen] == [2, 1]


def test_a_partitioned_check_reads_its_partition_and_a_plain_one_the_whole_table(lake: Lake) -> None:
    seen: dict[str, int] = {}

    @dg.asset_check(asset=raw_loans, partitions_def=VINTAGES)
    def of_the_vintage(loans: pl.LazyFrame) -> dg.AssetCheckResult:
        seen["vintage"] = loans.collect().height
        return dg.AssetCheckResult(passed=True)

    @dg.asset_check(asset=raw_loans)
    def of_the_book(loans: pl.LazyFrame) -> dg.AssetCheckResult:
        seen["book"] = loans.collect().height
        return dg.AssetCheckResult(passed=True)

    lake.overwrite(LOANS, loans(FEBRUARY, MARCH), [FEBRUARY, MARCH])
    run([raw_loans, of_the_vintage, of_the_book], lake.root, key=JANUARY_KEY)
    assert seen == {"vintage": 2, "book": 6}


def test_a_check_that_scans_for_itself_is_told_the_days_it_covers(lake: Lake) -> None:
    seen: dict[str, list[date] | None] = {}

    def check(name: str, partitions: dg.PartitionsDefinition | None) -> dg.AssetChecksDefinition:
        @dg.asset_check(asset=raw_loans, name=name, partitions_def=partitions)
        def covered(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
            seen[name] = check_days(context)
            return dg.AssetCheckResult(passed=True)

        return covered

    checks = [check("partitioned", VINTAGES), check("plain", None)]
    run([raw_loans, *checks], lake.root, key=JANUARY_KEY)
    assert seen == {"partitioned": [JANUARY], "plain": None}
    run([raw_loans, *checks], lake.root, keys=(JANUARY_KEY, FEBRUARY_KEY))
    assert seen == {"partitioned": [JANUARY, FEBRUARY], "plain": None}


def test_a_table_loaded_outside_a_run_is_the_partition_asked_for(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY), [JANUARY, FEBRUARY])
    defs = dg.Definitions([raw_loans], resources={"io_manager": TestLake(root=lake.root)})
    with defs.get_asset_value_loader(instance=dg.DagsterInstance.ephemeral()) as loader:
        part = loader.load_asset_value(["raw", "loans"], partition_key=FEBRUARY_KEY)
        whole = loader.load_asset_value(["raw", "loans"])
    assert (part.collect().height, whole.collect().height) == (2, 4)


def test_a_missing_upstream_table_names_the_asset_to_materialize(lake: Lake) -> None:
    message = refused([raw_loans.to_source_asset(), consumer([])], lake.root)
    assert "materialize raw/loans first" in message
