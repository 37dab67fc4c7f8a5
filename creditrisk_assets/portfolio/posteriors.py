"""Whose posterior values the book at a date: the one that decides loans issued then."""

from dataclasses import dataclass, field
from datetime import date

import polars as pl

from creditrisk_assets.contracts import MODELS_DIAGNOSTICS
from creditrisk_assets.models.draws import Draws
from creditrisk_assets.models.registry.record import Model, in_force, promotions
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.scores.by_vintage import draws_of_model
from creditrisk_assets.scores.champion import MODELS
from creditrisk_assets.scores.loans import model_for


@dataclass
class Posteriors:
    """The posteriors of a lake as of every date, each rebuilt once; `feature_set` decides until one is promoted."""

    lake: Lake
    feature_set: str
    _draws: dict[Model, Draws] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._promotions = promotions(self.lake)
        self.good: list[date] = []
        if all(self.lake.exists(table) for table in MODELS):
            passed = pl.col("passed") & (pl.col("feature_set") == self.feature_set)
            rows = self.lake.scan(MODELS_DIAGNOSTICS).filter(passed).select(pl.col("model_date").sort()).collect()
            self.good = rows["model_date"].to_list()

    def at(self, day: date) -> Model | None:
        """The model promoted before the date, else the latest good one dated by then; None without one.

        None of them knows anything of the month of the date, or later.
        """
        promoted, dated = in_force(self._promotions, day), model_for(day, self.good)
        return promoted or (None if dated is None else Model(self.feature_set, dated))

    def draws(self, model: Model) -> Draws:
        """The draws of a posterior; of one that was promoted as it was then."""
        if model not in self._draws:
            self._draws[model] = draws_of_model(self.lake, model)
        return self._draws[model]

    def at_origination(self, vintage: date) -> tuple[date, Draws]:
        """Date and draws of the model that decides the vintage, else of the first good one."""
        model = self.at(vintage) or Model(self.feature_set, self.good[0])
        return model.model_date, self.draws(model)
