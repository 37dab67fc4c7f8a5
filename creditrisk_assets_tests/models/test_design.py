"""The design of the posterior: the order of its coefficients, and all that is frozen with them."""

from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.models.design import Design, fit_design
from creditrisk_assets.models.periods import WHOLE_TERM
from creditrisk_assets_tests.models.learned import BOOK, DESIGN, FRAME, LAST, LOANS, one_hot
from creditrisk_assets_tests.models.simulated import simulated_book


def test_the_parts_follow_each_other_and_cover_all_coefficients() -> None:
    parts = list(DESIGN.parts.values())
    assert list(DESIGN.parts) == ["baseline", "shape", "effects", "purpose", "addr_state", "vintage"]
    assert parts[0].start == 0 and parts[-1].stop == len(DESIGN.parameters)
    assert all(a.stop == b.start for a, b in pairwise(parts))
    assert len(set(DESIGN.parameters)) == len(DESIGN.parameters)


def test_every_coefficient_is_named_in_its_part() -> None:
    names = {part: DESIGN.parameters[place] for part, place in DESIGN.parts.items()}
    assert names["baseline"][:2] == ("baseline[5]", "baseline[6]") and names["baseline"][-1] == "baseline[13+]"
    assert names["shape"] and all(name.startswith("shape[60: ") for name in names["shape"])
    assert {"fico", "fico_missing", "home_ownership[OWN]"} <= set(names["effects"])
    assert "home_ownership[RENT]" not in names["effects"], "the most frequent level is the reference"
    assert names["purpose"][0] == "purpose[car]" and len(names["addr_state"]) == 51
    assert names["vintage"][0] == "vintage[2010-01]" and names["vintage"][-1] == "vintage[2011-06]"
    assert DESIGN.scale_names == ("purpose", "addr_state", "vintage")
    assert DESIGN.shared == DESIGN.parts["vintage"].start and DESIGN.feature_set == "application"


def test_columns_looked_up_by_code_are_the_columns_of_the_values() -> None:
    looked_up = [
        values[LOANS.codes[at]] for at, values in zip(DESIGN.columns.factor, DESIGN.columns.table, strict=True)
    ]
    assert np.array_equal(np.array(looked_up).T, one_hot(DESIGN, FRAME)[:, DESIGN.parts["effects"]])


def test_a_missing_value_stands_at_the_mean_with_an_effect_of_its_own() -> None:
    rows = BOOK.head(1).with_columns(fico=pl.lit(None, pl.Float64))
    x = one_hot(DESIGN, rows)[0]
    assert x[DESIGN.parameters.index("fico")] == 0 and x[DESIGN.parameters.index("fico_missing")] == 1


def test_json_keeps_the_design() -> None:
    again = Design.from_json(DESIGN.to_json())
    assert again == DESIGN and again.to_json() == DESIGN.to_json()
    assert np.array_equal(again.code(BOOK).codes, DESIGN.code(BOOK).codes)


def test_the_vintages_run_to_the_last_month_whether_it_has_loans_or_not() -> None:
    few = FRAME.filter(pl.col("vintage").is_in([date(2010, 2, 1), date(2010, 5, 1)]))
    assert fit_design(few, "application", date(2010, 7, 1)).vintages == tuple(date(2010, m, 1) for m in range(2, 8))


def test_vintages_are_positions_on_the_axis_of_the_design() -> None:
    months = [date(2009, 11, 1), date(2010, 1, 1), date(2011, 6, 1), date(2012, 1, 1)]
    assert DESIGN.code(BOOK.head(4).with_columns(vintage=pl.Series(months))).vintage.tolist() == [-2, 0, 17, 24]


def test_the_mix_is_the_share_of_training_loans_in_every_bin() -> None:
    assert [len(shares) for shares in DESIGN.mix] == [factor.size for factor in DESIGN.binning.factors]
    assert [sum(shares) for shares in DESIGN.mix] == pytest.approx([1] * len(DESIGN.mix))
    homes = DESIGN.mix[DESIGN.binning.names.index("home_ownership")]
    assert homes[0] == pytest.approx((FRAME["home_ownership"] == "RENT").mean())


def test_loans_that_are_only_scored_have_no_outcome() -> None:
    scored = DESIGN.code(BOOK)
    assert len(scored) == BOOK.height and scored.months.size == scored.outcome.size == 0
    assert LOANS.months.tolist() == FRAME["months"].to_list()
    assert LOANS.outcome.tolist() == FRAME["outcome"].to_list()


def test_some_rows_are_the_same_rows_everywhere() -> None:
    which = np.array([5, 3, 900])
    some, frame = LOANS.rows(which), DESIGN.code(FRAME[which])
    for name in ("codes", "vintage", "months", "outcome"):
        assert np.array_equal(getattr(some, name), getattr(frame, name))
    assert len(LOANS.rows(slice(10, 30))) == 20


def test_one_trial_of_the_whole_term_has_one_baseline() -> None:
    book = simulated_book(300).with_columns(outcome="defaulted", months=pl.lit(1), repaid=~pl.col("defaulted"))
    design = fit_design(book, "application", date(2011, 12, 1), whole_term=True)
    assert design.periods == WHOLE_TERM and design.parameters[0] == "baseline[term]"
    assert Design.from_json(design.to_json()) == design


def test_the_design_is_fitted_on_the_window_and_on_nothing_else() -> None:
    assert fit_design(FRAME.drop("defaulted", "default_month", "term_elapsed"), "application", LAST) == DESIGN
