"""What the rules say of a loan, against the same rules written down row by row."""

import math
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import SCORES_RULES
from creditrisk_assets.models.rules.evaluation import evaluate
from creditrisk_assets.models.rules.reading import PACKAGED, load_rules

RULES = load_rules()
COLUMNS = ("debt_to_income", "revolving_utilisation", "interest_rate", "delinquencies_2y", "inquiries_6m")
EDGES = (-1e300, -3.0, -0.0, 0.0, 1.0, 2.0, 10.0, 15.0, 20.0, 29.99, 30.0, 30.01, 40.0, 60.0, 79.99, 80.0, 80.01, 150.0,
         math.inf, -math.inf, math.nan)  # fmt: skip
VALUES = st.none() | st.sampled_from(EDGES) | st.floats(-10, 200)
LOANS = st.lists(st.tuples(*[VALUES] * len(COLUMNS)), max_size=30)


def frame(rows: list[tuple[float | None, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.Float64), orient="row")


def band(value: float | None, ends: tuple[float, float, float]) -> str:
    if value is None or math.isnan(value):
        return "Missing"
    return ("Low", "Moderate", "High", "Very High")[sum(value > end for end in ends)]


def by_hand(row: tuple[float | None, ...]) -> tuple[object, ...]:
    dti, util, rate, delinquencies, inquiries = (math.nan if value is None else value for value in row)
    reasons = [
        name
        for name, holds in (
            ("DTI>=30", dti >= 30), ("REVOL_UTIL>=80", util >= 80), ("DELINQ_2YRS>0", delinquencies > 0),
            ("INQ_LAST_6MTHS>=2", inquiries >= 2),
        )
        if holds
    ]  # fmt: skip
    watchlist = (dti >= 30 or util >= 80) and (delinquencies > 0 or inquiries >= 2)
    bands = band(dti, (20, 30, 40)), band(util, (30, 60, 80)), band(rate, (10, 15, 20))
    elevated = bool({*bands[:2]} & {"High", "Very High"})
    tier = "Watchlist" if watchlist else "Elevated" if elevated else "Low"
    return tier, watchlist, *bands, ",".join(reasons) or None, RULES.version


@given(LOANS)
def test_every_value_has_a_tier_and_bands_as_by_hand(rows: list[tuple[float | None, ...]]) -> None:
    assert evaluate(RULES, frame(rows)).rows() == [by_hand(row) for row in rows]


@given(LOANS)
def test_a_row_says_the_same_alone_among_others_and_lazily(rows: list[tuple[float | None, ...]]) -> None:
    loans = frame(rows)
    together = evaluate(RULES, loans)
    for number in range(loans.height):
        assert_frame_equal(evaluate(RULES, loans[number]), together[number])
    assert_frame_equal(evaluate(RULES, loans.lazy()).collect(), together)


@pytest.mark.parametrize(
    ("value", "bands"),
    [
        (None, ("Missing", "Missing", "Missing")),
        (math.nan, ("Missing", "Missing", "Missing")),
        (-1.0, ("Low", "Low", "Low")),
        (0.0, ("Low", "Low", "Low")),
        (20.0, ("Low", "Low", "High")),
        (30.0, ("Moderate", "Low", "Very High")),
        (80.0, ("Very High", "High", "Very High")),
        (100.5, ("Very High", "Very High", "Very High")),
    ],
)
def test_bands_cover_what_others_leave_out(value: float | None, bands: tuple[str, ...]) -> None:
    """Zero, negative and above a hundred were in no band there, and called Low."""
    found = evaluate(RULES, frame([(value, value, value, 0.0, 0.0)]))
    assert found.select("dti_band", "utilisation_band", "rate_band").row(0) == bands


def test_eighty_itself_is_on_the_watchlist_and_in_the_band_below() -> None:
    found = evaluate(RULES, frame([(10.0, 80.0, 12.0, 1.0, 0.0)]))
    assert found.row(0, named=True) | {} == {
        "tier": "Watchlist", "watchlist": True, "dti_band": "Low", "utilisation_band": "High", "rate_band": "Moderate",
        "rule_reasons": "REVOL_UTIL>=80,DELINQ_2YRS>0", "rules": RULES.version,
    }  # fmt: skip


def test_of_a_loan_of_which_nothing_is_known_nothing_holds() -> None:
    found = evaluate(RULES, frame([(None,) * 5]))
    assert found.row(0) == ("Low", False, "Missing", "Missing", "Missing", None, RULES.version)


def test_no_loan_gives_no_row_of_the_declared_types() -> None:
    found = evaluate(RULES, frame([]))
    assert found.height == 0
    assert dict(found.schema) == {name: SCORES_RULES.schema[name] for name in found.columns}


def test_an_absent_column_is_named() -> None:
    for loans in (frame([(1.0,) * 5]).drop("interest_rate"), frame([]).lazy().drop("interest_rate")):
        with pytest.raises(ValueError, match="features/loans has no column 'interest_rate'"):
            evaluate(RULES, loans)


def test_texts_and_bands_are_compared(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        PACKAGED.read_text().split("elevated:")[0]
        + """elevated:
  or:
    - {feature: purpose, operator: "=", value: car}
    - {band_of: interest_rate, operator: "=", value: Missing}
    - {band_of: interest_rate, operator: "=", value: Moderate}
    - and:
        - {feature: purpose, operator: "!=", value: other}
        - {band_of: interest_rate, operator: "<=", value: Low}
"""
    )
    loans = [("car", 30.0), (None, 30.0), ("other", None), ("other", 15.0), ("other", 15.1), ("house", 10.0),
             ("other", 10.0), (None, 10.0)]  # fmt: skip
    told = pl.DataFrame(loans, schema={"purpose": pl.String, "rate": pl.Float64}, orient="row")
    whole = frame([(1.0, 1.0, rate, 0.0, 0.0) for _, rate in loans]).with_columns(told["purpose"])
    found = evaluate(load_rules(path), whole)["tier"].to_list()
    assert found == ["Elevated", "Low", "Elevated", "Elevated", "Low", "Elevated", "Low", "Low"]
