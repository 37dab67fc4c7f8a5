"""What follows from a micro-batch: behaviour and live scores, a pure function of raw/events up to it.

Repeats of an application are scored once. A customer's PD before behaviour is that of their newest
application, in the stream or in scores/loans. The same micro-batches in the same order give the same
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
from creditrisk_assets.streaming.keyed import Keyed

APPLICATION = "loan_application"
OFFSETS = ("topic", "epoch", "partition", "offset")


@dataclass(frozen=True)
class Derived:
    """Rows of features/behaviour and scores/live.

    `repeats` of applications, and events left `unscored` for lack of a model.
    """

    features: pl.DataFrame
    scores: pl.DataFrame
    repeats: int = 0
    unscored: int = 0


@dataclass
class Memory:
    """What earlier micro-batches, and the book, leave behind; see `remembering.remembered`.

    `activity` of all customers, `priors` mean and variance of the log-odds by customer, `seen` applications.
    """

    activity: History = field(default_factory=History)
    priors: Keyed = field(default_factory=lambda: Keyed(2))
    seen: Keyed = field(default_factory=lambda: Keyed(0))


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
        unscored = 0 if self.scoring is not None else good.height - repeats
        return Derived(counted, scores, repeats, unscored)

    def _applications(self, events: pl.DataFrame, loans: pl.DataFrame | None) -> tuple[pl.DataFrame, int]:
        """scores/live of applications that were not seen before, and how many were."""
        nothing = pl.DataFrame(schema=SCORES_LIVE.schema)
        if events.is_empty():
            return nothing, 0
        if loans is None:
            read = applications(events)
            fit = ~pl.Series(range(events.height)).is_in(list(read.faults))
            events, loans = events.filter(fit), read.loans
        known, _ = self.memory.seen.find(events["event_id"])
        fresh = ~pl.Series(known) & events["event_id"].is_first_distinct()
        self.memory.seen.add(events["event_id"], _nothing(events.height))
        if self.scoring is None or not fresh.any():
            return nothing, int((~fresh).sum())
        events, loans = events.filter(fresh), loans.filter(fresh)
        scored = self.scoring.applications(_decided_by(events, "application_id", "event_time"), loans)
        customers = events.select(pl.coalesce("customer_id", "application_id")).to_series()
        self.memory.priors.add(customers, _stacked(scored))
        return scored, int((~fresh).sum())

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
        _, priors = self.memory.priors.find(newest["customer_id"])
        decided_by = _decided_by(newest.with_columns(as_of["as_of"]), "customer_id", "as_of")
        return features, self.scoring.customers(decided_by, features, priors[:, 0].copy(), priors[:, 1].copy())


def _decided_by(events: pl.DataFrame, subject: str, as_of: str) -> pl.DataFrame:
    return events.select(*PLACE, "event_id", "customer_id", subject=pl.col(subject), as_of=pl.col(as_of))


def _stacked(scored: pl.DataFrame) -> NDArray[np.float64]:
    return np.column_stack(prior_of(scored["pd_low"].to_numpy(), scored["pd_high"].to_numpy()))


def _nothing(rows: int) -> NDArray[np.float64]:
    return np.zeros((rows, 0))
