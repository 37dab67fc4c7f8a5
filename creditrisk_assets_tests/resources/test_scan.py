"""Reading the lake without Dagster: partitions, columns, versions, and what is missing."""

import pytest

from creditrisk_assets.resources.delta import Lake, LakeError
from creditrisk_assets_tests.resources.books import FEBRUARY, JANUARY, LEDGER, LOANS, MARCH, ledger, loans


def test_a_scan_opens_only_the_files_and_columns_it_needs(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY, FEBRUARY, MARCH), [JANUARY, FEBRUARY, MARCH])
    scan = lake.scan(LOANS, [JANUARY, MARCH], ["amount"])
    plan = scan.explain()
    assert scan.collect().shape == (4, 1)
    assert ("vintage=2016-02-01" in plan, plan.count(".parquet"), "PROJECT 2/3 COLUMNS" in plan) == (False, 2, True)


def test_no_partitions_read_nothing_and_partitions_left_out_read_everything(lake: Lake) -> None:
    lake.overwrite(LEDGER, ledger((JANUARY, "a", 1), (None, "a", 9)), [JANUARY])
    assert lake.scan(LEDGER, []).collect().is_empty()
    assert lake.scan(LEDGER).collect().height == 2


def test_a_scan_stays_at_its_version_and_older_versions_stay_readable(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    before = lake.scan(LOANS)
    lake.overwrite(LOANS, loans(JANUARY, each=9), [JANUARY])
    assert [
        before.collect().height,
        lake.scan(LOANS).collect().height,
        lake.scan(LOANS, version=0).collect().height,
    ] == [2, 9, 2]
    with pytest.raises(LakeError, match="raw/loans has no version 7, the newest is 1"):
        lake.scan(LOANS, version=7)


def test_a_missing_table_names_what_to_materialize(lake: Lake) -> None:
    for ask in (lake.scan, lake.version):
        with pytest.raises(LakeError, match="materialize raw/loans first"):
            ask(LOANS)


def test_a_missing_column_of_a_scan_is_named(lake: Lake) -> None:
    lake.overwrite(LOANS, loans(JANUARY), [JANUARY])
    with pytest.raises(LakeError, match="raw/loans has no column fico at version 0"):
        lake.scan(LOANS, columns=["loan_id", "fico"])
