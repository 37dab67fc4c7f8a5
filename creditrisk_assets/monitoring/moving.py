"""Drift and population of vintages in the lake, each against the window of the model that scored it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from creditrisk_assets.contracts import FEATURES_LOANS, MONITORING_DRIFT, MONITORING_POPULATION
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.monitoring.baseline import Baseline, counted, from_model
from creditrisk_assets.monitoring.drift import drift_rows, population_row
from creditrisk_assets.monitoring.drift_plots import Bars
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.by_vintage import scored_vintages
from creditrisk_assets.scores.champion import dated


@dataclass
class Moved:
    """Rows of both tables, why vintages have none, and the worst feature of the run as bars."""

    drift: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MONITORING_DRIFT.schema))
    population: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MONITORING_POPULATION.schema))
    absent: dict[str, str] = field(default_factory=dict)
    worst: Bars | None = None


def look(lake: Lake, vintages: Sequence[date], values: Settings) -> Moved:
    """Compare vintages with the training windows of their models; a vintage without model or loans has no rows.

    ValueError as `from_model`, or when the posterior that scored a vintage is no longer in the lake.
    """
    found = Moved()
    drift, populations, worst = [found.drift], [found.population], None
    kept: tuple[Model, Baseline] | None = None
    for one in scored_vintages(lake, vintages, ["loan_id", "model_date", "band"]):
        if one.model is None or one.loans.is_empty():
            found.absent[f"{one.vintage}"] = _why(one.model)
            continue
        if kept is None or kept[0] != one.model:
            kept = one.model, baseline_of(lake, one.model, values)
        baseline, loans = kept[1], one.loans.sort("loan_id")
        codes = baseline.binning.codes(loans)
        rows = drift_rows(one.vintage, codes, loans["band"], baseline)
        drift.append(rows)
        populations.append(population_row(one.vintage, codes, baseline))
        top = rows.filter(kind="feature").sort("psi", descending=True).row(0, named=True)
        if worst is None or top["psi"] > worst:
            worst = top["psi"]
            number = baseline.binning.names.index(top["feature"])
            gathered, now = baseline.gathered[number], counted(baseline.binning, codes)[number]
            title = f"{top['feature']}, {one.vintage:%Y-%m}: PSI {worst:.2f}, {top['verdict']}"
            then = gathered.counts(baseline.counts[number])
            found.worst = Bars(title, gathered.labels, then, gathered.counts(now))
    found.drift, found.population = pl.concat(drift), pl.concat(populations)
    for vintage in vintages:
        if f"{vintage}" not in found.absent and vintage not in set(found.population["vintage"]):
            found.absent[f"{vintage}"] = "features/loans was never materialised"
    return found


def _why(model: Model | None) -> str:
    if model is None:
        return "no good model is dated before the vintage, or scores/loans was not materialised: nothing to compare"
    return "the vintage holds no scored loans"


def baseline_of(lake: Lake, model: Model, values: Settings) -> Baseline:
    """The training window of a model, read and scored again; ValueError as `from_model` and `dated`."""
    scoring = dated(lake, values, model.model_date, model.feature_set)
    design = scoring.posterior.scorer.design
    columns = list(dict.fromkeys(["loan_id", "vintage", "term_months", *design.binning.names]))
    window = lake.scan(FEATURES_LOANS, list(design.vintages), columns).collect()
    return from_model(scoring, window.sort("vintage", "loan_id"))
