"""Customers of the stream by days past due from one month end to the next: rows of serving/roll_rates."""

from datetime import datetime

import polars as pl

from creditrisk_assets.contracts import BUCKETS, SERVING_ROLL_RATES

REMEMBERED = 2
"""Months a customer of whom nothing is heard keeps the last bucket."""
_BUCKET_STARTS = (1, 30, 60, 90)


def roll_rates(behaviour: pl.LazyFrame, now: datetime) -> pl.LazyFrame:
    """serving/roll_rates of features/behaviour, for months that are over.

    A customer stands where the newest row of the month says, by `as_of`; of rows as of one instant the
    one ingested last knows most. Without a row in a month the bucket of the month before is kept, if
    there was a row in the two months before. Neither the month of `now` nor that of the newest event is over.
    """
    order = [pl.col("as_of"), pl.col("ingested_at"), pl.col("offset")]
    newest = behaviour.group_by("customer_id", month=pl.col("as_of").dt.date().dt.truncate("1mo")).agg(
        days=pl.col("days_past_due").sort_by(order).last()
    )
    over = pl.min_horizontal(pl.lit(now.date()), behaviour.select(pl.col("as_of").max().dt.date()).collect().item())
    ages = pl.DataFrame({"age": range(REMEMBERED + 1)}, schema={"age": pl.Int64}).lazy()
    kept = newest.join(ages, how="cross").with_columns(
        pl.col("month").dt.offset_by(pl.format("{}mo", "age")), bucket=bucket(pl.col("days"))
    )
    kept = kept.filter(pl.col("month") < over.dt.truncate("1mo"))
    at_end = kept.group_by("customer_id", "month").agg(bucket=pl.col("bucket").sort_by("age").first())
    before = at_end.with_columns(pl.col("month").dt.offset_by("1mo"))
    rolled = at_end.join(before, on=["customer_id", "month"], suffix="_before")
    names = {"from_bucket": "bucket_before", "to_bucket": "bucket"}
    counted = rolled.group_by("month", *(pl.col(old).alias(new) for new, old in names.items())).agg(customers=pl.len())
    return SERVING_ROLL_RATES.conform(counted).sort(SERVING_ROLL_RATES.primary)


def bucket(days: pl.Expr) -> pl.Expr:
    """Which of BUCKETS a number of days past due belongs to."""
    first, *later = BUCKETS
    found = pl.lit(first)
    for start, name in zip(_BUCKET_STARTS, later, strict=True):
        found = pl.when(days >= start).then(pl.lit(name)).otherwise(found)
    return found
