"""Features of a loan at application, and its outcome with maturity. No fitting here.

The same expressions serve batch and stream: they look at one row at a time. Each reads only raw
columns declared as known at application; a test traces every expression back to the contract. What is
known at application is written over an engine: polars, or `formulas` for whoever asks about a single row.
"""

from typing import Any, TypeAlias

import polars as pl

from creditrisk_assets.contracts import FEATURES_LOANS, HOMES, PURPOSES, STATES, SUB_GRADES

Engine: TypeAlias = Any
"""Polars or `formulas`: a module, whose expressions are its own."""

HORIZON_MONTHS = 12
MONTHS_TO_DEFAULT = 5
"""From the last payment to default: one month to the first missed due date, four (120 days) late."""

DEFAULTED_STATUSES = ("Charged Off", "Default")
REPAID_STATUS = "Fully Paid"
SMALLEST_INCOME = 1_000.0
"""USD a year: keeps loan to income finite for incomes of zero and typing errors."""

_DTI_NOT_COMPUTABLE = 999.0


def features(raw: pl.LazyFrame) -> pl.LazyFrame:
    """features/loans from raw/loans: one row per loan, application-time features and the outcome.

    Values outside a feature's declared range are moved to its nearest end; placeholders (a debt
    ratio of 999 or more, or below zero) become missing.
    """
    frame = raw.with_columns(**at_application(), **at_price()).with_columns(**outcome())
    return FEATURES_LOANS.conform(frame)


def at_application(on: Engine = pl) -> dict[str, Any]:
    """Expression of every feature known at application, over raw/loans columns."""
    income = on.max_horizontal(on.col("annual_inc"), on.lit(SMALLEST_INCOME))
    known_dti = on.col("dti").is_between(0, _DTI_NOT_COMPUTABLE, closed="left")
    return {
        "loan_amount": on.col("loan_amnt"),
        "log_loan_amount": on.col("loan_amnt").log(),
        "log_annual_income": on.col("annual_inc").log1p(),
        "loan_to_income": on.when(on.col("annual_inc").is_not_null()).then(on.col("loan_amnt") / income).clip(0, 50),
        "debt_to_income": on.when(known_dti).then("dti").clip(0, 100),
        "fico": (on.col("fico_range_low") + on.col("fico_range_high")) / 2,
        "credit_history_months": months_between("earliest_cr_line", "vintage", on).clip(0, 1_200),
        "employment_years": on.col("emp_length").clip(0, 10),
        "delinquencies_2y": on.col("delinq_2yrs").clip(0, 4),
        "inquiries_6m": on.col("inq_last_6mths").clip(0, 8),
        "months_since_delinquency": _since("mths_since_last_delinq", "delinq_2yrs", on).clip(0, 240),
        "months_since_record": _since("mths_since_last_record", "pub_rec", on).clip(0, 240),
        "open_accounts": on.col("open_acc").clip(0, 40),
        "total_accounts": on.col("total_acc").clip(0, 80),
        "public_records": on.col("pub_rec").clip(0, 2),
        "bankruptcies": on.col("pub_rec_bankruptcies").clip(0, 1),
        "log_revolving_balance": on.col("revol_bal").log1p(),
        "revolving_utilisation": on.col("revol_util").clip(0, 150),
        "term_months": on.col("term"),
        "home_ownership": _one_of(on.col("home_ownership").str.to_uppercase(), HOMES, "OTHER", on),
        "verification_status": _verification(on.col("verification_status").str.to_lowercase(), on),
        "purpose": _one_of(on.col("purpose").str.to_lowercase().str.replace_all(" ", "_"), PURPOSES, "other", on),
        "addr_state": _one_of(on.col("addr_state").str.to_uppercase(), STATES, "unknown", on),
    }


def at_price(on: Engine = pl) -> dict[str, Any]:
    """Expressions of the lender's own price: a separate, declared feature set."""
    ranks = {name: float(rank) for rank, name in enumerate(SUB_GRADES, start=1)}
    return {
        "interest_rate": on.col("int_rate"),
        "log_installment": on.when(on.col("installment") > 0).then(on.col("installment").log()),
        "sub_grade_rank": on.col("sub_grade").replace_strict(ranks, default=None, return_dtype=pl.Float64),
    }


def outcome() -> dict[str, pl.Expr]:
    """The outcome as far as the file knows it.

    Default is a charge-off or 120 days late; its month is derived from the last payment (the month
    of issue when nothing was ever paid) and is at most the month the file was made. A repaid loan
    whose last payment is not known counts as repaid at the end of its term.
    """
    defaulted = pl.col("loan_status").is_in(list(DEFAULTED_STATUSES))
    end_of_term = pl.col("vintage").dt.offset_by(pl.format("{}mo", pl.col("term")))
    repaid = pl.min_horizontal(pl.coalesce("last_pymnt_d", end_of_term), pl.col("observed_month"))
    last_paid = pl.max_horizontal(pl.col("last_pymnt_d"), pl.col("vintage"))
    reached = pl.min_horizontal(last_paid.dt.offset_by(f"{MONTHS_TO_DEFAULT}mo"), pl.col("observed_month"))
    observed = months_between("vintage", "observed_month")
    return {
        "defaulted": defaulted,
        "default_month": pl.when(defaulted).then(reached),
        "repaid_month": pl.when(pl.col("loan_status") == REPAID_STATUS).then(
            pl.max_horizontal(repaid, pl.col("vintage"))
        ),
        "observed_months": observed,
        "matured": observed >= HORIZON_MONTHS,
        "term_elapsed": observed >= pl.col("term"),
    }


def months_between(start: str, end: str, on: Engine = pl) -> Any:
    """Whole months from one first-of-month column to another."""
    first, last = on.col(start), on.col(end)
    return (last.dt.year() - first.dt.year()) * 12 + last.dt.month().cast(pl.Int32) - first.dt.month().cast(pl.Int32)


def _since(months: str, events: str, on: Engine) -> Any:
    """Months since an event; the first files write 0 where there never was one."""
    return on.when((on.col(months) > 0) | (on.col(events) > 0)).then(months)


def _verification(said: Any, on: Engine) -> Any:
    """One of three spellings, or Unknown: older files write "VERIFIED - income source" and "not verified"."""
    return (
        on.when(said.str.starts_with("not ")).then(on.lit("Not Verified"))
        .when(said.str.contains("source", literal=True)).then(on.lit("Source Verified"))
        .when(said.str.starts_with("verified")).then(on.lit("Verified"))
        .otherwise(on.lit("Unknown"))
    )  # fmt: skip


def _one_of(value: Any, allowed: tuple[str, ...], other: str, on: Engine) -> Any:
    return on.when(value.is_in(list(allowed))).then(value).otherwise(on.lit(other))
