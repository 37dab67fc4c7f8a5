"""The protocols: nothing later than the as-of date, nobody in training and test at once."""

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk_assets.models import outcomes
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets_tests.models.simulated import as_shown, simulated_book

BOOK = simulated_book(1500, vintages=30)
MODEL = date(2011, 7, 1)


@settings(deadline=None)
@given(st.dates(date(2011, 2, 1), date(2013, 1, 1)), st.integers(1, 24))
def test_what_happens_later_does_not_change_what_was_known(day: date, horizon: int) -> None:
    as_of = day.replace(day=1)
    late = outcomes.as_known(BOOK.lazy(), as_of, horizon).select("loan_id", "outcome").collect()
    closed = add_months(as_of, -1)  # the last month that is over at the as-of date
    early = outcomes.as_known(as_shown(BOOK, closed).lazy(), as_of, horizon).select("loan_id", "outcome").collect()
    assert late.equals(early)


@settings(deadline=None)
@given(st.integers(13, 28), st.sampled_from(["as_known", "final"]), st.one_of(st.just("expanding"), st.integers(1, 30)))
def test_nobody_is_in_training_and_test(shift: int, protocol: Any, window: Any) -> None:
    model = add_months(date(2010, 1, 1), shift)
    train, test = outcomes.populations(BOOK.lazy(), model, model, date(2012, 6, 1), protocol=protocol, window=window)
    assert train["vintage"].max() < model <= test["vintage"].min()  # type: ignore[operator]
    if window != "expanding":
        assert train["vintage"].n_unique() <= window


def test_a_window_counts_back_from_the_youngest_matured_vintage() -> None:
    assert outcomes.training_vintages(MODEL, "as_known", 6) == (date(2010, 1, 1), date(2010, 6, 1))
    assert outcomes.training_vintages(MODEL, "final", 6) == (date(2011, 1, 1), date(2011, 6, 1))


def test_a_young_vintage_is_left_out_whole_its_early_defaulters_too() -> None:
    known = outcomes.as_known(BOOK.lazy(), MODEL).collect()
    assert known["vintage"].max() == date(2010, 6, 1)
    assert known.height == BOOK.filter(pl.col("vintage") <= date(2010, 6, 1)).height


def test_a_default_after_the_horizon_is_no_default_within_it() -> None:
    loan = BOOK.filter("defaulted").head(1).with_columns(default_month=pl.col("vintage").dt.offset_by("13mo"))
    assert outcomes.as_known(loan.lazy(), date(2015, 1, 1)).collect()["outcome"].to_list() == [False]
    assert outcomes.as_known(loan.lazy(), date(2015, 1, 1), 13).collect()["outcome"].to_list() == [True]
    assert outcomes.final(loan.lazy()).collect()["outcome"].to_list() == [True]


def test_final_outcomes_wait_for_the_end_of_the_term() -> None:
    assert outcomes.final(as_shown(BOOK, date(2011, 1, 1)).lazy()).collect().is_empty()


def test_an_empty_window_names_itself_and_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"2005-01 to 2006-12 .* holds no loan: load older vintages"):
        outcomes.training(BOOK.lazy(), date(2007, 1, 1), "final", 24)


@pytest.mark.parametrize(("bad", "words"), [(False, "no default"), (True, "nothing but defaults")])
def test_a_one_sided_window_is_refused(bad: bool, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        outcomes.training(BOOK.with_columns(defaulted=pl.lit(bad)).lazy(), MODEL, "final", "expanding")


def test_an_empty_test_population_is_refused() -> None:
    with pytest.raises(ValueError, match="observed for 12 months: take older test vintages"):
        outcomes.out_of_time(as_shown(BOOK, MODEL).lazy(), MODEL, MODEL, MODEL, "as_known")


def test_a_test_before_the_model_date_is_refused() -> None:
    with pytest.raises(ValueError, match="must follow"):
        outcomes.out_of_time(BOOK.lazy(), MODEL, date(2011, 1, 1), MODEL, "final")


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="no column 'default_month': materialise features/loans"):
        outcomes.as_known(BOOK.lazy().drop("default_month"), MODEL)


@pytest.mark.parametrize(("protocol", "window"), [("resolved", 12), ("final", 0), ("final", "all")])
def test_an_unknown_protocol_or_window_is_refused(protocol: Any, window: Any) -> None:
    with pytest.raises(ValueError, match="use"):
        outcomes.training(BOOK.lazy(), MODEL, protocol, window)
