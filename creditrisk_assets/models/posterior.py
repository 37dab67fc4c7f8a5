"""The posterior as plain data: fitted once, kept as a table of draws, rebuilt from it anywhere.

Evidence of the window, draws under it, a certificate against every loan; where the certificate
fails and the book is small, the same Bambi model on the loans themselves.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.models import sampling
from creditrisk_assets.models.certificate import Certificate, certify
from creditrisk_assets.models.design import Design, fit_design
from creditrisk_assets.models.evidence import Evidence, expand
from creditrisk_assets.models.prediction import Gaussian, forecast_weights, predict

Array = NDArray[np.float64]
Diagnostics = dict[str, float | str | bool]

PUBLISHED = 1000
LARGEST_DIRECT = 20_000
LARGEST_WEIGHED = 100_000
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
    """Draws of the `parameters` of `design`: `coefficients` (S, p) and group `scales` (S, G).

    `information` (p,): what the loans say about each coefficient, the weights of the vintage forecast.
    """

    design: Design
    coefficients: Array
    scales: Array
    information: Array

    @property
    def gaussian(self) -> Gaussian:
        """Mean, covariance and vintage forecast, from which PDs are computed."""
        return Gaussian(
            self.design,
            self.coefficients.mean(axis=0),
            np.cov(self.coefficients.T),
            np.square(self.scales).mean(axis=0),
            forecast_weights(self.design, self.information),
        )

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        """pd, pd_low, pd_high, log_odds and log_odds_sd for rows of features/loans, see `prediction.predict`."""
        return predict(self.gaussian, frame)

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters of the draws table: the coefficients, then `scale[group]`."""
        return (*self.design.parameters, *(f"scale[{group.name}]" for group in self.design.groups))

    def to_draws(self) -> pl.DataFrame:
        """Long table feature_set, chain, draw, parameter, value: S draws of p coefficients and G scales.

        Rows resampled from all chains are numbered through; `chain` is the quarter they fall into.
        """
        values = np.hstack([self.coefficients, self.scales])
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
        """One row per parameter: feature_set, parameter, mean, sd, low and high (5 % and 95 %), information."""
        values = np.hstack([self.coefficients, self.scales])
        low, high = np.quantile(values, [0.05, 0.95], axis=0)
        return pl.DataFrame(
            {
                "feature_set": [self.design.feature_set] * len(self.names),
                "parameter": list(self.names),
                "mean": values.mean(axis=0),
                "sd": values.std(axis=0, ddof=1),
                "low": low,
                "high": high,
                "information": [*self.information, *([None] * len(self.design.groups))],
            }
        )

    @staticmethod
    def from_draws(design: Design, draws: pl.DataFrame, information: dict[str, float]) -> "Posterior":
        """The posterior whose `to_draws` (one model's rows, any order) and summary's information these are.

        ValueError names parameters of the design that the draws lack.
        """
        wide = draws.pivot(on="parameter", index=["chain", "draw"], values="value").sort("chain", "draw")
        names = (*design.parameters, *(f"scale[{group.name}]" for group in design.groups))
        absent = [name for name in names if name not in wide.columns]
        if absent:
            raise ValueError(
                f"the draws hold no parameter {absent[0]!r}: materialise the posterior of this design again"
            )
        values = wide.select(names).to_numpy()
        p = len(design.parameters)
        return Posterior(design, values[:, :p], values[:, p:], np.array([information[n] for n in design.parameters]))


@dataclass(frozen=True)
class Fit:
    """A fitted posterior, the ArviZ InferenceData it was sampled as, and its `diagnostics`.

    The InferenceData holds the draws as sampled, for trace plots and R-hat; the posterior holds the
    draws after resampling by the certificate's weights.
    """

    posterior: Posterior
    inference_data: Any
    diagnostics: Diagnostics

    @property
    def passed(self) -> bool:
        """R-hat <= 1.01, ESS >= 400, no divergence, BFMI >= 0.3, and the certificate."""
        return bool(self.diagnostics["passed"])


def _certified(
    design: Design, frame: pl.DataFrame, evidence: Evidence, sample: sampling.Sample
) -> tuple[Certificate, Array, Array]:
    most = 2 * PUBLISHED if frame.height <= LARGEST_WEIGHED else PUBLISHED
    theta, scales = sample.thinned(most)
    return certify(design, frame, evidence, theta), theta, scales


def fit_posterior(frame: pl.DataFrame, feature_set: str, seed: int = SEED, largest_direct: int = LARGEST_DIRECT) -> Fit:
    """Fit on a training population with a Boolean `outcome`; the same seed gives the same draws.

    Books above `largest_direct` loans are never sampled loan by loan: there a failed certificate
    stays failed and `passed` says so. ValueError as `fit_design` and `expand`.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # Matrices of some hundred rows: threads of the linear algebra would wait for each other more than they work.
    with threadpool_limits(limits=1):
        return _fit(frame, feature_set, seed, largest_direct)


def _fit(frame: pl.DataFrame, feature_set: str, seed: int, largest_direct: int) -> Fit:
    start = time.perf_counter()
    design = fit_design(frame, feature_set)
    evidence, likely = expand(design, frame)
    sample = sampling.sample_evidence(design, evidence, likely, seed)
    certificate, theta, scales = _certified(design, frame, evidence, sample)
    if certificate.passed:
        kept = certificate.resampled(seed, PUBLISHED)
        theta, scales = theta[kept], scales[kept]
    elif frame.height <= largest_direct:
        sample = sampling.sample_loans(design, frame, seed)
        theta, scales = sample.thinned(PUBLISHED)
    trace = sampling.inference_data(design, sample)
    gates = sampling.sampler_diagnostics(trace, sample)
    exact = sample.method == "loans" or certificate.passed
    diagnostics: Diagnostics = {
        "feature_set": feature_set,
        **gates,
        "k_hat": certificate.k_hat,
        "certificate_ess": certificate.effective,
        "certificate_draws": len(certificate.weights),
        "loans": evidence.loans,
        "defaults": evidence.defaults,
        "vintages": len(design.groups[-1].levels),
        "seconds": time.perf_counter() - start,
        "passed": bool(gates["sampled"]) and exact,
    }
    posterior = Posterior(design, theta, scales, np.diag(evidence.information).copy())
    return Fit(posterior, trace, diagnostics)
