"""Making a posterior the champion: an act of a person, with a reason, on record; never a consequence of training."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from creditrisk_assets.contracts import FEATURE_SETS, MODELS_DIAGNOSTICS, MODELS_PROMOTIONS
from creditrisk_assets.models.artifacts import failed_gates
from creditrisk_assets.models.registry.evidence import evidence
from creditrisk_assets.models.registry.frozen import digest, freeze, rows_of
from creditrisk_assets.models.registry.record import Model, Promotion, read
from creditrisk_assets.resources.appending import append
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.champion import newest_good

SHORTEST, LONGEST = 10, 2_000
"""Characters of a reason."""
_LONGEST_NAME = 200


class PromotionError(ValueError):
    """A promotion that cannot be; the message says what to mend or to materialise."""


@dataclass(frozen=True)
class Proposal:
    """The model that shall decide, why, and who says so. PromotionError for a misfit."""

    model: Model
    reason: str
    promoted_by: str

    def __post_init__(self) -> None:
        if self.model.feature_set not in FEATURE_SETS:
            raise PromotionError(f"feature_set is {self.model.feature_set!r}: choose one of {', '.join(FEATURE_SETS)}")
        if not SHORTEST <= len(self.reason.strip()) <= LONGEST:
            raise PromotionError(
                f"The reason has {len(self.reason.strip())} characters: write {SHORTEST} to {LONGEST:,} on why "
                f"{self.model} shall decide"
            )
        if not 1 <= len(self.promoted_by.strip()) <= _LONGEST_NAME:
            raise PromotionError("A promotion needs the name of who makes it: set promoted_by")


def promote(
    lake: Lake, values: Settings, proposal: Proposal, run_id: str, metadata: Mapping[str, str] | None = None
) -> Promotion | None:
    """Record that a model decides from now on, once for every run; None where this run has recorded it before.

    The posterior is kept as it is, see `registry.frozen`. PromotionError for a posterior that does not exist, did not
    pass its gates, or is champion already.
    """
    model = proposal.model
    rows = rows_of(lake, model)
    seen: dict[Model | None, str] = {}

    def decide(before: pl.DataFrame) -> pl.DataFrame | None:
        known = read(before)
        if _recorded(known, run_id):
            return None
        _refuse_unfit(lake, model, rows)
        current = known[-1].model if known else newest_good(lake, values.feature_set)
        _refuse_champion(model, current, known, digest(rows))
        if current not in seen:
            seen[current] = json.dumps(evidence(lake, values, current, model), sort_keys=True)
        now = datetime.now(UTC)
        at = max(now, known[-1].promoted_at + timedelta(microseconds=1)) if known else now
        return _row(Promotion(at, model, freeze(lake, rows), current, proposal.reason.strip(),
                              proposal.promoted_by.strip(), run_id), seen[current])  # fmt: skip

    added = append(lake, MODELS_PROMOTIONS, decide, metadata or {})
    return None if added is None else read(added)[0]


def _recorded(known: list[Promotion], run_id: str) -> bool:
    """Has the run done its work? PromotionError where another has been promoted since."""
    mine = [one for one in known if one.run_id == run_id]
    if mine and mine[0] != known[-1]:
        raise PromotionError(
            f"This run promoted {mine[0].model} on {mine[0].promoted_at:%Y-%m-%d %H:%M} UTC, and {known[-1].model} was "
            "promoted since: launch the job promote anew"
        )
    return bool(mine)


def _refuse_unfit(lake: Lake, model: Model, rows: list[pl.DataFrame]) -> None:
    diagnostics = rows[-1]
    if any(frame.is_empty() for frame in rows):
        raise PromotionError(
            f"There is no posterior {model}: materialise models/posterior of {model.model_date} first. {_good(lake)}"
        )
    if not diagnostics["passed"].all():
        raise PromotionError(
            f"The posterior did not pass its gates ({'; '.join(failed_gates(diagnostics))}): materialise "
            f"models/posterior of {model.model_date} anew once that is mended, or promote another. {_good(lake)}"
        )


def _good(lake: Lake) -> str:
    if not lake.exists(MODELS_DIAGNOSTICS):
        return "No posterior was ever materialised"
    passed = lake.scan(MODELS_DIAGNOSTICS).filter("passed").select("feature_set", "model_date").collect()
    models = [str(Model(*row)) for row in passed.sort("model_date", "feature_set", descending=True).head(6).rows()]
    return f"Good ones are {', '.join(models)}" if models else "None has passed so far"


def _refuse_champion(model: Model, current: Model | None, known: list[Promotion], posterior: str) -> None:
    """The newest good posterior, which decides while nobody was promoted, may be pinned by a first promotion."""
    if known and model == current and known[-1].posterior == posterior:
        raise PromotionError(f"{model} is the champion already: there is nothing to promote")


def _row(made: Promotion, told: str) -> pl.DataFrame:
    before = made.previous
    row = {
        "promoted_at": made.promoted_at, "feature_set": made.model.feature_set, "model_date": made.model.model_date,
        "posterior": made.posterior, "previous_feature_set": before and before.feature_set,
        "previous_model_date": before and before.model_date, "reason": made.reason, "promoted_by": made.promoted_by,
        "run_id": made.run_id, "evidence": told,
    }  # fmt: skip
    return pl.DataFrame([row], schema=MODELS_PROMOTIONS.schema)
