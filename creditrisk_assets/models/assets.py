"""Assets of the models stage: bins and reference, evidence per vintage, posterior, challengers, comparison."""

from collections.abc import Callable, Iterator
from datetime import date

import dagster as dg
import polars as pl

from creditrisk_assets.contracts import (
    FEATURE_SETS,
    FEATURES_LOANS,
    MODELS_BACKTEST,
    MODELS_BEHAVIOUR,
    MODELS_BINNING,
    MODELS_BOOSTING,
    MODELS_COMPARISON,
    MODELS_DIAGNOSTICS,
    MODELS_EVIDENCE,
    MODELS_LOGISTIC,
    MODELS_MOMENTS,
    MODELS_PARAMETERS,
    MODELS_POSTERIOR,
    MODELS_REFERENCE,
)
from creditrisk_assets.models import artifacts, exposure, histories, outcomes, plots, records
from creditrisk_assets.partitions import (
    model_dates,
    models_that_learn_from_a_vintage,
    vintages,
    vintages_after_a_model_date,
    what_a_model_may_know,
    window_of_a_model,
)
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.resources.lake import DeltaLakeIOManager
from creditrisk_assets.shell import Part, asset_out, at_once, by_vintage, catalogue, together
from creditrisk_assets.workloads import BOOK, SAMPLING, VINTAGE

Delta = dg.ResourceParam[DeltaLakeIOManager]


def _dates(context: dg.AssetExecutionContext) -> list[date]:
    return [date.fromisoformat(key) for key in context.partition_keys]


def _loans(mapping: dg.PartitionMapping | None) -> dg.AssetIn:
    return dg.AssetIn(list(FEATURES_LOANS.key), partition_mapping=mapping)


@dg.multi_asset(
    name="models_reference",
    outs={
        "binning": asset_out(MODELS_BINNING, kinds={"polars", "deltalake"}),
        "reference": asset_out(MODELS_REFERENCE, kinds={"numpy", "deltalake"}),
    },
    ins={"features": _loans(window_of_a_model)},
    partitions_def=model_dates,
    **at_once(BOOK),
    can_subset=True,
)
def models_reference(
    context: dg.AssetExecutionContext, features: pl.LazyFrame, lake: Delta
) -> Iterator[dg.Output[pl.DataFrame]]:
    """Bin the features of each training window and find the point at which its evidence is expanded."""
    bins, references = [pl.DataFrame(schema=MODELS_BINNING.schema)], [pl.DataFrame(schema=MODELS_REFERENCE.schema)]
    versions: dict[str, str] = {}
    for model_date in _dates(context):
        try:
            frame = exposure.learned_from(features, model_date, settings().training_window)
        except outcomes.NothingToLearnError as error:
            if len(context.partition_keys) == 1:
                raise
            context.log.warning(str(error))
            continue
        for feature_set in FEATURE_SETS:
            last = exposure.training_window(model_date, settings().training_window)[1]
            expansion, loans = records.fit_expansion(frame, feature_set, model_date, last)
            bins.append(records.binning_rows(expansion, loans))
            references.append(records.reference_rows(expansion, loans))
            versions[f"{model_date} {feature_set}"] = expansion.version
    told = {"versions": dg.MetadataValue.json(versions)}
    parts = [Part(MODELS_BINNING, pl.concat(bins), told), Part(MODELS_REFERENCE, pl.concat(references), told)]
    yield from together(context, lake, parts)


@dg.asset(
    **catalogue(MODELS_EVIDENCE, kinds={"numba", "deltalake"}),
    ins={"features": _loans(None)},
    deps=[dg.AssetDep(list(MODELS_REFERENCE.key), partition_mapping=models_that_learn_from_a_vintage)],
    partitions_def=vintages,
    **by_vintage(VINTAGE),
)
def evidence(context: dg.AssetExecutionContext, features: pl.LazyFrame, lake: Delta) -> dg.Output[pl.DataFrame]:
    """Summarise each vintage once for every model that learns from it; posteriors are sums of these."""
    days = _dates(context)
    rows = [pl.DataFrame(schema=MODELS_EVIDENCE.schema)]
    if lake.lake.exists(MODELS_REFERENCE):
        kept = records.expansions(lake.lake.scan(MODELS_REFERENCE).collect())
        loans = features.collect()
        rows += [records.evidence_rows(loans, days, one) for one in kept]
    else:
        context.log.warning("no model has a reference yet: materialise models/reference first, then this again")
    table = pl.concat(rows)
    versions = sorted(table["reference"].unique().to_list())
    return dg.Output(table, metadata={"references": dg.MetadataValue.json(versions), "models": len(versions)})


