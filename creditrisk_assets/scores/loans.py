"""Scores of loans: which model may score a vintage, and what it says."""

from datetime import date

import polars as pl

from creditrisk_assets.contracts import SCORES_LOANS
from creditrisk_assets.models.posterior import Posterior
from creditrisk_assets.scores.scale import Scale, band


def model_for(vintage: date, good: list[date]) -> date | None:
    """The latest good model dated at the start of the vintage or before, None when there is none."""
    return max((day for day in good if day <= vintage), default=None)


def score(frame: pl.DataFrame, posterior: Posterior, model_date: date, scale: Scale) -> pl.DataFrame:
    """scores/loans of rows of features/loans under one posterior."""
    predicted = pl.concat([frame.select("loan_id", "vintage"), posterior.predict(frame)], how="horizontal")
    scored = predicted.lazy().with_columns(
        model_date=pl.lit(model_date, pl.Date),
        feature_set=pl.lit(posterior.design.feature_set),
        points=scale.points(pl.col("pd")),
        band=band(pl.col("pd")),
    )
    return SCORES_LOANS.conform(scored).collect()
