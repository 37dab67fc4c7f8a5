"""What follows from a micro-batch: behaviour and live scores, a pure function of raw/events up to it.

Repeats of an application are scored once. A customer's PD before behaviour is that of their newest
application in the stream, else in scores/loans. The same micro-batches in the same order give the same
rows, whether they come from Kafka or are read back from the lake.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import ACTIVITY_TYPES, FEATURES_BEHAVIOUR, SCORES_LIVE
from creditrisk_assets.features.behaviour import behaviour
from creditrisk_assets.models.behaviour import prior_of
from creditrisk_assets.scores.live import PLACE, LiveScoring
from creditrisk_assets.streaming.applications import applications
from creditrisk_assets.streaming.history import History
from creditrisk_assets.streaming.keyed import Keyed, Matrix

Vector = NDArray[np.float64]

APPLICATION = "loan_application"
APPLICANT = pl.coalesce("customer_id", "subject")
"""Whom an application in scores/live concerns: who names no customer is one by the application."""
OFFSETS = ("topic", "epoch", "partition", "offset")


@dataclass(frozen=True)
class Derived:
    """Rows of features/behaviour and scores/live.

    `repeats` of applications, and events left `unscored`: for lack of a model, or since they were decoded
    under a wider contract.
    """

    features: pl.DataFrame
    scores: pl.DataFrame
    repeats: int = 0
    unscored: int = 0


@dataclass
class Memory:
    """What earlier micro-batches, and the book, leave behind; see `remembering.remembered`.

    `activity` of all customers, `priors` of each by `learn`, `seen` applications.
    """

    activity: History = field(default_factory=History)
    priors: Keyed = field(default_factory=lambda: Keyed(3))
    seen: Keyed = field(default_factory=lambda: Keyed(0))

    def first_seen(self, applications: pl.Series) -> pl.Series:
        """Which of these event ids (n) come for the first time; from now on none does."""
        known, _ = self.seen.find(applications)
        self.seen.add(applications, np.zeros((len(applications), 0)))
        return pl.Series(~known) & applications.is_first_distinct()

    def learn(self, scored: pl.DataFrame) -> None:
        """Keep what is known of customers by their newest applications: customer, as_of, pd_low, pd_high.

        An application without as_of is older than all others; of two of one instant the riskier counts.
        """
        mean, variance = prior_of(scored["pd_low"].to_numpy(), scored["pd_high"].to_numpy())
        time = scored["as_of"].dt.epoch("us").cast(pl.Float64).fill_null(-np.inf).to_numpy()
        order = np.lexsort((variance, mean, time))
        customers, told = scored["customer"].gather(order), np.column_stack((time, mean, variance))[order]
        known, before = self.priors.find(customers)
        newer = ~known | (_rank(told, before) >= 0)
        self.priors.add(customers.filter(pl.Series(newer)), told[newer])

    def known_of(self, customers: pl.Series) -> tuple[Vector, Vector]:
        """Mean and variance (n,) of the log-odds of default before behaviour; NaN without an application."""
        _, told = self.priors.find(customers)
        return told[:, 1].copy(), told[:, 2].copy()


@dataclass
class Deriver:
    """Derives micro-batches in their order; `scoring` None where there is no good model yet."""

    scoring: LiveScoring | None
    memory: Memory

    def derive(self, rows: pl.DataFrame, loans: pl.DataFrame | None = None) -> Derived:
        """What follows from the rows of a micro-batch of raw/events (in order of topic and place).

        `loans`: rows of features/loans of its good applications, where the decoder has them at hand.
        """
        good = rows.filter(pl.col("error").is_null())
        applied, repeats = self._applications(good.filter(pl.col("event_type") == APPLICATION), loans)
        acted = good.filter(pl.col("event_type").is_in(list(ACTIVITY_TYPES)))
        counted, updated = self._customers(acted)
        scores = pl.concat([pl.DataFrame(schema=SCORES_LIVE.schema), applied, updated])
        scored = applied.height + (0 if self.scoring is None else acted.height)
        return Derived(counted, scores, repeats, good.height - repeats - scored)

    def _applications(self, events: pl.DataFrame, loans: pl.DataFrame | None) -> tuple[pl.DataFrame, int]:
        """scores/live of applications that were not seen before, and how many were."""
        fresh = self.memory.first_seen(events["event_id"])
        repeats = events.height - int(fresh.sum())
        if self.scoring is None or repeats == events.height:
            return pl.DataFrame(schema=SCORES_LIVE.schema), repeats
        events, loans = events.filter(fresh), None if loans is None else loans.filter(fresh)
        if loans is None:
            read = applications(events)
            fit = ~pl.Series(range(events.height)).is_in(list(read.faults))
            events, loans = events.filter(fit), read.loans
        scored = self.scoring.applications(_decided_by(events, "application_id", "event_time"), loans)
        self.memory.learn(scored.with_columns(customer=APPLICANT))
        return scored, repeats

    def _customers(self, events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """features/behaviour and scores/live of the customers who did something."""
        if events.is_empty():
            return pl.DataFrame(schema=FEATURES_BEHAVIOUR.schema), pl.DataFrame(schema=SCORES_LIVE.schema)
        self.memory.activity.add(events)
        newest = events.sort(OFFSETS).unique("customer_id", keep="last", maintain_order=True)
        told = self.memory.activity.of(newest["customer_id"])
        times = told.group_by("customer_id").agg(as_of=pl.col("time").max())
        as_of = newest.select("customer_id").join(times, on="customer_id", how="left", maintain_order="left")
        counted = behaviour(told, as_of)
        features = pl.concat([newest.select(PLACE), counted], how="horizontal")
        features = FEATURES_BEHAVIOUR.conform(features.lazy()).collect()
        if self.scoring is None:
            return features, pl.DataFrame(schema=SCORES_LIVE.schema)
        decided_by = _decided_by(newest.with_columns(as_of["as_of"]), "customer_id", "as_of")
        return features, self.scoring.customers(decided_by, features, *self.memory.known_of(newest["customer_id"]))


def _decided_by(events: pl.DataFrame, subject: str, as_of: str) -> pl.DataFrame:
    return events.select(*PLACE, "event_id", "customer_id", subject=pl.col(subject), as_of=pl.col(as_of))


def _rank(told: Matrix, before: Matrix) -> NDArray[np.int8]:
    """Row by row -1, 0 or 1: which of the two comes first in the order of their columns."""
    rank = np.zeros(len(told), np.int8)
    for column in range(told.shape[1] - 1, -1, -1):
        one, other = told[:, column], before[:, column]
        rank = np.where(one == other, rank, np.where(one > other, 1, -1)).astype(np.int8)
    return rank
