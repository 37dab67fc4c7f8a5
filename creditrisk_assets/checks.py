"""Blocking checks that follow from the contracts, one set for every table."""

import dagster as dg
import polars as pl

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import RAW_LOANS, RAW_LOANS_LEDGER, RAW_LOANS_QUARANTINE
from creditrisk_assets.resources.lake import DeltaLakeIOManager, check_days


def contract_check(table: Table, partitions: dg.PartitionsDefinition | None) -> dg.AssetChecksDefinition:
    """Do the materialized rows keep what the contract promises: shape, bounds, key?"""

    @dg.asset_check(
        asset=dg.AssetKey(list(table.key)), name="keeps_its_contract", blocking=True, partitions_def=partitions,
        description="Columns, types, bounds and primary key are as the contract declares.",
    )  # fmt: skip
    def keeps_its_contract(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[DeltaLakeIOManager]
    ) -> dg.AssetCheckResult:
        frame = lake.lake.scan(table, check_days(context))
        shape = table.shape_differences(frame.collect_schema())
        broken = {} if shape else table.violations(frame)
        repeated = 0 if shape else _repeated(table, frame)
        return dg.AssetCheckResult(
            passed=not (shape or broken or repeated),
            metadata={"shape": shape or "as declared", "broken_rows": broken, "repeated_keys": repeated},
        )

    return keeps_its_contract


def _repeated(table: Table, frame: pl.LazyFrame) -> int:
    if not table.primary:
        return 0
    rows, distinct = frame.select(pl.len(), pl.struct(table.primary).n_unique().alias("keys")).collect().row(0)
    return int(rows - distinct)


def accounted_for(partitions: dg.PartitionsDefinition) -> dg.AssetChecksDefinition:
    """Is every record that was read either in the loans or in the quarantine?"""

    @dg.asset_check(
        asset=dg.AssetKey(list(RAW_LOANS_LEDGER.key)), name="every_record_is_accounted_for", blocking=True,
        partitions_def=partitions, additional_deps=[["raw", "loans"], ["raw", "loans_quarantine"]],
        description="read = clean + quarantined, counted in the tables themselves.",
    )  # fmt: skip
    def every_record_is_accounted_for(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[DeltaLakeIOManager]
    ) -> dg.AssetCheckResult:
        days = check_days(context)
        kept = lake.lake.scan(RAW_LOANS, days).select(pl.len()).collect().item()
        rejected = lake.lake.scan(RAW_LOANS_QUARANTINE, days).select(pl.len()).collect().item()
        read = lake.lake.scan(RAW_LOANS_LEDGER, days).select(pl.col("read").sum()).collect().item()
        return dg.AssetCheckResult(
            passed=read == kept + rejected, metadata={"read": read, "clean": kept, "quarantined": rejected}
        )

    return every_record_is_accounted_for
