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
