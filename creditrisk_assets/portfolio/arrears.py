"""Days past due and write-offs of loans at a reporting date, as far as a file made later tells.

A reporting date is the first day of its month: the book is that of the end of the month before, or of the last
month the file knows of. The file tells a loan's class of arrears in that last month, and when it paid last. From
there backwards a loan that never paid again has grown late by thirty days a month, and reaches 120 days in its
month of default (`features.loans`). Arrears that were made good before the file was made are not recorded, so
earlier dates show fewer late loans than the lender saw then, all of them lasting cases.
"""

from datetime import date

import polars as pl

from creditrisk_assets.features.loans import MONTHS_TO_DEFAULT
from creditrisk_assets.models.outcomes import require_columns

DAYS_A_MONTH = 30
DAYS_AT_DEFAULT = 120
WRITTEN_OFF = "Charged Off"
CLASSES = {
    "Current": (0, 0),
    "Fully Paid": (0, 0),
    "In Grace Period": (1, 15),
    "Late (16-30 days)": (16, 30),
    "Late (31-120 days)": (31, DAYS_AT_DEFAULT),
}
"""Fewest and most days past due of a status; Default and Charged Off are told by the month of default."""

NEEDED = ("vintage", "observed_month", "default_month", "loan_status", "last_pymnt_d")


def with_arrears(loans: pl.LazyFrame, as_of: date, months_to_write_off: int) -> pl.LazyFrame:
    """Adds `days_past_due`, `missed` (instalments not paid), `in_default` and `written_off` at a reporting date.

    `loans`: features/loans with `loan_status` and `last_pymnt_d` of raw/loans; nothing that happened in the month of
    `as_of`, or after it, is counted, but what had not been made good by the end of the file. `months_to_write_off`
    from the month of default, and no later than the file that says so. ValueError names a column that is absent.
    """
    require_columns(loans, NEEDED)
    seen = pl.min_horizontal(pl.col("observed_month"), pl.lit(as_of).dt.offset_by("-1mo"))
    paid = pl.max_horizontal("last_pymnt_d", "vintage")
    last_paid = pl.coalesce(pl.col("default_month").dt.offset_by(f"-{MONTHS_TO_DEFAULT}mo"), paid)
    before = _months(pl.col("observed_month")) - _months(seen)
    late_for = _months(seen) - _months(last_paid)
    least, most = (_of_class(place) for place in (0, 1))
    passed = DAYS_A_MONTH * (late_for - 1)
    now = before == 0
    classed = (
        pl.when(now)
        .then(passed.clip(least, most))
        .otherwise(passed.clip(0, pl.max_horizontal(most - DAYS_A_MONTH * before, 0)))
    )
    defaulted = pl.col("default_month").is_not_null()
    # A charge-off ahead of its time (bankruptcy) is in default from the month that the file tells.
    beyond = pl.when(pl.col("default_month") <= seen).then(passed.clip(DAYS_AT_DEFAULT)).otherwise(passed.clip(0))
    days = pl.when(defaulted).then(beyond).otherwise(classed)
    gone = pl.min_horizontal(pl.col("default_month").dt.offset_by(f"{months_to_write_off}mo"), "observed_month")
    return loans.with_columns(
        days_past_due=days.cast(pl.Int32),
        missed=pl.when(days > 0).then(late_for).otherwise(0).cast(pl.Int32),
        in_default=(pl.col("default_month") <= seen).fill_null(False),
        written_off=((pl.col("loan_status") == WRITTEN_OFF) & (gone <= seen)).fill_null(False),
    )


def _of_class(place: int) -> pl.Expr:
    days = {status: ends[place] for status, ends in CLASSES.items()}
    return pl.col("loan_status").replace_strict(days, default=0, return_dtype=pl.Int32)


def _months(month: pl.Expr) -> pl.Expr:
    return month.dt.year() * 12 + month.dt.month().cast(pl.Int32)
