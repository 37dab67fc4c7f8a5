"""The model in charge: the one promoted last, else the newest good posterior; with the platform's scale and policy."""

from datetime import date

import polars as pl

from creditrisk_assets.contracts import MODELS_DIAGNOSTICS
from creditrisk_assets.models.artifacts import ModelTables
from creditrisk_assets.models.registry.frozen import TABLES, frozen
from creditrisk_assets.models.registry.record import Model, promotions
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.loans import Scoring
from creditrisk_assets.scores.policy import load_policy
from creditrisk_assets.scores.scale import Scale

MODELS = TABLES


def champion(lake: Lake, values: Settings) -> Scoring | None:
    """The model that decides from now on; None without one. PolicyError as `load_policy`."""
    model = deciding(lake, values)
    return None if model is None else dated(lake, values, model.model_date, model.feature_set)


def deciding(lake: Lake, values: Settings) -> Model | None:
    """Which posterior decides: the one promoted last, whatever was trained or set since.

    Before any promotion it is the newest good one of the configured feature set; None without one.
    """
    known = promotions(lake)
    return known[-1].model if known else newest_good(lake, values.feature_set)


def newest_good(lake: Lake, feature_set: str) -> Model | None:
    """The newest posterior of a feature set that passed its gates; None without one."""
    if not all(lake.exists(table) for table in MODELS):
        return None
    mine = pl.col("feature_set") == feature_set
    passed = lake.scan(MODELS_DIAGNOSTICS).filter(mine, pl.col("passed")).select(pl.col("model_date").max())
    newest: date | None = passed.collect().item()
    return None if newest is None else Model(feature_set, newest)


def dated(lake: Lake, values: Settings, model_date: date, feature_set: str) -> Scoring:
    """The posterior of a model date put to use as the platform does; ValueError when it is not in the lake.

    One that was promoted is the posterior it was then.
    """
    tables = tables_of(lake, Model(feature_set, model_date))
    scale = Scale(values.base_points, values.base_odds, values.points_to_double_odds)
    return Scoring(tables.rebuilt_posterior(model_date, feature_set), model_date, scale, load_policy(values.policy))


def tables_of(lake: Lake, model: Model) -> ModelTables:
    """What a posterior is rebuilt from: of one that was promoted as it was then, else as it was trained last."""
    return frozen(lake, model) or ModelTables(*(lake.scan(table, [model.model_date]) for table in MODELS))
