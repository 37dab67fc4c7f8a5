"""Books drawn from the priors, fitted again: 90 % intervals hold the truth in 90 % of cases, ranks are uniform.

Simulation-based calibration after Cook, Gelman and Rubin (2006) and Talts et al. (2018). TRUTH_BOOKS sets
the number of books; figures of a larger count stand in docs/model.md.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from creditrisk_assets.models import sampling
from creditrisk_assets.models.design import Design
from creditrisk_assets.models.posterior import Fit
from creditrisk_assets_tests.truth.drawn import (
    REPAID,
    REPAID_EARLY,
    STARTS,
    Truth,
    applications,
    design_matrix,
    draw_truth,
    fitted,
    fixed_design,
    live,
    pd_in_a_year,
    well_observed,
)
from creditrisk_assets_tests.truth.said import say

BOOKS = int(os.environ.get("TRUTH_BOOKS", "100"))
LOANS, SEGMENT_LOANS, FIRST_SEED = 3000, 600, 40_000
RANKED = (
    "baseline[5-6]", "baseline[10+]", "fico", "debt_to_income", "revolving_utilisation_missing", "home_ownership[OWN]",
    "addr_state[CA]", "vintage[2015-12]", "scale[purpose]", "scale[addr_state]", "scale[vintage]", "persistence",
)  # fmt: skip

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Book:
    """Was the truth inside the 90 % interval, by kind; ranks of the truth among the draws, by name."""

    covered: dict[str, float]
    ranks: dict[str, float]
    passed: bool


def _segments(design: Design, purpose: NDArray[np.object_], fico: NDArray[np.float64]) -> list[Flags]:
    """All loans, those of each purpose, and fifths by FICO."""
    fifth = np.argsort(np.argsort(fico, kind="stable")) * 5 // fico.size
    everyone = np.ones(fico.size, np.bool_)
    return [everyone, *(purpose == name for name in design.binning.groups[0].levels), *(fifth == i for i in range(5))]


@pytest.fixture(scope="module")
def patched() -> Iterator[None]:
    """Fewer draws, as the fits are many; what Bambi states is compared with the density elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "_disagreement", lambda *_: 0.0)
        patch.setattr(sampling, "DRAWS", 250)
        patch.setattr(sampling, "FEWEST_EFFECTIVE", 200.0)
        patch.setattr(sampling, "LARGEST_R_HAT", 1.03)
        yield


@dataclass(frozen=True)
class _Scored:
    """Some loans of the design, and which of them each segment holds."""

    frame: pl.DataFrame
    matrix: NDArray[np.float64]
    segments: list[Flags]


def _compared(design: Design, fit: Fit, truth: Truth, scored: _Scored) -> Book:
    posterior, p = fit.posterior, truth.theta.size
    values, true = posterior.values, np.concatenate([truth.theta, truth.scales, [truth.persistence]])
    low, high = np.quantile(values, [0.05, 0.95], axis=0)
    inside = (low <= true) & (true <= high)
    early, monthly = posterior.design.repayment.of(36)
    drawn = pd_in_a_year(design, scored.matrix, posterior.coefficients[::2], early, np.array(monthly))
    pd = pd_in_a_year(design, scored.matrix, truth.theta[None], REPAID_EARLY, np.full(len(STARTS), REPAID))[0]
    below = np.array([(drawn[:, mine].mean(axis=1) < pd[mine].mean()).mean() for mine in scored.segments])
    told = posterior.predict(scored.frame)
    own = (told["pd_low"].to_numpy() <= pd) & (pd <= told["pd_high"].to_numpy())
    ranks = dict(zip(posterior.names, (values < true).mean(axis=0).tolist(), strict=True))
    return Book(
        {
            "coefficients": float(inside[:p].mean()),
            "scales": float(inside[p:-1].mean()),
            "segment default rates": float(((below >= 0.05) & (below <= 0.95)).mean()),
            "PDs of loans": float(own.mean()),
        },
        {name: ranks[name] for name in RANKED} | {"default rate of the book": float(below[0])},
        fit.passed,
    )


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory, patched: None) -> list[Book]:
    frame = applications(tmp_path_factory.mktemp("drawn"), LOANS)
    design = fixed_design(frame)
    matrix, some = design_matrix(design, frame), np.linspace(0, frame.height - 1, SEGMENT_LOANS).astype(int)
    mine = frame[some.tolist()]
    segments = _segments(design, mine["purpose"].to_numpy(), mine["fico"].to_numpy())
    scored, seed = _Scored(mine, matrix[some], segments), FIRST_SEED
    result: list[Book] = []
    while len(result) < BOOKS:
        seed += 1
        generator = np.random.default_rng(seed)
        truth = draw_truth(design, generator)
        lived = live(frame, design, matrix, truth, generator)
        if well_observed(lived, design.periods):
            result.append(_compared(design, fitted(design, lived, seed), truth, scored))
    say(f"\n{BOOKS} of {seed - FIRST_SEED} books; gates failed: {sum(not book.passed for book in result)}")
    return result


@pytest.mark.parametrize("kind", ["coefficients", "scales", "segment default rates", "PDs of loans"])
def test_intervals_of_90_per_cent_hold_the_truth_in_90_per_cent_of_cases(books: list[Book], kind: str) -> None:
    """Within 88 to 92 %, up to the Monte-Carlo error of this many books: a book counts once, however many intervals."""
    each = np.array([book.covered[kind] for book in books])
    mean, error = float(each.mean()), float(each.std(ddof=1) / np.sqrt(each.size))
    say(f"{kind}: {100 * mean:.1f} % covered, standard error {100 * error:.1f}")
    assert 0.88 - 2.6 * error <= mean <= 0.92 + 2.6 * error


def test_ranks_of_the_truth_among_the_draws_are_uniform(books: list[Book]) -> None:
    from scipy.stats import kstest

    found = {name: kstest([book.ranks[name] for book in books], "uniform").pvalue for name in books[0].ranks}
    say("Kolmogorov-Smirnov p-values " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()))
    assert min(found.values()) > 0.01 / len(found)


def test_every_gate_passes_where_each_band_has_its_ten_defaults(books: list[Book]) -> None:
    assert np.mean([book.passed for book in books]) >= 0.95
