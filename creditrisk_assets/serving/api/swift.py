"""Answers to sound applications without a query engine, which would take most of the time of a single one.

The columns, bounds, features, bins, rules and figures are those of the careful way: only what works them
out differs. Whatever is not plainly sound is left to the careful way, which says what is wrong with it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets import formulas
from creditrisk_assets.features.plain import PlainFeatures
from creditrisk_assets.formulas import Formula, month_number
from creditrisk_assets.models.design import TERM
from creditrisk_assets.models.rules.flagging import Flagging
from creditrisk_assets.models.rules.rule_set import RuleSet
from creditrisk_assets.raw.sound import Sound, UnsoundError
from creditrisk_assets.scores.decision import DECISIONS
from creditrisk_assets.scores.loans import Scoring
from creditrisk_assets.scores.scale import band
from creditrisk_assets.serving.api.answers import Answer, Flags, Model, Reason
from creditrisk_assets.serving.api.submitted import Submitted
from creditrisk_assets.streaming.applications import ASKED, as_told

FEW = 4
"""Applications up to which it is quicker to take them one by one."""
_UNUSUAL = (UnsoundError, ArithmeticError)
_PDS = ("pd", "pd_low", "pd_high", "pd_term", "pd_term_low", "pd_term_high")


class Swift:
    """A model and rules put to use on plain values."""

    def __init__(self, scoring: Scoring, rules: RuleSet) -> None:
        self._scoring, self._scorer = scoring, scoring.posterior.scorer
        self._design = self._scorer.design
        self._features = PlainFeatures({*self._design.binning.names, *rules.features(), TERM})
        self._sound = Sound(ASKED, self._features.reads)
        self._flagging, self._rules = Flagging(rules), rules.version
        self._points, self._band = scoring.scale.points(formulas.col("pd")), band(formulas.col("pd"))
        self._model = Model(self._design.feature_set, scoring.model_date.isoformat())
        self._factors = self._design.binning.names
        self._told: dict[int, Flags] = {}

    def answers(self, sent: Mapping[int, Submitted]) -> dict[int, Answer]:
        """Answers by the positions of applications; the careful way should give those that are lacking."""
        if len(sent) > FEW:
            return self.many(sent)
        found = {position: self.one(one) for position, one in sent.items()}
        return {position: answer for position, answer in found.items() if answer is not None}

    def one(self, sent: Submitted) -> Answer | None:
        """The answer to an application, None where the careful way should give it."""
        issued = _month(sent)
        try:
            row = self._sound.row([told for (told,) in as_told([sent.payload])], issued)
            features = self._features.one(row)
        except _UNUSUAL:
            return None
        codes = self._design.binning.row_coder(features)
        if codes is None:
            return None
        held, term = [self._flagging.one(features)], np.array([features[TERM]])
        return self._answers([sent], codes, np.array([issued]), term, held)[0]

    def many(self, sent: Mapping[int, Submitted]) -> dict[int, Answer]:
        """The same as `answers`, all at once."""
        positions, found = np.array(list(sent)), list(sent.values())
        issued = np.array([_month(one) for one in found])
        columns, sound = self._sound.rows(as_told([one.payload for one in found]), issued)
        if not sound.all():
            columns = {name: column[sound] for name, column in columns.items()}
            positions, found = positions[sound], [one for one, good in zip(found, sound, strict=True) if good]
        if not found:
            return {}
        try:
            features = self._features.many(columns)
        except _UNUSUAL:
            return {}
        codes = self._design.binning.row_coder.many(features)
        if codes is None:
            return {}
        answers = self._answers(found, codes, columns["vintage"], features[TERM], self._flagging.many(features))
        return dict(zip(positions.tolist(), answers, strict=True))

    def _answers(
        self, sent: Sequence[Submitted], codes: NDArray[np.uint8], issued: NDArray[np.float64],
        months: NDArray[np.float64], held: Sequence[int],
    ) -> list[Answer]:  # fmt: skip
        vintage = issued.astype(np.int64) - self._design.first_month
        found, places, ranked, given = self._scoring.figures(codes, vintage, self._scorer.nearest_terms(months))
        columns: list[Any] = [found[name].tolist() for name in _PDS]
        columns += [self._whole(self._points, found["pd"]), self._whole(self._band, found["pd"])]
        columns += [[DECISIONS[place] for place in places], found["decision_probability"].tolist()]
        columns += [repeat(self._scoring.policy.version), self._reasons(ranked.T.tolist(), given.T.tolist())]
        columns += [repeat(self._model), map(self._flags, held), repeat(self._rules)]
        return list(map(Answer, [one.application_id for one in sent], *columns))

    def _whole(self, scale: Formula, pd: NDArray[np.float64]) -> list[int]:
        if pd.size == 1:
            return [int(scale.one({"pd": pd.item()}))]
        found: list[int] = scale.many({"pd": pd}).astype(np.int64).tolist()
        return found

    def _reasons(self, ranked: list[list[int]], given: list[list[float]]) -> list[list[Reason]]:
        factors, none = self._factors, len(self._factors)
        return [
            [Reason(factors[place], value) for place, value in zip(places, values, strict=True) if place < none]
            for places, values in zip(ranked, given, strict=True)
        ]

    def _flags(self, held: int) -> Flags:
        if held not in self._told:
            tier, listed, reasons = self._flagging.told(held)
            self._told[held] = Flags(tier, listed, list(reasons))
        return self._told[held]


def _month(sent: Submitted) -> float:
    """The month in which an application is made, as the month of issue of the loan that it asks for."""
    assert sent.event_time is not None
    return month_number(sent.event_time.astimezone(UTC))
