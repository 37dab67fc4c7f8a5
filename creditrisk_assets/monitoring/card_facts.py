"""Everything a model card tells, gathered from the lake: of one posterior, as of now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MODELS_BACKTEST,
    MODELS_COMPARISON,
    MODELS_POSTERIOR,
)
from creditrisk_assets.models.posterior import Posterior
from creditrisk_assets.monitoring.commits import Commit, Logs, newest, version_at
from creditrisk_assets.monitoring.monitored import Monitored, monitored
from creditrisk_assets.monitoring.posteriors import Known, cast_of, known_posteriors, rows_about
from creditrisk_assets.monitoring.review import Review, looked_at, review, validated
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings


@dataclass(frozen=True)
class Facts:
    """Of one posterior: `comparison` and `backtest` are rows of their tables, empty where there are none.

    `posterior_version`: that of models/posterior now; `wrote`: the commit that wrote the posterior and
    `features_version` that of features/loans then, None where the log does not reach back so far, or for one that is
    kept as it was promoted. `window`: months a model learns from, as set now.
    """

    known: Known
    posterior: Posterior
    diagnostics: dict[str, Any]
    comparison: pl.DataFrame
    backtest: pl.DataFrame
    seen: Monitored
    review: Review
    role: str
    owner: str
    posterior_version: int
    features_version: int | None
    wrote: Commit | None


def facts(lake: Lake, values: Settings, model_dates: Sequence[date] | None, owner: str, today: date) -> Iterator[Facts]:
    """Of every posterior of some model dates, those that failed their gates too; none where there is none.

    LakeError when a promoted posterior is lost.
    """
    if not lake.exists(MODELS_POSTERIOR):
        return
    # The version first: should a posterior be written meanwhile, its card counts as too old rather than as right.
    version, cast = lake.version(MODELS_POSTERIOR), cast_of(lake, values)
    logs = Logs(lake)
    for one in known_posteriors(lake, model_dates):
        wrote = None if one.promoted else newest(logs.of(MODELS_POSTERIOR), one.model.model_date)
        comparison, backtest = rows_about(lake, MODELS_COMPARISON, one), rows_about(lake, MODELS_BACKTEST, one)
        seen = monitored(lake, one.model if one.used else None)
        last = validated(logs, None if comparison.is_empty() else one.model.model_date, seen)
        promoted = one.promotion.promoted_at if one.promotion else None
        since = looked_at(today, last, wrote.written if wrote else None, promoted)
        yield Facts(
            one,
            one.tables.rebuilt_posterior(one.model.model_date, one.model.feature_set),
            one.tables.diagnostics.drop("design").collect().row(0, named=True),
            comparison,
            backtest,
            seen,
            review(seen, None, since, today),
            cast.role(one),
            owner,
            version,
            version_at(logs.of(FEATURES_LOANS), wrote.written) if wrote else None,
            wrote,
        )
