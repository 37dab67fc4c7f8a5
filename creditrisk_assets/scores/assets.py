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
    MODELS_RULES,
    SCORES_LINEAGE,
    SCORES_LOANS,
    SCORES_RULES,
)
from creditrisk_assets.models.artifacts import ModelTables
from creditrisk_assets.models.rules.evaluation import evaluate
from creditrisk_assets.models.rules.reading import load_rules
from creditrisk_assets.partitions import models_before_a_vintage, vintages
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.resources.lake import DeltaLakeIOManager
from creditrisk_assets.scores.loans import Scoring, model_for
from creditrisk_assets.scores.policy import load_policy
from creditrisk_assets.scores.scale import Scale
from creditrisk_assets.shell import Part, asset_out, catalogue, together

_MODELS = [MODELS_POSTERIOR, MODELS_MOMENTS, MODELS_DIAGNOSTICS]


@dg.multi_asset(
    name="scores_loans",
    outs={
        "loans": asset_out(SCORES_LOANS, kinds={"polars", "deltalake"}),
        "lineage": asset_out(SCORES_LINEAGE, kinds={"polars", "deltalake"}),
    },
    ins={"features": dg.AssetIn(list(FEATURES_LOANS.key))},
    deps=[dg.AssetDep(list(table.key), partition_mapping=models_before_a_vintage) for table in _MODELS],
    partitions_def=vintages,
    backfill_policy=dg.BackfillPolicy.single_run(),
    can_subset=True,
)
def scores_loans(
    context: dg.AssetExecutionContext, features: pl.LazyFrame, lake: dg.ResourceParam[DeltaLakeIOManager]
) -> Iterator[dg.Output[pl.DataFrame]]:
    """Score, explain and decide every loan by the latest model that passed its gates before the loan was issued."""
    scored = _Scored(lake.lake, settings().feature_set, _scale())
    for key in context.partition_keys:
        scored.add(date.fromisoformat(key), features)
    lineage = scored.lineage()
    metadata = {name: int(lineage[name].sum()) for name in ("scored", "unscored")}
    if metadata["unscored"]:
        context.log.warning(f"{metadata['unscored']} loans have no good model dated before their vintage: no score")
    told = {**metadata, **scored.versions}
    yield from together(context, lake, [Part(SCORES_LOANS, scored.loans(), told), Part(SCORES_LINEAGE, lineage, told)])


def _scale() -> Scale:
    values = settings()
    return Scale(values.base_points, values.base_odds, values.points_to_double_odds)


class _Scored:
    """Scores vintage by vintage, each posterior rebuilt once."""

    def __init__(self, lake: Lake, feature_set: str, scale: Scale) -> None:
        self._feature_set, self._scale = feature_set, scale
        self._policy = load_policy(settings().policy)
        self._tables: ModelTables | None = None
        self._good: list[date] = []
        self.versions = {"features_version": lake.version(FEATURES_LOANS)}
        if all(lake.exists(table) for table in _MODELS):
            self._tables = ModelTables(*(lake.scan(table) for table in _MODELS))
            good = self._tables.diagnostics.filter(pl.col("passed"), pl.col("feature_set") == feature_set)
            self._good = good.select("model_date").collect()["model_date"].to_list()
            self.versions["posterior_version"] = lake.version(MODELS_POSTERIOR)
        self._scorings: dict[date, Scoring] = {}
        self._loans: list[pl.DataFrame] = []
        self._lineage: list[dict[str, object]] = []

    def add(self, vintage: date, features: pl.LazyFrame) -> None:
        """Score one vintage; without a good model its loans stay unscored."""
        frame = features.filter(pl.col("vintage") == vintage).collect()
        model_date = model_for(vintage, self._good)
        if model_date is not None and frame.height:
            self._loans.append(self._scoring(model_date).score(frame))
        scored = 0 if model_date is None else frame.height
        self._lineage.append(
            {"vintage": vintage, "model_date": model_date, "feature_set": self._feature_set, "scored": scored,
             "unscored": frame.height - scored, "posterior_version": None, **self.versions}
        )  # fmt: skip

    def _scoring(self, model_date: date) -> Scoring:
        if model_date not in self._scorings:
            assert self._tables is not None
            posterior = self._tables.rebuilt_posterior(model_date, self._feature_set)
            self._scorings[model_date] = Scoring(posterior, model_date, self._scale, self._policy)
        return self._scorings[model_date]

    def loans(self) -> pl.DataFrame:
        """Rows of scores/loans."""
        return pl.concat([pl.DataFrame(schema=SCORES_LOANS.schema), *self._loans])

    def lineage(self) -> pl.DataFrame:
        """Rows of scores/lineage."""
        frame = pl.LazyFrame(self._lineage, schema_overrides=dict(SCORES_LINEAGE.schema))
        return SCORES_LINEAGE.conform(frame).collect()


@dg.asset(
    **catalogue(SCORES_RULES, kinds={"polars", "deltalake"}),
    ins={"features": dg.AssetIn(list(FEATURES_LOANS.key))},
    deps=[list(MODELS_RULES.key)],
    partitions_def=vintages,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def rules(features: pl.LazyFrame) -> dg.Output[pl.DataFrame]:
    """Flag every loan by the rules in force, whether or not a model scored it."""
    rule_set = load_rules(settings().rules)
    loans = features.select("loan_id", "vintage", *rule_set.features()).collect()
    flagged = loans.select("loan_id", "vintage").hstack(evaluate(rule_set, loans))
    return dg.Output(flagged, metadata={"rules": rule_set.version, "watchlist": int(flagged["watchlist"].sum())})
