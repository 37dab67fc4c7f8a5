"""Small tables and frames the lake tests share."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.resources.lake import DeltaLakeIOManager

JANUARY, FEBRUARY, MARCH, APRIL = (date(2016, month, 1) for month in range(1, 5))
VINTAGES = dg.MonthlyPartitionsDefinition(start_date="2016-01-01", end_date="2016-05-01")

_vintage = Column("vintage", pl.Date, "month of issue", "month", "key", nullable=False)
_amount = Column("amount", pl.Float64, "amount lent", "USD", nullable=False, low=1)

LOANS = Table(
    ("raw", "loans"),
    "Loans.",
    (Column("loan_id", pl.String, "identifier", "", "key", nullable=False), _vintage, _amount),
    primary=("loan_id",),
    partition="vintage",
)
LEDGER = Table(
    ("raw", "loans_ledger"),
    "What was read.",
    (
        Column("vintage", pl.Date, "month of issue, empty for none", "month", "key"),
        Column("file", pl.String, "source file", "", "key", nullable=False),
        Column("read", pl.Int64, "records read", "count", nullable=False, low=0),
    ),
    primary=("vintage", "file"),
    partition="vintage",
)
TOTAL = Table(("portfolio", "total"), "Sum of the book.", (_amount,))
TABLES = {table.key: table for table in (LOANS, LEDGER, TOTAL)}


class TestLake(DeltaLakeIOManager):
    """The platform's IO manager over the tables above."""

    __test__ = False

    def tables(self) -> Mapping[tuple[str, ...], Table]:
        return TABLES


def loans(*vintages: date, each: int = 2, amount: float = 100.0) -> pl.DataFrame:
    """`each` loans for every vintage."""
    rows = [(f"{vintage:%Y%m}-{number}", vintage, amount) for vintage in vintages for number in range(each)]
    return pl.DataFrame(rows, schema=LOANS.schema, orient="row")


def ledger(*rows: tuple[date | None, str, int]) -> pl.DataFrame:
    """Ledger rows as given."""
    return pl.DataFrame(list(rows), schema=LEDGER.schema, orient="row")


def run(
    assets: list[Any], root: object, *, key: str | None = None, keys: tuple[str, str] | None = None, fails: bool = False
) -> dg.ExecuteInProcessResult:
    """Materialize on an ephemeral instance: one partition, a range of them in one run, or no partition."""
    tags = {}
    if keys is not None:
        tags = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[1]}
    resources = {"io_manager": TestLake(root=str(root))}
    return dg.materialize(assets, partition_key=key, tags=tags, resources=resources, raise_on_error=not fails)


def refused(assets: list[Any], root: object, **partitions: Any) -> str:
    """The lake's own words in a run that must fail because of them."""
    result = run(assets, root, fails=True, **partitions)
    (failure,) = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    assert failure is not None
    assert failure.cause is not None
    assert failure.cause.cls_name == "LakeError", failure.to_string()
    return failure.cause.message
