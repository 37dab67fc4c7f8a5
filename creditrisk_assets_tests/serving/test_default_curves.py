"""Observed default curves against a count loan by loan, month by month."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.contracts import DRAWS, SERVING_DEFAULT_CURVES
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets.serving.default_curves import LOOKED_AT, default_curves, observed

VINTAGE = date(2015, 3, 1)
Life = tuple[int, int, int | None, int | None]
"""term, months observed, month of default, month of repayment."""


def frame(lives: list[Life]) -> pl.DataFrame:
    rows = [
        (VINTAGE, float(term), *(None if month is None else add_months(VINTAGE, month) for month in (bad, good)), known)
        for term, known, bad, good in lives
    ]
    types = [pl.Date, pl.Float64, pl.Date, pl.Date, pl.Int32]
    return pl.DataFrame(rows, schema=dict(zip(LOOKED_AT, types, strict=True)), orient="row")


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """A loan as features/loans may show it: default and repayment at most at the month observed, never both."""
    term, known = draw(st.sampled_from([6, 12])), draw(st.integers(0, 20))
    kind = draw(st.sampled_from(["open", "bad", "good"]))
    month = draw(st.integers(0, known))
    return term, known, month if kind == "bad" else None, month if kind == "good" else None


def walked(mine: list[Life], term: int) -> list[tuple[int, int, float | None]]:
    """(at risk, defaults, cumulative share) month by month; one loan after the other."""
    told, on_book, share = [], 1.0, 0.0
    for month in range(1, term + 1):
        at_risk = defaults = repaid = 0
        for _, known, bad, good in mine:
            default = bad is not None and known >= 5
            end = min(max(bad or 0, 5), term) if default else min(max(good, 1), term) if good is not None else None
            last = end if end is not None else min(known, term - 1)
            at_risk += last >= month
            defaults += default and end == month
            repaid += not default and end == month
        if at_risk:
            share += on_book * defaults / at_risk
            on_book *= 1 - (defaults + repaid) / at_risk
        seen = any(known >= month for _, known, *_ in mine)
        told.append((at_risk, defaults, share if seen else None))
    return told


@given(st.lists(lives(), min_size=1, max_size=25))
def test_shares_are_those_of_a_walk_over_every_loan_and_month(book: list[Life]) -> None:
    found = observed(frame(book))
    for term in {life[0] for life in book}:
        mine = [life for life in book if life[0] == term]
        rows = found.filter(term_months=term)
        assert rows["month"].to_list() == list(range(1, term + 1))
        assert rows["loans"].unique().to_list() == [len(mine)]
        expected = walked(mine, term)
        assert rows["at_risk"].to_list() == [at_risk for at_risk, *_ in expected]
        assert rows["defaults"].to_list() == [defaults for _, defaults, _ in expected]
        assert rows["observed"].to_list() == pytest.approx([share for *_, share in expected], nan_ok=True)
    assert found["observed"].drop_nulls().is_between(0, 1).all()


def test_without_censoring_and_repayment_the_share_is_the_plain_one() -> None:
    book: list[Life] = [(12, 24, bad, None if bad else 12) for bad in (5, 5, 7, 12, *[None] * 6)]
    share = observed(frame(book))["observed"].to_list()
    assert share == pytest.approx([0, 0, 0, 0, 0.2, 0.2, *[0.3] * 5, 0.4])


def test_a_loan_that_is_not_observed_longer_counts_for_as_long_as_it_was() -> None:
    book: list[Life] = [(12, 24, 8, None), (12, 24, None, 12), (12, 6, None, None), (12, 6, None, None)]
    found = observed(frame(book))
    assert found["at_risk"].to_list() == [4] * 6 + [2] * 2 + [1] * 4
    assert found["observed"][-1] == pytest.approx(0.5)


def test_what_is_expected_stands_beside_it_as_mean_and_draws() -> None:
    curve = np.linspace(0, 0.1, 6)[:, None] * np.linspace(0.5, 1.5, DRAWS)
    found = default_curves(frame([(6, 3, None, None), (12, 3, None, None)]), date(2015, 1, 1), {6: curve})
    assert found.schema == SERVING_DEFAULT_CURVES.schema
    assert SERVING_DEFAULT_CURVES.violations(found.lazy()) == {}
    short, long = found.filter(term_months=6), found.filter(term_months=12)
    np.testing.assert_allclose(short["expected"], curve.mean(axis=1))
    np.testing.assert_allclose(np.array(short["draws"].to_list()), curve, rtol=1e-6)
    assert long.select("expected", "draws").null_count().row(0) == (12, 12)
    assert found["observed"].is_not_null().to_list() == [True] * 3 + [False] * 3 + [True] * 3 + [False] * 9


def test_no_loan_has_no_curve() -> None:
    assert default_curves(frame([]), None, {}).equals(pl.DataFrame(schema=SERVING_DEFAULT_CURVES.schema))
