"""The true default risk: what a model fitted to a simulated book should find again.

Effects have the size and sign that logistic regressions on LendingClub's published loans show. The
log-odds are a function of the file's own columns, so anybody can recompute them from the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import add

import numpy as np
import polars as pl

from creditrisk_assets.simulation.draws import Reals, generator
from creditrisk_assets.simulation.places import STATES

INTERCEPT = -2.30
COEFFICIENTS = {
    "fico": -0.0098,
    "dti": 0.014,
    "revolving_utilisation": 0.003,
    "log_annual_income": -0.32,
    "loan_to_income": 1.1,
    "inquiries_6m": 0.11,
    "accounts_opened_24m": 0.045,
    "delinquencies_2y": 0.11,
    "public_records": 0.14,
    "credit_history_years": -0.008,
    "employment_years": -0.012,
    "employment_not_given": 0.28,
    "term_60": 0.58,
}
HOME_EFFECTS = {"MORTGAGE": 0.0, "OWN": 0.08, "RENT": 0.20}
PURPOSE_EFFECTS = {
    "debt_consolidation": 0.0, "credit_card": -0.12, "home_improvement": 0.05, "other": 0.12,
    "major_purchase": 0.03, "medical": 0.22, "small_business": 0.62, "car": -0.15, "moving": 0.25,
    "vacation": 0.10, "house": 0.12, "wedding": -0.20, "renewable_energy": 0.30, "educational": 0.35,
}  # fmt: skip
STATE_EFFECT_SD = 0.12
VINTAGE_EFFECT_SD = 0.18
VINTAGE_PERSISTENCE = 0.8


@dataclass(frozen=True)
class Risk:
    """What differs from book to book: effects per vintage (month) and per state, in logits."""

    vintage_effects: dict[date, float]
    state_effects: dict[str, float]


def draw_risk(seed: int, vintages: Sequence[date], volumes: Sequence[int]) -> Risk:
    """Effects of one book; both sum to zero over loans, so that the intercept is the book's level.

    Vintage effects follow an AR(1), scaled to a standard deviation of exactly 0.18 logits over the
    vintages: short books would otherwise often show no vintage risk at all. A single vintage has
    effect 0.
    """
    rng = generator(seed, 0)
    shocks = rng.standard_normal(len(vintages))
    path = np.empty(len(vintages))
    level = shocks[0]
    for month, shock in enumerate(shocks):
        level = VINTAGE_PERSISTENCE * level + (1 - VINTAGE_PERSISTENCE**2) ** 0.5 * shock
        path[month] = level
    spread = float(path.std())
    path = path * (VINTAGE_EFFECT_SD / spread) if spread else path
    effects = STATE_EFFECT_SD * rng.standard_normal(len(STATES))
    shares = [share for share, *_ in STATES.values()]
    return Risk(
        dict(zip(vintages, _centred(path, volumes), strict=True)),
        dict(zip(STATES, _centred(effects, shares), strict=True)),
    )


def application_log_odds(risk: Risk, vintage: int) -> pl.Expr:
    """True log-odds of default over the term, vintage effect apart, from the published columns.

    `vintage` is a month number. An empty utilisation counts as the average one, an empty
    employment as average years plus its own effect.
    """
    income = pl.col("annual_inc").cast(pl.Float64)
    terms = {
        "fico": pl.col("fico_range_low") + 2 - 700,
        "dti": pl.col("dti") - 18,
        "revolving_utilisation": (pl.col("revol_util") - 50).fill_null(0.0),
        "log_annual_income": income.log() - 11.05,
        "loan_to_income": pl.col("loan_amnt") / income - 0.2,
        "inquiries_6m": pl.col("inq_last_6mths"),
        "accounts_opened_24m": pl.col("acc_open_past_24mths") - 4,
        "delinquencies_2y": pl.col("delinq_2yrs").clip(upper_bound=4),
        "public_records": pl.col("pub_rec").clip(upper_bound=2),
        "credit_history_years": (vintage - pl.col("earliest_cr_line")) / 12 - 15,
        "employment_years": (pl.col("emp_length") - 6).fill_null(0),
        "employment_not_given": pl.col("emp_length").is_null(),
        "term_60": pl.col("term") == 60,
    }
    groups = {"home_ownership": HOME_EFFECTS, "purpose": PURPOSE_EFFECTS, "addr_state": risk.state_effects}
    addends = [COEFFICIENTS[name] * term.cast(pl.Float64) for name, term in terms.items()]
    addends += [pl.col(name).replace_strict(values, return_dtype=pl.Float64) for name, values in groups.items()]
    # One by one: a horizontal sum adds in whatever order its threads finish, and the last bit varies.
    return reduce(add, addends, pl.lit(INTERCEPT))


def area_under_curve(score: Reals, outcome: pl.Series) -> float:
    """AUC of a score against true/false outcomes of the same length; NaN when all are alike."""
    ranks = pl.Series(score).rank("average")
    bad = int(outcome.sum())
    good = len(outcome) - bad
    if not bad or not good:
        return float("nan")
    return (float(ranks.filter(outcome).sum()) - bad * (bad + 1) / 2) / (bad * good)


def _centred(effects: Reals, weights: Sequence[float]) -> list[float]:
    """The effects with their weighted mean taken off."""
    centred: list[float] = (effects - np.average(effects, weights=weights)).tolist()
    return centred
