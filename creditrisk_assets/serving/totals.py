"""Everything the dashboard shows of a vintage, read from the lake and added up; nothing where nothing is scored."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MODELS_DIAGNOSTICS,
    MODELS_MOMENTS,
    MODELS_POSTERIOR,
    SCORES_LINEAGE,
    SCORES_LOANS,
    SERVING_DEFAULT_CURVES,
    SERVING_LOSS_DRAWS,
    SERVING_SEGMENTS,
)
from creditrisk_assets.models.artifacts import ModelTables
from creditrisk_assets.models.draws import draws_of
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.serving.default_curves import default_curves
from creditrisk_assets.serving.losses import Summing
from creditrisk_assets.serving.segments import SCORED, segments

MODELS = (MODELS_POSTERIOR, MODELS_MOMENTS, MODELS_DIAGNOSTICS)


@dataclass
class Totals:
    """Rows of serving/segments, serving/loss_draws and serving/default_curves, vintage by vintage."""

    segments: list[pl.DataFrame] = field(default_factory=lambda: [pl.DataFrame(schema=SERVING_SEGMENTS.schema)])
    loss_draws: list[pl.DataFrame] = field(default_factory=lambda: [pl.DataFrame(schema=SERVING_LOSS_DRAWS.schema)])
    default_curves: list[pl.DataFrame] = field(
        default_factory=lambda: [pl.DataFrame(schema=SERVING_DEFAULT_CURVES.schema)]
    )


def add_up(lake: Lake, vintages: Iterable[date], loss_given_default: float) -> Totals:
    """The totals of some vintages. ValueError names a model date of scores/lineage that has no posterior any more."""
    totals, months = Totals(), sorted(vintages)
    if not lake.exists(FEATURES_LOANS):
        return totals
    features, models = lake.scan(FEATURES_LOANS, months), _models(lake, months)
    summing: tuple[tuple[date, str], Summing] | None = None
    for vintage in months:
        loans, model = features.filter(pl.col("vintage") == vintage).collect(), models.get(vintage)
        if loans.is_empty():
            continue
        expected = {}
        if model is not None:
            if summing is None or summing[0] != model:  # vintages in a row share a model
                summing = model, _summing(lake, model, loss_given_default)
            scored = loans.join(_scores(lake, vintage, model[0]), on="loan_id", maintain_order="left")
            if scored.height:
                totals.segments.append(segments(scored.lazy(), loss_given_default).collect())
                summed = summing[1].add(vintage, scored)
                totals.loss_draws.append(summed.loss_draws)
                expected = summed.curves
        totals.default_curves.append(default_curves(loans, model[0] if expected and model else None, expected))
    return totals


def _models(lake: Lake, vintages: list[date]) -> dict[date, tuple[date, str]]:
    """Model date and feature set by which each vintage was scored; those without a model are left out."""
    if not (lake.exists(SCORES_LINEAGE) and lake.exists(SCORES_LOANS)):
        return {}
    told = lake.scan(SCORES_LINEAGE, vintages, ["vintage", "model_date", "feature_set"]).drop_nulls().collect()
    return {vintage: (model_date, feature_set) for vintage, model_date, feature_set in told.iter_rows()}


def _scores(lake: Lake, vintage: date, model_date: date) -> pl.DataFrame:
    return lake.scan(SCORES_LOANS, [vintage], SCORED).filter(pl.col("model_date") == model_date).collect()


def _summing(lake: Lake, model: tuple[date, str], loss_given_default: float) -> Summing:
    tables = ModelTables(*(lake.scan(table, [model[0]]) for table in MODELS))
    return Summing(draws_of(tables.rebuilt_posterior(*model)), model[0], loss_given_default)
