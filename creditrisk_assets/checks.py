"""Blocking checks that follow from the contracts: every table, and the accounting of raw records."""

from datetime import date

import dagster as dg
import polars as pl

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import RAW_LOANS, RAW_LOANS_LEDGER, RAW_LOANS_QUARANTINE, TABLES
from creditrisk_assets.partitions import ingest_days, model_dates, vintages
from creditrisk_assets.resources.lake import DeltaLakeIOManager, check_days

Delta = dg.ResourceParam[DeltaLakeIOManager]

AXES: dict[str | None, dg.PartitionsDefinition | None] = {
    "vintage": vintages,
    "model_date": model_dates,
    "ingest_day": ingest_days,
    None: None,
}
"""Partitions of an asset by the partition column of its table."""


def keeps_its_contract(table: Table) -> dg.AssetChecksDefinition:
    """The check that a table is as its contract declares it."""

    @dg.asset_check(
        asset=dg.AssetKey(list(table.key)),
        blocking=True,
        partitions_def=AXES[table.partition],
        description="Columns, types, bounds and primary key are as the contract declares.",
    )
    def keeps_its_contract(context: dg.AssetCheckExecutionContext, lake: Delta) -> dg.AssetCheckResult:
        frame = lake.lake.scan(table, check_days(context), of_none=True)
        shape = table.shape_differences(frame.collect_schema())
        shape += [f"{name} is not declared" for name in lake.lake.columns(table) if name not in table.schema]
        broken = {} if shape else table.violations(frame)
        repeated = 0 if shape else _repeated_keys(table, frame)
        return dg.AssetCheckResult(
            passed=not (shape or broken or repeated),
            metadata={"shape": "; ".join(shape) or "as declared", "broken_rows": broken, "repeated_keys": repeated},
        )

    return keeps_its_contract


def _repeated_keys(table: Table, frame: pl.LazyFrame) -> int:
    if not table.primary:
        return 0
    keys = frame.select(pl.len(), pl.struct(table.primary).n_unique().alias("keys")).collect(engine="streaming")
    rows, distinct = keys.row(0)
    return int(rows) - int(distinct)


@dg.asset_check(
    asset=dg.AssetKey(list(RAW_LOANS_LEDGER.key)),
    blocking=True,
    partitions_def=vintages,
    additional_deps=[dg.AssetKey(list(RAW_LOANS.key)), dg.AssetKey(list(RAW_LOANS_QUARANTINE.key))],
    description="read = clean + quarantined: every record that was read stands in exactly one of the two tables.",
)
def every_record_is_accounted_for(context: dg.AssetCheckExecutionContext, lake: Delta) -> dg.AssetCheckResult:
    """Count the tables themselves against what the reader counted."""
    days = check_days(context)
    clean, quarantined = (_rows(lake, table, days) for table in (RAW_LOANS, RAW_LOANS_QUARANTINE))
    read = lake.lake.scan(RAW_LOANS_LEDGER, days, of_none=True).select(pl.col("read").sum()).collect().item()
    return dg.AssetCheckResult(
        passed=read == clean + quarantined, metadata={"read": read, "clean": clean, "quarantined": quarantined}
    )


def _rows(lake: DeltaLakeIOManager, table: Table, days: list[date] | None) -> int:
    return int(lake.lake.scan(table, days, of_none=True).select(pl.len()).collect().item())


CHECKS = [every_record_is_accounted_for, *(keeps_its_contract(table) for table in TABLES.values())]
