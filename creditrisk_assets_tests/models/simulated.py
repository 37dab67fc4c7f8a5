"""A small simulated book with known coefficients, in the layout of features/loans."""

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import FEATURES_LOANS, PURPOSES, STATES
from creditrisk_assets.resources.environments import add_months

FIRST = date(2010, 1, 1)
TRUTH = {"inquiries_6m": 0.35, "revolving_utilisation": 0.45, "log_annual_income": -0.25, "employment_years": 0.0}
STANDARD = {
    "inquiries_6m": (1.0, 1.0), "revolving_utilisation": (50.0, 25.0), "log_annual_income": (11.0, 0.5),
    "employment_years": (5.0, 3.0),
}  # fmt: skip


def logistic(eta: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-eta)), written out so that the models are not tested against themselves."""
    return np.asarray(1 / (1 + np.exp(-eta)))


def simulated_book(loans: int, vintages: int = 24, seed: int = 1, level: float = -1.6) -> pl.DataFrame:
    """`loans` loans over `vintages` months from 2010; all observed to the end, half of the defaults within a year."""
    draw = np.random.default_rng(seed)
    month = np.sort(draw.integers(0, vintages, loans))
    standard = {name: draw.normal(size=loans) for name in TRUTH}
    state, purpose = draw.integers(0, len(STATES), loans), draw.integers(0, len(PURPOSES), loans)
    eta = level + sum(TRUTH[name] * standard[name] for name in TRUTH)
    eta = eta + 0.25 * draw.normal(size=len(PURPOSES))[purpose] + 0.15 * draw.normal(size=len(STATES))[state]
    eta = eta + 0.15 * draw.normal(size=vintages)[month]
    defaulted = draw.random(loans) < logistic(eta)
    after = draw.integers(1, 24, loans)
    issued = [add_months(FIRST, int(m)) for m in month]
    columns: dict[str, object] = {
        "loan_id": [f"loan-{i}" for i in range(loans)],
        "vintage": issued,
        "loan_amount": np.full(loans, 10_000.0),
        "log_loan_amount": np.log(draw.uniform(1_000, 30_000, loans)),
        "term_months": draw.choice([36.0, 60.0], loans),
        "home_ownership": draw.choice(["RENT", "MORTGAGE"], loans),
        "verification_status": ["Verified"] * loans,
        "purpose": np.array(PURPOSES)[purpose],
        "addr_state": np.array(STATES)[state],
        "interest_rate": draw.uniform(5, 20, loans),
        "defaulted": defaulted,
        "default_month": [
            add_months(v, int(a)) if bad else None for v, a, bad in zip(issued, after, defaulted, strict=True)
        ],
        "observed_month": [date(2018, 3, 1)] * loans,
        "observed_months": [(date(2018, 3, 1).year - v.year) * 12 + 3 - v.month for v in issued],
        "matured": [True] * loans,
        "term_elapsed": [True] * loans,
    }
    for name, (mean, scale) in STANDARD.items():
        columns[name] = mean + scale * standard[name]
    frame = pl.DataFrame(columns, strict=False)
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in FEATURES_LOANS.schema.items() if name not in columns]
    return FEATURES_LOANS.conform(frame.with_columns(absent).lazy()).collect()


LIFE_TRUTH = {"inquiries_6m": 0.3, "revolving_utilisation": 0.4, "log_annual_income": -0.25, "debt_to_income": 0.0}
OBSERVED = date(2011, 12, 1)
SEASONING = np.array([0.0, 0.1, 0.2, 0.2, 0.25, 0.3, 0.3, 0.3])
"""Added to the level of months 5, 6, ... on book; the last one from then on."""


def simulated_life(
    loans: int, vintages: int = 18, seed: int = 1, level: float = -4.0, observed: date = OBSERVED
) -> pl.DataFrame:
    """`loans` loans lived month by month, as a file of `observed` shows them: two causes of leaving, known effects.

    Numbers have gaps, some repeat a few values, and every kind of factor varies.
    """
    draw = np.random.default_rng(seed)
    month = np.sort(draw.integers(0, vintages, loans))
    standard = {name: draw.normal(size=loans) for name in LIFE_TRUTH}
    standard["inquiries_6m"] = np.rint(draw.gamma(1.0, 1.0, loans).clip(0, 5)) - 1.0
    state, purpose = draw.integers(0, len(STATES), loans), draw.integers(0, len(PURPOSES), loans)
    rent = draw.choice(["RENT", "MORTGAGE", "OWN"], loans, p=[0.5, 0.4, 0.1])
    eta = level + sum(LIFE_TRUTH[name] * standard[name] for name in LIFE_TRUTH) + 0.2 * (rent == "OWN")
    eta = eta + 0.2 * draw.normal(size=len(PURPOSES))[purpose] + 0.1 * draw.normal(size=len(STATES))[state]
    eta = eta + (0.15 * draw.normal(size=vintages).cumsum() / np.sqrt(np.arange(1, vintages + 1)))[month]
    term = draw.choice([36.0, 60.0], loans, p=[0.7, 0.3])
    default, repaid = np.zeros(loans, np.int64), np.zeros(loans, np.int64)
    for on_book in range(1, 61):
        alive = (default == 0) & (repaid == 0)
        if on_book >= 5:
            hazard = logistic(eta + SEASONING[min(on_book - 5, len(SEASONING) - 1)])
            default[alive & (on_book <= term) & (draw.random(loans) < hazard)] = on_book
        leaves = alive & (default == 0) & ((draw.random(loans) < 1 / 60) | (on_book == term))
        repaid[leaves] = on_book
    issued = [add_months(FIRST, int(m)) for m in month]
    known = [(observed.year - v.year) * 12 + observed.month - v.month for v in issued]
    bad = (default > 0) & (default <= np.array(known))
    good = (repaid > 0) & (repaid <= np.array(known))
    gap = draw.random((3, loans))
    columns: dict[str, object] = {
        "loan_id": [f"loan-{i}" for i in range(loans)],
        "vintage": issued,
        "loan_amount": np.full(loans, 10_000.0),
        "log_loan_amount": np.log(draw.uniform(1_000, 30_000, loans)),
        "fico": np.where(gap[0] < 0.1, np.nan, draw.normal(710, 35, loans).clip(400, 850)),
        "debt_to_income": (20 + 6 * standard["debt_to_income"]).clip(0, 100),
        "inquiries_6m": standard["inquiries_6m"] + 1.0,
        "revolving_utilisation": (50 + 20 * standard["revolving_utilisation"]).clip(0, 150),
        "log_annual_income": np.where(gap[1] < 0.02, np.nan, 11 + 0.5 * standard["log_annual_income"]),
        "months_since_delinquency": np.where(gap[2] < 0.5, np.nan, np.rint(draw.uniform(0, 80, loans))),
        "bankruptcies": np.zeros(loans),
        "term_months": term,
        "home_ownership": rent,
        "verification_status": draw.choice(["Verified", "Not Verified"], loans),
        "purpose": np.array(PURPOSES)[purpose],
        "addr_state": np.array(STATES)[state],
        "interest_rate": 12 + 2 * standard["revolving_utilisation"] + draw.normal(size=loans),
        "defaulted": bad,
        "default_month": [add_months(v, int(a)) if b else None for v, a, b in zip(issued, default, bad, strict=True)],
        "repaid_month": [add_months(v, int(a)) if g else None for v, a, g in zip(issued, repaid, good, strict=True)],
        "observed_month": [observed] * loans,
        "observed_months": known,
        "matured": np.array(known) >= 12,
        "term_elapsed": np.array(known) >= term,
    }
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in FEATURES_LOANS.schema.items() if name not in columns]
    frame = pl.DataFrame(columns, strict=False).with_columns(pl.selectors.float().fill_nan(None), *absent)
    return FEATURES_LOANS.conform(frame.lazy()).collect()


def as_shown(book: pl.DataFrame, observed: date) -> pl.DataFrame:
    """The book as a file of an earlier month would have shown it."""
    seen = {name: (pl.col(name) <= observed).fill_null(False) for name in ("default_month", "repaid_month")}
    months = (observed.year - pl.col("vintage").dt.year()) * 12 + observed.month - pl.col("vintage").dt.month()
    return book.filter(pl.col("vintage") <= observed).with_columns(
        *(pl.when(known).then(name).alias(name) for name, known in seen.items()),
        (pl.col("defaulted") & seen["default_month"]).alias("defaulted"),
        pl.lit(observed).alias("observed_month"),
        months.cast(pl.Int32).alias("observed_months"),
        (months >= pl.col("term_months")).alias("term_elapsed"),
    )
