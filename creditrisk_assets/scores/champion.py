"""The model in charge: the newest posterior that passed its gates, with the platform's scale and policy."""

from datetime import date

import polars as pl

from creditrisk_assets.contracts import MODELS_DIAGNOSTICS, MODELS_MOMENTS, MODELS_POSTERIOR
from creditrisk_assets.models.artifacts import ModelTables
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.loans import Scoring
from creditrisk_assets.scores.policy import load_policy
from creditrisk_assets.scores.scale import Scale

MODELS = (MODELS_POSTERIOR, MODELS_MOMENTS, MODELS_DIAGNOSTICS)


def champion(lake: Lake, values: Settings) -> Scoring | None:
    """The newest good posterior of the configured feature set; None without one. PolicyError as `load_policy`."""
    if not all(lake.exists(table) for table in MODELS):
        return None
    mine = pl.col("feature_set") == values.feature_set
    passed = lake.scan(MODELS_DIAGNOSTICS).filter(mine, pl.col("passed")).select(pl.col("model_date").max())
    newest = passed.collect().item()
    if newest is None:
        return None
    return dated(lake, values, newest, values.feature_set)


def dated(lake: Lake, values: Settings, model_date: date, feature_set: str) -> Scoring:
    """The posterior of a model date put to use as the platform does; ValueError when it is not in the lake."""
    tables = ModelTables(*(lake.scan(table, [model_date]) for table in MODELS))
    scale = Scale(values.base_points, values.base_odds, values.points_to_double_odds)
    return Scoring(tables.rebuilt_posterior(model_date, feature_set), model_date, scale, load_policy(values.policy))
