"""Small books whose coefficients, scales and persistence are drawn from the model's own priors."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.features.loans import features
from creditrisk_assets.models import priors
from creditrisk_assets.models.binning import Binning, fit_binning
from creditrisk_assets.models.design import Design
from creditrisk_assets.models.exposure import exposed
from creditrisk_assets.models.periods import FEWEST_DEFAULTS, Periods
from creditrisk_assets.models.posterior import Fit, fit_window
from creditrisk_assets.models.reference import by_vintage, find_reference, gather_window
from creditrisk_assets.models.repayment import Repayment, fit_repayment
from creditrisk_assets.raw.intake import read_loans
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets.simulation.book import simulate_loans

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

FIRST, VINTAGES, AS_OF = date(2015, 1, 1), 12, date(2016, 7, 1)
NUMERICS = ("fico", "debt_to_income", "revolving_utilisation", "log_annual_income")
PURPOSES, STATES = 6, 10
STARTS = (5, 7, 10)
REPAID_EARLY, REPAID = 0.04, 0.02
"""Share repaid before the first trial, and chance of repayment in each month after it."""


@dataclass(frozen=True)
class Truth:
    """One draw from the priors: coefficients (p,), scales (G,), persistence."""

    theta: Vector
    scales: Vector
    persistence: float


def applications(folder: Path, loans: int) -> pl.DataFrame:
    """Some `loans` simulated applications of the commonest states and purposes over twelve vintages."""
    book = simulate_loans(loans=3 * loans, vintages=VINTAGES, seed=5, out=folder, first_vintage=FIRST)
    frame = features(read_loans([book.file], (FIRST, add_months(FIRST, VINTAGES))).clean.lazy()).collect()
    for name, count in (("addr_state", STATES), ("purpose", PURPOSES)):
        common = frame[name].value_counts(sort=True)[name].head(count)
        frame = frame.filter(pl.col(name).is_in(common.to_list()))
    return frame.sample(min(loans, frame.height), seed=1).sort("vintage", "loan_id")


def fixed_design(frame: pl.DataFrame) -> Design:
    """A design of few features and levels; how loans are repaid is learned from each book."""
    whole = fit_binning(frame, "application")
    binning = Binning(
        "application",
        tuple(numeric for numeric in whole.numerics if numeric.name in NUMERICS),
        tuple(levels for levels in whole.categories if levels.name == "home_ownership"),
        tuple(
            replace(g, levels=tuple(level for level in g.levels if level in set(frame[g.name]))) for g in whole.groups
        ),
    )
    mix = tuple(
        tuple((np.bincount(row, minlength=factor.size) / frame.height).tolist())
        for row, factor in zip(binning.codes(frame), binning.factors, strict=True)
    )
    vintages = tuple(add_months(FIRST, month) for month in range(VINTAGES))
    return Design(binning, Periods(STARTS), vintages, Repayment({36: 0.0}, {36: (0.0,) * len(STARTS)}), mix)


def draw_truth(design: Design, generator: np.random.Generator) -> Truth:
    """Everything from the priors of `priors.py`, written out once more."""
    parts, theta = design.parts, np.zeros(len(design.parameters))
    scales = np.abs(generator.normal(scale=priors.GROUP_SCALE, size=len(design.scale_names)))
    phi = float(generator.beta(priors.PERSISTENCE_ALPHA, priors.PERSISTENCE_BETA))
    for part in parts.values():
        theta[part] = generator.normal(size=part.stop - part.start)
    theta[parts["baseline"]] = priors.BASELINE_MEAN + priors.BASELINE_SCALE * theta[parts["baseline"]]
    theta[parts["effects"]] *= priors.EFFECT_SCALE
    for name, scale in zip(design.scale_names, scales, strict=True):
        theta[parts[name]] *= scale
    vintages = theta[parts["vintage"]]
    for month in range(1, vintages.size):
        vintages[month] = phi * vintages[month - 1] + np.sqrt(1 - phi**2) * vintages[month]
    return Truth(theta, scales, phi)


def design_matrix(design: Design, frame: pl.DataFrame) -> Matrix:
    """(n, p) with the baselines' columns empty: log-odds of a trial are baseline + matrix @ theta."""
    coded, parts = design.code(frame), design.parts
    matrix, rows = np.zeros((frame.height, len(design.parameters))), np.arange(frame.height)
    for place, (factor, values) in enumerate(zip(design.columns.factor, design.columns.table, strict=True)):
        matrix[:, parts["effects"].start + place] = values[coded.codes[factor]]
    for group, code in zip(design.binning.groups, coded.codes[-2:], strict=True):
        matrix[rows, parts[group.name].start + code.astype(np.int64)] = 1.0
    matrix[rows, parts["vintage"].start + coded.vintage] = 1.0
    return matrix


