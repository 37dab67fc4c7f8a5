"""Assets of the monitoring stage."""

from datetime import date

import dagster as dg
import polars as pl

from creditrisk_assets.contracts import FEATURES_LOANS, MONITORING_CHALLENGER, SCORES_CHALLENGER, SCORES_LOANS
from creditrisk_assets.models.outcomes import NEEDED
from creditrisk_assets.models.plots import as_markdown
from creditrisk_assets.monitoring import challenger as side_by_side
from creditrisk_assets.partitions import vintages
from creditrisk_assets.shell import catalogue

SINGLE_RUN = dg.BackfillPolicy.single_run()


@dg.asset(
    **catalogue(MONITORING_CHALLENGER, kinds={"numpy", "deltalake"}),
    ins={
        "champion": dg.AssetIn(list(SCORES_LOANS.key), metadata={"columns": list(SCORES_CHALLENGER.schema)}),
        "shadow": dg.AssetIn(list(SCORES_CHALLENGER.key)),
        "features": dg.AssetIn(list(FEATURES_LOANS.key), metadata={"columns": ["loan_id", *NEEDED]}),
    },
    partitions_def=vintages,
    backfill_policy=SINGLE_RUN,
)
def challenger(
    context: dg.AssetExecutionContext, champion: pl.LazyFrame, shadow: pl.LazyFrame, features: pl.LazyFrame
) -> dg.Output[pl.DataFrame]:
    """Compare champion and challenger on each vintage: agreement, ranking, errors, and who was right beyond chance."""
    both = side_by_side.pairs(champion, shadow, features)
    rows = side_by_side.by_vintage(both, [date.fromisoformat(key) for key in context.partition_keys])
    told = {
        f"{one['champion_feature_set']} and {one['challenger_feature_set']}": dg.MetadataValue.md(
            as_markdown(side_by_side.as_lines(one))
        )
        for one in side_by_side.pooled(both).iter_rows(named=True)
    }
    return dg.Output(rows, metadata={**told, "loans": int(rows["loans"].sum()), "matured": int(rows["matured"].sum())})
