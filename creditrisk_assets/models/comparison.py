"""Posterior and logistic side by side: same window, same design, same loans never seen in training."""

from datetime import date
from typing import Any

import polars as pl

from creditrisk_assets.models import metrics
from creditrisk_assets.models.logistic import Logistic, fit_logistic
from creditrisk_assets.models.outcomes import HORIZON, Protocol, Window, out_of_time, populations
from creditrisk_assets.models.posterior import SEED, Posterior, fit_posterior

WINDOW: Window = 24


def compare_fitted(
    features: pl.LazyFrame,
    posterior: Posterior,
    logistic: Logistic,
    model_date: date,
    first: date,
    last: date,
    protocol: Protocol,
    horizon: int = HORIZON,
) -> dict[str, Any]:
    """Figures of two fitted models on the vintages `first` to `last` (included).

    `rows`, `bads`, `outcomes` (the protocol) and `models.{posterior,logistic}` with auc, ks, brier,
    log_loss, mean_pd, observed. ValueError when the test population is empty.
    """
    return _figures(
        out_of_time(features, model_date, first, last, protocol, horizon=horizon), posterior, logistic, protocol
    )


def _figures(frame: pl.DataFrame, posterior: Posterior, logistic: Logistic, protocol: Protocol) -> dict[str, Any]:
    outcome = frame["outcome"].to_numpy()
    pds = {"posterior": posterior.predict(frame)["pd"].to_numpy(), "logistic": logistic.predict(frame)}
    models = {name: metrics.summary(outcome, pd) for name, pd in pds.items()}
    rows, bads = [{model.pop(name) for model in models.values()}.pop() for name in ("rows", "bads")]
    return {"rows": rows, "bads": bads, "outcomes": protocol, "models": models}


def compare(
    features: pl.LazyFrame,
    model_date: date,
    first: date,
    last: date,
    feature_set: str = "application",
    protocol: Protocol = "final",
    window: Window = WINDOW,
    horizon: int = HORIZON,
    seed: int = SEED,
) -> dict[str, Any]:
    """Fit both models on the training window of `model_date` and compare them on later vintages.

    As `compare_fitted`, with the posterior's `diagnostics` beside. ValueError names an empty or
    one-sided training window, a missing column, an empty test population.
    """
    training, test = populations(features, model_date, first, last, protocol=protocol, window=window, horizon=horizon)
    fit = fit_posterior(training, feature_set, seed)
    figures = _figures(test, fit.posterior, fit_logistic(training, feature_set), protocol)
    return {**figures, "diagnostics": fit.diagnostics}