@dg.multi_asset(
    name="models_posterior",
    outs={
        "posterior": asset_out(MODELS_POSTERIOR, kinds={"bambi", "deltalake"}),
        "parameters": asset_out(MODELS_PARAMETERS, kinds={"bambi", "deltalake"}),
        "moments": asset_out(MODELS_MOMENTS, kinds={"bambi", "deltalake"}),
        "diagnostics": asset_out(MODELS_DIAGNOSTICS, kinds={"arviz", "deltalake"}),
        "backtest": asset_out(MODELS_BACKTEST, kinds={"numpy", "deltalake"}),
    },
    ins={
        "features": _loans(window_of_a_model),
        "evidence": dg.AssetIn(list(MODELS_EVIDENCE.key), partition_mapping=window_of_a_model),
    },
    deps=[list(MODELS_REFERENCE.key)],
    partitions_def=model_dates,
    **at_once(SAMPLING),
    pool="mcmc",
    can_subset=True,
)
def models_posterior(
    context: dg.AssetExecutionContext, features: pl.LazyFrame, evidence: pl.LazyFrame, lake: Delta
) -> Iterator[dg.Output[pl.DataFrame]]:
    """Add up what the vintages of each training window say, draw from the posterior, certify and keep it."""
    kept: list[artifacts.KeptPosterior] = []
    references = pl.DataFrame(schema=MODELS_REFERENCE.schema)
    if lake.lake.exists(MODELS_REFERENCE):  # it does not while no model date had anything to learn
        references = lake.lake.scan(MODELS_REFERENCE, _dates(context)).collect()
    for model_date in _dates(context):
        mine = list(records.expansions(references.filter(pl.col("model_date") == model_date)))
        if not mine:
            # Says why: the window holds nothing to learn, or models/reference was not materialised.
            exposure.learned_from(features, model_date, settings().training_window)
            raise records.StaleEvidenceError(f"no reference dated {model_date}: materialise models/reference first")
        rows = evidence.filter(pl.col("model_date") == model_date).collect()
        for expansion in mine:
            one = artifacts.fit_as_known(features, rows, expansion, settings().training_window)
            lake.lake.put_bytes(artifacts.netcdf_name(model_date, expansion.design.feature_set), one.netcdf)
            context.log.info(one.told)
            kept.append(one)
    diagnostics = pl.concat([one.diagnostics for one in kept])
    backtest = pl.concat([one.backtest for one in kept])
    told = {
        "diagnostics": dg.MetadataValue.md(plots.as_markdown(diagnostics.drop("design"))),
        "coefficients": dg.MetadataValue.md(plots.embedded(plots.coefficients_png(kept[-1].parameters))),
        **artifacts.worst(diagnostics),
    }
    seen = {
        "defaults_by_vintage": dg.MetadataValue.md(plots.embedded(plots.vintages_png(kept[-1].backtest))),
        **artifacts.predictive(backtest),
        "prior_predictive": dg.MetadataValue.json(kept[-1].prior_predictive),
    }
    yield from together(context, lake, [
        Part(MODELS_POSTERIOR, pl.concat([one.draws for one in kept]), told),
        Part(MODELS_PARAMETERS, pl.concat([one.parameters for one in kept])),
        Part(MODELS_MOMENTS, pl.concat([one.moments for one in kept])),
        Part(MODELS_DIAGNOSTICS, diagnostics, artifacts.worst(diagnostics)),
        Part(MODELS_BACKTEST, backtest, seen),
    ])  # fmt: skip


