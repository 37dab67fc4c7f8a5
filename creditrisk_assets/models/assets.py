"""Assets of the models stage: posterior and logistic at each model date, compared out of time."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import polars as pl

from creditrisk_assets.contracts import (
    FEATURE_SETS,
    FEATURES_LOANS,
    MODELS_COMPARISON,
    MODELS_DIAGNOSTICS,
    MODELS_LOGISTIC,
    MODELS_PARAMETERS,
    MODELS_POSTERIOR,
)
from creditrisk_assets.models import artifacts, plots
from creditrisk_assets.partitions import model_dates, vintages_after_a_model_date, what_a_model_may_know
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.resources.lake import DeltaLakeIOManager
from creditrisk_assets.shell import Part, asset_out, catalogue, together

Delta = dg.ResourceParam[DeltaLakeIOManager]
SINGLE_RUN = dg.BackfillPolicy.single_run()


def _dates(context: dg.AssetExecutionContext) -> list[date]:
    return [date.fromisoformat(key) for key in context.partition_keys]


def _training_window() -> dg.AssetIn:
    return dg.AssetIn(list(FEATURES_LOANS.key), partition_mapping=what_a_model_may_know)


@dg.multi_asset(
    name="models_posterior",
    outs={
        "posterior": asset_out(MODELS_POSTERIOR, kinds={"bambi", "deltalake"}),
        "parameters": asset_out(MODELS_PARAMETERS, kinds={"bambi", "deltalake"}),
        "diagnostics": asset_out(MODELS_DIAGNOSTICS, kinds={"arviz", "deltalake"}),
    },
    ins={"features": _training_window()},
    partitions_def=model_dates,
    backfill_policy=SINGLE_RUN,
    pool="mcmc",
    can_subset=True,
)
def models_posterior(
    context: dg.AssetExecutionContext, features: pl.LazyFrame, lake: Delta
) -> Iterator[dg.Output[pl.DataFrame]]:
    """Fit the hierarchical PD model on what was known at each model date and keep its draws and diagnostics."""
    kept: list[artifacts.KeptPosterior] = []
    for model_date in _dates(context):
        for feature_set in FEATURE_SETS:
            one = artifacts.fit_as_known(features, model_date, feature_set, settings().training_window)
            lake.lake.put_bytes(artifacts.netcdf_name(model_date, feature_set), one.netcdf)
            context.log.info(one.told)
            kept.append(one)
    diagnostics = pl.concat([one.diagnostics for one in kept])
    told = {
        "diagnostics": dg.MetadataValue.md(plots.as_markdown(diagnostics.drop("design"))),
        "coefficients": dg.MetadataValue.md(plots.embedded(plots.coefficients_png(kept[-1].parameters))),
        **artifacts.worst(diagnostics),
    }
    parts = [
        Part(MODELS_POSTERIOR, pl.concat([one.draws for one in kept]), told),
        Part(MODELS_PARAMETERS, pl.concat([one.parameters for one in kept])),
        Part(MODELS_DIAGNOSTICS, diagnostics, artifacts.worst(diagnostics)),
    ]
    yield from together(context, lake, parts)


@dg.asset(
    **catalogue(MODELS_LOGISTIC, kinds={"scikitlearn", "deltalake"}),
    ins={"features": _training_window()},
    partitions_def=model_dates,
    backfill_policy=SINGLE_RUN,
)
def logistic(context: dg.AssetExecutionContext, features: pl.LazyFrame) -> pl.DataFrame:
    """Fit the logistic benchmark on the same loans and features as the posterior, so that its worth is on view."""
    window = settings().training_window
    return pl.concat(
        artifacts.fit_logistic_as_known(features, model_date, feature_set, window)
        for model_date in _dates(context)
        for feature_set in FEATURE_SETS
    )


@dg.asset(
    **catalogue(MODELS_COMPARISON, kinds={"polars", "deltalake"}),
    ins={
        "features": dg.AssetIn(list(FEATURES_LOANS.key), partition_mapping=vintages_after_a_model_date),
        "posterior": dg.AssetIn(list(MODELS_POSTERIOR.key)),
        "parameters": dg.AssetIn(list(MODELS_PARAMETERS.key)),
        "diagnostics": dg.AssetIn(list(MODELS_DIAGNOSTICS.key)),
        "logistic": dg.AssetIn(list(MODELS_LOGISTIC.key)),
    },
    partitions_def=model_dates,
    backfill_policy=SINGLE_RUN,
)
def comparison(
    context: dg.AssetExecutionContext,
    features: pl.LazyFrame,
    posterior: pl.LazyFrame,
    parameters: pl.LazyFrame,
    diagnostics: pl.LazyFrame,
    logistic: pl.LazyFrame,
) -> dg.Output[pl.DataFrame]:
    """Test both models on the twelve vintages after each model date: ranking, errors, calibration, reliability."""
    tables = artifacts.ModelTables(posterior, parameters, diagnostics, logistic)
    result = artifacts.compare_as_known(features, tables, _dates(context), settings().last_vintage)
    metadata: dict[str, dg.MetadataValue] = {"figures": dg.MetadataValue.md(plots.as_markdown(result.figures))}
    for name, png in result.plots.items():
        metadata[name] = dg.MetadataValue.md(plots.embedded(png))
    for remark in result.remarks:
        context.log.warning(remark)
    return dg.Output(result.figures, metadata=metadata)
