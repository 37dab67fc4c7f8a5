"""Up to which month a file knows the outcomes of its loans."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

import polars as pl

from creditrisk_assets.columns import Column

OBSERVATIONS = ("last_pymnt_d", "last_credit_pull_d")
LONGEST_SILENCE_MONTHS = 12
SMALLEST_SHARE = 0.001


def months_seen(rows: pl.DataFrame, columns: Iterable[Column]) -> pl.DataFrame:
    """How many of the typed `rows` were last heard of in which month: columns month, records."""
    dated = [pl.when(~column.broken()).then(column.name) for column in columns if column.name in OBSERVATIONS]
    month = pl.max_horizontal(dated) if dated else pl.lit(None, pl.Date)
    return rows.lazy().group_by(month.alias("month")).agg(pl.len().cast(pl.Int64).alias("records")).collect()


def last_backed(months: pl.DataFrame) -> date | None:
    """The last month of which a file knows anything: its latest payment or credit report.

    It decides the maturity of every loan in the file, so one slip of the pen must not: a month
    more than LONGEST_SILENCE_MONTHS after all earlier ones counts only when at least SMALLEST_SHARE
    of the records lie there or later.
    """
    counted = months.group_by("month").agg(pl.col("records").sum()).drop_nulls().sort("month")
    enough = int(months["records"].sum()) * SMALLEST_SHARE
    last: date | None = None
    later = int(counted["records"].sum())
    for month, count in counted.iter_rows():
        if last is not None and _months_between(last, month) > LONGEST_SILENCE_MONTHS and later < enough:
            break
        last, later = month, later - count
    return last


def without_strays(issued: pl.DataFrame) -> list[date]:
    """The months in which a book was issued, from its columns month and records, in order.

    A month far away from all others (more than LONGEST_SILENCE_MONTHS) that holds less than
    SMALLEST_SHARE of the records is a slip of the pen, and must not stretch the book by years.
    """
    counted = list(issued.sort("month").select("month", "records").iter_rows())
    few = sum(count for _, count in counted) * SMALLEST_SHARE

    def stray(end: int, neighbour: int) -> bool:
        far = abs(_months_between(counted[end][0], counted[neighbour][0])) > LONGEST_SILENCE_MONTHS
        return far and counted[end][1] < few

    while len(counted) > 1 and stray(0, 1):
        counted.pop(0)
    while len(counted) > 1 and stray(-1, -2):
        counted.pop()
    return [month for month, _ in counted]


def _months_between(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


def until(observed: date | None, columns: Iterable[Column]) -> tuple[Column, ...]:
    """The declarations of a file's columns; no observation is later than the file itself."""
    if observed is None:
        return tuple(columns)
    return tuple(replace(column, high=observed) if column.name in OBSERVATIONS else column for column in columns)
