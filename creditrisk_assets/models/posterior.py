"""The posterior as plain data: fitted once, kept as a table of draws and their moments, rebuilt anywhere.

Evidence of the window, draws under it, a certificate against every loan; where the certificate
fails and the book is small, the same model on the loans themselves.
"""

import time
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.models import sampling
from creditrisk_assets.models.certificate import Certificate, certify
from creditrisk_assets.models.density import Density
from creditrisk_assets.models.design import Coded, Design, fit_design
from creditrisk_assets.models.evidence import Reference, Window
from creditrisk_assets.models.reference import by_vintage, find_reference, gather_window
from creditrisk_assets.models.scorer import FURTHEST, Scorer

Array = NDArray[np.float64]
Diagnostics = dict[str, float | str | bool]

PUBLISHED = 1000
LARGEST_DIRECT = 20_000
LARGEST_WEIGHED = 100_000
INTEGRATED = 1000
"""Draws of the scales over which moments are integrated."""
SEED = 20_110_101
DRAWS_SCHEMA = {
    "feature_set": pl.String,
    "chain": pl.Int32,
    "draw": pl.Int32,
    "parameter": pl.String,
    "value": pl.Float64,
}


@dataclass(frozen=True)
class Posterior:
    """Draws of the p `parameters` of `design`: `coefficients` (S, p), `scales` (S, G), `persistence` (S,).

    `mean` (p,) and `covariance` (p, p) of the coefficients are taken from more draws than are kept.
    """

    design: Design
    coefficients: Array
    scales: Array
    persistence: Array
    mean: Array
    covariance: Array

    @cached_property
    def scorer(self) -> Scorer:
        """The posterior as look-up tables, from which PDs are computed."""
        powers = self.persistence[:, None] ** np.arange(1, FURTHEST + 1)
        squares = np.square(self.scales)
        return Scorer(
            self.design,
            self.mean,
            self.covariance,
            squares[:, :-1].mean(axis=0),
            powers.mean(axis=0),
            (squares[:, -1:] * (1 - powers**2)).mean(axis=0),
            float(squares[:, -1].mean()),
        )

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        """PDs with intervals, log-odds and base for rows of features/loans, see `scorer.Scorer.predict`."""
        return self.scorer.predict(frame)

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters of the draws table: the coefficients, `scale[group]`, and the persistence."""
        return (*self.design.parameters, *(f"scale[{name}]" for name in self.design.scale_names), "persistence")

    @property
    def values(self) -> Array:
        """All draws (S, p + G + 1) in the order of `names`."""
        return np.hstack([self.coefficients, self.scales, self.persistence[:, None]])

    def to_draws(self) -> pl.DataFrame:
        """Long table feature_set, chain, draw, parameter, value of all draws.

        Rows resampled from all chains are numbered through; `chain` is the quarter they fall into.
        """
        values = self.values
        count, per_chain = len(values), -(-len(values) // sampling.CHAINS)
        index = np.repeat(np.arange(count), len(self.names))
        columns = {
            "feature_set": np.full(values.size, self.design.feature_set),
            "chain": index // per_chain,
            "draw": index % per_chain,
            "parameter": list(self.names) * count,
            "value": values.ravel(),
        }
        return pl.DataFrame(columns, schema=DRAWS_SCHEMA)

    def summary(self) -> pl.DataFrame:
        """One row per parameter: feature_set, parameter, mean, sd, low and high (5 % and 95 %)."""
        values = self.values
        low, high = np.quantile(values, [0.05, 0.95], axis=0)
        extra = values[:, len(self.mean) :]
        return pl.DataFrame(
            {
                "feature_set": [self.design.feature_set] * len(self.names),
                "parameter": list(self.names),
                "mean": np.append(self.mean, extra.mean(axis=0)),
                "sd": np.append(np.sqrt(np.diag(self.covariance)), extra.std(axis=0, ddof=1)),
                "low": low,
                "high": high,
            }
        )

    @staticmethod
    def from_draws(design: Design, draws: pl.DataFrame, mean: Array, covariance: Array) -> "Posterior":
        """The posterior whose `to_draws` (one model's rows, any order) and moments these are.

        ValueError names a parameter of the design that the draws lack.
        """
        wide = draws.pivot(on="parameter", index=["chain", "draw"], values="value").sort("chain", "draw")
        scales = [f"scale[{name}]" for name in design.scale_names]
        names = (*design.parameters, *scales, "persistence")
        absent = [name for name in names if name not in wide.columns]
        if absent:
            raise ValueError(
                f"the draws hold no parameter {absent[0]!r}: materialise the posterior of this design again"
            )
        # Row by row, as drawn: means over another layout differ in their last bits.
        values = np.ascontiguousarray(wide.select(names).to_numpy())
        p = len(design.parameters)
        return Posterior(design, values[:, :p], values[:, p:-1], values[:, -1], mean, covariance)


@dataclass(frozen=True)
class Fit:
    """A fitted posterior, the ArviZ InferenceData it was sampled as, its `diagnostics` and the evidence it rests on.

    The InferenceData holds the draws as sampled, for trace plots and R-hat; the posterior holds the
    draws after resampling by the certificate's weights.
    """

    posterior: Posterior
    inference_data: Any
    diagnostics: Diagnostics
    window: Window

    @property
    def passed(self) -> bool:
        """R-hat <= 1.01, ESS >= 400, no divergence, BFMI >= 0.3, and the certificate."""
        return bool(self.diagnostics["passed"])


def _corrected(density: Density, draws: tuple[Array, Array, Array], certificate: Certificate) -> tuple[Array, Array]:
    """Mean (p,) and covariance (p, p): exact moments of the quadratic posterior, moved by the weights.

    The weighted draws differ from the plain ones by the certificate's correction alone, so most of
    the sampling noise cancels (a control variate).
    """
    theta, scales, persistence = draws
    some = np.unique(np.linspace(0, len(theta) - 1, INTEGRATED).round().astype(int))
    mean, covariance = density.moments(scales[some], persistence[some])
    weights, even = certificate.weights, np.full(len(theta), 1 / len(theta))
    centre, plain = weights @ theta, even @ theta
    spread = (theta - centre).T @ ((theta - centre) * weights[:, None])
    moved = covariance + spread - (theta - plain).T @ ((theta - plain) * even[:, None])
    values, vectors = np.linalg.eigh((moved + moved.T) / 2)
    # Noise must not turn a direction the loans pin down into a negative variance.
    floor = 1e-3 * np.linalg.eigvalsh(covariance)[0]
    return mean + centre - plain, (vectors * np.maximum(values, floor)) @ vectors.T


def fit_posterior(
    frame: pl.DataFrame, feature_set: str, last: date, seed: int = SEED, largest_direct: int = LARGEST_DIRECT,
    *, whole_term: bool = False,
) -> Fit:  # fmt: skip
    """Fit on a training window of `exposure.exposed` rows in order of vintage, the youngest vintage being `last`.

    The same seed and rows give the same draws. ValueError as `fit_design` and `find_reference`.
    """
    design = fit_design(frame, feature_set, last, whole_term=whole_term)
    loans = design.code(frame)
    reference, scales = find_reference(design, loans)
    window = gather_window(design, by_vintage(design, loans), reference)
    return fit_window(window, loans, scales, seed, largest_direct)


def fit_window(
    window: Window, loans: Coded, scales: Array, seed: int = SEED, largest_direct: int = LARGEST_DIRECT
) -> Fit:
    """Draw from the evidence of a window and certify the draws against its loans.

    `scales` (G,): likely group scales. Windows above `largest_direct` loans are never sampled loan by
    loan: there a failed certificate stays failed and `passed` says so.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # Matrices of some hundred rows: threads of the linear algebra would wait for each other more than they work.
    with threadpool_limits(limits=1):
        return _fit(window, loans, scales, seed, largest_direct)


def _drawn(
    window: Window, loans: Coded, scales: Array, seed: int
) -> tuple[sampling.Sample, tuple[Array, Array, Array], Certificate]:
    sample = sampling.sample_evidence(window, scales, seed)
    draws = sample.thinned(PUBLISHED if len(loans) > LARGEST_WEIGHED else sample.persistence.size)
    return sample, draws, certify(window, loans, draws[0])


def _fit(window: Window, loans: Coded, scales: Array, seed: int, largest_direct: int) -> Fit:
    start, design = time.perf_counter(), window.design
    sample, draws, certificate = _drawn(window, loans, scales, seed)
    if not certificate.passed:
        # The reference was too far away: expand about the posterior just found, and try once more.
        mean, covariance = _corrected(Density(window, scales), draws, certificate)
        q = design.shared
        closer = Reference(mean[:q], covariance[:q, :q])
        window = gather_window(design, by_vintage(design, loans), closer, mean[q:])
        sample, draws, certificate = _drawn(window, loans, scales, seed)
    if not certificate.passed and window.loans <= largest_direct:
        sample = sampling.sample_loans(design, loans, seed)
        theta = sample.thinned(sample.persistence.size)[0]
        moments = theta.mean(axis=0), np.cov(theta.T)
        kept = sample.thinned(PUBLISHED)
    else:
        moments = _corrected(Density(window, scales), draws, certificate)
        chosen = certificate.resampled(seed, PUBLISHED)
        kept = draws[0][chosen], draws[1][chosen], draws[2][chosen]
    trace = sampling.inference_data(design, sample)
    gates = sampling.sampler_diagnostics(trace, sample)
    exact = sample.method == "loans" or certificate.passed
    diagnostics: Diagnostics = {
        "feature_set": design.feature_set,
        **gates,
        "k_hat": certificate.k_hat,
        "certificate_ess": certificate.effective,
        "certificate_draws": len(certificate.weights),
        "loans": window.loans,
        "trials": window.trials,
        "defaults": window.defaults,
        "vintages": len(design.vintages),
        "seconds": time.perf_counter() - start,
        "passed": bool(gates["sampled"]) and exact,
    }
    return Fit(Posterior(design, *kept, *moments), trace, diagnostics, window)
