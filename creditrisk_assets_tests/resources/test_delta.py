"""The lake without Dagster: what an overwrite replaces, refuses and leaves alone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from polars.testing import assert_frame_equal

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.resources.commit import predicate
from creditrisk_assets.resources.delta import Lake, LakeError
from creditrisk_assets_tests.resources.books import (
    APRIL,
    FEBRUARY,
    JANUARY,
    LEDGER,
    LOANS,
    MARCH,
    TOTAL,
    ledger,
    loans,
)


def read(lake: Lake, table: Table = LOANS) -> pl.DataFrame:
    return lake.scan(table).collect().sort(table.primary or table.schema.names())


def partitioned_by(dtype: pl.DataType | type[pl.DataType]) -> Table:
    columns = tuple(replace(column, dtype=dtype) if column.name == "vintage" else column for column in LOANS.columns)
    return replace(LOANS, columns=columns)


def with_columns(*columns: Column) -> Table:
    return replace(LOANS, columns=(*LOANS.columns, *columns))


def test_a_table_lives_under_the_parts_of_its_key(lake: Lake, tmp_path: Path) -> None:
    lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    assert lake.uri(LOANS) == str(tmp_path / "lake" / "raw" / "loans")
    assert DeltaTable(lake.uri(LOANS)).metadata().partition_columns == ["vintage"]
    assert DeltaTable(lake.uri(LOANS)).metadata().name == "raw/loans"


def test_a_table_exists_once_written(lake: Lake) -> None:
    assert not lake.exists(LOANS)
    lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    assert lake.exists(LOANS)


def test_an_overwrite_replaces_its_partitions_and_leaves_the_others(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY, MARCH), [JANUARY, FEBRUARY, MARCH])
    written = lake.overwrite(LOANS, loans(FEBRUARY, each=5), [FEBRUARY])
    assert_frame_equal(read(lake), pl.concat([loans(JANUARY), loans(FEBRUARY, each=5), loans(MARCH)]))
    assert (written.rows, written.table_rows, written.version) == (5, 9, 1)
    assert written.partition_rows == {"2016-02-01": 5}
    assert written.table_bytes > 0


def test_many_partitions_are_one_commit_and_those_without_rows_end_up_empty(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY, MARCH, APRIL), [JANUARY, FEBRUARY, MARCH, APRIL])
    lake.overwrite(LOANS, loans(JANUARY, MARCH, each=1), [JANUARY, FEBRUARY, MARCH])
    assert lake.version(LOANS) == 1
    assert_frame_equal(read(lake), pl.concat([loans(JANUARY, MARCH, each=1), loans(APRIL)]))


def test_a_first_write_without_rows_makes_an_empty_table_of_the_declared_types(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(), [JANUARY])
    assert read(lake).schema == LOANS.schema
    assert read(lake).is_empty()


def test_rows_without_a_partition_are_rewritten_by_every_run_and_never_lost(lake: Lake) -> None:
    lake.overwrite(LEDGER, ledger((JANUARY, "a", 1), (None, "a", 9)), [JANUARY])
    lake.overwrite(LEDGER, ledger((FEBRUARY, "a", 2), (None, "a", 7), (None, "b", 8)), [FEBRUARY])
    expected = ledger((None, "a", 7), (None, "b", 8), (JANUARY, "a", 1), (FEBRUARY, "a", 2))
    assert_frame_equal(read(lake, LEDGER), expected)
    lake.overwrite(LEDGER, ledger((FEBRUARY, "a", 2)), [FEBRUARY])
    assert_frame_equal(read(lake, LEDGER), ledger((JANUARY, "a", 1), (FEBRUARY, "a", 2)))


def test_an_unpartitioned_table_is_replaced_whole(lake: Lake) -> None:
    for amount in (1.0, 2.0):
        lake.overwrite(TOTAL, pl.DataFrame({"amount": [amount]}))
    assert read(lake, TOTAL)["amount"].to_list() == [2.0]


def test_the_predicate_is_made_of_sorted_dates_and_never_empty() -> None:
    assert predicate(LOANS, [MARCH, JANUARY, MARCH]) == "\"vintage\" IN (DATE '2016-01-01', DATE '2016-03-01')"
    assert predicate(LEDGER, [JANUARY]) == '"vintage" IN (DATE \'2016-01-01\') OR "vintage" IS NULL'
    assert predicate(TOTAL, None) is None


@pytest.mark.parametrize("partitions", [None, []])
def test_a_partitioned_table_is_never_written_without_naming_partitions(
    lake: Lake, partitions: list[date] | None
) -> None:
    with pytest.raises(LakeError, match=r"raw/loans is partitioned by vintage, but the write names no vintage"):
        lake.overwrite(LOANS, loans(JANUARY), partitions)
    assert not lake.exists(LOANS)


def test_partitions_of_a_table_without_a_partition_column_are_refused(lake: Lake) -> None:
    with pytest.raises(LakeError, match="declares no partition column, so writing 2016-01-01 would replace all"):
        lake.overwrite(TOTAL, pl.DataFrame({"amount": [1.0]}), [JANUARY])
    lake.overwrite(TOTAL, pl.DataFrame({"amount": [1.0]}))
    with pytest.raises(LakeError, match="no partitions to select 2016-01-01 from"):
        lake.scan(TOTAL, [JANUARY])


@pytest.mark.parametrize("dtype", [pl.String, pl.Int32, pl.Datetime("us")])
def test_a_partition_column_of_another_type_than_date_is_refused(lake: Lake, dtype: pl.DataType) -> None:
    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY), [JANUARY, FEBRUARY])
    with pytest.raises(LakeError, match="partition columns are Date"):
        lake.overwrite(partitioned_by(dtype), loans(JANUARY), [JANUARY])
    assert_frame_equal(read(lake), loans(JANUARY, FEBRUARY))


def test_a_timestamp_is_not_taken_for_a_day(lake: Lake) -> None:
    with pytest.raises(LakeError, match=r"partitioned by days, not by 2016-01-01 00:00:00"):
        lake.overwrite(LOANS, loans(JANUARY), [datetime(2016, 1, 1)])  # noqa: DTZ001


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        (loans(JANUARY, FEBRUARY, MARCH), "4 rows belong to 2016-02-01, 2016-03-01"),
        (loans(date(2016, 1, 15)), "2 rows belong to 2016-01-15"),
        (loans(JANUARY).with_columns(vintage=pl.lit(None, pl.Date)), "2 rows belong to NULL"),
    ],
)
def test_rows_outside_the_named_partitions_are_refused_by_name(lake: Lake, frame: pl.DataFrame, named: str) -> None:
    with pytest.raises(LakeError, match=f"raw/loans: the write covers vintage 2016-01-01, but {named}"):
        lake.overwrite(LOANS, frame, [JANUARY])
    assert not lake.exists(LOANS)


@pytest.mark.parametrize(
    "given",
    [
        lambda frame: frame.with_columns(pl.col("vintage").cast(pl.Datetime("ms"))),
        lambda frame: frame.with_columns(pl.col("loan_id").cast(pl.Categorical)),
        lambda frame: frame.with_columns(pl.col("loan_id").cast(pl.Enum(frame["loan_id"].unique()))),
        lambda frame: frame.with_columns(pl.col("amount").cast(pl.Int16)),
        lambda frame: frame.lazy(),
    ],
    ids=["timestamp", "categorical", "enum", "integer amount", "lazy"],
)
def test_a_frame_is_cast_to_its_contract(
    lake: Lake, given: Callable[[pl.DataFrame], pl.DataFrame | pl.LazyFrame]
) -> None:
    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY), [JANUARY, FEBRUARY])
    lake.overwrite(LOANS, given(loans(JANUARY, each=3)), [JANUARY])
    assert_frame_equal(read(lake), loans(JANUARY, each=3).vstack(loans(FEBRUARY)))


def test_a_date_given_as_text_is_refused_by_name(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY), [JANUARY, FEBRUARY])
    with pytest.raises(pl.exceptions.InvalidOperationError, match="vintage"):
        lake.overwrite(LOANS, loans(JANUARY).with_columns(pl.col("vintage").cast(pl.String)), [JANUARY])
    assert_frame_equal(read(lake), loans(JANUARY, FEBRUARY))


def test_declared_categories_are_stored_as_text(lake: Lake) -> None:
    table = with_columns(Column("grade", pl.Enum(["B", "A"]), "grade"))
    lake.overwrite(table, loans(JANUARY).with_columns(grade=pl.lit("A")), [JANUARY])
    assert read(lake, table)["grade"].to_list() == ["A", "A"]


def test_a_missing_column_is_named(lake: Lake) -> None:
    with pytest.raises(LakeError, match="raw/loans: the frame lacks the declared amount"):
        lake.overwrite(LOANS, loans(JANUARY).drop("amount"), [JANUARY])


def test_an_undeclared_column_is_named_and_nothing_is_written(lake: Lake) -> None:
    with pytest.raises(LakeError, match="raw/loans declares no column future: declare it"):
        lake.overwrite(LOANS, loans(JANUARY).with_columns(future=1), [JANUARY])
    assert not lake.exists(LOANS)


def test_writing_the_same_content_in_another_order_gives_the_same_table(lake: Lake) -> None:
    frame = loans(JANUARY, FEBRUARY, each=50)
    lake.overwrite(LOANS, frame, [JANUARY, FEBRUARY])
    first = lake.scan(LOANS, [JANUARY]).collect()
    lake.overwrite(LOANS, frame.sample(fraction=1.0, shuffle=True, seed=1), [FEBRUARY, JANUARY])
    assert_frame_equal(lake.scan(LOANS, [JANUARY]).collect(), first)
    assert_frame_equal(read(lake), frame.sort("loan_id"))


def test_a_new_declared_column_is_added_and_empty_for_the_other_partitions(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY, each=1), [JANUARY, FEBRUARY])
    wider = with_columns(Column("fico", pl.Float64, "score", "points"))
    assert lake.scan(wider).collect_schema().names() == LOANS.schema.names()
    lake.overwrite(wider, loans(FEBRUARY, each=1).with_columns(fico=700.0), [FEBRUARY])
    assert read(lake, wider)["fico"].to_list() == [None, 700.0]
    lake.overwrite(LOANS, loans(JANUARY, each=1), [JANUARY])
    assert read(lake, wider)["fico"].to_list() == [None, 700.0]


def test_a_changed_type_is_refused_with_the_column_and_the_remedy(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    columns = tuple(replace(c, dtype=pl.Int64) if c.name == "amount" else c for c in LOANS.columns)
    with pytest.raises(LakeError, match=r'column amount is stored as "double", declared Int64: delete .*raw/loans'):
        lake.overwrite(replace(LOANS, columns=columns), loans(JANUARY), [JANUARY])
    assert_frame_equal(read(lake), loans(JANUARY))


def test_a_table_stored_with_other_partition_columns_is_refused(lake: Lake) -> None:
    write_deltalake(lake.uri(LOANS), loans(JANUARY))
    with pytest.raises(LakeError, match=r"stored partitioned by \[\], declared \['vintage'\]"):
        lake.overwrite(LOANS, loans(JANUARY), [JANUARY])


def test_the_commit_carries_its_metadata(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY), [JANUARY], {"dagster_run_id": "r1"})
    assert DeltaTable(lake.uri(LOANS)).history(1)[0]["dagster_run_id"] == "r1"


def test_the_log_gets_a_checkpoint_every_ten_commits(lake: Lake) -> None:
    for _ in range(12):
        lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    assert list(Path(lake.uri(LOANS), "_delta_log").glob("*.checkpoint.parquet"))
