"""Every model that the platform uses or keeps, as a row: SR 26-2's inventory, from the tables themselves."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import polars as pl

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    ALL_PURPOSES,
    ALL_TERMS,
    FEATURES_LOANS,
    MODEL_KINDS,
    MODELS_BEHAVIOUR,
    MODELS_BOOSTING,
    MODELS_COMPARISON,
    MODELS_LOGISTIC,
    MODELS_POSTERIOR,
    MODELS_RULES,
    MONITORING_INVENTORY,
    PORTFOLIO_LGD,
)
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.models.rules.reading import load_rules
from creditrisk_assets.monitoring.card_check import cards, wrong_with
from creditrisk_assets.monitoring.commits import Commit, Logs, newest, version_at
from creditrisk_assets.monitoring.materiality import Exposure, flagged, on_book, scored_by, tier, whole
from creditrisk_assets.monitoring.monitored import Monitored, monitored
from creditrisk_assets.monitoring.posteriors import SHOWN, Cast, Known, cast_of, known_posteriors
from creditrisk_assets.monitoring.purposes import LIMITS_OF, PURPOSES_OF
from creditrisk_assets.monitoring.review import looked_at, review, validated
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.policy import load_policy

Row = dict[str, Any]
REVIEWED = ("champion", "challenger", "benchmark", None)
"""Roles of which a review is asked for; of others while their scores are in use. Rules have none."""


def inventory(lake: Lake, values: Settings, owner: str, today: date) -> pl.DataFrame:
    """Rows of monitoring/inventory; rules alone in an empty lake.

    RulesError and PolicyError as `load_rules` and `load_policy`; LakeError when a promoted posterior is lost.
    """
    taking = Taking(lake, values, owner, today)
    rows = [*taking.posteriors(), *taking.benchmarks(), *taking.behaviour(), *taking.losses(), *taking.rules()]
    frame = pl.LazyFrame(rows, schema_overrides=dict(MONITORING_INVENTORY.schema))
    return MONITORING_INVENTORY.conform(frame).sort("name").collect()


@dataclass(frozen=True)
class Found:
    """One thing to be listed; `table` and `day`: where and by which partition it is kept; None: in no table.

    `promoted_at`: of a posterior that is kept as it was then.

    `wrong`: what is wrong with its card, None for nothing; `carded`: None where no card is asked for.
    """

    kind: str
    name: str
    version: str
    role: str | None
    exposure: Exposure
    table: Table | None = None
    model: Model | None = None
    day: date | None = None
    seen: Monitored | None = None
    carded: bool | None = None
    wrong: str | None = None
    tested: bool = False
    promoted_at: datetime | None = None


class Taking:
    """The inventory of a lake at a day, kind by kind."""

    def __init__(self, lake: Lake, values: Settings, owner: str, today: date) -> None:
        self._lake, self._values, self._owner, self._today = lake, values, owner, today
        self._logs = Logs(lake)

    @cached_property
    def _cast(self) -> Cast:
        return cast_of(self._lake, self._values)

    @cached_property
    def _scored(self) -> dict[Model, Exposure]:
        return scored_by(self._lake)

    def posteriors(self) -> Iterator[Row]:
        """All posteriors, those that failed their gates and those promoted and trained anew since among them."""
        kept, tested = cards(self._lake), self._tested()
        for one in known_posteriors(self._lake):
            wrong = wrong_with(one, kept, self._logs.of(MODELS_POSTERIOR))
            made = one.promotion
            yield self._row(Found(
                "posterior", one.name, one.posterior[:SHOWN], self._cast.role(one), self._of(one),
                None if one.promoted else MODELS_POSTERIOR, one.model, one.model.model_date,
                seen=monitored(self._lake, one.model if one.used else None), carded=wrong is None,
                wrong=wrong if one.passed else None, promoted_at=made.promoted_at if made and one.promoted else None,
                tested=not one.promoted and ("posterior", one.model) in tested,
            ))  # fmt: skip

    def _of(self, one: Known) -> Exposure:
        return self._scored.get(one.model, Exposure(0, 0.0, 0.0)) if one.used else Exposure(0, 0.0, 0.0)

    def _tested(self) -> set[tuple[str, Model]]:
        if not self._lake.exists(MODELS_COMPARISON):
            return set()
        rows = self._lake.scan(MODELS_COMPARISON, columns=["model", "feature_set", "model_date"]).collect()
        return {(kind, Model(feature_set, day)) for kind, feature_set, day in rows.rows()}

    def benchmarks(self) -> Iterator[Row]:
        """Logistic and boosting models of every date."""
        tested = self._tested()
        for kind, table in (("logistic", MODELS_LOGISTIC), ("boosting", MODELS_BOOSTING)):
            if not self._lake.exists(table):
                continue
            rows = self._lake.scan(table, columns=["feature_set", "model_date", "model"]).collect()
            last = dict(rows.group_by("feature_set").agg(pl.col("model_date").max()).rows())
            for feature_set, day, text in rows.rows():
                model = Model(feature_set, day)
                role = self._cast.role_of_benchmark(model, last[feature_set])
                yield self._row(Found(kind, f"{kind} {model}", _digest(text), role, Exposure(0, 0.0), table, model, day,
                                      tested=(kind, model) in tested))  # fmt: skip

    def behaviour(self) -> Iterator[Row]:
        """The model of what customers do, if one was learned."""
        if self._lake.exists(MODELS_BEHAVIOUR):
            for version, passed in self._lake.scan(MODELS_BEHAVIOUR, columns=["version", "passed"]).collect().rows():
                role = "champion" if passed else "unfit"
                yield self._row(Found("behaviour", "behaviour", version, role, Exposure(), MODELS_BEHAVIOUR))

    def losses(self) -> Iterator[Row]:
        """The loss given default of every reporting date; the newest is in use."""
        if not self._lake.exists(PORTFOLIO_LGD):
            return
        drawn = ("any_recovered_draws", "share_recovered_draws")
        whole_book = (pl.col("term_months") == ALL_TERMS) & (pl.col("purpose") == ALL_PURPOSES)
        rows = self._lake.scan(PORTFOLIO_LGD).filter(whole_book).select("model_date", *drawn).sort("model_date")
        for day, *draws in (found := rows.collect()).rows():
            now = day == found["model_date"].max()
            exposure = on_book(self._lake, day) if now else Exposure()
            yield self._row(Found("loss_given_default", f"loss given default of {day}", _digest(repr(draws)),
                                  "champion" if now else "retired", exposure, PORTFOLIO_LGD, day=day))  # fmt: skip

    def rules(self) -> Iterator[Row]:
        """The rules and the policy in force: no models, listed so that nobody takes them for some."""
        version = load_rules(self._values.rules).version
        yield self._row(Found("rules", "rules", version, None, flagged(self._lake), MODELS_RULES))
        parts = [(one.loans, one.amount) for one in self._scored.values()]
        decided = whole(pl.DataFrame(parts, schema={"loans": pl.Int64, "amount": pl.Float64}, orient="row"))
        yield self._row(Found("policy", "policy", load_policy(self._values.policy).version, None, decided))

    def _row(self, one: Found) -> Row:
        wrote = None if one.table is None else newest(self._logs.of(one.table), one.day)
        return {
            "name": one.name, "kind": one.kind, "is_model": one.kind in MODEL_KINDS, "version": one.version,
            "feature_set": one.model and one.model.feature_set,
            "model_date": one.model.model_date if one.model else one.day,
            "role": one.role, "owner": self._owner, "purpose": PURPOSES_OF[one.kind], "limits": LIMITS_OF[one.kind],
            "loans": one.exposure.loans, "exposure": one.exposure.amount, "exposure_share": one.exposure.share,
            "tier": tier(one.role, one.exposure.share),
            "written_at": wrote and wrote.written, "table_version": wrote and wrote.version,
            "features_version": wrote and version_at(self._logs.of(FEATURES_LOANS), wrote.written),
            **self._reviewed(one, wrote),
            "has_card": one.carded, "card": one.wrong,
        }  # fmt: skip

    def _reviewed(self, one: Found, wrote: Commit | None) -> Row:
        """What opens the next review; none where nothing hangs on it, nor of what is kept in no table."""
        last = validated(self._logs, one.day if one.tested else None, one.seen)
        told: Row = {"last_validated": last, "review_due": None, "review_trigger": None, "review_reading": None,
                     "review_now": False}  # fmt: skip
        nothing_hangs_on_it = one.role not in REVIEWED and not one.exposure.loans
        if nothing_hangs_on_it or (one.table is None and one.promoted_at is None):
            return told
        seen = monitored(self._lake, None) if one.seen is None else one.seen
        since = looked_at(self._today, last, wrote.written if wrote else None, one.promoted_at)
        found = review(seen, one.wrong, since, self._today)
        first = found.next
        return told | {"review_due": found.due, "review_trigger": first.name, "review_reading": first.reading,
                       "review_now": first.fired}  # fmt: skip


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:SHOWN]
