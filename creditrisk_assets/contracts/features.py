"""The table of the features stage that models learn from."""

from functools import partial

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts.parts import (
    LOAN_ID,
    VINTAGE,
    Day,
    Flag,
    Real,
    Text,
    Whole,
    asked,
    later,
    price,
)
from creditrisk_assets.contracts.words import HOMES

_feature = partial(Column, dtype=Real, known="application")

FEATURES_LOANS = Table(
    ("features", "loans"),
    "What was known when the borrower applied, and the outcome as far as it has been observed.",
    (
        LOAN_ID,
        VINTAGE,
        _feature("loan_amount", meaning="amount asked for", unit="USD", nullable=False, low=1),
        _feature("log_loan_amount", meaning="natural logarithm of the amount", nullable=False),
        _feature("log_annual_income", meaning="natural logarithm of income plus one"),
        _feature("loan_to_income", meaning="amount over annual income", unit="ratio", low=0, high=50),
        _feature("debt_to_income", meaning="debt payments over income", unit="percent", low=0, high=100),
        _feature("fico", meaning="middle of the FICO band", unit="points", low=300, high=900),
        _feature("credit_history_months", meaning="age of the oldest credit line", unit="months", low=0, high=1_200),
        _feature("employment_years", meaning="years in employment, ten or more as ten", unit="years", low=0, high=10),
        _feature("delinquencies_2y", meaning="30+ days late in two years, at most 4", unit="count", low=0, high=4),
        _feature("inquiries_6m", meaning="inquiries in six months, at most 8", unit="count", low=0, high=8),
        _feature("months_since_delinquency", meaning="since the last delinquency", unit="months", low=0, high=240),
        _feature("months_since_record", meaning="since the last public record", unit="months", low=0, high=240),
        _feature("open_accounts", meaning="open credit lines, at most 40", unit="count", low=0, high=40),
        _feature("total_accounts", meaning="credit lines ever, at most 80", unit="count", low=0, high=80),
        _feature("public_records", meaning="derogatory public records, at most 2", unit="count", low=0, high=2),
        _feature("bankruptcies", meaning="bankruptcies on record, at most 1", unit="count", low=0, high=1),
        _feature("log_revolving_balance", meaning="natural logarithm of the revolving balance plus one"),
        _feature("revolving_utilisation", meaning="revolving balance over limit", unit="percent", low=0, high=150),
        _feature("term_months", meaning="number of monthly instalments", unit="months", nullable=False, low=1),
        asked("home_ownership", Text, "housing situation", nullable=False, allowed=HOMES),
        asked("verification_status", Text, "whether the income was verified", nullable=False),
        asked("purpose", Text, "purpose of the loan", nullable=False),
        asked("addr_state", Text, "state of residence", nullable=False),
        price("interest_rate", Real, "interest rate of the loan", "percent a year", nullable=False),
        price("log_installment", Real, "natural logarithm of the monthly instalment"),
        price("sub_grade_rank", Real, "lender's sub-grade, A1 as 1 to G5 as 35", "rank", low=1, high=35),
        later("defaulted", Flag, "charged off, or 120+ days late, as far as observed", nullable=False),
        later("default_month", Day, "month in which the loan reached 120 days late", "month"),
        later("repaid_month", Day, "month in which the loan was repaid, at term or before", "month"),
        later("observed_month", Day, "month up to which the outcome is known", "month", nullable=False),
        later("observed_months", Whole, "months on book up to the observed month", "months", nullable=False, low=0),
        later("matured", Flag, "observed for at least the horizon of twelve months", nullable=False),
        later("term_elapsed", Flag, "observed to the end of the term: the outcome is final", nullable=False),
    ),
    primary=("loan_id",),
    partition="vintage",
)  # fmt: skip
