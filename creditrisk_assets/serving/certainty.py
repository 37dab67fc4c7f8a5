"""How sure a PD is: its posterior density, and where a loan stands among others of its kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from creditrisk_assets.scores.loans import Scoring

POINTS = 80
_WIDEST = 3.5
"""Standard deviations of the log-odds to both sides."""


def density(score: Mapping[str, Any], scoring: Scoring | None, term_months: float | None) -> pl.DataFrame:
    """Posterior density of the PD within twelve months at `POINTS` points: pd, density (one in all), inside.

    `inside`: between the 5 % and the 95 % quantile. `term_months` of a loan, whose log-odds become a PD by the curve
    of its term; None for a customer, whose log-odds are those of the twelve months themselves.
    """
    deviations = np.linspace(-_WIDEST, _WIDEST, POINTS)
    log_odds = score["log_odds"] + deviations * max(score["log_odds_sd"], 1e-9)
    if term_months is None or scoring is None:
        pd = 1 / (1 + np.exp(-log_odds))
    else:
        scorer = scoring.posterior.scorer
        term = scorer.terms_of(pl.DataFrame({"term_months": [float(term_months)]}))
        pd = scorer.pds(log_odds, np.zeros(POINTS), np.repeat(term, POINTS))[0]
    height = np.exp(-(deviations**2) / 2) / np.maximum(np.gradient(pd, deviations), 1e-12)
    frame = pl.DataFrame({"pd": pd, "density": height / np.trapezoid(height, pd)})
    return frame.with_columns(inside=pl.col("pd").is_between(score["pd_low"], score["pd_high"]))


@dataclass(frozen=True)
class Peers:
    """Loans of one purpose and term by band: `bands` holds band, loans, share, mean_pd, mine."""

    bands: pl.DataFrame
    loans: int
    safer: float
    """Share of them in lower bands than this one."""


def peers(segments: pl.DataFrame, purpose: str, term_months: int, band: int) -> Peers | None:
    """Where a loan stands in serving/segments among those of its purpose and term; None when there are none."""
    alike = segments.filter(pl.col("purpose") == purpose, pl.col("term_months") == term_months)
    counted = alike.group_by("band").agg(pl.col("loans").sum(), pl.col("expected_defaults").sum())
    loans = int(counted["loans"].sum())
    if not loans:
        return None
    every = pl.DataFrame({"band": range(1, 9)}, schema={"band": counted.schema["band"]})
    bands = every.join(counted, on="band", how="left").with_columns(pl.col("loans").fill_null(0)).select(
        "band", "loans", share=pl.col("loans") / loans, mean_pd=pl.col("expected_defaults") / pl.col("loans"),
        mine=pl.col("band") == band,
    ).sort("band")  # fmt: skip
    safer = bands.filter(pl.col("band") < band)["loans"].sum() / loans
    return Peers(bands, loans, float(safer))
