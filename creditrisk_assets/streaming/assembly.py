"""The hot path put together from the settings: what a run, a command and a test have in common."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import polars as pl

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    FEATURES_BEHAVIOUR,
    MODELS_BEHAVIOUR,
    SCORES_CHALLENGER,
    SCORES_LIVE,
    SCORES_LOANS,
    TOPICS,
)
from creditrisk_assets.models.behaviour import BehaviourModel, prior_of
from creditrisk_assets.models.histories import model_of
from creditrisk_assets.models.rules.reading import load_rules
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.challenger import challenger
from creditrisk_assets.scores.champion import champion
from creditrisk_assets.scores.live import LiveScoring
from creditrisk_assets.scores.loans import Scoring
from creditrisk_assets.serving.connection import connect
from creditrisk_assets.streaming.connection import client_arguments
from creditrisk_assets.streaming.consume import Intake
from creditrisk_assets.streaming.decoding import decode
from creditrisk_assets.streaming.deriving import Deriver
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.log import Log
from creditrisk_assets.streaming.offsets import Caps
from creditrisk_assets.streaming.pipeline import Pipeline
from creditrisk_assets.streaming.remembering import remembered
from creditrisk_assets.streaming.serving import Follower
from creditrisk_assets.streaming.table import StreamTable

At = Callable[[str], None]


def _nowhere(point: str) -> None:
    """Nobody waits at a named point."""


def models_in_charge(lake: Lake, values: Settings) -> LiveScoring | None:
    """Champion, behaviour model and rules; None while no posterior has passed its gates. RulesError as `load_rules`."""
    scoring = champion(lake, values)
    return None if scoring is None else with_behaviour(lake, values, scoring, SCORES_LOANS)


def models_in_shadow(lake: Lake, values: Settings) -> LiveScoring | None:
    """The same with the challenger in the champion's place; None without one."""
    scoring = challenger(lake, values)
    return None if scoring is None else with_behaviour(lake, values, scoring, SCORES_CHALLENGER)


def with_behaviour(lake: Lake, values: Settings, scoring: Scoring, book: Table) -> LiveScoring:
    """A model of applications beside what was learned of behaviour; `book` holds its scores of loans."""
    learned = model_of(lake.scan(MODELS_BEHAVIOUR).collect()) if lake.exists(MODELS_BEHAVIOUR) else None
    behaviour = learned or BehaviourModel.none(*_of_the_book(lake, scoring, book))
    return LiveScoring(scoring, behaviour, load_rules(values.rules))


def _of_the_book(lake: Lake, scoring: Scoring, table: Table) -> tuple[float, float]:
    """Mean and variance of the log-odds of default within twelve months of somebody of whom nothing is known."""
    import numpy as np

    book = lake.scan(table, columns=["pd_low", "pd_high"]).collect() if lake.exists(table) else None
    if book is None or book.is_empty():
        scorer = scoring.posterior.scorer
        base = scorer.tables.base[len(scorer.design.vintages) - 1 : len(scorer.design.vintages)]
        told = scorer.pds(base, np.ones(1), np.zeros(1, np.int64))
        book = pl.DataFrame({"pd_low": told[1], "pd_high": told[2]})
    mean, variance = prior_of(book["pd_low"].to_numpy(), book["pd_high"].to_numpy())
    return float(mean.mean()), float(mean.var() + variance.mean())


def _follower(values: Settings, lake: Lake, at: At) -> Follower | None:
    if values.postgres_url is None:
        return None
    opens = partial(connect, "writer", values.postgres_url)
    return Follower(opens, Events(lake), StreamTable(lake, SCORES_LIVE), at)


@contextmanager
def assembled(lake: Lake, values: Settings, caps: Caps | None = None, at: At = _nowhere) -> Iterator[Pipeline]:
    """The pipeline of an environment, its memory read from the lake; closed at the end.

    Without CREDITRISK_POSTGRES_URL nothing is served, and the lake holds it all the same.
    """
    events, features, scores = Events(lake), StreamTable(lake, FEATURES_BEHAVIOUR), StreamTable(lake, SCORES_LIVE)
    for table in (events, features, scores):
        table.create()
    follower = _follower(values, lake, at)
    with Log(client_arguments(values), TOPICS) as log:
        reached = scores.patiently(scores.reached)
        deriver = Deriver(models_in_charge(lake, values), remembered(lake, events, scores, reached))
        intake = Intake(log, events, decode, caps or Caps(), at)
        try:
            yield Pipeline(intake, features, scores, deriver, reached, follower, at)
        finally:
            if follower is not None:
                follower.close()
