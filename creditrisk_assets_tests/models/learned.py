"""One small window, learned from once by every test process, and its loans in dense algebra."""

from datetime import date
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.models.binning import Levels, Numeric
from creditrisk_assets.models.design import Design, fit_design
from creditrisk_assets.models.evidence import Reference, Window
from creditrisk_assets.models.exposure import learned_from
from creditrisk_assets.models.posterior import Fit, fit_posterior
from creditrisk_assets.models.reference import by_vintage, find_reference, gather_window, start_point
from creditrisk_assets_tests.models.simulated import simulated_life

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

MODEL_DATE, LAST = date(2011, 7, 1), date(2011, 6, 1)
BOOK = simulated_life(4_000)
FRAME = learned_from(BOOK.lazy(), MODEL_DATE, "expanding")
DESIGN = fit_design(FRAME, "application", LAST)
LOANS = DESIGN.code(FRAME)
SHARED = DESIGN.shared
VINTAGES = by_vintage(DESIGN, LOANS)


@cache
def some_point() -> Vector:
    """Coefficients (p,) that no loan has chosen."""
    noise = 0.2 * np.random.default_rng(3).normal(size=len(DESIGN.parameters))
    return np.asarray(start_point(DESIGN, LOANS) + noise, np.float64)


@cache
def reference() -> tuple[Reference, Vector]:
    return find_reference(DESIGN, LOANS)


@cache
def window() -> Window:
    return gather_window(DESIGN, VINTAGES, reference()[0])


@cache
def fit() -> Fit:
    return fit_posterior(FRAME, "application", LAST)


def one_hot(design: Design, frame: pl.DataFrame) -> Matrix:
    """(n, p): what each coefficient is multiplied by, straight from the values; bands and shapes are left at zero."""
    x = np.zeros((frame.height, len(design.parameters)))
    place = {name: number for number, name in enumerate(design.parameters)}
    for factor in design.binning.factors:
        if isinstance(factor, Numeric):
            values = frame[factor.name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
            missing = np.isnan(values)
            below = np.searchsorted(factor.edges, np.where(missing, 0.0, values), side="right")
            x[:, place[factor.name]] = np.where(missing, 0.0, np.array(factor.scores)[below])
            if factor.indicator:
                x[:, place[f"{factor.name}_missing"]] = missing
        else:
            _mark(x, place, factor, frame[factor.name].to_list())
    for row, vintage in enumerate(frame["vintage"].to_list()):
        if (name := f"vintage[{vintage:%Y-%m}]") in place:
            x[row, place[name]] = 1.0
    return x


def _mark(x: Matrix, place: dict[str, int], factor: Levels, values: list[str | None]) -> None:
    for row, level in enumerate(values):
        if (name := f"{factor.name}[{level}]") in place:
            x[row, place[name]] = 1.0


def month_by_month(design: Design, frame: pl.DataFrame) -> tuple[Matrix, Vector]:
    """One row (p,) for each month a loan was tried, and whether it defaulted in it."""
    x = one_hot(design, frame)
    rows, bad = [], []
    known = (frame[name].to_list() for name in ("months", "outcome", "term_months"))
    for loan, reached, outcome, term in zip(x, *known, strict=True):
        for month in range(5 if design.periods.starts else 1, reached + 1):
            row = loan.copy()
            row[sum(start <= month for start in design.periods.starts[1:])] = 1.0
            row[shape_places(design, term, month)] = 1.0
            rows.append(row)
            bad.append(float(outcome and month == reached))
    return np.array(rows).reshape(len(rows), x.shape[1]), np.array(bad)


def shape_places(design: Design, term: float, month: int) -> list[int]:
    """Where a trial of a term meets a shape: one coefficient, or none."""
    start = design.parts["shape"].start
    for shape in design.periods.shapes:
        if shape.term == term:
            return [start + sum(first <= month for first in shape.starts[1:])]
        start += len(shape.starts)
    return []


def log_likelihood(x: Matrix, bad: Vector, theta: Vector) -> float:
    eta = x @ theta
    return float(bad @ eta - np.logaddexp(0, eta).sum())
