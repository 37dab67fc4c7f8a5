"""Which model scored a vintage, what it said, and its posterior rebuilt: what looks back at scores begins here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from creditrisk_assets.contracts import FEATURES_LOANS, SCORES_LINEAGE, SCORES_LOANS
from creditrisk_assets.models.draws import Draws, draws_of
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.scores.champion import tables_of


@dataclass(frozen=True)
class ScoredVintage:
    """`loans`: features/loans of one vintage with some columns of scores/loans, scored loans only; None: no model."""

    vintage: date
    model: Model | None
    loans: pl.DataFrame


def scored_vintages(lake: Lake, vintages: Sequence[date], columns: Sequence[str]) -> Iterator[ScoredVintage]:
    """The vintages in order, each with its scored loans; `columns` of scores/loans are joined by loan_id."""
    if not lake.exists(FEATURES_LOANS):
        return
    months, models = sorted(vintages), models_of(lake, vintages)
    features = lake.scan(FEATURES_LOANS, months)
    for vintage in months:
        loans, model = features.filter(pl.col("vintage") == vintage).collect(), models.get(vintage)
        if model is not None:
            scores = lake.scan(SCORES_LOANS, [vintage], columns).filter(pl.col("model_date") == model.model_date)
            loans = loans.join(scores.collect(), on="loan_id", maintain_order="left")
        yield ScoredVintage(vintage, model, loans if model is not None else loans.clear())


def models_of(lake: Lake, vintages: Sequence[date]) -> dict[date, Model]:
    """The model by which each vintage was scored; those without one are left out."""
    if not (lake.exists(SCORES_LINEAGE) and lake.exists(SCORES_LOANS)):
        return {}
    told = lake.scan(SCORES_LINEAGE, list(vintages), ["vintage", "model_date", "feature_set"]).drop_nulls().collect()
    return {vintage: Model(feature_set, model_date) for vintage, model_date, feature_set in told.iter_rows()}


def draws_of_model(lake: Lake, model: Model) -> Draws:
    """The numbered draws of a posterior, of a promoted one as it was then, for that is what scores.

    ValueError names a model date that has none any more.
    """
    return draws_of(tables_of(lake, model).rebuilt_posterior(model.model_date, model.feature_set))
