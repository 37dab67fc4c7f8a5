"""Reasons: the factors that surely raised the risk, the largest first."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from creditrisk_assets.scores.reasons import reasons

Matrix = NDArray[np.float64]
Case = tuple[Matrix, Matrix, list[str]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Up to 12 rows and 9 factors; few values, so that ties, zeros and certainty are common."""
    rows, factors = draw(st.integers(0, 12)), draw(st.integers(0, 9))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    steps = draw(st.sampled_from([2.0, 10.0, 1e9]))
    contributions = np.rint(generator.normal(0, 1, (rows, factors)) * steps) / steps
    spread = np.abs(np.rint(generator.normal(0, 0.4, (rows, factors)) * steps)) / steps
    return contributions, spread, [f"factor {n}" for n in range(factors)]


def named(frame: pl.DataFrame, row: int) -> list[tuple[str, float]]:
    """Reasons of a row with their contributions; those that are absent must be absent in both, and last."""
    most = frame.width // 2
    given_row = frame.row(row)
    pairs = list(zip(given_row[:most], given_row[most:], strict=True))
    present = [pair for pair in pairs if pair[0] is not None]
    assert pairs == present + [(None, None)] * (most - len(present))
    return present


def spelt_out(contributions: Matrix, spread: Matrix, factors: list[str], row: int) -> list[tuple[str, float]]:
    """The definition, one factor at a time."""
    from scipy.special import ndtr

    sure = []
    for place, (value, error) in enumerate(zip(contributions[row], spread[row], strict=True)):
        if value > 0 and (error == 0 or ndtr(value / error) >= 0.9):
            sure.append((-value, place))
    return [(factors[place], -value) for value, place in sorted(sure)[:4]]


@settings(deadline=None)
@given(cases())
def test_reasons_are_what_their_definition_says(case: Case) -> None:
    found = reasons(*case)
    assert found.height == len(case[0])
    for row in range(found.height):
        assert named(found, row) == spelt_out(*case, row)


@settings(deadline=None)
@given(cases())
def test_no_more_than_four_are_named_all_of_them_positive_and_the_largest_first(case: Case) -> None:
    found = reasons(*case)
    for row in range(found.height):
        given_values = [value for _, value in named(found, row)]
        assert len(given_values) <= 4
        assert all(value > 0 for value in given_values)
        assert given_values == sorted(given_values, reverse=True)


@settings(deadline=None)
@given(cases())
def test_ranking_loses_nothing_of_the_sum(case: Case) -> None:
    """What is named is the factor's own term bit for bit, so named and unnamed still add up to the log-odds."""
    contributions, _, factors = case
    found = reasons(*case)
    for row in range(found.height):
        left = dict(zip(factors, contributions[row], strict=True))
        for name, value in named(found, row):
            assert left.pop(name) == value


