"""Bins of behaviour: in order of risk, large enough, chosen on learning data alone."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from creditrisk_assets.models.steps import FEWEST, MOST_BINS, fit_steps

Flags = NDArray[np.bool_]


@st.composite
def histories(draw: st.DrawFn) -> tuple[pl.Series, Flags]:
    """Counts and defaults that depend on them in some way, or in none."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, most = draw(st.sampled_from([70, 500, 3_000])), draw(st.sampled_from([1, 4, 30, 5_000]))
    values = generator.integers(0, most + 1, rows)
    slope, bend = draw(st.sampled_from([-3.0, 0.0, 3.0])), draw(st.sampled_from([0.0, 2.0]))
    share = values / most
    chance = 1 / (1 + np.exp(1 - slope * share - bend * np.cos(6 * share)))
    column = pl.Series("missed_12m", values, dtype=pl.Int32)
    if draw(st.booleans()):
        column = column.set(pl.Series(generator.random(rows) < 0.3), None)
    return column, generator.random(rows) < chance


@settings(deadline=None)
@given(histories())
def test_risk_rises_or_falls_from_bin_to_bin_and_no_bin_is_small(history: tuple[pl.Series, Flags]) -> None:
    values, outcome = history
    steps = fit_steps(values, outcome, may_be_empty=True)
    if steps is None:
        return
    codes = steps.codes(values.to_frame())
    assert codes.min() >= 0
    assert codes.max() < steps.size
    count, bad = np.bincount(codes, minlength=steps.size), np.bincount(codes, outcome, steps.size)
    assert steps.shares == pytest.approx(count / count.sum())
    first = int(steps.may_be_empty)
    rates = (bad / count)[first:]
    assert len(rates) <= MOST_BINS
    assert (np.diff(rates) > 0).all() or (np.diff(rates) < 0).all()
    if len(rates) > 1:
        assert bad[first:].min() >= FEWEST
        assert (count - bad)[first:].min() >= FEWEST


def test_a_value_on_an_edge_lies_above_it_and_values_never_seen_have_a_bin() -> None:
    values = pl.Series("missed_12m", [0] * 400 + [1] * 400 + [2] * 400, dtype=pl.Int32)
    outcome = np.tile(np.arange(400), 3) < np.repeat([40, 120, 240], 400)
    steps = fit_steps(values, outcome, may_be_empty=False)
    assert steps is not None
    assert steps.edges == (1, 2)
    assert steps.codes(pl.DataFrame({"missed_12m": [0, 1, 2, 40]})).tolist() == [0, 1, 2, 2]
    assert [steps.label(code) for code in range(3)] == ["0", "1", "2 and more"]


def test_an_empty_value_is_a_bin_of_its_own() -> None:
    values = pl.Series("utilisation", [None] * 400 + [5] * 400 + [90] * 400, dtype=pl.Int32)
    outcome = np.tile(np.arange(400), 3) < np.repeat([50, 35, 240], 400)
    steps = fit_steps(values, outcome, may_be_empty=True)
    assert steps is not None
    assert steps.edges == (0, 90)
    assert steps.codes(pl.DataFrame({"utilisation": [None, 0, 89, 90]})).tolist() == [0, 1, 1, 2]
    assert [steps.label(code) for code in range(3)] == ["not told", "0 to 89", "90 and more"]


def test_a_column_that_tells_nothing_has_no_bins() -> None:
    outcome = np.arange(400) < 100
    assert fit_steps(pl.Series("a", [3] * 400), outcome, may_be_empty=False) is None
    assert fit_steps(pl.Series("a", [None] * 400, dtype=pl.Int32), outcome, may_be_empty=False) is None
    assert fit_steps(pl.Series("a", np.arange(400) % 2), np.arange(400) % 4 < 2, may_be_empty=False) is None


def test_a_column_that_is_absent_or_empty_is_named() -> None:
    values = pl.Series("missed_12m", np.arange(400) % 2)
    steps = fit_steps(values, np.arange(400) % 5 < 2 + values.to_numpy(), may_be_empty=False)
    assert steps is not None
    with pytest.raises(ValueError, match="no column 'missed_12m'"):
        steps.codes(pl.DataFrame({"missed_3m": [1]}))
    with pytest.raises(ValueError, match=r"features/behaviour\.missed_12m is empty in row 1"):
        steps.codes(pl.DataFrame({"missed_12m": [1, None]}))
