"""The design of the logistic benchmark: fitted on the window alone, and never at a loss for a row."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk_assets.models.standardised import Standardised, fit_standardised
from creditrisk_assets_tests.models.simulated import simulated_book

BOOK = simulated_book(600)
DESIGN = fit_standardised(BOOK, "application")
maybe = st.one_of(st.none(), st.just(float("nan")), st.floats(-1e6, 1e6))


def test_a_feature_missing_in_the_whole_window_drops_out() -> None:
    assert BOOK["fico"].null_count() == BOOK.height
    assert not [name for name in DESIGN.effects if name.startswith("fico")]
    assert "revolving_utilisation" in DESIGN.effects


def test_a_constant_feature_and_a_single_level_drop_out() -> None:
    design = fit_standardised(BOOK.with_columns(inquiries_6m=pl.lit(2.0)), "application")
    assert "inquiries_6m" not in design.effects
    assert not [name for name in design.effects if name.startswith("verification_status")]


def test_features_are_standardised_on_the_window() -> None:
    common = DESIGN.encode(BOOK).common
    place = 1 + DESIGN.effects.index("revolving_utilisation")
    assert common[:, place].mean() == pytest.approx(0, abs=1e-9)
    assert common[:, place].std() == pytest.approx(1)


def test_features_missing_together_share_an_indicator() -> None:
    hole = pl.arange(pl.len()) % 5 == 0
    names = ("inquiries_6m", "employment_years")
    design = fit_standardised(BOOK.with_columns(pl.when(~hole).then(name).alias(name) for name in names), "application")
    assert "inquiries_6m_missing" not in design.effects or "employment_years_missing" not in design.effects
    assert sum(effect.endswith("_missing") for effect in design.effects) == 1


@settings(deadline=None)
@given(maybe, maybe, st.text(max_size=5), st.one_of(st.none(), st.text(max_size=3)))
def test_any_single_row_can_be_encoded(
    number: float | None, other: float | None, purpose: str, state: str | None
) -> None:
    row = BOOK.head(1).with_columns(
        pl.lit(number, pl.Float64).alias("inquiries_6m"),
        pl.lit(other, pl.Float64).alias("log_annual_income"),
        pl.lit(purpose, pl.String).alias("purpose"),
        pl.lit(state, pl.String).alias("addr_state"),
    )
    encoded = DESIGN.encode(row)
    assert encoded.common.shape == (1, 1 + len(DESIGN.effects)) and np.isfinite(encoded.common).all()
    assert encoded.codes.min() >= -1


def test_unseen_levels_have_no_code() -> None:
    row = BOOK.head(1).with_columns(
        purpose=pl.lit("moon"), vintage=pl.date(2030, 1, 1), home_ownership=pl.lit("CASTLE")
    )
    encoded, names = DESIGN.encode(row), [group.name for group in DESIGN.groups]
    assert encoded.codes[0, names.index("purpose")] == encoded.codes[0, names.index("vintage")] == -1
    homes = [1 + i for i, name in enumerate(DESIGN.effects) if name.startswith("home_ownership[")]
    assert encoded.common[0, homes].sum() == 0


def test_a_column_all_missing_at_prediction_stands_at_the_mean() -> None:
    frame = BOOK.with_columns(inquiries_6m=pl.lit(None, pl.Float64))
    assert not DESIGN.encode(frame).common[:, 1 + DESIGN.effects.index("inquiries_6m")].any()


def test_json_keeps_the_design() -> None:
    assert Standardised.from_json(DESIGN.to_json()) == DESIGN


def test_blocks_are_the_frame_in_order() -> None:
    whole = DESIGN.encode(BOOK)
    parts = [encoded.common for _, encoded in DESIGN.blocks(BOOK, 77)]
    assert np.array_equal(np.vstack(parts), whole.common)


def test_an_infinite_value_names_its_column() -> None:
    with pytest.raises(ValueError, match=r"features/loans\.inquiries_6m holds infinite"):
        DESIGN.encode(BOOK.head(2).with_columns(inquiries_6m=pl.lit(float("inf"))))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="no column 'purpose'"):
        DESIGN.encode(BOOK.drop("purpose"))
    with pytest.raises(ValueError, match="no column 'term_months'"):
        fit_standardised(BOOK.drop("term_months"), "application")


def test_an_unknown_feature_set_is_refused() -> None:
    with pytest.raises(ValueError, match="use one of application"):
        fit_standardised(BOOK, "everything")


def test_the_price_is_in_its_own_feature_set_only() -> None:
    assert "interest_rate" in fit_standardised(BOOK, "application_with_price").effects
    assert "interest_rate" not in DESIGN.effects
