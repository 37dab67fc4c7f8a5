"""Checks of the portfolio stage."""

import dagster as dg
import polars as pl

from creditrisk_assets.contracts import PORTFOLIO_MOVEMENTS, PORTFOLIO_STAGES
from creditrisk_assets.partitions import model_dates
from creditrisk_assets.portfolio.movements import imbalances, unlike
from creditrisk_assets.resources.lake import DeltaLakeIOManager, check_days


@dg.asset_check(
    asset=dg.AssetKey(list(PORTFOLIO_MOVEMENTS.key)),
    blocking=True,
    partitions_def=model_dates,
    additional_deps=[dg.AssetKey(list(PORTFOLIO_STAGES.key))],
    description="Opening and movements make closing to 0.01 USD, which is the sum of portfolio/stages, and what a date "
    "opens with is what the one before closed with.",
)
def movements_reconcile(
    context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[DeltaLakeIOManager]
) -> dg.AssetCheckResult:
    """Does every USD of gross amounts and allowances have its movement?"""
    days = check_days(context)
    rows = lake.lake.scan(PORTFOLIO_MOVEMENTS, days, of_none=True).collect()
    before = rows["previous_date"].drop_nulls().unique().to_list()
    known = lake.lake.scan(PORTFOLIO_MOVEMENTS, [*(days or ()), *before] if days else None, of_none=True).collect()
    loans = lake.lake.scan(PORTFOLIO_STAGES, days, of_none=True).select("model_date", "stage", "gross", "ecl")
    totals = loans.group_by("model_date", "stage").agg(
        pl.len().cast(pl.Int64).alias("loans"), pl.col("gross").sum(), pl.col("ecl").sum().alias("allowance")
    )
    said = imbalances(known, only=rows["model_date"].unique().to_list()) + unlike(rows, totals.collect())
    return dg.AssetCheckResult(
        passed=not said, metadata={"imbalances": "; ".join(said[:20]) or "none", "rows": rows.height}
    )


CHECKS: list[dg.AssetChecksDefinition] = [movements_reconcile]
