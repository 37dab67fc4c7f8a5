"""Features see what was known at application and nothing else; outcomes carry their maturity."""

import random
from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk_assets.columns import Column
from creditrisk_assets.contracts import FEATURES_LOANS, HOMES, PURPOSES, RAW_LOANS, STATES, STATUSES, SUB_GRADES
from creditrisk_assets.features.loans import at_application, at_price, features, outcome

APPLICATION = {*RAW_LOANS.names("application", price=False), "vintage"}
PRICE = set(RAW_LOANS.names("application", price=True))
WORDS = ("", "ünseen", "Debt Consolidation", "any", "NONE", "not verified", *HOMES, *PURPOSES, *STATES)


def leaks(expressions: Mapping[str, pl.Expr], allowed: set[str]) -> dict[str, set[str]]:
    """Raw columns outside `allowed` that the expressions read, by feature."""
    read = {name: set(expression.meta.root_names()) - allowed for name, expression in expressions.items()}
    return {name: columns for name, columns in read.items() if columns}


def test_application_features_read_only_what_was_known_at_application() -> None:
    assert leaks(at_application(), APPLICATION) == {}


def test_price_features_read_only_the_lenders_price() -> None:
    assert leaks(at_price(), PRICE) == {}


@pytest.mark.parametrize("later", [*RAW_LOANS.names("later"), *sorted(PRICE)])
def test_a_later_column_or_the_price_in_a_feature_would_be_caught(later: str) -> None:
    injected = {**at_application(), "fico": pl.col("fico_range_low") + pl.col(later).cast(pl.Float64, strict=False)}
    assert leaks(injected, APPLICATION) == {"fico": {later}}


def test_every_declared_feature_has_an_expression_of_its_class() -> None:
    assert list(at_application()) == FEATURES_LOANS.names("application", price=False)
    assert list(at_price()) == FEATURES_LOANS.names("application", price=True)
    assert {*outcome(), "observed_month"} == set(FEATURES_LOANS.names("later"))


def drawn(column: Column, chance: random.Random) -> Any:
    """A value the contract allows, often one at the edge."""
    if column.nullable and chance.random() < 0.2:
        return None
    if column.name in ("vintage", "observed_month"):
        return date(2007 + chance.randrange(10), chance.randint(1, 12), 1)
    if column.dtype == pl.String:
        return chance.choice(column.allowed or WORDS)
    if column.dtype == pl.Boolean:
        return chance.random() < 0.5
    if column.dtype == pl.Date:
        return date(chance.randint(1930, 2099), chance.randint(1, 12), 1)
    low, high = float(column.low or 0), float(column.high or 1e12)  # type: ignore[arg-type]
    value = chance.choice([low, high, chance.uniform(low, high), chance.uniform(low, min(high, low + 100))])
    return value if column.dtype == pl.Float64 else int(value)


def valid_rows(seed: int, count: int = 40) -> pl.DataFrame:
    chance = random.Random(seed)
    rows = [{column.name: drawn(column, chance) for column in RAW_LOANS.columns} for _ in range(count)]
    frame = pl.DataFrame(rows, schema=RAW_LOANS.schema)
    return frame.with_columns(
        loan_id=pl.int_range(pl.len()).cast(pl.String), observed_month=pl.max_horizontal("observed_month", "vintage")
    )


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_every_valid_loan_has_valid_features(seed: int) -> None:
    raw = valid_rows(seed)
    assert RAW_LOANS.violations(raw.lazy()) == {}
    made = features(raw.lazy()).collect()
    assert FEATURES_LOANS.shape_differences(made.schema) == []
    assert FEATURES_LOANS.violations(made.lazy()) == {}
    assert made.height == raw.height


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_a_loan_has_the_same_features_alone_and_in_a_book(seed: int) -> None:
    raw = valid_rows(seed, 12)
    alone = [features(raw[row].lazy()).collect() for row in range(raw.height)]
    assert pl.concat(alone).equals(features(raw.lazy()).collect())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_what_happens_later_changes_no_feature(seed: int) -> None:
    raw = valid_rows(seed)
    other = valid_rows(seed + 1).select(RAW_LOANS.names("later"))
    other = raw.with_columns(other).with_columns(observed_month=pl.max_horizontal("observed_month", "vintage"))
    known = FEATURES_LOANS.names("key", "application")
    assert features(raw.lazy()).select(known).collect().equals(features(other.lazy()).select(known).collect())


def made(**values: Any) -> dict[str, Any]:
    """Features of one ordinary loan, changed by `values`."""
    ordinary = {
        "loan_id": "1", "vintage": date(2011, 12, 1), "observed_month": date(2016, 3, 1), "loan_amnt": 10_000.0,
        "term": 36, "annual_inc": 50_000.0, "int_rate": 10.65, "loan_status": "Fully Paid",
        "last_pymnt_d": date(2015, 1, 1), "earliest_cr_line": date(2001, 11, 1),
    }  # fmt: skip
    raw = pl.DataFrame([{**ordinary, **values}], schema=RAW_LOANS.schema)
    return features(raw.lazy()).collect().row(0, named=True)


