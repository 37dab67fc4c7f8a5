"""What the register says: promotions in their order, and which of them is in force."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import polars as pl

from creditrisk_assets.contracts import MODELS_PROMOTIONS
from creditrisk_assets.resources.delta import Lake


@dataclass(frozen=True)
class Model:
    """One posterior by name."""

    feature_set: str
    model_date: date

    def __str__(self) -> str:
        return f"{self.feature_set} of {self.model_date}"


@dataclass(frozen=True)
class Promotion:
    """One row of models/promotions without its evidence; `previous` None where nothing decided before."""

    promoted_at: datetime
    model: Model
    posterior: str
    previous: Model | None
    reason: str
    promoted_by: str
    run_id: str


def promotions(lake: Lake) -> list[Promotion]:
    """All of them, oldest first; none where the table was never written."""
    if not lake.exists(MODELS_PROMOTIONS):
        return []
    columns = [name for name in MODELS_PROMOTIONS.schema if name != "evidence"]
    return read(lake.scan(MODELS_PROMOTIONS, columns=columns).collect())


def read(rows: pl.DataFrame) -> list[Promotion]:
    """Rows of models/promotions as promotions, oldest first."""
    return [_promotion(row) for row in rows.sort("promoted_at").iter_rows(named=True)]


def _promotion(row: dict[str, object]) -> Promotion:
    before = row["previous_feature_set"]
    return Promotion(
        row["promoted_at"],  # type: ignore[arg-type]
        Model(str(row["feature_set"]), row["model_date"]),  # type: ignore[arg-type]
        str(row["posterior"]),
        None if before is None else Model(str(before), row["previous_model_date"]),  # type: ignore[arg-type]
        str(row["reason"]),
        str(row["promoted_by"]),
        str(row["run_id"]),
    )


def in_force(known: list[Promotion], vintage: date) -> Model | None:
    """Who decides a vintage by promotion: the newest made before its first day, of a model dated no later.

    None when there is none: a promotion never reaches back to loans that were issued before it, and no
    model may score a vintage older than itself.
    """
    start = datetime.combine(vintage, time(), UTC)
    made = [one.model for one in known if one.promoted_at <= start and one.model.model_date <= vintage]
    return made[-1] if made else None
