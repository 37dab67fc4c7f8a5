"""The model in charge of the API and what it answers: the figures of a batch score, and the flags of the rules."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import polars as pl

from creditrisk_assets.contracts import FEATURES_LOANS, Instant
from creditrisk_assets.models.rules.evaluation import evaluate
from creditrisk_assets.models.rules.reading import load_rules
from creditrisk_assets.models.rules.rule_set import RuleSet
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.champion import champion
from creditrisk_assets.scores.live import FLAGS
from creditrisk_assets.scores.loans import Scoring
from creditrisk_assets.serving.api.answers import Answer, told
from creditrisk_assets.serving.api.submitted import Fault, Submitted
from creditrisk_assets.serving.api.swift import Swift
from creditrisk_assets.streaming.applications import applied, payloads

Scored = tuple[dict[int, Answer], dict[int, tuple[Fault, ...]]]


@dataclass(frozen=True)
class InCharge:
    """A model put to use, and the rules beside it: immutable, so that one answer never mixes two of them."""

    scoring: Scoring
    rules: RuleSet

    @property
    def model(self) -> dict[str, str]:
        """The model by name, as in every answer."""
        return {
            "feature_set": self.scoring.posterior.design.feature_set,
            "model_date": self.scoring.model_date.isoformat(),
        }

    def told(self) -> dict[str, Any]:
        """All that answers depend on, in words and numbers."""
        policy, scale = self.scoring.policy, self.scoring.scale
        limits = ("version", "approve_below", "decline_from", "confidence", "loss_given_default", "margin")
        return {
            "model": self.model,
            "policy": {name: getattr(policy, name) for name in limits},
            "rules": self.rules.version,
            "scale": asdict(scale),
            "features": list(self.scoring.posterior.design.binning.names),
        }

    @cached_property
    def swift(self) -> Swift:
        """The same answers to sound applications, soon."""
        return Swift(self.scoring, self.rules)

    def warm_up(self) -> None:
        """Score somebody of whom nothing is known: a model that cannot is found out before it is in charge."""
        assert self.swift is not None
        nobody = {name: [None] for name in FEATURES_LOANS.schema} | {
            "vintage": [self.scoring.model_date],
            "term_months": [36],
        }
        self.answers(pl.DataFrame(nobody, schema=FEATURES_LOANS.schema))

    def score(self, sent: Mapping[int, Submitted]) -> Scored:
        """Answers, and the faults of applications that break the contract of raw/loans, by their positions."""
        answers = self.swift.answers(sent)
        left = {position: one for position, one in sent.items() if position not in answers}
        more, faults = self.carefully(left)
        return answers | more, faults

    def carefully(self, sent: Mapping[int, Submitted]) -> Scored:
        """The same by the query engine alone: what a batch does."""
        if not sent:
            return {}, {}
        positions, found = list(sent), list(sent.values())
        identifiers = pl.Series([one.application_id for one in found], dtype=pl.String)
        times = pl.Series([one.event_time for one in found], dtype=Instant)
        read = applied(payloads([one.payload for one in found]), identifiers, times)
        faults = {positions[place]: tuple(map(_fault, told)) for place, told in read.faults.items()}
        good = [position for place, position in enumerate(positions) if place not in read.faults]
        return dict(zip(good, self.answers(read.loans), strict=True)), faults

    def answers(self, loans: pl.DataFrame) -> list[Answer]:
        """An answer for each row of features/loans: the bits of `Scoring.score`, the flags of `evaluate`."""
        if loans.is_empty():
            return []
        rows = self.scoring.score(loans).hstack(evaluate(self.rules, loans).select(FLAGS))
        return [Answer(application_id=row["loan_id"], **told(row)) for row in rows.iter_rows(named=True)]


def load(lake: Lake, values: Settings) -> InCharge | None:
    """The champion and the rules; None while no posterior has passed its gates.

    PolicyError, RulesError, LakeError and ValueError as `champion` and `load_rules`.
    """
    rules, scoring = load_rules(values.rules), champion(lake, values)
    return None if scoring is None else InCharge(scoring, rules)


def _fault(told: str) -> Fault:
    """A sentence of the contract, which names its column first."""
    name, found, said = told.partition(": ")
    return Fault(("payload", name), said) if found else Fault(("payload",), told)
