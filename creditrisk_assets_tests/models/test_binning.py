"""Bins: fitted on the window alone, the same for one row and a million, and never at a loss for a value."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk_assets.contracts import FEATURE_SETS, FEATURES_LOANS
from creditrisk_assets.models import binning as module
from creditrisk_assets.models.binning import BINS, CATEGORIES, GROUPS, NUMERICS, Binning, Levels, Numeric, fit_binning
from creditrisk_assets_tests.models.learned import BOOK

FITTED = fit_binning(BOOK, "application")
NUMBERS = {numeric.name: numeric for numeric in FITTED.numerics}
LEVELS = (*FITTED.categories, *FITTED.groups)
LATER = [column.name for column in FEATURES_LOANS.columns if column.known == "later"]


def number_of(numeric: Numeric, value: float | None) -> int:
    """The bin of a value, found by walking up the edges."""
    if value is None or np.isnan(value):
        return len(numeric.scores)
    return sum(value >= edge for edge in numeric.edges)


def level_of(factor: Levels, value: str | None) -> int:
    return factor.levels.index(value) if value in factor.levels else len(factor.levels)


@st.composite
def rows(draw: st.DrawFn) -> pl.DataFrame:
    """A few rows with values on, beside and far beyond the edges, missing ones, and levels never seen."""
    count = draw(st.integers(1, 6))
    columns: dict[str, Any] = {}
    for name, numeric in NUMBERS.items():
        known = st.sampled_from(numeric.edges).flatmap(
            lambda edge: st.sampled_from([edge, float(np.nextafter(edge, -np.inf)), float(np.nextafter(edge, np.inf))])
        )
        values = st.one_of(known, st.none(), st.just(float("nan")), st.floats(allow_infinity=False, allow_nan=False))
        columns[name] = pl.Series(draw(st.lists(values, min_size=count, max_size=count)), dtype=pl.Float64)
    for factor in LEVELS:
        told = st.one_of(st.sampled_from(factor.levels), st.none(), st.text(max_size=4))
        columns[factor.name] = pl.Series(draw(st.lists(told, min_size=count, max_size=count)), dtype=pl.String)
    return pl.DataFrame(columns)


@settings(deadline=None, max_examples=150)
@given(rows())
def test_codes_are_what_walking_up_the_edges_finds(frame: pl.DataFrame) -> None:
    expected = [[number_of(numeric, value) for value in frame[numeric.name]] for numeric in FITTED.numerics]
    expected += [[level_of(factor, value) for value in frame[factor.name]] for factor in LEVELS]
    assert FITTED.codes(frame).tolist() == expected


@settings(deadline=None)
@given(rows())
def test_a_row_alone_has_the_codes_it_has_in_a_batch(frame: pl.DataFrame) -> None:
    whole = FITTED.codes(frame)
    for row in range(frame.height):
        assert np.array_equal(FITTED.codes(frame[row : row + 1])[:, 0], whole[:, row])
    assert np.array_equal(FITTED.codes(pl.concat([BOOK.select(FITTED.names), frame.select(FITTED.names)])),
                          np.hstack([FITTED.codes(BOOK), whole]))  # fmt: skip


def test_the_expression_of_a_factor_serves_a_lazy_frame_as_well() -> None:
    lazy = BOOK.lazy().select(factor.code() for factor in FITTED.factors).collect()
    assert np.array_equal(lazy.to_numpy().T, FITTED.codes(BOOK))
    assert FITTED.codes(BOOK.clear()).shape == (len(FITTED.factors), 0)


def test_json_keeps_every_bin() -> None:
    again = Binning.from_plain(json.loads(FITTED.to_json()))
    assert again == FITTED and again.version == FITTED.version
    assert np.array_equal(again.codes(BOOK), FITTED.codes(BOOK))


def test_the_version_changes_when_a_bin_does() -> None:
    assert fit_binning(BOOK, "application").version == FITTED.version
    assert fit_binning(BOOK.with_columns(pl.col("fico") + 1e-9), "application").version != FITTED.version


def test_bins_hold_about_equal_counts_and_scores_are_their_standardised_means() -> None:
    for numeric in FITTED.numerics:
        values = BOOK[numeric.name].drop_nulls().to_numpy()
        counts = np.bincount([number_of(numeric, value) for value in values], minlength=len(numeric.scores))
        assert counts.min() > 0 and list(numeric.edges) == sorted(set(numeric.edges))
        if len(np.unique(values)) > BINS:
            assert len(numeric.scores) == BINS and counts.max() <= 1.2 * values.size / BINS + 1
        scores = np.array(numeric.scores)
        assert (np.diff(scores) > 0).all()
        assert counts @ scores == pytest.approx(0, abs=1e-6)
        assert counts @ scores**2 == pytest.approx(values.size)
        means = numeric.mean + numeric.scale * scores
        assert means[0] == pytest.approx(values[values < numeric.edges[0]].mean())


def test_few_distinct_values_keep_a_bin_each() -> None:
    assert NUMBERS["inquiries_6m"].edges == (1.0, 2.0, 3.0, 4.0, 5.0)
    assert NUMBERS["term_months"].edges == (60.0,)


def test_a_large_window_is_binned_from_a_sample_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 500)
    assert fit_binning(BOOK, "application").numerics == fit_binning(BOOK.gather_every(8), "application").numerics


def test_a_feature_missing_in_the_whole_window_drops_out() -> None:
    assert BOOK["open_accounts"].null_count() == BOOK.height
    assert "open_accounts" not in FITTED.names
    for nothing in (pl.lit(None, pl.Float64), pl.lit(float("nan"))):
        assert "fico" not in fit_binning(BOOK.with_columns(fico=nothing), "application").names


def test_a_feature_known_for_a_handful_of_loans_drops_out() -> None:
    few = pl.when(pl.int_range(pl.len()) < 19).then("fico")
    assert "fico" not in fit_binning(BOOK.with_columns(fico=few), "application").names


def test_a_constant_feature_and_a_single_level_drop_out() -> None:
    assert BOOK["bankruptcies"].unique().to_list() == [0.0]
    assert "bankruptcies" not in FITTED.names
    constant = BOOK.with_columns(
        fico=pl.when(pl.col("fico").is_not_null()).then(1e9 / 3), home_ownership=pl.lit("RENT")
    )
    assert not {"fico", "home_ownership"} & set(fit_binning(constant, "application").names)


def test_a_single_loan_leaves_the_declared_groups_alone() -> None:
    alone = fit_binning(BOOK.head(1), "application")
    assert alone.names == ("purpose", "addr_state")
    assert alone.codes(BOOK).shape == (2, BOOK.height)


def test_features_missing_on_the_same_rows_share_an_indicator() -> None:
    assert NUMBERS["fico"].indicator and NUMBERS["log_annual_income"].indicator
    assert not NUMBERS["debt_to_income"].indicator
    hole = pl.col("fico").is_null()
    together = BOOK.with_columns(debt_to_income=pl.when(~hole).then("debt_to_income"))
    found = {n.name: n.indicator for n in fit_binning(together, "application").numerics}
    assert [found["debt_to_income"], found["fico"]] == [True, False]


def test_the_most_frequent_level_comes_first() -> None:
    homes = FITTED.categories[0]
    assert homes.name == "home_ownership" and homes.levels == ("RENT", "MORTGAGE", "OWN")


def test_levels_beyond_a_byte_count_as_not_seen_the_rarest_first() -> None:
    places = pl.Series(["CA" if i % 2 else f"place {i:04d}" for i in range(BOOK.height)])
    crowded = BOOK.with_columns(addr_state=places, home_ownership=places)
    fitted = fit_binning(crowded, "application")
    for factor in (fitted.groups[1], fitted.categories[0]):
        assert "CA" in factor.levels and len(factor.levels) <= 255
        codes = fitted.codes(crowded)[fitted.names.index(factor.name)]
        assert codes.tolist() == [level_of(factor, place) for place in places]


def test_bins_are_told_in_words() -> None:
    numeric = Numeric("fico", (650.0, 700.0), (-1.0, 0.0, 1.0), 680.0, 30.0, True)
    assert [numeric.label(code) for code in range(numeric.size)] == [
        "below 650", "650 to below 700", "700 and more", "missing",
    ]  # fmt: skip
    assert Numeric("fico", (), (0.0,), 680.0, 30.0, False).label(0) == "all"
    assert [Levels("home", ("RENT", "OWN")).label(code) for code in range(3)] == ["RENT", "OWN", "not seen"]


@pytest.mark.parametrize("sign", [1, -1])
def test_an_infinite_value_names_its_column(sign: int) -> None:
    broken = BOOK.with_columns(
        fico=pl.when(pl.int_range(pl.len()) == 7).then(sign * float("inf")).otherwise(pl.col("fico"))
    )
    told = r"features/loans\.fico holds infinite values: mend the feature"
    with pytest.raises(ValueError, match=told):
        fit_binning(broken, "application")
    with pytest.raises(ValueError, match=told):
        FITTED.codes(broken)


def test_an_absent_column_is_named() -> None:
    for name in (*FITTED.names, "bankruptcies"):
        with pytest.raises(ValueError, match=f"no column '{name}': materialise it again"):
            fit_binning(BOOK.drop(name), "application")
    with pytest.raises(ValueError, match="no column 'fico', 'purpose'"):
        FITTED.codes(BOOK.drop("purpose", "fico"))
    assert FITTED.codes(BOOK.drop("bankruptcies")).shape[1] == BOOK.height, (
        "a feature that dropped out is not asked for"
    )


@pytest.mark.parametrize("name", LATER)
def test_a_column_known_later_only_can_never_be_a_feature(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NUMERICS, "application", (*NUMERICS["application"], name))
    with pytest.raises(ValueError, match=f"'{name}' is known after application only"):
        fit_binning(BOOK, "application")


def test_a_category_or_group_known_later_only_is_refused_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CATEGORIES", (*CATEGORIES, "defaulted"))
    with pytest.raises(ValueError, match="'defaulted' is known after application only"):
        fit_binning(BOOK, "application")
    monkeypatch.undo()
    monkeypatch.setitem(GROUPS, "observed_month", ("2011-12",))
    with pytest.raises(ValueError, match="'observed_month' is known after application only"):
        fit_binning(BOOK, "application")


def test_every_declared_feature_is_known_at_application() -> None:
    declared = {*NUMERICS["application_with_price"], *CATEGORIES, "purpose", "addr_state"}
    assert {FEATURES_LOANS.column(name).known for name in declared} == {"application"}
    assert not [name for name in NUMERICS["application"] if FEATURES_LOANS.column(name).price]
    assert tuple(NUMERICS) == FEATURE_SETS


def test_the_price_is_in_its_own_feature_set_only() -> None:
    assert "interest_rate" in fit_binning(BOOK, "application_with_price").names
    assert "interest_rate" not in FITTED.names


def test_an_unknown_feature_set_or_an_empty_window_is_refused() -> None:
    with pytest.raises(ValueError, match="'everything': use one of application, application_with_price"):
        fit_binning(BOOK, "everything")
    with pytest.raises(ValueError, match="bins need a training window with loans: load older vintages"):
        fit_binning(BOOK.clear(), "application")


def test_edges_ascend_for_any_numbers() -> None:
    draw = np.random.default_rng(2)
    for values in (draw.normal(size=5_000), draw.integers(0, 3, 500), np.repeat([0.0, 1e-300, 1e300], 40)):
        edges = module._edges(values.astype(float))
        assert all(a < b for a, b in pairwise(edges)) and (edges > values.min()).all()
