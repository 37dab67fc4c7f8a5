"""Scores of the stream: applications as in a batch, customers after what they did. Rows of scores/live."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import FEATURES_LOANS, REASONS, SCORES_LIVE
from creditrisk_assets.models.behaviour import BehaviourModel
from creditrisk_assets.models.rules.evaluation import evaluate
from creditrisk_assets.models.rules.rule_set import RuleSet
from creditrisk_assets.scores.decision import decide
from creditrisk_assets.scores.loans import Scoring
from creditrisk_assets.scores.reasons import reasons
from creditrisk_assets.scores.scale import band

Vector = NDArray[np.float64]

PLACE = ("ingest_day", "ingested_at", "topic", "epoch", "partition", "offset")
DECIDED_BY = (*PLACE, "subject", "customer_id", "event_id", "as_of")
"""What a row says about the event that decided it."""
FLAGS = ("tier", "watchlist", "rule_reasons", "rules")
"""What the rules say of an application; empty for what customers do."""


@dataclass(frozen=True)
class LiveScoring:
    """The models in charge of the stream: for applications and for what customers do; and the rules beside them."""

    scoring: Scoring
    behaviour: BehaviourModel
    rules: RuleSet

    def warm_up(self) -> None:
        """Score somebody of whom nothing is known: whoever comes first then need not wait for code to be loaded."""
        empty = {name: [None] for name in FEATURES_LOANS.schema} | {
            "vintage": [self.scoring.model_date],
            "term_months": [36],
        }
        nobody = pl.DataFrame(empty, schema=FEATURES_LOANS.schema)
        self.scoring.score(nobody)
        self._flags(nobody)

    def applications(self, decided_by: pl.DataFrame, loans: pl.DataFrame) -> pl.DataFrame:
        """scores/live of applications: `loans` are rows of features/loans, `decided_by` (DECIDED_BY) the events.

        The same figures as `Scoring.score` gives the same loans in a batch, and the same flags as `evaluate`.
        ValueError as there.
        """
        scored = self.scoring.score(loans).drop("loan_id", "vintage")
        return _rows("application", decided_by, scored.hstack(self._flags(loans)))

    def _flags(self, loans: pl.DataFrame) -> pl.DataFrame:
        return evaluate(self.rules, loans).select(FLAGS)

    def customers(self, decided_by: pl.DataFrame, features: pl.DataFrame, m0: Vector, v0: Vector) -> pl.DataFrame:
        """scores/live of customers by their features/behaviour and what was known before, see `BehaviourModel`.

        The PD is over the twelve months after the newest event; there is none over the term. ValueError
        as `BehaviourModel.predict`.
        """
        told, contributions, spread = self.behaviour.explained(features, m0, v0)
        explained = reasons(contributions, spread, self.behaviour.names, most=len(REASONS))
        points = told.select(points=self.scoring.scale.points(pl.col("pd")), band=band(pl.col("pd")))
        decided = decide(*self._sides(told), self.scoring.policy)
        constants = {
            "model_date": pl.lit(self.scoring.model_date),
            "feature_set": pl.lit(self.scoring.posterior.design.feature_set),
            "policy": pl.lit(self.scoring.policy.version),
        }
        return _rows(
            "behaviour", decided_by, pl.concat([told, points, decided, explained], how="horizontal"), constants
        )

    def _sides(self, told: pl.DataFrame) -> tuple[Vector, Vector]:
        """Probabilities that the PD lies below the limit of approval, and at or above that of decline, each (n,)."""
        from scipy.special import logit, ndtr

        policy, mean = self.scoring.policy, told["log_odds"].to_numpy()
        spread = np.maximum(told["log_odds_sd"].to_numpy(), np.finfo(np.float64).tiny)
        return ndtr((logit(policy.approve_below) - mean) / spread), ndtr((mean - logit(policy.decline_from)) / spread)


def _rows(
    kind: str, decided_by: pl.DataFrame, scored: pl.DataFrame, constants: dict[str, pl.Expr] | None = None
) -> pl.DataFrame:
    together = pl.concat([decided_by.select(DECIDED_BY), scored], how="horizontal")
    absent = {name: pl.lit(None) for name in SCORES_LIVE.schema if name.startswith("pd_term") or name in FLAGS}
    absent = {name: empty for name, empty in absent.items() if name not in scored.columns}
    whole = together.with_columns(kind=pl.lit(kind), **(constants or {}), **absent)
    return SCORES_LIVE.conform(whole.lazy()).collect()
