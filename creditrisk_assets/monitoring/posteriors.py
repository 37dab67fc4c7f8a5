"""Which posteriors there are, as trained and as promoted, and the part each of them plays."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import FEATURE_SETS, MODELS_DIAGNOSTICS
from creditrisk_assets.models.artifacts import ModelTables
from creditrisk_assets.models.registry.frozen import digest, frozen, rows_of
from creditrisk_assets.models.registry.record import Model, Promotion, promotions
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.challenger import challenging
from creditrisk_assets.scores.champion import MODELS, deciding, newest_good

SHOWN = 12
"""Digits of a digest that people are shown."""


@dataclass(frozen=True)
class Known:
    """One posterior. `promoted`: kept as it was then, the lake has another since. `used`: the one that scores.

    `promotion`: the last one of this very posterior; None for one that never was promoted.
    """

    model: Model
    posterior: str
    passed: bool
    promoted: bool
    used: bool
    promotion: Promotion | None
    tables: ModelTables

    @property
    def name(self) -> str:
        """How the inventory calls it."""
        as_promoted = f" as promoted ({self.posterior[:SHOWN]})" if self.promoted else ""
        return f"posterior {self.model}{as_promoted}"


def known_posteriors(lake: Lake, model_dates: Collection[date] | None = None) -> list[Known]:
    """All posteriors of some model dates, of all for None, in order; none in an empty lake.

    A model that was promoted and trained anew since is there twice. LakeError when a promoted one is lost.
    """
    last = {one.model: one for one in promotions(lake)}
    found = []
    for model in sorted(_named(lake) | set(last), key=lambda one: (one.model_date, one.feature_set)):
        if model_dates is not None and model.model_date not in model_dates:
            continue
        promotion, rows = last.get(model), rows_of(lake, model)
        trained = None if any(frame.is_empty() for frame in rows) else digest(rows)
        if promotion is not None and promotion.posterior != trained:
            tables = frozen(lake, model)
            assert tables is not None, "it was promoted"
            found.append(Known(model, promotion.posterior, True, True, True, promotion, tables))
        if trained is not None:
            mine = promotion if promotion is not None and promotion.posterior == trained else None
            tables = ModelTables(*(frame.lazy() for frame in rows))
            used = promotion is None or mine is not None
            found.append(Known(model, trained, bool(rows[-1]["passed"].all()), False, used, mine, tables))
    return found


def _named(lake: Lake) -> set[Model]:
    if not all(lake.exists(table) for table in MODELS):
        return set()
    models = lake.scan(MODELS_DIAGNOSTICS, columns=["feature_set", "model_date"]).collect()
    return {Model(*row) for row in models.rows()}


@dataclass(frozen=True)
class Cast:
    """Who plays which part now; `newest`: the newest good posterior by feature set."""

    champion: Model | None
    challenger: Model | None
    newest: Mapping[str, Model]

    def role(self, one: Known) -> str:
        """One of ROLES_OF_MODELS."""
        if not one.passed:
            return "unfit"
        for model, role in ((self.champion, "champion"), (self.challenger, "challenger")):
            if one.model == model:
                return role if one.used else "candidate"
        return "candidate" if one.model == self.newest.get(one.model.feature_set) or not one.used else "retired"

    def role_of_benchmark(self, model: Model, last: date) -> str:
        """Of a logistic or boosting model: it stands beside champion and challenger, or is the `last` of its set."""
        return "benchmark" if model in (self.champion, self.challenger) or model.model_date == last else "retired"


def cast_of(lake: Lake, values: Settings) -> Cast:
    """The parts as registry, tables and settings give them now."""
    newest = {name: model for name in FEATURE_SETS if (model := newest_good(lake, name)) is not None}
    return Cast(deciding(lake, values), challenging(lake, values), newest)


def rows_about(lake: Lake, table: Table, one: Known) -> pl.DataFrame:
    """Rows of a table by model date and feature set that tell of this very posterior; none of one since replaced."""
    if one.promoted or not lake.exists(table):
        return pl.DataFrame(schema=table.schema)
    return lake.scan(table, [one.model.model_date]).filter(pl.col("feature_set") == one.model.feature_set).collect()
