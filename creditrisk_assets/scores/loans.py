"""Scores of loans: which model may score a vintage, and what it says. The same for a book, a row and a stream."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import REASONS, SCORES_LOANS
from creditrisk_assets.models.posterior import Posterior
from creditrisk_assets.models.scorer import BLOCK
from creditrisk_assets.scores.decision import decided, in_words
from creditrisk_assets.scores.policy import Policy
from creditrisk_assets.scores.reasons import named, ranking
from creditrisk_assets.scores.scale import Scale, band

Vector = NDArray[np.float64]


def model_for(vintage: date, good: list[date]) -> date | None:
    """The latest good model dated at the start of the vintage or before, None when there is none."""
    return max((day for day in good if day <= vintage), default=None)


@dataclass(frozen=True)
class Scoring:
    """One posterior put to use: scorecard scale, policy, and the model date that signs for it."""

    posterior: Posterior
    model_date: date
    scale: Scale
    policy: Policy

    def score(self, frame: pl.DataFrame) -> pl.DataFrame:
        """scores/loans of rows of features/loans; a row gives the same bits alone or among others.

        ValueError names a column that is absent or infinite.
        """
        blocks = [frame[start : start + BLOCK] for start in range(0, max(frame.height, 1), BLOCK)]
        parts = [self._score(block) for block in blocks]
        return parts[0] if len(parts) == 1 else pl.concat(parts)

    def _score(self, frame: pl.DataFrame) -> pl.DataFrame:
        scorer = self.posterior.scorer
        coded = scorer.design.code(frame)
        found, places, ranked, given = self.figures(coded.codes, coded.vintage, scorer.terms_of(frame))
        pd = pl.DataFrame({"pd": found["pd"]})
        constants: dict[str, object] = {
            "model_date": self.model_date,
            "feature_set": scorer.design.feature_set,
            "policy": self.policy.version,
        }
        columns: dict[str, Any] = {"loan_id": frame["loan_id"], "vintage": frame["vintage"], **found}
        columns |= {name: pl.Series([value]).new_from_index(0, frame.height) for name, value in constants.items()}
        columns |= pd.select(points=self.scale.points(pl.col("pd")), band=band(pl.col("pd"))).to_dict()
        columns |= {"decision": in_words(places)} | named(ranked, given, scorer.design.binning.names).to_dict()
        scored = pl.DataFrame({name: columns[name] for name in SCORES_LOANS.schema})
        return scored if scored.schema == SCORES_LOANS.schema else scored.cast(SCORES_LOANS.schema)

    def figures(
        self, codes: NDArray[np.uint8], vintage: NDArray[np.int64], term: NDArray[np.int64]
    ) -> tuple[dict[str, Vector], NDArray[np.uint32], NDArray[np.int32], Vector]:
        """What `score` says of n loans as arrays, see `Scorer.predicted`, `decision.decided` and `reasons.ranking`.

        (figures by name with `decision_probability`, each (n,); places of decisions (n,); places of reasons
        among the factors and their contributions, each (4, n)).
        """
        scorer = self.posterior.scorer
        found = scorer.predicted(codes, vintage, term)
        places, sure = decided(*self._sides(found["log_odds"], found["log_odds_sd"], term), self.policy)
        contributions, spread = scorer.contributions_of(codes)
        ranked, given = ranking(contributions, spread, scorer.design.binning.names, most=len(REASONS))
        return {**found, "decision_probability": sure}, places, ranked, given

    @cached_property
    def _limits(self) -> Vector:
        """(2, terms): log-odds at which the PD reaches the limits of approval and of decline."""
        horizons = self.posterior.scorer.horizons
        limits = (self.policy.approve_below, self.policy.decline_from)
        return np.array([[horizons.log_odds_at(limit, months) for months in horizons.terms] for limit in limits])

    def _sides(self, mean: Vector, spread: Vector, term: NDArray[np.int64]) -> tuple[Vector, Vector]:
        """Probabilities that the PD lies below the limit of approval, and at or above that of decline, each (n,)."""
        from scipy.special import ndtr

        approve, decline = self._limits[:, term]
        return ndtr((approve - mean) / spread), ndtr((mean - decline) / spread)
