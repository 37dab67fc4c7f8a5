"""PDs of loans under every draw, loan by loan, draw by draw and month by month in plain numpy."""

from datetime import date

import numpy as np
import polars as pl

from creditrisk_assets.contracts import DRAWS, FEATURES_LOANS
from creditrisk_assets.models.draws import Draws
from creditrisk_assets.models.horizon import Horizons
from creditrisk_assets_tests.models.learned import BOOK, DESIGN, one_hot


def issued(vintage: date, count: int = 300) -> pl.DataFrame:
    """Loans of one vintage; some of a purpose, a state and a term that the window does not know."""
    loans = BOOK.sample(count, seed=4).with_columns(
        vintage=pl.lit(vintage), loan_amount=pl.Series(np.random.default_rng(1).uniform(1_000, 40_000, count).round())
    )
    row = pl.int_range(pl.len())
    return FEATURES_LOANS.conform(
        loans.lazy().with_columns(
            purpose=pl.when(row % 50 == 0).then(pl.lit("yacht")).otherwise("purpose"),
            addr_state=pl.when(row % 30 == 0).then(pl.lit("unknown")).otherwise("addr_state"),
            term_months=pl.when(row % 70 == 0).then(48.0).otherwise("term_months"),
        )
    ).collect()


def one_by_one(draws: Draws, loans: pl.DataFrame, vintage: date) -> tuple[np.ndarray, np.ndarray]:
    """(PD within twelve months (n, D), PD by month (n, 61, D)) of loans under each draw."""
    x = one_hot(DESIGN, loans)
    x[:, DESIGN.parts["vintage"]] = 0
    eta = x @ draws.coefficients.T + draws.vintage(vintage)
    for number, group in enumerate(DESIGN.binning.groups):
        unseen = ~loans[group.name].is_in(list(group.levels)).to_numpy()
        eta[unseen] += draws.tables[-2 + number][-1]
    curves = np.empty((loans.height, 61, DRAWS))
    for draw, hazard in enumerate(draws.coefficients[:, DESIGN.hazard]):
        horizons = Horizons(DESIGN, hazard)
        known = np.array([min(horizons.terms, key=lambda one: abs(one - term)) for term in loans["term_months"]])
        for term in horizons.terms:
            log_odds = eta[known == term, draw] + horizons.weights @ horizons._own(term)
            curves[known == term, :, draw] = horizons.survival(log_odds, term, 60)[0].T
    return curves[:, 12], curves
