"""Whether every good posterior has a card that describes this very posterior."""

from collections.abc import Collection
from datetime import date

import polars as pl

from creditrisk_assets.contracts import MODELS_POSTERIOR, MONITORING_MODEL_CARDS
from creditrisk_assets.monitoring.commits import Commit, commits
from creditrisk_assets.monitoring.posteriors import SHOWN, Known, known_posteriors
from creditrisk_assets.resources.delta import Lake

_COLUMNS = ("model_date", "feature_set", "posterior", "posterior_version")


def cards(lake: Lake) -> pl.DataFrame:
    """Keys and versions of all cards; none where monitoring/model_cards was never written."""
    if not lake.exists(MONITORING_MODEL_CARDS):
        return pl.DataFrame(schema={name: MONITORING_MODEL_CARDS.schema[name] for name in _COLUMNS})
    return lake.scan(MONITORING_MODEL_CARDS, columns=_COLUMNS).collect()


def problems(lake: Lake, model_dates: Collection[date] | None = None) -> dict[str, str]:
    """What is wrong with the cards of posteriors that passed their gates, by name; empty when all is well."""
    written, kept = commits(lake, MODELS_POSTERIOR), cards(lake)
    found = {one.name: wrong_with(one, kept, written) for one in known_posteriors(lake, model_dates) if one.passed}
    return {name: wrong for name, wrong in found.items() if wrong is not None}


def wrong_with(one: Known, kept: pl.DataFrame, written: list[Commit]) -> str | None:
    """What is wrong with the card of a posterior, and the remedy; None for nothing.

    `kept`: see `cards`; `written`: commits of models/posterior. A card is of an older posterior when the digests
    differ, or when the posterior was written again after the version that the card describes.
    """
    remedy = f"materialise monitoring/model_cards of {one.model.model_date}"
    mine = kept.filter(model_date=one.model.model_date, feature_set=one.model.feature_set)
    if mine.is_empty():
        return f"it has no card: {remedy}"
    card = mine.filter(posterior=one.posterior)
    if card.is_empty():
        other = mine.sort("posterior_version").row(-1, named=True)
        return (
            f"its card describes another posterior ({other['posterior'][:SHOWN]}, version "
            f"{other['posterior_version']} of models/posterior) than this one ({one.posterior[:SHOWN]}): {remedy}"
        )
    described = int(card["posterior_version"].max())  # type: ignore[arg-type]
    newer = [commit.version for commit in written if one.model.model_date in commit.days and commit.version > described]
    if newer and not one.promoted:
        return f"its card describes version {described} of models/posterior, version {newer[0]} replaced it: {remedy}"
    return None
