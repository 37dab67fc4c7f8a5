"""Bands of months, and terms with a shape of their own."""

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.models.design import Design
from creditrisk_assets.models.periods import FEWEST_DEFAULTS, LONGEST, Periods, Shape, fit_periods, fit_shapes
from creditrisk_assets_tests.models.learned import DESIGN, FRAME, LOANS, fit, shape_places

PERIODS = Periods((5, 6, 9, 25), (Shape(60, (5, 9)), Shape(48, (5, 25))))


def test_bands_of_shapes_are_named_by_their_term() -> None:
    assert PERIODS.shape_labels == ("60: 5-8", "60: 9+", "48: 5-24", "48: 25+")
    assert [PERIODS.stratum(term) for term in (36, 60, 48, 24)] == [0, 1, 2, 0]


def test_every_stratum_is_tried_in_cells_of_its_own() -> None:
    months = np.arange(LONGEST + 1)
    for stratum in range(3):
        rows = PERIODS.row(months, np.full(months.size, stratum))
        cells = slice(4 * stratum, 4 * stratum + 4)
        assert (PERIODS.trials[rows][:, cells] == Periods(PERIODS.starts).trials).all()
        assert PERIODS.trials[rows].sum() == Periods(PERIODS.starts).trials.sum()
        assert (PERIODS.first[rows] == 4 * stratum).all()
        assert (PERIODS.band[rows] == Periods(PERIODS.starts).band + 4 * stratum).all()


def test_a_cell_is_a_baseline_and_the_shape_of_its_term() -> None:
    baseline, shape = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.1, 0.2, 0.01, 0.02])
    cells = PERIODS.share @ np.append(baseline, shape)
    assert cells[:4] == pytest.approx(baseline)
    assert cells[4:8] == pytest.approx([1.1, 2.1, 3.2, 4.2])
    assert cells[8:] == pytest.approx([1.01, 2.01, 3.01, 4.02])


def test_every_band_of_a_shape_has_ten_defaults_or_more() -> None:
    months, outcome = FRAME["months"].cast(pl.Int64).to_numpy(), FRAME["outcome"].to_numpy()
    terms = FRAME["term_months"].cast(pl.Int64).to_numpy()
    fitted = fit_shapes(fit_periods(months, outcome), terms, months, outcome)
    assert fitted == DESIGN.periods
    (shape,) = fitted.shapes
    assert shape.term == 60 and set(shape.starts) <= set(fitted.starts)
    met = months[(terms == 60) & outcome & (months > 0)]
    counts = np.bincount(np.searchsorted(shape.starts, met, side="right") - 1)
    assert counts.size == len(shape.starts) and counts.min() >= FEWEST_DEFAULTS


def test_one_term_alone_or_a_rare_one_has_no_shape() -> None:
    months, outcome = np.array([5, 9, 13, 20] * 40), np.array([True, False] * 80)
    once = fit_periods(months, outcome)
    assert fit_shapes(once, np.full(160, 36), months, outcome) == once
    rare = np.where(np.arange(160) < 12, 60, 36)
    assert fit_shapes(once, rare, months, outcome) == once


def test_the_stratum_of_a_loan_follows_from_its_code() -> None:
    term = FRAME["term_months"].to_numpy()
    rows = DESIGN.rows_of(LOANS)
    assert (rows == LOANS.months + np.where(term == 60, LONGEST + 1, 0)).all()
    assert Design.from_json(DESIGN.to_json()).periods == DESIGN.periods


def test_hazards_of_long_loans_follow_their_own_months() -> None:
    """Simulated loans of sixty months default later: what was fitted says so."""
    horizons = fit().posterior.scorer.horizons
    hazard = fit().posterior.mean[DESIGN.hazard]
    own = [hazard[shape_places(DESIGN, 60, start)][0] for start in DESIGN.periods.starts]
    assert own[-1] > own[0]
    assert not np.array_equal(horizons.curves[0], horizons.curves[1])
