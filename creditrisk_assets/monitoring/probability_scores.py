"""How far predicted probabilities are from outcomes, and where the distance comes from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.models import metrics

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class BrierParts:
    """brier = reliability - resolution + uncertainty + within_variance - within_covariance.

    Murphy (1973); the last two are what PDs that differ within a bin add (Stephenson, Coelho and Jolliffe, 2008, Two
    extra components in the Brier score decomposition). With them the identity holds whatever the bins.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within_variance: float
    within_covariance: float


def spiegelhalter_z(outcome: Any, pd: Any) -> float | None:
    """Spiegelhalter's (1986) z of calibration: standard normal when outcomes are drawn from the PDs.

    sum (y - p)(1 - 2p) / sqrt(sum (1 - 2p)^2 p (1 - p)). None where the denominator is zero: every PD is 0, 1/2 or 1,
    and the statistic says nothing. ValueError as `metrics.brier`.
    """
    metrics.brier(outcome, pd)
    y, p = np.asarray(outcome, np.float64), np.asarray(pd, np.float64)
    spread = float(np.sum((1 - 2 * p) ** 2 * p * (1 - p)))
    return float(np.sum((y - p) * (1 - 2 * p)) / np.sqrt(spread)) if spread > 0 else None


def brier_parts(outcome: Any, pd: Any, bins: Any) -> BrierParts:
    """The Brier score in parts over `bins` (n,), a number for each loan. ValueError as `metrics.brier`."""
    score = metrics.brier(outcome, pd)
    y, p = np.asarray(outcome, np.float64), np.asarray(pd, np.float64)
    _, place, counts = np.unique(np.asarray(bins), return_inverse=True, return_counts=True)
    observed, foretold = np.bincount(place, y) / counts, np.bincount(place, p) / counts
    share, rate = counts / y.size, y.mean()
    off = p - foretold[place]
    return BrierParts(
        score,
        float(share @ (foretold - observed) ** 2),
        float(share @ (observed - rate) ** 2),
        float(rate * (1 - rate)),
        float(np.mean(off**2)),
        float(2 * np.mean((y - observed[place]) * off)),
    )


def ranking(outcome: Any, pd: Any) -> float | None:
    """AUC, None where all loans share one outcome."""
    y = np.asarray(outcome).astype(bool)
    return metrics.auc(y, pd) if y.any() and not y.all() else None
