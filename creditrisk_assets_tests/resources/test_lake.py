"""Assets kept in the lake by real runs on ephemeral instances."""

from typing import Any

import dagster as dg
import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.lake import DeltaLakeIOManager, column_schema
from creditrisk_assets_tests.resources.books import (
    FEBRUARY,
    JANUARY,
    LEDGER,
    LOANS,
    MARCH,
    TOTAL,
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


def metadata_of(result: dg.ExecuteInProcessResult, key: list[str]) -> dict[str, Any]:
    event = result.asset_materializations_for_node("__".join(key))[0]
    return {name: value.value for name, value in event.metadata.items()}


def test_a_partition_is_written_with_what_the_catalogue_wants_to_know(lake: Lake) -> None:
    run([raw_loans], lake.root, key=JANUARY_KEY)
    result = run([raw_loans], lake.root, key=FEBRUARY_KEY)
    shown = metadata_of(result, ["raw", "loans"])
    assert shown.pop("table_bytes") > 0
    assert shown == {
        "dagster/row_count": 4,
        "dagster/partition_row_count": 2,
        "dagster/uri": lake.uri(LOANS),
        "dagster/column_schema": column_schema(LOANS),
        "delta_version": 1,
    }
    commit = DeltaTable(lake.uri(LOANS)).history(1)[0]
    told = (commit["dagster_run_id"], commit["dagster_asset"], commit["dagster_partitions"])
    assert told == (result.run_id, "raw/loans", FEBRUARY_KEY)


def test_one_run_over_many_partitions_is_one_commit_of_exactly_those(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY, each=9), [JANUARY, FEBRUARY])
    result = run([raw_loans], lake.root, keys=(FEBRUARY_KEY, APRIL_KEY))
    counts = lake.scan(LOANS).group_by("vintage").len().sort("vintage").collect()["len"].to_list()
    assert (counts, lake.version(LOANS)) == ([9, 2, 2, 2], 1)
    assert metadata_of(result, ["raw", "loans"])["partition_rows"] == {FEBRUARY_KEY: 2, MARCH_KEY: 2, APRIL_KEY: 2}


def test_a_partition_of_the_run_without_rows_ends_up_empty(lake: Lake) -> None:
    @dg.asset(key=["raw", "loans"], partitions_def=VINTAGES)
    def only_february() -> pl.DataFrame:
        return loans(FEBRUARY)

    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY, MARCH), [JANUARY, FEBRUARY, MARCH])
    result = run([only_february], lake.root, keys=(JANUARY_KEY, FEBRUARY_KEY))
    assert metadata_of(result, ["raw", "loans"])["partition_rows"] == {JANUARY_KEY: 0, FEBRUARY_KEY: 2}
    assert_frame_equal(lake.scan(LOANS).collect().sort("loan_id"), loans(FEBRUARY, MARCH))


def test_rows_of_no_vintage_do_not_count_as_rows_of_the_partition(lake: Lake) -> None:
    shown = metadata_of(run([raw_ledger], lake.root, key=JANUARY_KEY), ["raw", "loans_ledger"])
    assert (shown["dagster/partition_row_count"], shown["dagster/row_count"]) == (1, 2)


def test_an_unpartitioned_asset_is_written_whole_and_read_back(lake: Lake) -> None:
    @dg.asset(key=["portfolio", "total"], ins={"loans": dg.AssetIn(["raw", "loans"])})
    def total(loans: pl.LazyFrame) -> pl.LazyFrame:
        return loans.select(pl.col("amount").sum())

    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY), [JANUARY, FEBRUARY])
    for _ in range(2):
        result = run([raw_loans.to_source_asset(), total], lake.root)
    assert lake.scan(TOTAL).collect()["amount"].to_list() == [400.0]
    assert "dagster/partition_row_count" not in metadata_of(result, ["portfolio", "total"])


def test_an_asset_that_writes_itself_returns_nothing(lake: Lake) -> None:
    @dg.asset(key=["raw", "loans"], partitions_def=VINTAGES)
    def silent() -> None:
        lake.overwrite(LOANS, loans(JANUARY), [JANUARY])

    @dg.asset(key=["portfolio", "total"])
    def reported() -> dg.MaterializeResult[None]:
        lake.overwrite(TOTAL, pl.DataFrame({"amount": [1.0]}))
        return dg.MaterializeResult(metadata={"rows": 1})

    @dg.asset(key=["raw", "loans_ledger"])
    def untyped():  # type: ignore[no-untyped-def]
        return None

    run([silent], lake.root, key=JANUARY_KEY)
    run([reported, untyped], lake.root)
    assert (lake.version(LOANS), lake.version(TOTAL), lake.exists(LEDGER)) == (0, 0, False)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (["raw", "loans_ledger"], [1, 2], "raw/loans_ledger returned list: return a polars LazyFrame or DataFrame"),
        (["raw", "nowhere"], loans(JANUARY), "raw/nowhere has no contract: declare its table in contracts"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(lake: Lake, key: list[str], value: object, message: str) -> None:
    @dg.asset(key=key)
    def wrong():  # type: ignore[no-untyped-def]
        return value

    assert message in refused([wrong], lake.root)


def test_the_columns_tab_shows_type_meaning_unit_and_constraints() -> None:
    columns = {column.name: column for column in column_schema(LOANS).columns}
    assert columns["amount"].description == "amount lent (USD)"
    assert columns["amount"].type == "Float64"
    assert columns["amount"].constraints == dg.TableColumnConstraints(nullable=False, other=["at least 1"])
    assert columns["loan_id"].constraints.unique


def test_root_and_options_may_come_from_the_environment(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_ROOT", lake.root)
    monkeypatch.setenv("LAKE_REGION", "eu-west-1")
    seen: list[Lake] = []

    class Recorded(TestLake):
        def handle_output(self, context: dg.OutputContext, obj: object) -> None:
            seen.append(self.lake)
            super().handle_output(context, obj)

    manager = Recorded(root=dg.EnvVar("LAKE_ROOT"), storage_options={"region": dg.EnvVar("LAKE_REGION")})
    dg.materialize([raw_loans], partition_key=JANUARY_KEY, resources={"io_manager": manager})
    assert seen == [Lake(lake.root, {"region": "eu-west-1"})]
    assert lake.exists(LOANS)


def test_the_platform_serves_its_own_contracts() -> None:
    assert DeltaLakeIOManager(root=".").table(dg.AssetKey(["raw", "loans"])).partition == "vintage"