@settings(deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing_but_the_order(case: Case, random) -> None:  # type: ignore[no-untyped-def]
    contributions, spread, factors = case
    order = random.sample(range(len(spread)), len(spread))
    assert reasons(contributions[order], spread[order], factors).equals(reasons(*case)[order])


def test_a_row_alone_has_the_reasons_it_has_in_a_batch() -> None:
    generator = np.random.default_rng(1)
    contributions, spread = generator.normal(0, 0.5, (200, 24)), generator.gamma(2, 0.1, (200, 24))
    factors = [f"factor {n}" for n in range(24)]
    whole = reasons(contributions, spread, factors)
    alone = [reasons(contributions[[row]], spread[[row]], factors) for row in range(200)]
    assert pl.concat(alone).equals(whole)
    assert reasons(np.asfortranarray(contributions), np.asfortranarray(spread), factors).equals(whole)


@settings(deadline=None)
@given(cases(), st.floats(0.5, 0.999), st.floats(0.5, 0.999))
def test_asking_for_more_certainty_never_adds_a_factor(case: Case, one: float, other: float) -> None:
    low, high = sorted((one, other))
    every = max(1, len(case[2]))
    loose, strict = reasons(*case, most=every, certainty=low), reasons(*case, most=every, certainty=high)
    for row in range(loose.height):
        assert set(named(strict, row)) <= set(named(loose, row))


@settings(deadline=None)
@given(cases(), st.integers(1, 12))
def test_a_shorter_list_is_the_head_of_a_longer_one(case: Case, most: int) -> None:
    short, long = reasons(*case, most=most), reasons(*case, most=12)
    assert short.columns == [f"{kind}_{n}" for kind in ("reason", "contribution") for n in range(1, most + 1)]
    for row in range(short.height):
        assert named(short, row) == named(long, row)[:most]


def test_equal_contributions_stand_in_the_order_of_the_factors() -> None:
    found = reasons(np.array([[0.5, 0.7, 0.5, 0.7, 0.5]]), np.zeros((1, 5)), list("edcba"))
    assert found.row(0)[:4] == ("d", "b", "e", "c")


def test_a_large_contribution_of_an_open_sign_yields_to_a_small_sure_one() -> None:
    found = reasons(np.array([[2.0, 0.1, 1e-300]]), np.array([[2.0, 0.05, 0.0]]), ["open", "sure", "certain"])
    assert found.row(0) == ("sure", "certain", None, None, 0.1, 1e-300, None, None)


def test_the_reasons_hold_in_at_least_nine_of_ten_draws() -> None:
    """Latin hypercube draws of the coefficients: each margin is exact, so the share is too, up to one draw."""
    from scipy.special import ndtri

    generator, draws, factors = np.random.default_rng(3), 1_000, 12
    mean, error = generator.normal(0, 0.4, factors), generator.gamma(2, 0.15, factors)
    normal = generator.permuted(np.tile(ndtri((np.arange(draws) + 0.5) / draws), (factors, 1)), axis=1)
    coefficients = mean + error * normal.T
    names = [f"factor {n}" for n in range(factors)]
    values = generator.normal(0, 1, (300, factors))
    found = reasons(values * mean, np.abs(values) * error, names)
    for row in range(len(values)):
        positive = (values[row] * coefficients > 0).mean(axis=0)
        said = [names.index(name) for name, _ in named(found, row)]
        assert (positive[said] >= 0.9 - 1 / draws).all()
        unsaid = np.setdiff1d(np.arange(factors), said)
        assert len(said) == 4 or (positive[unsaid] < 0.9 + 1 / draws).all()
    assert 0 < found["reason_4"].null_count() < len(values)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (3, 2)])
def test_the_columns_are_of_the_same_type_however_few_reasons_there_are(shape: tuple[int, int]) -> None:
    found = reasons(np.full(shape, -1.0), np.zeros(shape), [f"factor {n}" for n in range(shape[1])])
    assert found.schema == {
        **{f"reason_{n}": pl.String for n in range(1, 5)},
        **{f"contribution_{n}": pl.Float64 for n in range(1, 5)},
    }
    assert found.height == shape[0]
    assert found.null_count().sum_horizontal().item() == found.height * 8


@pytest.mark.parametrize(
    ("contributions", "spread", "factors", "said"),
    [
        (np.zeros(3), np.zeros(3), list("abc"), r"contributions must have the shape \(rows, 3\) .* not \(3,\)"),
        (np.zeros((2, 4)), np.zeros((2, 4)), list("abc"), r"\(rows, 3\) for 3 factors, not \(2, 4\)"),
        (np.zeros((2, 3)), np.zeros((1, 3)), list("abc"), r"spread \(1, 3\) .* contributions \(2, 3\)"),
        (np.zeros((2, 3)), np.zeros((2, 3)), list("aba"), "a stands there more than once"),
        (np.array([[0.0], [np.nan]]), np.zeros((2, 1)), ["a"], "contributions must be finite, but row 1, factor 0"),
        (np.zeros((2, 1)), np.array([[0.0], [np.inf]]), ["a"], "spread must be finite, but row 1, factor 0 is inf"),
        (np.zeros((2, 1)), np.array([[0.0], [-0.1]]), ["a"], r"spread must not be below 0, but row 1, .* -0.1"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    contributions: Matrix, spread: Matrix, factors: list[str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        reasons(contributions, spread, factors)


@pytest.mark.parametrize("certainty", [0.4, 1.0, np.nan])
def test_a_certainty_that_no_contribution_could_meet_or_that_means_nothing_is_refused(certainty: float) -> None:
    with pytest.raises(ValueError, match=r"certainty must be at least 0\.5 and below 1"):
        reasons(np.zeros((1, 1)), np.zeros((1, 1)), ["a"], certainty=certainty)


def test_a_list_of_no_reasons_is_refused() -> None:
    with pytest.raises(ValueError, match="most must be at least 1, not 0"):
        reasons(np.zeros((1, 1)), np.zeros((1, 1)), ["a"], most=0)
