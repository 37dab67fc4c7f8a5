"""The model that signed a score, ready to explain it and to score anew."""

from datetime import date

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings, SettingsError
from creditrisk_assets.scores.champion import MODELS, dated
from creditrisk_assets.scores.loans import Scoring
from creditrisk_assets.scores.policy import PolicyError

__all__ = ["Scoring", "signed"]


def signed(lake: Lake, values: Settings, model_date: date, feature_set: str) -> Scoring | None:
    """The model of a date; None where the lake holds it no more. SettingsError when the policy cannot be used."""
    if not all(lake.exists(table) for table in MODELS):
        return None
    try:
        return dated(lake, values, model_date, feature_set)
    except PolicyError as error:
        raise SettingsError(str(error)) from error
    except ValueError:
        return None
