"""Which loan a record is about: stable identifiers, and repeats of the same loan."""

from collections.abc import Sequence

import polars as pl

from creditrisk_assets.raw.dialects import NOTHING

_DIGEST_KEY = "creditrisk-loan1"  # changing it changes every surrogate identifier
_NUMBERS = {
    "loan_amnt": 100, "term": 1, "int_rate": 100, "installment": 100, "annual_inc": 1, "dti": 100,
    "delinq_2yrs": 1, "inq_last_6mths": 1, "open_acc": 1, "total_acc": 1, "revol_bal": 1, "revol_util": 10,
}  # fmt: skip
_MONTHS = ("vintage", "earliest_cr_line")
_TEXTS = ("home_ownership", "purpose", "addr_state", "zip_code")
_MISSING = -(2**62)


def loan_id(given: pl.Expr) -> pl.Expr:
    """The lender's identifier, else "x" and twenty digits digested from the application.

    The digest sees canonical values of what never changes after the application, not spellings:
    the same loan keeps its identifier in every dialect, row order and later snapshot.
    """
    # Here and not only in `_digest`: threads of polars importing pandas at once can deadlock.
    import pandas.util  # noqa: F401

    seen = [*_NUMBERS, *_MONTHS, *_TEXTS]
    return pl.map_batches([lenders_id(given), *seen], _completed, return_dtype=pl.String, is_elementwise=True).alias(
        "loan_id"
    )


def _completed(parts: Sequence[pl.Series]) -> pl.Series:
    """The first of `parts`, the lender's identifiers, with digests of the others where it is empty."""
    given = parts[0]
    without = given.is_null()
    if not without.any():
        return given
    return given.scatter(without.arg_true(), _digest(pl.DataFrame(list(parts[1:])).filter(without)))


def lenders_id(identifier: pl.Expr) -> pl.Expr:
    """The lender's identifier as text: tables that held it as a float wrote 1077501 as 1077501.0."""
    bare = identifier.str.replace(r"^(\d+)\.0+$", "${1}")
    return pl.when(~bare.str.to_lowercase().is_in(list(NOTHING))).then(bare)


def application_values() -> list[pl.Expr]:
    """Canonical values of what never changes after an application, by column of raw/loans; none is null."""
    numbers = [(pl.col(name) * scale).round() for name, scale in _NUMBERS.items()]
    whole = [part.cast(pl.Int64).fill_null(_MISSING) for part in (*numbers, *(pl.col(name) for name in _MONTHS))]
    return [*whole, *(pl.col(name).str.to_uppercase().fill_null("") for name in _TEXTS)]


def _digest(applications: pl.DataFrame) -> pl.Series:
    import pandas as pd
    from pandas.util import hash_array, hash_pandas_object

    canonical = applications.select(application_values())
    hashes = {name: hash_array(canonical[name].to_numpy(), hash_key=_DIGEST_KEY) for name in canonical.columns}
    digests = hash_pandas_object(pd.DataFrame(hashes), index=False, hash_key=_DIGEST_KEY)
    return "x" + pl.Series(digests.to_numpy(), dtype=pl.UInt64).cast(pl.String).str.zfill(20)


def without_repeats(loans: pl.DataFrame, elsewhere: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split raw/loans rows into (each loan once, the repeats).

    The latest snapshot of a loan stays, of equal ones the first in file and line. The repeats
    carry `kept`, the place of the record that stays. That may be one of `elsewhere`: records of
    vintages nobody asked for, which decide alike whichever vintages are read, but are not returned.
    """
    ids = pl.concat([loans["loan_id"], elsewhere["loan_id"]])
    if ids.n_unique() == len(ids):
        return loans, loans.clear().with_columns(kept=pl.lit(None, pl.String))
    ranked = pl.concat([loans.with_columns(wanted=True), elsewhere.with_columns(wanted=False)], how="diagonal")
    ranked = ranked.sort(["observed_month", "file", "line"], descending=[True, False, False])
    place = pl.format("{} line {}", "file", "line").first().over("loan_id")
    ranked = ranked.with_columns(place.alias("kept"), first=pl.col("loan_id").is_first_distinct()).filter("wanted")
    once = ranked.filter("first").sort("file", "line").select(loans.columns)
    return once, ranked.filter(~pl.col("first")).select(*loans.columns, "kept")
