"""Scored loans added up by what the dashboard filters and counts: rows of serving/segments."""

from datetime import date

import polars as pl

from creditrisk_assets.contracts import SERVING_SEGMENTS
from creditrisk_assets.models.outcomes import NEEDED, as_known

SCORED = ("loan_id", "model_date", "pd", "band", "decision")
"""Columns of scores/loans that are looked at."""
OF_LOANS = ("loan_id", "loan_amount", "term_months", "purpose", *NEEDED)
"""Columns of features/loans that are looked at."""


def segments(loans: pl.LazyFrame, loss_given_default: float) -> pl.LazyFrame:
    """serving/segments of scored loans: rows with SCORED and OF_LOANS; the loss is a share of the amount lent.

    Among the matured are the loans that `outcomes.as_known` takes: observed for twelve months, whatever
    became of them. One that defaulted sooner and was observed for less would put bad loans before good.
    """
    end_of_time = date.max
    matured = as_known(loans, end_of_time).select("loan_id", pl.col("outcome"))
    known = loans.join(matured, on="loan_id", how="left").with_columns(
        term_months=pl.col("term_months").round().cast(pl.Int32), seen=pl.col("outcome").is_not_null()
    )
    lost = pl.col("pd") * pl.col("loan_amount") * loss_given_default
    summed = known.group_by(*SERVING_SEGMENTS.primary).agg(
        model_date=pl.col("model_date").first(),
        loans=pl.len(),
        exposure=pl.col("loan_amount").sum(),
        expected_defaults=pl.col("pd").sum(),
        expected_loss=lost.sum(),
        matured=pl.col("seen").sum(),
        matured_expected_defaults=pl.col("pd").filter("seen").sum(),
        matured_defaults=pl.col("outcome").sum(),
    )
    return SERVING_SEGMENTS.conform(summed).sort(SERVING_SEGMENTS.primary)
