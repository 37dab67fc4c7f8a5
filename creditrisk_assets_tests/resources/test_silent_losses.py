"""Cases in which the stock Delta IO manager lost rows in green runs: here each is right, or fails by name."""

from dataclasses import replace
from datetime import date
from typing import Any

import dagster as dg
import polars as pl
import pytest

from creditrisk_assets.columns import Table
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets_tests.resources import books
from creditrisk_assets_tests.resources.books import (
    FEBRUARY,
    JANUARY,
    LOANS,
    MARCH,
    TOTAL,
    VINTAGES,
    loans,
    refused,
    run,
)

pytestmark = [
    pytest.mark.filterwarnings("error:.*is deprecated and will be removed.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
]
THREE = [JANUARY, FEBRUARY, MARCH]
KEYS = [day.isoformat() for day in THREE]


def asset(frame: pl.DataFrame, partitions: dg.PartitionsDefinition | None, **options: Any) -> dg.AssetsDefinition:
    """The asset raw/loans, always computing `frame`."""

    def computed() -> pl.DataFrame:
        return frame

    made: dg.AssetsDefinition = dg.asset(key=["raw", "loans"], partitions_def=partitions, **options)(computed)
    return made


def declare_vintage(monkeypatch: pytest.MonkeyPatch, dtype: pl.DataType | type[pl.DataType]) -> Table:
    columns = tuple(replace(c, dtype=dtype) if c.name == "vintage" else c for c in LOANS.columns)
    table = replace(LOANS, columns=columns)
    monkeypatch.setitem(books.TABLES, LOANS.key, table)
    return table


def vintages(lake: Lake) -> list[date]:
    return lake.scan(LOANS).select("vintage").unique().sort("vintage").collect()["vintage"].to_list()


def test_date_partitions_written_one_by_one_all_stay(lake: Lake) -> None:
    for day in THREE:
        run([asset(loans(day), VINTAGES)], lake.root, key=day.isoformat())
    assert vintages(lake) == THREE


@pytest.mark.parametrize("dtype", [pl.String, pl.Int32, pl.Datetime("us")], ids=["text", "integer", "timestamp"])
def test_time_partitions_over_a_column_that_is_no_date_are_refused(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, dtype: pl.DataType
) -> None:
    lake.overwrite(LOANS, loans(*THREE), THREE)
    declare_vintage(monkeypatch, dtype)
    message = refused([asset(loans(JANUARY), VINTAGES)], lake.root, key=KEYS[0])
    assert "raw/loans is partitioned by vintage, declared" in message
    assert vintages(lake) == THREE


def test_static_partitions_over_an_integer_column_are_refused(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    declare_vintage(monkeypatch, pl.Int32)
    assert "'A' is no date" in refused([asset(loans(), dg.StaticPartitionsDefinition(["A", "B"]))], lake.root, key="A")


def test_a_run_over_a_range_of_static_partitions_leaves_the_others(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(*THREE, each=9), THREE)
    static = dg.StaticPartitionsDefinition(KEYS)
    policy = dg.BackfillPolicy.single_run()
    run([asset(loans(JANUARY, FEBRUARY), static, backfill_policy=policy)], lake.root, keys=(KEYS[0], KEYS[1]))
    counts = lake.scan(LOANS).group_by("vintage").len().sort("vintage").collect()["len"].to_list()
    assert counts == [2, 2, 9]


def test_one_run_over_all_partitions_keeps_them_all(lake: Lake) -> None:
    run([asset(loans(*THREE, each=1000), VINTAGES)], lake.root, keys=(KEYS[0], KEYS[2]))
    assert lake.scan(LOANS).select(pl.len()).collect().item() == 3000


def test_an_unpartitioned_consumer_of_time_partitions_reads_them_all(lake: Lake) -> None:
    @dg.asset(key=["portfolio", "total"], ins={"loans": dg.AssetIn(["raw", "loans"])})
    def total(loans: pl.DataFrame) -> pl.DataFrame:
        return loans.select(pl.col("amount").sum())

    lake.overwrite(LOANS, loans(*THREE), THREE)
    run([asset(loans(), VINTAGES).to_source_asset(), total], lake.root)
    assert lake.scan(TOTAL).collect().item() == 600.0


def test_a_frame_with_rows_of_other_partitions_is_refused(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(*THREE), THREE)
    message = refused([asset(loans(JANUARY, FEBRUARY), VINTAGES)], lake.root, key=KEYS[0])
    assert "covers vintage 2016-01-01, but 2 rows belong to 2016-02-01" in message
    assert vintages(lake) == THREE


def test_an_asset_that_lost_its_partitions_does_not_replace_the_table(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(*THREE), THREE)
    assert "but the write names no vintage" in refused([asset(loans(JANUARY), None)], lake.root)
    assert vintages(lake) == THREE


def test_a_table_that_lost_its_partition_column_is_not_replaced_by_a_partition(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.overwrite(LOANS, loans(*THREE), THREE)
    monkeypatch.setitem(books.TABLES, LOANS.key, replace(LOANS, partition=None))
    assert "declares no partition column" in refused([asset(loans(JANUARY), VINTAGES)], lake.root, key=KEYS[0])
    assert "stored partitioned by ['vintage'], declared []" in refused([asset(loans(JANUARY), None)], lake.root)
    assert vintages(lake) == THREE


@pytest.mark.parametrize("key", ["2016-01-01-00:00", "2016-01-01-23:00"])
def test_hours_which_would_replace_each_other_are_refused(lake: Lake, key: str) -> None:
    hours = dg.HourlyPartitionsDefinition(start_date="2016-01-01-00:00", end_date="2016-01-03-00:00")
    assert "a whole day" in refused([asset(loans(JANUARY), hours)], lake.root, key=key)


def test_months_spelled_without_a_day_and_other_time_zones_are_still_the_first_of_the_month(lake: Lake) -> None:
    months = dg.MonthlyPartitionsDefinition(
        start_date="2016-01", end_date="2016-04", fmt="%Y-%m", timezone="America/New_York"
    )
    for day in THREE:
        run([asset(loans(day), months)], lake.root, key=f"{day:%Y-%m}")
    assert vintages(lake) == THREE
