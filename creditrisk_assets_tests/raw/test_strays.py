"""Slips of the pen in the month of issue do not stretch the book."""

from datetime import date

import polars as pl

from creditrisk_assets.raw.observed import without_strays


def issued(months: dict[date, int]) -> pl.DataFrame:
    return pl.DataFrame(
        {"month": list(months), "records": list(months.values())}, schema={"month": pl.Date, "records": pl.Int64}
    )


BODY = {date(2014, month, 1): 1_000 for month in range(1, 13)}


def test_a_single_record_decades_away_does_not_stretch_the_book() -> None:
    months = issued({date(1999, 1, 1): 1, **BODY, date(2099, 1, 1): 2})
    assert without_strays(months) == list(BODY)


def test_a_pack_of_its_own_belongs_to_the_book_however_far_away() -> None:
    months = {date(2010, 1, 1): 500, **BODY}
    assert without_strays(issued(months)) == list(months)


def test_a_thin_month_next_to_the_others_belongs_to_the_book() -> None:
    months = {date(2013, 11, 1): 1, **BODY}
    assert without_strays(issued(months)) == list(months)


def test_a_book_of_one_month_and_an_empty_one_are_left_alone() -> None:
    assert without_strays(issued({date(2014, 1, 1): 3})) == [date(2014, 1, 1)]
    assert without_strays(issued({})) == []
