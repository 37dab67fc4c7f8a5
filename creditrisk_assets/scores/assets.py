"""Assets of the scores stage."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import polars as pl

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MODELS_DIAGNOSTICS,
    MODELS_MOMENTS,
    MODELS_POSTERIOR,
    MODELS_PROMOTIONS,
    MODELS_RULES,
    SCORES_CHALLENGER,
    SCORES_LINEAGE,
    SCORES_LOANS,
    SCORES_RULES,
)
from creditrisk_assets.models.rules.evaluation import evaluate
from creditrisk_assets.models.rules.reading import load_rules
from creditrisk_assets.partitions import models_before_a_vintage, vintages
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.resources.lake import DeltaLakeIOManager
from creditrisk_assets.scores.vintages import Bench, Scored, challenged
from creditrisk_assets.shell import Part, asset_out, by_vintage, catalogue, together
from creditrisk_assets.workloads import VINTAGE

_MODELS = [MODELS_POSTERIOR, MODELS_MOMENTS, MODELS_DIAGNOSTICS]


@dg.multi_asset(
    name="scores_loans",
    outs={
        "loans": asset_out(SCORES_LOANS, kinds={"polars", "deltalake"}),
        "lineage": asset_out(SCORES_LINEAGE, kinds={"polars", "deltalake"}),
    },
    ins={"features": dg.AssetIn(list(FEATURES_LOANS.key))},
    deps=[
        *(dg.AssetDep(list(table.key), partition_mapping=models_before_a_vintage) for table in _MODELS),
        list(MODELS_PROMOTIONS.key),
    ],
    partitions_def=vintages,
    **by_vintage(VINTAGE),
    can_subset=True,
)
def scores_loans(
    context: dg.AssetExecutionContext, features: pl.LazyFrame, lake: dg.ResourceParam[DeltaLakeIOManager]
) -> Iterator[dg.Output[pl.DataFrame]]:
    """Score, explain and decide every loan by the latest model that passed its gates before the loan was issued."""
    bench, versions = Bench(lake.lake, settings()), {"features_version": lake.lake.version(FEATURES_LOANS)}
    if bench.exists:
        versions["posterior_version"] = lake.lake.version(MODELS_POSTERIOR)
    scored = Scored(bench, settings().feature_set, versions)
    for key in context.partition_keys:
        scored.add(date.fromisoformat(key), features)
    lineage = scored.lineage()
    metadata = {name: int(lineage[name].sum()) for name in ("scored", "unscored")}
    if metadata["unscored"]:
        context.log.warning(f"{metadata['unscored']} loans have no good model dated before their vintage: no score")
    told = {**metadata, **scored.versions}
    yield from together(context, lake, [Part(SCORES_LOANS, scored.loans(), told), Part(SCORES_LINEAGE, lineage, told)])


@dg.asset(
    **catalogue(SCORES_CHALLENGER, kinds={"polars", "deltalake"}),
    ins={
        "features": dg.AssetIn(list(FEATURES_LOANS.key)),
        "champion": dg.AssetIn(
            list(SCORES_LOANS.key), metadata={"columns": ["loan_id", "vintage", "feature_set", "model_date"]}
        ),
    },
    deps=[dg.AssetDep(list(table.key), partition_mapping=models_before_a_vintage) for table in _MODELS],
    partitions_def=vintages,
    **by_vintage(VINTAGE),
)
def scores_challenger(
    context: dg.AssetExecutionContext,
    features: pl.LazyFrame,
    champion: pl.LazyFrame,
    lake: dg.ResourceParam[DeltaLakeIOManager],
) -> pl.DataFrame:
    """Score in shadow, by the model that challenges, the very loans that the champion decided."""
    bench, empty = Bench(lake.lake, settings()), pl.DataFrame(schema=SCORES_CHALLENGER.schema)
    days = [date.fromisoformat(key) for key in context.partition_keys]
    return pl.concat([empty, *(challenged(bench, day, features, champion) for day in days)])


@dg.asset(
    **catalogue(SCORES_RULES, kinds={"polars", "deltalake"}),
    ins={"features": dg.AssetIn(list(FEATURES_LOANS.key))},
    deps=[list(MODELS_RULES.key)],
    partitions_def=vintages,
    **by_vintage(VINTAGE),
)
def rules(features: pl.LazyFrame) -> dg.Output[pl.DataFrame]:
    """Flag every loan by the rules in force, whether or not a model scored it."""
    rule_set = load_rules(settings().rules)
    loans = features.select("loan_id", "vintage", *rule_set.features()).collect()
    flagged = loans.select("loan_id", "vintage").hstack(evaluate(rule_set, loans))
    return dg.Output(flagged, metadata={"rules": rule_set.version, "watchlist": int(flagged["watchlist"].sum())})
