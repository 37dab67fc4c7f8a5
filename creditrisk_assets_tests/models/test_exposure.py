"""Exposure: how long every loan has been at risk, with nothing learnt later and nobody left out."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk_assets.models.exposure import exposed, learned_from, training_window
from creditrisk_assets.models.outcomes import NothingToLearnError
from creditrisk_assets.models.periods import (
    FEWEST_DEFAULTS,
    FIRST_TRIAL,
    LONGEST,
    STARTS,
    WHOLE_TERM,
    Periods,
    fit_periods,
)
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets_tests.models.simulated import OBSERVED, as_shown, simulated_book, simulated_life

BOOK = simulated_life(1_200, seed=4)
TOLD = ("loan_id", "months", "outcome", "repaid")
ISSUED = date(2010, 1, 1)
some_starts = st.sets(st.integers(6, 60)).map(lambda later: (5, *sorted(later)))


def told(frame: pl.DataFrame, as_of: date | None) -> pl.DataFrame:
    return exposed(frame.lazy(), as_of).select(TOLD).collect()


@settings(deadline=None)
@given(st.dates(date(2010, 2, 1), date(2011, 12, 1)))
def test_a_file_of_the_month_before_tells_all_that_a_later_file_does(day: date) -> None:
    as_of = day.replace(day=1)
    early = told(as_shown(BOOK, add_months(as_of, -1)), as_of)
    late = told(BOOK, as_of)
    assert late.head(early.height).equals(early)
    assert late.tail(late.height - early.height)["months"].eq(0).all(), "loans of later vintages are not tried"


@settings(deadline=None)
@given(st.dates(date(2010, 6, 1), date(2011, 12, 1)), st.integers(0, 2**32 - 1))
def test_nothing_of_the_month_of_as_of_or_after_it_changes_the_result(day: date, seed: int) -> None:
    as_of, draw = day.replace(day=1), np.random.default_rng(seed)
    later = pl.Series([add_months(as_of, int(m)) for m in draw.integers(0, 40, BOOK.height)])
    kinds = pl.Series(draw.integers(0, 3, BOOK.height))

    def rewritten(name: str, kind: int) -> pl.Expr:
        known = (pl.col(name) < as_of).fill_null(False)
        return pl.when(known).then(name).otherwise(pl.when(kinds == kind).then(later)).alias(name)

    other = BOOK.with_columns(rewritten("default_month", 0), rewritten("repaid_month", 1))
    other = other.with_columns(
        observed_month=pl.max_horizontal("observed_month", later), defaulted=~pl.col("defaulted")
    )
    assert told(other, as_of).equals(told(BOOK, as_of))


@settings(deadline=None)
@given(st.dates(date(2010, 6, 1), date(2011, 12, 1)))
def test_time_only_adds_to_what_a_loan_was_tried_for(day: date) -> None:
    as_of = day.replace(day=1)
    now, then = told(BOOK, as_of), told(BOOK, add_months(as_of, 1))
    assert (then["months"] >= now["months"]).all()
    over = now["outcome"] | now["repaid"]
    assert then.filter(over).equals(now.filter(over)), "a loan that has left the book stays as it was"


def walked(term: int, known: int, default: int | None, repaid: int | None) -> tuple[int, bool, bool]:
    """(months, outcome, repaid) of one loan, followed month by month as an observer would."""
    if known < FIRST_TRIAL:
        return 0, False, False
    bad = default is not None and default <= known
    good = not bad and repaid is not None and repaid <= known
    end = max(default or 0, FIRST_TRIAL) if bad else repaid if good else None
    tried = 0
    for month in range(1, known + 1):
        over = end is not None and month in (end, term)
        if month == term and not over:
            break  # something is unpaid after the term: the last trial is over when the loan is
        tried = month if month >= FIRST_TRIAL else 0
        if over:
            break
    return tried, bad, good


def one_loan(term: int, known: int, default: int | None, repaid: int | None) -> pl.DataFrame:
    month = {"observed_month": known, "default_month": default, "repaid_month": repaid}
    days = {k: pl.lit(None if m is None else add_months(ISSUED, m), pl.Date) for k, m in month.items()}
    return BOOK.head(1).with_columns(vintage=pl.lit(ISSUED), term_months=pl.lit(float(term)), **days)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from([36, 60, 6, 5, 3]),
    st.integers(0, 70),
    st.one_of(
        st.tuples(st.integers(1, 70), st.none()),
        st.tuples(st.none(), st.integers(1, 70)),
        st.just((None, None)),
    ),
)
def test_every_loan_is_tried_as_an_observer_would_have_followed_it(
    term: int, known: int, ends: tuple[int | None, int | None]
) -> None:
    frame = told(one_loan(term, known, *ends), None)
    assert frame.row(0)[1:] == walked(term, known, *ends)


@pytest.mark.parametrize(
    ("loan", "expected"),
    [
        ((36, 4, None, None), (0, False, False)),
        ((36, 5, None, None), (5, False, False)),
        ((36, 4, 3, None), (0, False, False)),
        ((36, 5, 3, None), (5, True, False)),
        ((36, 9, 7, None), (7, True, False)),
        ((36, 6, 7, None), (6, False, False)),
        ((36, 9, None, 2), (0, False, True)),
        ((36, 9, None, 6), (6, False, True)),
        ((36, 50, None, None), (35, False, False)),
        ((36, 50, 40, None), (36, True, False)),
        ((36, 50, None, 40), (36, False, True)),
        ((36, 50, None, 36), (36, False, True)),
        ((84, 84, 80, None), (LONGEST, True, False)),
    ],
    ids=["young", "entering", "early default of a young vintage", "early default enters with its vintage", "default",
         "default not known yet", "repaid before any trial", "repaid", "censored one month short of the term",
         "default after the term counts in the last trial", "repaid late", "repaid in full at term", "long"],
)  # fmt: skip
def test_a_loan_enters_and_leaves_as_it_should(
    loan: tuple[int, int, int | None, int | None], expected: tuple[int, bool, bool]
) -> None:
    assert told(one_loan(*loan), None).row(0)[1:] == expected


def test_loans_of_every_age_enter_at_month_five_whole() -> None:
    as_of = date(2011, 3, 1)
    frame = exposed(BOOK.lazy(), as_of).collect()
    entered = frame.filter(pl.col("vintage") <= date(2010, 9, 1))  # known for five months at the end of February
    left_before = entered["repaid"] & (entered["months"] == 0)
    assert ((entered["months"] >= FIRST_TRIAL) | left_before).all()
    assert frame.filter(pl.col("vintage") > date(2010, 9, 1))["months"].eq(0).all()
    youngest = entered.filter(pl.col("vintage") == date(2010, 9, 1), ~left_before)
    assert youngest["months"].unique().to_list() == [FIRST_TRIAL]


def test_without_an_as_of_date_everything_in_the_file_counts() -> None:
    assert told(BOOK, None).equals(told(BOOK, add_months(OBSERVED, 1)))


def test_final_is_one_trial_of_loans_observed_to_the_end() -> None:
    book = simulated_book(300).with_columns(term_elapsed=pl.int_range(pl.len()) % 3 > 0)
    frame = exposed(book.lazy(), None, "final").collect()
    assert frame.height == 200 and frame["months"].unique().to_list() == [1]
    assert (frame["outcome"] == frame["defaulted"]).all() and (frame["repaid"] == ~frame["outcome"]).all()
    assert WHOLE_TERM.trials[[0, 1, 36]].tolist() == [[0.0], [1.0], [1.0]]
    assert WHOLE_TERM.labels == ("term",)


@given(some_starts)
def test_trials_add_up_to_the_months_after_the_fourth(starts: tuple[int, ...]) -> None:
    trials = Periods(starts).trials
    assert trials.shape == (LONGEST + 1, len(starts)) and len(Periods(starts).labels) == len(starts)
    assert trials.sum(axis=1).tolist() == [max(month - 4, 0) for month in range(LONGEST + 1)]
    month_by_month = np.cumsum([np.eye(len(starts))[Periods(starts).band[m]] * (m >= 5) for m in range(LONGEST + 1)], 0)
    assert np.array_equal(trials, month_by_month)


@given(some_starts, st.data())
def test_bands_merged_hold_the_trials_of_their_parts(starts: tuple[int, ...], data: st.DataObject) -> None:
    kept = (5, *(start for start in starts[1:] if data.draw(st.booleans())))
    coarse, fine = Periods(kept), Periods(starts)
    into = coarse.band[list(starts)]
    assert np.array_equal(coarse.trials, fine.trials @ (into[:, None] == np.arange(len(kept))))


def test_bands_are_named_by_their_months() -> None:
    assert Periods((5, 6, 9, 25)).labels == ("5", "6-8", "9-24", "25+")
    assert Periods((5,)).labels == ("5+",)


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=200))
def test_every_band_has_enough_defaults_unless_it_is_the_only_one(loans: list[tuple[int, bool]]) -> None:
    months = np.array([month if month >= FIRST_TRIAL else 0 for month, _ in loans])
    outcome = np.array([bad for _, bad in loans])
    periods = fit_periods(months, outcome)
    assert periods.starts[0] == FIRST_TRIAL and set(periods.starts) <= set(STARTS)
    assert periods.starts[-1] <= max(int(months.max()), FIRST_TRIAL)
    counts = np.bincount(periods.band[months[outcome & (months > 0)]], minlength=len(periods.starts))
    assert len(counts) == 1 or counts.min() >= FEWEST_DEFAULTS


def test_sparse_bands_are_merged_with_their_neighbours() -> None:
    months = np.repeat([5, 6, 7, 8, 9, 30], [20, 4, 7, 30, 9, 3])
    assert fit_periods(months, np.ones(months.size, bool)).starts == (5, 6, 8, 9)
    assert fit_periods(months, np.zeros(months.size, bool)).starts == (5,)
    assert fit_periods(np.repeat(5, 30), np.ones(30, bool)).starts == (5,)


def test_a_loan_too_short_for_a_trial_does_no_harm_and_no_good() -> None:
    assert told(one_loan(3, 9, 6, None), None).row(0)[1:] == (0, True, False)
    assert fit_periods(np.zeros(30, np.int64), np.ones(30, bool)).starts == (5,)


def test_the_training_population_is_in_order_and_inside_its_window() -> None:
    frame = learned_from(BOOK.lazy().reverse(), date(2011, 6, 1), 12)
    assert frame.equals(frame.sort("vintage", "loan_id"))
    assert frame["vintage"].is_between(date(2010, 6, 1), date(2011, 5, 1)).all()
    assert frame.height == BOOK.filter(pl.col("vintage").is_between(date(2010, 6, 1), date(2011, 5, 1))).height


def test_a_window_ends_with_the_month_before_the_model_date() -> None:
    assert training_window(date(2011, 7, 1), 6) == (date(2011, 1, 1), date(2011, 6, 1))
    assert training_window(date(2011, 7, 1), "expanding") == (date.min, date(2011, 6, 1))


@pytest.mark.parametrize("window", [0, -3, "all"])
def test_a_window_of_no_months_is_refused(window: Any) -> None:
    with pytest.raises(ValueError, match="use a number of months from 1, or 'expanding'"):
        learned_from(BOOK.lazy(), date(2011, 7, 1), window)


@pytest.mark.parametrize(
    ("book", "words"),
    [
        (BOOK.filter(pl.col("vintage") > date(2011, 1, 1)), "holds no loan observed for 5 months: load older vintages"),
        (BOOK.clear(), "holds no loan observed for 5 months"),
        (BOOK.with_columns(default_month=pl.lit(None, pl.Date)), "holds no default among"),
        (BOOK.with_columns(default_month=pl.col("vintage")), "holds nothing but defaults among"),
    ],
    ids=["young", "empty", "no default", "all default"],
)
def test_a_window_that_teaches_nothing_says_so(book: pl.DataFrame, words: str) -> None:
    with pytest.raises(NothingToLearnError, match=f"training window .* of model date 2011-06 .*{words}"):
        learned_from(book.lazy(), date(2011, 6, 1), "expanding")


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="no column 'repaid_month': materialise features/loans"):
        exposed(BOOK.lazy().drop("repaid_month"), None)
