"""The model that scores in shadow: everything the champion scores, deciding nothing."""

from creditrisk_assets.contracts import FEATURE_SETS
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.champion import dated, deciding, newest_good
from creditrisk_assets.scores.loans import Scoring


def rival(values: Settings, feature_set: str) -> str | None:
    """The feature set that challenges a champion of `feature_set`; None where CREDITRISK_CHALLENGER says none."""
    if values.challenger == "none":
        return None
    if values.challenger == "other":
        return next(name for name in FEATURE_SETS if name != feature_set)
    return values.challenger


def challenging(lake: Lake, values: Settings) -> Model | None:
    """Which posterior challenges: the newest good one of the rival feature set; None without one."""
    decides = deciding(lake, values)
    wanted = rival(values, values.feature_set if decides is None else decides.feature_set)
    return None if wanted is None else newest_good(lake, wanted)


def challenger(lake: Lake, values: Settings) -> Scoring | None:
    """The challenger put to use like the champion; None without one. PolicyError as `load_policy`."""
    model = challenging(lake, values)
    return None if model is None else dated(lake, values, model.model_date, model.feature_set)
