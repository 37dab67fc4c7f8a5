"""How good a PD is: ranking, distance and calibration of predicted against observed default."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def _checked(outcome: Any, pd: Any) -> tuple[NDArray[np.bool_], Vector]:
    y, p = np.asarray(outcome).astype(bool), np.asarray(pd, dtype=np.float64)
    if y.ndim != 1 or y.shape != p.shape or y.size == 0:
        raise ValueError(f"outcome {y.shape} and PD {p.shape} must be two vectors of equal length, at least one row")
    if not np.isfinite(p).all() or p.min() < 0 or p.max() > 1:
        raise ValueError("PD must lie between 0 and 1 on every row: check the model that predicted it")
    return y, p


def _tied_counts(y: NDArray[np.bool_], p: Vector) -> tuple[Vector, Vector]:
    """Bads and goods per distinct PD, in ascending order of PD."""
    _, group = np.unique(p, return_inverse=True)
    bads = np.bincount(group, y.astype(np.float64)).astype(np.float64)
    return bads, np.bincount(group).astype(np.float64) - bads


def _both_classes(y: NDArray[np.bool_], name: str) -> None:
    if y.all() or not y.any():
        raise ValueError(f"{name} needs a default and a non-default among its {y.size} rows: take more vintages")


def auc(outcome: Any, pd: Any) -> float:
    """Area under the ROC curve: chance that a bad has a higher PD than a good, ties one half."""
    y, p = _checked(outcome, pd)
    _both_classes(y, "AUC")
    bads, goods = _tied_counts(y, p)
    below = np.cumsum(goods) - goods
    return float(bads @ (below + goods / 2) / (bads.sum() * goods.sum()))


def ks(outcome: Any, pd: Any) -> float:
    """Kolmogorov-Smirnov distance between the PD distributions of bads and goods, 0 to 1."""
    y, p = _checked(outcome, pd)
    _both_classes(y, "KS")
    bads, goods = _tied_counts(y, p)
    return float(np.abs(np.cumsum(bads) / bads.sum() - np.cumsum(goods) / goods.sum()).max())


def brier(outcome: Any, pd: Any) -> float:
    """Brier score (1950): mean squared difference of PD and outcome."""
    y, p = _checked(outcome, pd)
    return float(np.mean((p - y) ** 2))


def log_loss(outcome: Any, pd: Any) -> float:
    """Mean negative log-likelihood in nats; a PD of exactly 0 or 1 counts as the nearest number inside."""
    y, p = _checked(outcome, pd)
    tiny = np.finfo(np.float64).eps
    p = np.clip(p, tiny, 1 - tiny)
    return float(-np.mean(np.where(y, np.log(p), np.log1p(-p))))


def mean_pd(pd: Any) -> float:
    """Mean predicted PD."""
    return float(np.mean(np.asarray(pd, dtype=np.float64)))


def observed(outcome: Any) -> float:
    """Observed default rate."""
    return float(np.mean(np.asarray(outcome).astype(bool)))


def summary(outcome: Any, pd: Any) -> dict[str, float]:
    """rows, bads, auc, ks, brier, log_loss, mean_pd and observed of one model on one population."""
    y, p = _checked(outcome, pd)
    return {
        "rows": y.size,
        "bads": int(y.sum()),
        "auc": auc(y, p),
        "ks": ks(y, p),
        "brier": brier(y, p),
        "log_loss": log_loss(y, p),
        "mean_pd": mean_pd(p),
        "observed": observed(y),
    }


def calibration(outcome: Any, pd: Any, bands: int = 10) -> pl.DataFrame:
    """Predicted against observed by bands of equal size in order of PD (band 1 lowest; deciles by default).

    Columns band, rows, bads, mean_pd, observed. Rows of equal PD may fall into neighbouring bands.
    """
    y, p = _checked(outcome, pd)
    order = np.argsort(p, kind="stable")
    band = np.empty(y.size, dtype=np.int64)
    band[order] = np.arange(y.size) * bands // y.size
    rows = np.bincount(band, minlength=bands)
    bads, sums = np.bincount(band, weights=y, minlength=bands), np.bincount(band, weights=p, minlength=bands)
    full = rows > 0
    return pl.DataFrame(
        {
            "band": np.arange(1, bands + 1)[full],
            "rows": rows[full],
            "bads": bads[full].astype(np.int64),
            "mean_pd": sums[full] / rows[full],
            "observed": bads[full] / rows[full],
        }
    )
