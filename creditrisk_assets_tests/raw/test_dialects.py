"""One value at a time: every spelling seen in real extracts."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.contracts import STATUSES
from creditrisk_assets.raw import dialects


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Oct-2015", date(2015, 10, 1)),
        ("oct-2015", date(2015, 10, 1)),
        ("Oct 2015", date(2015, 10, 1)),
        ("2011-12-01", date(2011, 12, 1)),
        ("2011-12-31", date(2011, 12, 1)),
        ("2018/5/1", date(2018, 5, 1)),
        ("2018-05", date(2018, 5, 1)),
        ("2006-05-23 05:00", date(2006, 5, 1)),
        ("2014-06-30T00:00:00", date(2014, 6, 1)),
        ("Sep-19", date(2019, 9, 1)),
        ("Aug-89", date(1989, 8, 1)),
        ("15-Dec", date(2015, 12, 1)),
        ("3-Aug", date(2003, 8, 1)),
        ("2011-13-01", None),
        ("2011-02-30", None),
        ("Okt-2015", None),
        ("Oct-201", None),
        ("201510", None),
        ("soon", None),
    ],
)
def test_a_month_is_read_in_every_spelling(text: str, expected: date | None) -> None:
    assert dialects.month(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("36 months", 36), ("36", 36), ("60.0", 60), ("60 Months", 60), ("36.5", None), ("three years", None)],
)
def test_a_term_is_a_number_of_months(text: str, expected: int | None) -> None:
    assert dialects.term(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("< 1 year", 0.0),
        ("<1 year", 0.0),
        ("1 year", 1.0),
        ("4 years", 4.0),
        ("10+ years", 10.0),
        ("10", 10.0),
        ("0.5", 0.5),
        ("<script>", None),
        ("long", None),
    ],
)
def test_employment_is_a_number_of_years(text: str, expected: float | None) -> None:
    assert dialects.employment(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Current", "Current"),
        ("Curren", "Current"),
        ("fully paid", "Fully Paid"),
        ("Charged O", "Charged Off"),
        ("Issued", "Current"),
        ("In Grace Period", "In Grace Period"),
        ("Late (16-30 days)", "Late (16-30 days)"),
        ("Late (31", "Late (31-120 days)"),
        ("Late", None),
        ("Cur", None),
        ("Does not meet the credit policy. Status:Fully Paid", "Fully Paid"),
        ("Does not meet the credit policy.  Status: Charged Off", "Charged Off"),
        ("Does not meet the credit policy. Status:", None),
        ("Sold", None),
    ],
)
def test_a_status_is_one_of_the_declared_or_unreadable(text: str, expected: str | None) -> None:
    assert dialects.status(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,000", 1_000.0),
        ("$1,234,567.50", 1_234_567.5),
        ("- $5", -5.0),
        ("17.27%", 17.27),
        ("17.27 %", 17.27),
        ("10,65", None),
        ("1,2,3", None),
        ("5000,00", None),
        ("1_000", None),
        ("12 34", None),
        ("%", None),
        ("", None),
        ("ten", None),
    ],
)
def test_a_comma_counts_only_between_thousands(text: str, expected: float | None) -> None:
    assert dialects.number(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("y", True), ("N", False), ("True", True), ("0", False), ("maybe", None)]
)
def test_a_flag_is_yes_or_no_or_unreadable(text: str, expected: bool | None) -> None:
    assert dialects.flag(text) is expected


def test_blanks_around_a_number_and_words_for_nothing_do_not_matter() -> None:
    read = dialects.read(pl.Series([" 5 ", "5", "n/a", "", None, " 1,000 ", "five"]), "number")
    assert read.to_list() == [5.0, 5.0, None, None, None, 1_000.0, None]


def test_only_a_text_that_means_something_is_unreadable() -> None:
    frame = pl.DataFrame({"text": ["n/a", " ", None, "five", "5", " NULL "]})
    frame = frame.with_columns(value=dialects.read(frame["text"], "number"))
    found = frame.select(dialects.unreadable(pl.col("text"), pl.col("value")))
    assert found.to_series().to_list() == [False, False, False, True, False, False]


@given(st.lists(st.sampled_from(["Oct-2015", " 2011-12-01", "n/a", "x", None, ""])))
def test_reading_a_column_is_reading_each_value(texts: list[str | None]) -> None:
    together = dialects.read(pl.Series(texts, dtype=pl.String), "month").to_list()
    assert together == [dialects.read(pl.Series([text], dtype=pl.String), "month")[0] for text in texts]


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_number_survives_being_written(value: float) -> None:
    assert dialects.read(pl.Series([str(value)]), "number")[0] == value


@given(st.dates(date(1950, 1, 1), date(2049, 12, 31)), st.sampled_from(["%b-%Y", "%Y-%m-%d", "%b-%y", "%y-%b"]))
def test_a_month_survives_every_way_of_writing_it(day: date, pattern: str) -> None:
    assert dialects.month(day.strftime(pattern)) == day.replace(day=1)


@given(st.sampled_from(STATUSES), st.booleans())
def test_a_status_survives_the_policy_prefix(status: str, conforming: bool) -> None:
    prefix = "" if conforming else "Does not meet the credit policy. Status:"
    assert dialects.status(prefix + status) == status


@given(st.text())
def test_no_text_whatever_breaks_a_reader(text: str) -> None:
    for parse in ("text", "number", "count", "percent", "month", "term", "employment", "status", "flag"):
        assert len(dialects.read(pl.Series([text, None]), parse)) == 2