@pytest.mark.parametrize(
    ("raw", "feature", "expected"),
    [
        ({}, "credit_history_months", 121.0),
        ({"earliest_cr_line": date(2012, 5, 1)}, "credit_history_months", 0.0),
        ({}, "loan_to_income", 0.2),
        ({"annual_inc": 0.0}, "loan_to_income", 10.0),
        ({"annual_inc": 0.0, "loan_amnt": 90_000.0}, "loan_to_income", 50.0),
        ({"annual_inc": None}, "loan_to_income", None),
        ({"annual_inc": 0.0}, "log_annual_income", 0.0),
        ({"dti": 120.0}, "debt_to_income", 100.0),
        ({"dti": 998.9}, "debt_to_income", 100.0),
        ({"dti": 999.0}, "debt_to_income", None),
        ({"dti": 9_999.0}, "debt_to_income", None),
        ({"dti": -1.0}, "debt_to_income", None),
        ({"dti": 0.0}, "debt_to_income", 0.0),
        ({"revol_util": 1_000.0}, "revolving_utilisation", 150.0),
        ({"fico_range_low": 670.0, "fico_range_high": 674.0}, "fico", 672.0),
        ({"fico_range_low": 670.0}, "fico", None),
        ({"emp_length": 25.0}, "employment_years", 10.0),
        ({"delinq_2yrs": 11}, "delinquencies_2y", 4.0),
        ({"inq_last_6mths": 30}, "inquiries_6m", 8.0),
        ({"mths_since_last_delinq": 0, "delinq_2yrs": 0}, "months_since_delinquency", None),
        ({"mths_since_last_delinq": 0, "delinq_2yrs": 1}, "months_since_delinquency", 0.0),
        ({"mths_since_last_delinq": 500}, "months_since_delinquency", 240.0),
        ({"mths_since_last_record": 0, "pub_rec": 0}, "months_since_record", None),
        ({"mths_since_last_record": 60}, "months_since_record", 60.0),
        ({"home_ownership": "Own"}, "home_ownership", "OWN"),
        ({"home_ownership": "NONE"}, "home_ownership", "OTHER"),
        ({}, "home_ownership", "OTHER"),
        ({"purpose": "Debt Consolidation"}, "purpose", "debt_consolidation"),
        ({"purpose": "spaceship"}, "purpose", "other"),
        ({"addr_state": "ca"}, "addr_state", "CA"),
        ({"addr_state": "ZZ"}, "addr_state", "unknown"),
        ({"verification_status": "VERIFIED - income source"}, "verification_status", "Source Verified"),
        ({"verification_status": "VERIFIED - income"}, "verification_status", "Verified"),
        ({"verification_status": "not verified"}, "verification_status", "Not Verified"),
        ({"verification_status": "Verified"}, "verification_status", "Verified"),
        ({"verification_status": "by telephone"}, "verification_status", "Unknown"),
        ({}, "verification_status", "Unknown"),
        ({"sub_grade": "A1"}, "sub_grade_rank", 1.0),
        ({"sub_grade": "G5"}, "sub_grade_rank", 35.0),
        ({"installment": 0.0}, "log_installment", None),
    ],
)
def test_a_feature_of_one_loan(raw: dict[str, Any], feature: str, expected: object) -> None:
    assert made(**raw)[feature] == (pytest.approx(expected) if isinstance(expected, float) else expected)


@pytest.mark.parametrize("status", STATUSES)
def test_default_is_a_charge_off_or_120_days_late(status: str) -> None:
    assert made(loan_status=status)["defaulted"] is (status in ("Charged Off", "Default"))


@pytest.mark.parametrize(
    ("last_paid", "observed", "expected"),
    [
        (date(2012, 10, 1), date(2016, 3, 1), date(2013, 3, 1)),
        (None, date(2016, 3, 1), date(2012, 5, 1)),
        (date(2016, 1, 1), date(2016, 3, 1), date(2016, 3, 1)),
        (None, date(2012, 2, 1), date(2012, 2, 1)),
        (date(2010, 1, 1), date(2016, 3, 1), date(2012, 5, 1)),
    ],
)
def test_the_month_of_default_follows_from_the_last_payment(
    last_paid: date | None, observed: date, expected: date
) -> None:
    row = made(loan_status="Charged Off", last_pymnt_d=last_paid, observed_month=observed)
    assert row["default_month"] == expected
    assert made(loan_status="Current", last_pymnt_d=last_paid, observed_month=observed)["default_month"] is None


@pytest.mark.parametrize(
    ("observed", "months", "matured", "elapsed"),
    [
        (date(2011, 12, 1), 0, False, False),
        (date(2012, 11, 1), 11, False, False),
        (date(2012, 12, 1), 12, True, False),
        (date(2014, 11, 1), 35, True, False),
        (date(2014, 12, 1), 36, True, True),
    ],
)
def test_maturity_counts_whole_months_from_issue(observed: date, months: int, matured: bool, elapsed: bool) -> None:
    row = made(observed_month=observed)
    assert (row["observed_months"], row["matured"], row["term_elapsed"]) == (months, matured, elapsed)


def test_all_sub_grades_are_ranked_in_order() -> None:
    assert [made(sub_grade=name)["sub_grade_rank"] for name in SUB_GRADES] == list(range(1, 36))