def _challengers(
    context: dg.AssetExecutionContext,
    features: pl.LazyFrame,
    fit: Callable[[pl.LazyFrame, date, str, outcomes.Window], pl.DataFrame],
) -> pl.DataFrame:
    window = settings().training_window
    dates = _dates(context)
    return pl.concat(fit(features, model_date, name, window) for model_date in dates for name in FEATURE_SETS)


@dg.asset(
    **catalogue(MODELS_LOGISTIC, kinds={"scikitlearn", "deltalake"}),
    ins={"features": _loans(what_a_model_may_know)},
    partitions_def=model_dates,
    **at_once(BOOK),
)
def logistic(context: dg.AssetExecutionContext, features: pl.LazyFrame) -> pl.DataFrame:
    """Fit the logistic benchmark on the same features as the posterior, so that its worth is on view."""
    return _challengers(context, features, artifacts.fit_logistic_as_known)


@dg.asset(
    **catalogue(MODELS_BOOSTING, kinds={"scikitlearn", "deltalake"}),
    ins={"features": _loans(what_a_model_may_know)},
    partitions_def=model_dates,
    **at_once(BOOK),
)
def boosting(context: dg.AssetExecutionContext, features: pl.LazyFrame) -> pl.DataFrame:
    """Fit boosted trees on the same loans as the logistic benchmark: the price of being able to explain."""
    return _challengers(context, features, artifacts.fit_boosting_as_known)


@dg.asset(**catalogue(MODELS_BEHAVIOUR, kinds={"bambi", "deltalake"}), pool="mcmc", op_tags=SAMPLING.tags)
def behaviour(context: dg.AssetExecutionContext) -> dg.Output[pl.DataFrame]:
    """Learn from a history how behaviour updates the PD of an application; without one the application's PD stands."""
    folder = settings().history
    if folder is None:
        context.log.warning("CREDITRISK_HISTORY is not set: nothing is learned, the application's PD stands")
        return dg.Output(pl.DataFrame(schema=MODELS_BEHAVIOUR.schema), metadata={"customers": 0})
    model = histories.learn_history(folder)
    rows = histories.rows_of(model, folder)
    told = rows.drop("model", "source").row(0, named=True)
    return dg.Output(rows, metadata={**told, "effects": dg.MetadataValue.md(plots.as_markdown(model.effects()))})


@dg.asset(
    **catalogue(MODELS_COMPARISON, kinds={"polars", "deltalake"}),
    ins={
        "features": _loans(vintages_after_a_model_date),
        "posterior": dg.AssetIn(list(MODELS_POSTERIOR.key)),
        "moments": dg.AssetIn(list(MODELS_MOMENTS.key)),
        "diagnostics": dg.AssetIn(list(MODELS_DIAGNOSTICS.key)),
        "logistic": dg.AssetIn(list(MODELS_LOGISTIC.key)),
        "boosting": dg.AssetIn(list(MODELS_BOOSTING.key)),
    },
    partitions_def=model_dates,
    **at_once(BOOK),
)
def comparison(
    context: dg.AssetExecutionContext,
    features: pl.LazyFrame,
    posterior: pl.LazyFrame,
    moments: pl.LazyFrame,
    diagnostics: pl.LazyFrame,
    logistic: pl.LazyFrame,
    boosting: pl.LazyFrame,
) -> dg.Output[pl.DataFrame]:
    """Test all models on the twelve vintages after each model date: ranking, errors, calibration, reliability."""
    tables = artifacts.ModelTables(posterior, moments, diagnostics, logistic, boosting)
    result = artifacts.compare_as_known(features, tables, _dates(context), settings().last_vintage)
    metadata: dict[str, dg.MetadataValue] = {"figures": dg.MetadataValue.md(plots.as_markdown(result.figures))}
    for name, png in result.plots.items():
        metadata[name] = dg.MetadataValue.md(plots.embedded(png))
    for remark in result.remarks:
        context.log.warning(remark)
    return dg.Output(result.figures, metadata=metadata)
