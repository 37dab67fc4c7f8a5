"""The book at a reporting date: which loans are on it, how old they are, what they owe.

A loan is on book when it was issued before the date and, as far as is known, has neither defaulted nor been repaid.
Its age is the last month that it is known to have survived: the one before the date, or the file's. A loan whose
term is over and which is neither repaid nor in default has its last month still ahead, as in `models.exposure`.
What it owes is the schedule's: files tell balances of the day they were made, not of the date.
"""

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.models.outcomes import require_columns
from creditrisk_assets.portfolio.arrears import with_arrears
from creditrisk_assets.portfolio.lifetime import Book
from creditrisk_assets.portfolio.schedule import balance, effective_rate

RAW = ("loan_id", "funded_amnt", "loan_amnt", "int_rate", "installment", "loan_status", "last_pymnt_d")
"""Columns of raw/loans beside the features."""
NEEDED = ("loan_id", "vintage", "term_months", "defaulted", "default_month", "repaid_month", "observed_month")


def on_book(features: pl.LazyFrame, raw: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """Loans on book at a reporting date.

    `features` and `raw`: rows of features/loans and raw/loans (at least `RAW`); both stay, with term and
    months_on_book (whole months), days_past_due, amount (USD), rate (percent a year) and instalment (USD; empty
    where not told). ValueError names an absent column.
    """
    require_columns(features, NEEDED)
    require_columns(raw, RAW)
    date_ = pl.lit(as_of)
    known = pl.min_horizontal("observed_month", date_.dt.offset_by("-1mo"))
    lived = (known.dt.year() - pl.col("vintage").dt.year()) * 12 + (
        known.dt.month().cast(pl.Int32) - pl.col("vintage").dt.month().cast(pl.Int32)
    )
    term = pl.col("term_months").round().cast(pl.Int64)
    gone = (pl.col("default_month") < date_).fill_null(False) | (pl.col("repaid_month") < date_).fill_null(False)
    loans = features.filter(pl.col("vintage") < date_, ~gone).join(raw.select(RAW), on="loan_id", maintain_order="left")
    return (
        with_arrears(loans, as_of, months_to_write_off=0)
        .with_columns(
            term=term,
            months_on_book=lived.cast(pl.Int64).clip(0, term - 1),
            amount=pl.coalesce("funded_amnt", "loan_amnt"),
        )
        .rename({"int_rate": "rate", "installment": "instalment"})
    )


def book_of(loans: pl.DataFrame) -> Book:
    """What `lifetime.lifetime_losses` needs of rows of `on_book`. ValueError as `schedule.instalment`."""
    amount, rate, term = (loans[name].cast(pl.Float64).to_numpy() for name in ("amount", "rate", "term"))
    told = loans["instalment"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    effective = effective_rate(amount, told, term, rate)
    age = loans["months_on_book"].cast(pl.Int64).to_numpy()
    return Book(loans["term"].cast(pl.Int64).to_numpy(), age, amount, rate, effective)


def owed(book: Book) -> NDArray[np.float64]:
    """Principal (n,) in USD owed by the schedule at the reporting date."""
    return balance(book.amount, book.rate, book.term, book.age)
