"""Learning how behaviour changes the PD: one landmark per customer, the model stated in Bambi.

A landmark is an instant at which a customer's counts and the application's log-odds were known, with
default within twelve months of it. One per customer: overlapping landmarks would count the same
default several times. Customers of the same bins and nearly the same log-odds are one cell, so the
sampler's work does not grow with the history.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from creditrisk_assets.contracts import BEHAVIOUR, NOT_ALWAYS_TOLD
from creditrisk_assets.models import sampling
from creditrisk_assets.models.behaviour import BehaviourModel, placements
from creditrisk_assets.models.steps import FEWEST, Steps, fit_steps

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

SEED = 20_240_229
PRIOR_BINS = 20
BASE_SCALE, EFFECT_SCALE = 2.5, 1.0
APPLICATION_MEAN, APPLICATION_SCALE = 1.0, 0.5
"""Prior of rho: the application's log-odds stand unless the history says otherwise."""
TUNE, DRAWS = 400, 1500


class NothingToLearnError(ValueError):
    """A history that cannot teach anything; the message says what is missing."""


def learn(
    features: pl.DataFrame, m0: ArrayLike, v0: ArrayLike, outcome: ArrayLike, *, seed: int = SEED
) -> BehaviourModel:
    """The model of n landmarks, one per customer: columns of BEHAVIOUR, prior log-odds and variance, default (n,).

    NaN stands for log-odds that are not known. Where all are the same, rho keeps its prior. Diagnostics:
    `mixing` of the sampler, `passed`, customers, defaults, cells. A seed gives the same model again.
    NothingToLearnError for fewer than 30 defaults or 30 customers without one.
    """
    mean, variance = np.asarray(m0, np.float64), np.asarray(v0, np.float64)
    bad = np.asarray(outcome).astype(np.bool_)
    if not features.height == mean.size == variance.size == bad.size:
        raise ValueError(f"{features.height} landmarks, {mean.size} log-odds, {variance.size} variances and "
                         f"{bad.size} outcomes: give one of each per customer")  # fmt: skip
    if min(bad.sum(), (~bad).sum()) < FEWEST:
        raise NothingToLearnError(f"{bad.size} landmarks hold {bad.sum()} defaults: give at least {FEWEST} customers "
                                  "who defaulted within twelve months, and as many who did not")  # fmt: skip
    known = ~np.isnan(mean)
    average = _average(mean[known], variance[known])
    mean = np.where(known, mean, average[0])
    fitted = (fit_steps(features[name], bad, may_be_empty=name in NOT_ALWAYS_TOLD) for name, *_ in BEHAVIOUR)
    factors = tuple(factor for factor in fitted if factor is not None)
    cells = cells_of(features, factors, mean - average[0], bad)
    coefficients, diagnostics = _sampled(factors, cells, seed)
    told = {"customers": bad.size, "defaults": int(bad.sum()), "cells": cells.height, **diagnostics}
    covariance = np.atleast_2d(np.cov(coefficients.T))
    return BehaviourModel(factors, coefficients.mean(axis=0), covariance, average[0], average, told)


def _average(mean: Vector, variance: Vector) -> tuple[float, float]:
    """Mean and variance of the log-odds of a customer of whom nothing is known but that they are one of these."""
    if mean.size == 0:
        return 0.0, 0.0
    return float(mean.mean()), float(mean.var() + variance.mean())


def cells_of(features: pl.DataFrame, factors: tuple[Steps, ...], away: Vector, bad: NDArray[np.bool_]) -> pl.DataFrame:
    """Customers by bins and band of log-odds: columns 0, 1, .. (codes), away (mean of the band), trials, defaults."""
    edges = np.unique(np.quantile(away, np.arange(1, PRIOR_BINS) / PRIOR_BINS))
    frame = pl.DataFrame({str(place): factor.codes(features) for place, factor in enumerate(factors)})
    frame = frame.with_columns(
        band=pl.Series(np.searchsorted(edges, away, side="right")), away=pl.Series(away), bad=pl.Series(bad)
    )
    frame = frame.with_columns(pl.col("away").mean().over("band"))
    keys = [str(place) for place in range(len(factors))]
    return frame.group_by([*keys, "away"], maintain_order=True).agg(trials=pl.len(), defaults=pl.col("bad").sum())


def design_of(factors: tuple[Steps, ...], cells: pl.DataFrame) -> tuple[Matrix, Vector]:
    """Columns (cells, p) of the coefficients around the average customer, and that average (p,)."""
    matrix = np.zeros((cells.height, 2 + sum(factor.size - 1 for factor in factors)))
    centre = np.zeros(matrix.shape[1])
    matrix[:, 0], matrix[:, 1] = 1.0, cells["away"].to_numpy()
    for number, (factor, place) in enumerate(zip(factors, placements(factors), strict=True)):
        columns = place[cells[str(number)].to_numpy()]
        rows = np.flatnonzero(columns >= 0)
        matrix[rows, columns[rows]] = 1.0
        centre[place[place >= 0]] = np.asarray(factor.shares)[place >= 0]
    return matrix - centre, centre


def stated(matrix: Matrix, cells: pl.DataFrame) -> Any:
    """The built Bambi model: p(defaults, trials) ~ 0 + effects(...), a prior per column of the design."""
    import bambi as bmb
    import pandas as pd

    names = [f"e{place}" for place in range(matrix.shape[1])]
    frame = pd.DataFrame(matrix, columns=names)
    frame = frame.assign(defaults=cells["defaults"].to_numpy(), trials=cells["trials"].to_numpy())
    middle = np.append([0.0, APPLICATION_MEAN], np.zeros(len(names) - 2))
    scale = np.append([BASE_SCALE, APPLICATION_SCALE], np.full(len(names) - 2, EFFECT_SCALE))
    term = f"effects({', '.join(names)})"
    model = bmb.Model(
        f"p(defaults, trials) ~ 0 + {term}", frame, family="binomial", center_predictors=False,
        priors={term: bmb.Prior("Normal", mu=middle, sigma=scale)},
        extra_namespace={"effects": lambda *columns: np.column_stack(columns)},
    )  # fmt: skip
    # An alias keeps the commas of the term's name out of the dimension names.
    model.set_alias({term: "effects"})
    model.build()
    return model


def _sampled(factors: tuple[Steps, ...], cells: pl.DataFrame, seed: int) -> tuple[Matrix, Mapping[str, Any]]:
    """Draws (S, p) of the coefficients, and diagnostics; drawn again in smaller steps where a gate fails."""
    import nutpie
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    matrix, centre = design_of(factors, cells)
    compiled = nutpie.compile_pymc_model(stated(matrix, cells).backend.model)
    diagnostics: dict[str, Any] = {}
    with threadpool_limits(limits=1):
        for more, target in ((1, 0.8), (2, 0.95)):
            trace = nutpie.sample(
                compiled, draws=more * DRAWS, tune=more * TUNE, chains=sampling.CHAINS, cores=2, seed=seed,
                target_accept=target, low_rank_modified_mass_matrix=True, progress_bar=False, save_warmup=False,
            )  # fmt: skip
            diagnostics = sampling.mixing(trace)
            if diagnostics["sampled"]:
                break
    draws = trace.posterior["effects"].values.reshape(-1, matrix.shape[1]).copy()
    # From the average customer, about whom the sampler mixes well, to the reference of every factor.
    draws[:, 0] -= draws @ centre
    return draws, {"passed": diagnostics.pop("sampled"), **diagnostics}
