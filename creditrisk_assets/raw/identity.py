"""Which loan a record is about: stable identifiers, and repeats of the same loan."""

import polars as pl

_DIGEST_KEY = "creditrisk-loan1"  # changing it changes every surrogate identifier
_NUMBERS = {
    "loan_amnt": 100, "term": 1, "int_rate": 100, "installment": 100, "annual_inc": 1, "dti": 100,
    "delinq_2yrs": 1, "inq_last_6mths": 1, "open_acc": 1, "total_acc": 1, "revol_bal": 1, "revol_util": 10,
}  # fmt: skip
_TEXTS = ("vintage", "earliest_cr_line", "home_ownership", "purpose", "addr_state", "zip_code")


def loan_id(given: pl.Expr) -> pl.Expr:
    """The lender's identifier, else "x" and twenty digits digested from the application.

    The digest sees canonical values of what never changes after the application, not spellings:
    the same loan keeps its identifier in every dialect, row order and later snapshot.
    """
    numbers = [(pl.col(name) * scale).round().cast(pl.Int64).cast(pl.String) for name, scale in _NUMBERS.items()]
    texts = [pl.col(name).cast(pl.String).str.to_uppercase() for name in _TEXTS]
    canonical = pl.concat_str([part.fill_null("") for part in (*numbers, *texts)], separator="|")
    digest = canonical.map_batches(_digest, return_dtype=pl.String, is_elementwise=True)
    return pl.coalesce(given, digest).alias("loan_id")


def _digest(texts: pl.Series) -> pl.Series:
    from pandas.util import hash_array

    digests = hash_array(texts.to_numpy(), hash_key=_DIGEST_KEY, categorize=False)
    return ("x" + pl.Series(digests, dtype=pl.UInt64).cast(pl.String).str.zfill(20)).alias(texts.name)


def without_repeats(loans: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split raw/loans rows into (each loan once, the repeats).

    The latest snapshot of a loan stays, of equal ones the first in file and line. The repeats
    carry `kept`, the place of the record that stays.
    """
    if loans["loan_id"].n_unique() == loans.height:
        return loans, loans.clear().with_columns(kept=pl.lit(None, pl.String))
    ranked = loans.sort(["observed_month", "file", "line"], descending=[True, False, False])
    place = pl.format("{} line {}", "file", "line")
    ranked = ranked.with_columns(place.first().over("loan_id").alias("kept"))
    first = pl.col("loan_id").is_first_distinct()
    return ranked.filter(first).drop("kept").sort("file", "line"), ranked.filter(~first)
