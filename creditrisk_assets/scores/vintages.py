"""Who scores a vintage: the model promoted before it was issued, else the latest good one dated before it."""

from datetime import date

import polars as pl

from creditrisk_assets.contracts import MODELS_DIAGNOSTICS, SCORES_CHALLENGER, SCORES_LINEAGE, SCORES_LOANS
from creditrisk_assets.models.artifacts import ModelTables
from creditrisk_assets.models.registry.frozen import frozen
from creditrisk_assets.models.registry.record import Model, in_force, promotions
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.challenger import rival
from creditrisk_assets.scores.champion import MODELS
from creditrisk_assets.scores.loans import Scoring, model_for
from creditrisk_assets.scores.policy import load_policy
from creditrisk_assets.scores.scale import Scale


class Bench:
    """The good posteriors of a lake as of every vintage, each rebuilt once."""

    def __init__(self, lake: Lake, values: Settings) -> None:
        self._lake, self._values = lake, values
        self._scale = Scale(values.base_points, values.base_odds, values.points_to_double_odds)
        self._policy = load_policy(values.policy)
        self._promotions = promotions(lake)
        self.exists = all(lake.exists(table) for table in MODELS)
        self._tables = ModelTables(*(lake.scan(table) for table in MODELS)) if self.exists else None
        good = pl.DataFrame(schema=MODELS_DIAGNOSTICS.schema)
        if self._tables is not None:
            good = self._tables.diagnostics.filter(pl.col("passed")).select("feature_set", "model_date").collect()
        self._good = good.select("feature_set", "model_date")
        self._scorings: dict[Model, Scoring] = {}

    def champion(self, vintage: date) -> Model | None:
        """Who decides the loans of a vintage; None without a good model dated before it."""
        return in_force(self._promotions, vintage) or self.latest(vintage, self._values.feature_set)

    def latest(self, vintage: date, feature_set: str) -> Model | None:
        """The latest good model of a feature set dated at the start of the vintage or before; None without one."""
        mine = self._good.filter(pl.col("feature_set") == feature_set)["model_date"].to_list()
        found = model_for(vintage, mine)
        return None if found is None else Model(feature_set, found)

    def challenger(self, vintage: date, feature_set: str) -> Model | None:
        """Who challenges a champion of `feature_set` on a vintage; None without one."""
        wanted = rival(self._values, feature_set)
        return None if wanted is None else self.latest(vintage, wanted)

    def scoring(self, model: Model) -> Scoring:
        """The model put to use."""
        if model not in self._scorings:
            tables = frozen(self._lake, model) or self._tables
            assert tables is not None
            posterior = tables.rebuilt_posterior(model.model_date, model.feature_set)
            self._scorings[model] = Scoring(posterior, model.model_date, self._scale, self._policy)
        return self._scorings[model]


class Scored:
    """Scores and lineage, vintage by vintage; `versions` of the tables they come from."""

    def __init__(self, bench: Bench, feature_set: str, versions: dict[str, int]) -> None:
        self._bench, self._feature_set, self.versions = bench, feature_set, versions
        self._loans: list[pl.DataFrame] = []
        self._lineage: list[dict[str, object]] = []

    def add(self, vintage: date, features: pl.LazyFrame) -> None:
        """Score one vintage; without a good model its loans stay unscored."""
        frame = features.filter(pl.col("vintage") == vintage).collect()
        model = self._bench.champion(vintage)
        if model is not None and frame.height:
            self._loans.append(self._bench.scoring(model).score(frame))
        scored = 0 if model is None else frame.height
        self._lineage.append(
            {"vintage": vintage, "model_date": model and model.model_date,
             "feature_set": self._feature_set if model is None else model.feature_set, "scored": scored,
             "unscored": frame.height - scored, "posterior_version": None, **self.versions}
        )  # fmt: skip

    def loans(self) -> pl.DataFrame:
        """Rows of scores/loans."""
        return pl.concat([pl.DataFrame(schema=SCORES_LOANS.schema), *self._loans])

    def lineage(self) -> pl.DataFrame:
        """Rows of scores/lineage."""
        frame = pl.LazyFrame(self._lineage, schema_overrides=dict(SCORES_LINEAGE.schema))
        return SCORES_LINEAGE.conform(frame).collect()


def challenged(bench: Bench, vintage: date, features: pl.LazyFrame, champion: pl.LazyFrame) -> pl.DataFrame:
    """Rows of scores/challenger of one vintage: the loans of `champion` (scores/loans), no others.

    Empty where the champion scored none, or no good challenger is dated before the vintage.
    """
    mine = pl.col("vintage") == vintage
    decided = champion.filter(mine).select("loan_id", champion="feature_set").collect()
    empty = pl.DataFrame(schema=SCORES_CHALLENGER.schema)
    model = bench.challenger(vintage, decided["champion"][0]) if decided.height else None
    if model is None:
        return empty
    frame = features.filter(mine).join(decided.lazy().select("loan_id"), on="loan_id", how="semi").collect()
    scored = bench.scoring(model).score(frame) if frame.height else empty
    return scored.select(empty.columns)
