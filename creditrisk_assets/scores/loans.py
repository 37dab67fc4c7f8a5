"""Scores of loans: which model may score a vintage, and what it says. The same for a book, a row and a stream."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import REASONS, SCORES_LOANS
from creditrisk_assets.models.posterior import Posterior
from creditrisk_assets.scores.decision import decide
from creditrisk_assets.scores.policy import Policy
from creditrisk_assets.scores.reasons import reasons
from creditrisk_assets.scores.scale import Scale, band


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
        predicted = self.posterior.predict(frame)
        scorer = self.posterior.scorer
        below, above = self._sides(frame, predicted)
        contributions, spread = scorer.contributions(frame)
        names = [factor.name for factor in scorer.design.binning.factors]
        parts = [
            frame.select("loan_id", "vintage"),
            predicted,
            decide(below, above, self.policy),
            reasons(contributions, spread, names, most=len(REASONS)),
        ]
        scored = (
            pl.concat(parts, how="horizontal")
            .lazy()
            .with_columns(
                model_date=pl.lit(self.model_date, pl.Date),
                feature_set=pl.lit(scorer.design.feature_set),
                points=self.scale.points(pl.col("pd")),
                band=band(pl.col("pd")),
                policy=pl.lit(self.policy.version),
            )
        )
        return SCORES_LOANS.conform(scored).collect()

    def _sides(self, frame: pl.DataFrame, predicted: pl.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Probabilities that the PD lies below the limit of approval, and at or above that of decline, each (n,)."""
        from scipy.special import ndtr

        horizons = self.posterior.scorer.horizons
        term = self.posterior.scorer.terms_of(frame)
        mean, spread = predicted["log_odds"].to_numpy(), predicted["log_odds_sd"].to_numpy()
        limits = (self.policy.approve_below, self.policy.decline_from)
        ends = [np.array([horizons.log_odds_at(limit, months) for months in horizons.terms])[term] for limit in limits]
        return ndtr((ends[0] - mean) / spread), ndtr((mean - ends[1]) / spread)
