"""What speaks for or against a change of champion: both models side by side, as far as anybody can know."""

import polars as pl

from creditrisk_assets.contracts import FEATURES_LOANS, SCORES_CHALLENGER, SCORES_LOANS
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.monitoring.challenger import Figures, figures, pairs, turned
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.champion import dated
from creditrisk_assets.scores.loans import Scoring

Evidence = dict[str, Figures]
_KEPT = ("loan_id", "vintage", "feature_set", "model_date", "pd", "decision")


def evidence(lake: Lake, values: Settings, champion: Model | None, candidate: Model) -> Evidence:
    """`as_scored` and `these_models`, each with the figures of `monitoring.challenger.figures`.

    `as_scored`: all vintages in scores/loans and scores/challenger that models of both feature sets scored, each
    by the models of its own time. `these_models`: the two posteriors themselves, on the loans issued since the younger
    of them, of which neither can have learned. Nothing without a champion, or without loans in the lake.
    """
    if champion is None or not lake.exists(FEATURES_LOANS):
        return {}
    found = {"these_models": figures(_since_both(lake, values, champion, candidate))}
    if lake.exists(SCORES_LOANS) and lake.exists(SCORES_CHALLENGER):
        found["as_scored"] = figures(_as_scored(lake, champion.feature_set, candidate.feature_set))
    return found


def _as_scored(lake: Lake, champion: str, candidate: str) -> pl.DataFrame:
    both = pairs(lake.scan(SCORES_LOANS, columns=_KEPT), lake.scan(SCORES_CHALLENGER), lake.scan(FEATURES_LOANS))
    wanted = (pl.col("champion_feature_set") == champion) & (pl.col("challenger_feature_set") == candidate)
    ways = [both] if champion == candidate else [both, turned(both)]
    return pl.concat([one.filter(wanted) for one in ways]).collect()


def _since_both(lake: Lake, values: Settings, champion: Model, candidate: Model) -> pl.DataFrame:
    features = lake.scan(FEATURES_LOANS)
    younger = max(champion.model_date, candidate.model_date)
    features = features.filter(pl.col("vintage") >= younger)
    scorings = [dated(lake, values, model.model_date, model.feature_set) for model in (champion, candidate)]
    one, other = (_scored(features, scoring) for scoring in scorings)
    return pairs(one, other, features).collect()


def _scored(features: pl.LazyFrame, scoring: Scoring) -> pl.LazyFrame:
    """A vintage at a time, for rows of features/loans are wide."""
    empty = pl.DataFrame(schema={name: SCORES_LOANS.schema[name] for name in _KEPT})
    vintages = features.select(pl.col("vintage").unique().sort()).collect()["vintage"]
    each = (features.filter(pl.col("vintage") == vintage).collect() for vintage in vintages)
    return pl.concat([empty, *(scoring.score(loans).select(_KEPT) for loans in each)]).lazy()