def _hazard(design: Design, theta: Vector, month: int) -> float:
    """Baseline log-odds of the trial in a month on book."""
    place = sum(start <= month for start in STARTS) - 1
    return float(theta[design.parts["baseline"]][place])


def live(
    frame: pl.DataFrame, design: Design, matrix: Matrix, truth: Truth, generator: np.random.Generator
) -> pl.DataFrame:
    """The applications after their lives, drawn trial by trial, as `exposed` sees them at `AS_OF`."""
    count, term = frame.height, frame["term_months"].to_numpy().astype(np.int64)
    relative = matrix @ truth.theta
    default, repaid = np.zeros(count, np.int64), np.where(generator.random(count) < REPAID_EARLY, 3, 0)
    for month in range(5, 25):
        here = (default == 0) & (repaid == 0)
        chance = 1 / (1 + np.exp(-(relative + _hazard(design, truth.theta, month))))
        default[here & (generator.random(count) < chance)] = month
        leave = here & (default == 0) & ((generator.random(count) < REPAID) | (month >= term))
        repaid[leave] = month

    def when(months: NDArray[np.int64]) -> pl.Expr:
        after = pl.Series(np.where(months > 0, months, 0))
        return pl.when(after > 0).then(pl.col("vintage").dt.offset_by(pl.format("{}mo", after)))

    lived = frame.with_columns(
        default_month=when(default), repaid_month=when(repaid), defaulted=pl.Series(default > 0),
        observed_month=pl.lit(date(2018, 1, 1)),
    )  # fmt: skip
    return exposed(lived.lazy(), AS_OF).collect()


def well_observed(frame: pl.DataFrame, periods: Periods) -> bool:
    """Does every band hold the ten defaults without which the platform would not form it?

    A condition on what was observed, never on the truth: ranks stay uniform among the books that meet it.
    """
    months = frame["months"].to_numpy()[frame["outcome"].to_numpy()]
    return bool(np.bincount(periods.band[months], minlength=len(STARTS)).min() >= FEWEST_DEFAULTS)


def pd_in_a_year(design: Design, matrix: Matrix, theta: Matrix, early: float, monthly: Vector) -> Matrix:
    """PD within twelve months (S, n) of the loans of a design matrix (n, p) under each row of theta (S, p)."""
    eta, baseline = (theta @ matrix.T).astype(np.float32), theta[:, design.parts["baseline"]]
    pd, alive = np.zeros(eta.shape, np.float32), np.full(eta.shape, 1 - early, np.float32)
    for month in range(5, 13):
        band = sum(start <= month for start in STARTS) - 1
        hazard = 1 / (1 + np.exp(-(eta + baseline[:, [band]].astype(np.float32))))
        pd += alive * hazard
        alive *= (1 - hazard) * np.float32(1 - monthly[band])
    return pd.astype(np.float64)


def fitted(design: Design, frame: pl.DataFrame, seed: int) -> Fit:
    """The platform's way from exposed loans to certified draws, without a fall-back on the loans themselves."""
    design = replace(design, repayment=fit_repayment(frame, design.periods))
    loans = design.code(frame)
    reference, scales = find_reference(design, loans)
    window = gather_window(design, by_vintage(design, loans), reference)
    return fit_window(window, loans, scales, seed, largest_direct=0)
