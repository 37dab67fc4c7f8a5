"""Rows of monitoring/drift and monitoring/population: one vintage against the window its model learned from."""

import math
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import MONITORING_DRIFT, MONITORING_POPULATION
from creditrisk_assets.models.binning import Numeric
from creditrisk_assets.monitoring import population, stability
from creditrisk_assets.monitoring.baseline import Baseline, by_band, counted
from creditrisk_assets.monitoring.gathering import Gathered

Counts = NDArray[np.int64]
Codes = NDArray[np.uint8]
Row = dict[str, Any]

SCORE, BAND = "score", "band"


def drift_rows(
    vintage: date, codes: Codes, bands: Sequence[int] | pl.Series | None, baseline: Baseline
) -> pl.DataFrame:
    """Rows of monitoring/drift of one vintage: its features, then score and band where the window was scored.

    `codes` (factors, loans): its loans in the model's bins; `bands` (loans,): as they were scored. A
    vintage without loans has no rows. ValueError when the codes are not of the baseline's features.
    """
    if len(codes) != len(baseline.binning.factors):
        raise ValueError(f"the model has {len(baseline.binning.factors)} features, but codes are of {len(codes)}")
    if codes.shape[1] == 0:
        return pl.DataFrame(schema=MONITORING_DRIFT.schema)
    rows = [_feature(number, now, baseline) for number, now in enumerate(counted(baseline.binning, codes))]
    if baseline.scored is not None:
        rows.append(_score(codes, baseline, float(sum(row["csi_log_odds"] for row in rows))))
        if bands is not None:
            labels = [f"band {number}" for number in range(1, len(baseline.scored.bands) + 1)]
            rows.append(_moved(BAND, "score", labels, baseline.scored.bands, by_band(bands)))
    adjusted = stability.holm(np.array([row["p_value"] for row in rows]))
    for row, p_adjusted in zip(rows, adjusted, strict=True):
        row |= {"p_adjusted": float(p_adjusted), "significant": bool(p_adjusted < stability.ALPHA)}
        row["verdict"] = stability.verdict(row["psi"], significant=row["significant"])
        if row["significant"] and row.get("unknown_now") == 1.0:
            row["verdict"] = stability.VERDICTS[-1]
    same = {"vintage": vintage, "model_date": baseline.model_date, "feature_set": baseline.binning.feature_set}
    whole = [dict.fromkeys(MONITORING_DRIFT.schema) | same | row for row in rows]
    return pl.DataFrame(whole, schema=MONITORING_DRIFT.schema, orient="row")


def _moved(feature: str, kind: str, labels: Sequence[str], then: Counts, now: Counts) -> Row:
    """PSI and its law, and the group that adds most to it."""
    found = stability.shift(then, now)
    m, n = int(then.sum()), int(now.sum())
    most = int(np.argmax(stability.terms(then, m, now, n)))
    groups = int(((then > 0) | (now > 0)).sum())
    return {
        "feature": feature, "kind": kind, "psi": found.psi, "psi_expected": found.expected, "psi_high": found.high,
        "p_value": found.p_value, "groups": groups, "psi_bins": found.psi,
        "psi_bins_expected": (1 / n + 1 / m) * (groups - 1), "moved": labels[most],
        "moved_then": then[most] / m, "moved_now": now[most] / n, "loans": n, "reference_loans": m,
    }  # fmt: skip


def _feature(number: int, now: Counts, baseline: Baseline) -> Row:
    factor, then, gathered = baseline.binning.factors[number], baseline.counts[number], baseline.gathered[number]
    row = _moved(factor.name, "feature", gathered.labels, gathered.counts(then), gathered.counts(now))
    m, n = row["reference_loans"], row["loans"]
    row["psi_bins"] = float(stability.psi(then, now))
    row["psi_bins_expected"] = (1 / n + 1 / m) * int(((then > 0) | (now > 0)).sum() - 1)
    row["unknown_then"], row["unknown_now"] = float(then[-1] / m), float(now[-1] / n)
    if now[-1] == n:
        what = "missing" if isinstance(factor, Numeric) else "of a level the model has not seen"
        row["remark"] = f"{what} in every loan of the vintage, in {row['unknown_then']:.1%} of the training window"
    if baseline.scored is not None:
        effects = baseline.scored.effects[number, : factor.size]
        mean = then @ effects / m
        row |= _risk(now @ effects / n - mean, float(then @ (effects - mean) ** 2 / m), row, baseline)
    return row


def _score(codes: Codes, baseline: Baseline, csi: float) -> Row:
    """The score beside the vintage's own level: contributions add up, and so do the indices of the features."""
    assert baseline.scored is not None
    edges = [f"{edge:.3g}" for edge in baseline.risk_edges]
    inner = [f"{low} to below {high}" for low, high in pairwise(edges)]
    labels = [f"below {edges[0]}", *inner, f"{edges[-1]} and more"] if edges else ["any value"]
    then, now = (baseline.by_risk(risk) for risk in (baseline.sampled_risk, baseline.scored.risk(codes)))
    row = _moved(SCORE, "score", labels, then, now)
    return row | _risk(csi, float(baseline.sampled_risk.var()), row, baseline)


def _risk(csi: float, variance: float, row: Row, baseline: Baseline) -> Row:
    """The index in log-odds and points; its deviation follows from the spread of the effects in the window."""
    assert baseline.scored is not None
    points = -csi * baseline.scored.scale.double / math.log(2)
    sd = math.sqrt(variance * (1 / row["loans"] + 1 / row["reference_loans"]))
    return {"csi": float(points), "csi_log_odds": float(csi), "csi_sd": sd}


def population_row(vintage: date, codes: Codes, baseline: Baseline) -> pl.DataFrame:
    """One row of monitoring/population; figures are empty, and the reason told, where there are too few loans."""
    gathered: tuple[Gathered, ...] = baseline.gathered
    told = population.two_samples(baseline.sample, codes, gathered, baseline.binning.names)
    row: Row = {"vintage": vintage, "model_date": baseline.model_date, "feature_set": baseline.binning.feature_set}
    if told is None:
        least = f"a test needs {population.FEWEST} loans on either side"
        row |= {"untested": least, "loans": codes.shape[1], "reference_loans": baseline.sample.shape[1]}
    else:
        row |= {"auc": told.auc, "auc_spread": told.spread, "p_value": told.p_value}
        row |= {"loans": told.loans, "reference_loans": told.reference_loans}
        row["distinguishable"] = told.p_value <= stability.ALPHA
        for rank, (name, cost) in enumerate(told.features if row["distinguishable"] else (), 1):
            row |= {f"feature_{rank}": name, f"cost_{rank}": cost}
    whole = dict.fromkeys(MONITORING_POPULATION.schema) | row
    return pl.DataFrame([whole], schema=MONITORING_POPULATION.schema, orient="row")
