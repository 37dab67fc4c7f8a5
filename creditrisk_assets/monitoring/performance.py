"""A row of monitoring/performance: how right the posterior is about one vintage, as far as can be known today."""

from typing import Any

import numpy as np
import polars as pl

from creditrisk_assets.contracts import MONITORING_PERFORMANCE
from creditrisk_assets.models import metrics
from creditrisk_assets.models.periods import FIRST_TRIAL
from creditrisk_assets.monitoring.counts import PredictiveCount, ratio_interval
from creditrisk_assets.monitoring.expected import Expected
from creditrisk_assets.monitoring.jeffreys import lights
from creditrisk_assets.monitoring.probability_scores import brier_parts, ranking, spiegelhalter_z
from creditrisk_assets.monitoring.so_far import EARLY

ENDS = (0.05, 0.95)
ALARM = 0.05
"""Mid-p chance of more early defaults below which there is an alarm: nominally one vintage in twenty of a model that
is right, each time it is looked at. Looking again as a vintage grows older gives chance further tries."""


def performance(found: Expected, level: float = ALARM) -> pl.DataFrame:
    """monitoring/performance of one vintage: one row, from its expectations."""
    loans = found.loans
    row: dict[str, Any] = dict.fromkeys(MONITORING_PERFORMANCE.schema) | {
        "vintage": found.vintage,
        "model_date": found.model_date,
        "loans": loans.height,
        "tried": int(loans["tried"].sum()),
        "months_observed": loans["known"].min(),
        "matured": int(loans["outcome"].is_not_null().sum()),
        "maturity_share": float(loans["outcome"].is_not_null().mean()),  # type: ignore[arg-type]
    }
    row |= _by_hazard(int(loans["bad"].sum()), found.count) | _resolved(loans) | _matured(loans)
    row |= _early(loans, found.early, level)
    frame = pl.LazyFrame([row], schema_overrides=dict(MONITORING_PERFORMANCE.schema))
    return MONITORING_PERFORMANCE.conform(frame).collect()


def _by_hazard(observed: int, count: PredictiveCount) -> dict[str, Any]:
    """Observed over expected with every loan as far as observed; empty ratios while no default was possible."""
    expected = float(count.mean.mean())
    low, high = np.quantile(count.mean, ENDS)
    told: dict[str, Any] = {
        "observed": observed, "expected": expected, "expected_low": float(low), "expected_high": float(high),
    }  # fmt: skip
    absent = dict.fromkeys(("ratio", "ratio_low", "ratio_high", "p_value", "light"))
    if not (count.mean > 0).all():
        return told | absent | ({"light": "red"} if observed else {})
    p_value = count.p_value(observed)
    ends = ratio_interval(observed, count.mean)
    told |= {"ratio": observed / expected, "ratio_low": ends[0], "ratio_high": ends[1], "p_value": p_value}
    return told | {"light": lights([observed], [expected], [p_value])[0]}


def _resolved(loans: pl.DataFrame) -> dict[str, Any]:
    """What resolved loans alone would claim: their share bad over their PDs within the term. Never to be believed."""
    resolved = loans.filter(pl.col("resolved"))
    bad, expected = int(resolved["bad"].sum()), float(resolved["pd_term"].sum())
    told = {"resolved": resolved.height, "resolved_observed": bad, "resolved_expected": expected}
    return told | {"resolved_ratio": bad / expected if expected > 0 else None}


def _matured(loans: pl.DataFrame) -> dict[str, Any]:
    """PDs within twelve months against the outcomes of loans observed that long; empty where there is none."""
    known = loans.filter(pl.col("outcome").is_not_null())
    y, p = known["outcome"].cast(pl.Boolean).to_numpy(), known["pd"].to_numpy()
    expected = float(p.sum())
    told: dict[str, Any] = {"matured_observed": int(y.sum()), "matured_expected": expected}
    if known.is_empty():
        return told
    told |= {"matured_ratio": told["matured_observed"] / expected if expected > 0 else None}
    parts = brier_parts(y, p, known["decile"].to_numpy())
    z = {"spiegelhalter_z": spiegelhalter_z(y, p), "auc": ranking(y, p), "log_loss": metrics.log_loss(y, p)}
    return told | vars(parts) | z


def _early(loans: pl.DataFrame, count: PredictiveCount, level: float) -> dict[str, Any]:
    """Defaults within the first months against their predictive distribution; no alarm before the first trial."""
    defaults, months = int(loans["early"].sum()), min(int(loans["known"].max()), EARLY)  # type: ignore[arg-type]
    told: dict[str, Any] = {
        "early_months": months, "early_defaults": defaults, "early_expected": float(count.mean.mean()),
        "early_low": count.quantile(ENDS[0]), "early_high": count.quantile(ENDS[1]), "alarm": False,
    }  # fmt: skip
    if months < FIRST_TRIAL:
        return told
    p_value = count.p_value(defaults)
    rate = count.false_alarm_rate(level)
    return told | {"early_p_value": p_value, "false_alarm_rate": rate, "alarm": p_value < level}
