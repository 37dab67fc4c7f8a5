"""One application booked more than once under different loan identifiers: the intake only knows repeats of one.

Two loans are the same application where everything that never changes after it is the same: amounts, rate,
income, credit report, home, purpose and place (`raw/identity.py`), but not identifier and month of issue.
"""

import polars as pl

from creditrisk_assets.raw.identity import application_values

TOLD_APART = ("annual_inc", "dti", "revol_bal", "earliest_cr_line")
"""Where one of these is missing, two borrowers may well look the same: such loans are not compared."""

COLUMNS = tuple(dict.fromkeys(
    ["vintage", *TOLD_APART, *(name for part in application_values() for name in part.meta.root_names())]
))  # fmt: skip
"""Columns of raw/loans that are read."""

DUPLICATES = pl.Schema({"vintage": pl.Date, "loans": pl.Int64, "repeated": pl.Int64, "elsewhere": pl.Int64})


def duplicates(loans: pl.LazyFrame) -> pl.DataFrame:
    """Loans of each vintage, those whose application is booked twice, and of these those with a twin elsewhere.

    Columns DUPLICATES, by vintage in order; `elsewhere` is in another vintage. loans: `COLUMNS` of raw/loans.
    Applications are compared by a hash of 64 bits: in a book of two million loans two of them agree by
    chance once in ten million books.
    """
    contents = [part for part in application_values() if part.meta.output_name() != "vintage"]
    content = pl.struct(contents).hash()
    compared = pl.all_horizontal(pl.col(name).is_not_null() for name in TOLD_APART)
    hashed = loans.select("vintage", pl.when(compared).then(content).alias("content")).collect(engine="streaming")
    known = hashed.drop_nulls("content")
    again = known.filter(pl.col("content").is_duplicated())
    again = again.with_columns(elsewhere=pl.col("vintage").n_unique().over("content") > 1)
    counts = again.group_by("vintage").agg(
        repeated=pl.len().cast(pl.Int64), elsewhere=pl.col("elsewhere").sum().cast(pl.Int64)
    )
    every = hashed.group_by("vintage").agg(loans=pl.len().cast(pl.Int64))
    table = every.join(counts, on="vintage", how="left").with_columns(pl.col("repeated", "elsewhere").fill_null(0))
    return table.sort("vintage").select(DUPLICATES.names())
