"""Everything the dashboard shows of a vintage, read from the lake and added up; nothing where nothing is scored."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    SCORES_LOANS,
    SERVING_DEFAULT_CURVES,
    SERVING_LOSS_DRAWS,
    SERVING_SEGMENTS,
)
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.scores.by_vintage import draws_of_model, models_of
from creditrisk_assets.serving.default_curves import default_curves
from creditrisk_assets.serving.losses import Summing
from creditrisk_assets.serving.segments import SCORED, segments


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
    features, models = lake.scan(FEATURES_LOANS, months), models_of(lake, months)
    summing: tuple[Model, Summing] | None = None
    for vintage in months:
        loans, model = features.filter(pl.col("vintage") == vintage).collect(), models.get(vintage)
        if loans.is_empty():
            continue
        expected = {}
        if model is not None:
            if summing is None or summing[0] != model:  # vintages in a row share a model
                summing = model, Summing(draws_of_model(lake, model), model.model_date, loss_given_default)
            scored = loans.join(_scores(lake, vintage, model.model_date), on="loan_id", maintain_order="left")
            if scored.height:
                totals.segments.append(segments(scored.lazy(), loss_given_default).collect())
                summed = summing[1].add(vintage, scored)
                totals.loss_draws.append(summed.loss_draws)
                expected = summed.curves
        totals.default_curves.append(default_curves(loans, model.model_date if expected and model else None, expected))
    return totals


def _scores(lake: Lake, vintage: date, model_date: date) -> pl.DataFrame:
    return lake.scan(SCORES_LOANS, [vintage], SCORED).filter(pl.col("model_date") == model_date).collect()
