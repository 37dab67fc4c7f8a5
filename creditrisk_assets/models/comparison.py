"""Posterior, logistic and boosting side by side: same features, same loans never seen in training."""

from datetime import date
from typing import Any

import polars as pl

from creditrisk_assets.models import metrics
from creditrisk_assets.models.boosting import fit_boosting
from creditrisk_assets.models.exposure import learned_from
from creditrisk_assets.models.logistic import fit_logistic
from creditrisk_assets.models.outcomes import Protocol, Window, populations
from creditrisk_assets.models.posterior import SEED, fit_posterior
from creditrisk_assets.resources.environments import add_months

WINDOW: Window = 24
MODELS = ("posterior", "logistic", "boosting")


def compare(
    features: pl.LazyFrame,
    model_date: date,
    first: date,
    last: date,
    feature_set: str = "application",
    protocol: Protocol = "final",
    window: Window = WINDOW,
    seed: int = SEED,
) -> dict[str, Any]:
    """Fit all models on the training window of `model_date` and compare them on the vintages `first` to `last`.

    `rows`, `bads`, `outcomes` (the protocol), `models.{posterior,logistic,boosting}` with auc, ks,
    brier, log_loss, mean_pd and observed, `calibration` by model and decile, and the posterior's
    `diagnostics`. The posterior learns from loans of every age, the others from outcomes known in full.
    ValueError names an empty or one-sided training window, a missing column, an empty test population.
    """
    labelled, test = populations(features, model_date, first, last, protocol=protocol, window=window)
    exposed = learned_from(features, model_date, window, protocol)
    fit = fit_posterior(exposed, feature_set, add_months(model_date, -1), seed, whole_term=protocol == "final")
    predicted = fit.posterior.predict(test)
    pds = {
        "posterior": predicted["pd_term" if protocol == "final" else "pd"].to_numpy(),
        "logistic": fit_logistic(labelled, feature_set).predict(test),
        "boosting": fit_boosting(labelled, feature_set).predict(test),
    }
    outcome = test["outcome"].to_numpy()
    models = {name: metrics.summary(outcome, pd) for name, pd in pds.items()}
    rows, bads = [{model.pop(name) for model in models.values()}.pop() for name in ("rows", "bads")]
    return {
        "rows": rows,
        "bads": bads,
        "outcomes": protocol,
        "models": models,
        "calibration": {name: metrics.calibration(outcome, pd).to_dicts() for name, pd in pds.items()},
        "diagnostics": fit.diagnostics,
    }
