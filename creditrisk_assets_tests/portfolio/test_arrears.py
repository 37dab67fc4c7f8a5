"""Days past due at reporting dates, by hand and month by month."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.contracts import STATUSES
from creditrisk_assets.portfolio.arrears import CLASSES, with_arrears
from creditrisk_assets.resources.environments import add_months

ISSUED, OBSERVED = date(2014, 1, 1), date(2016, 6, 1)
AT_THE_END = add_months(OBSERVED, 1)


def loan(status: str, last_paid: date | None, default: date | None = None) -> pl.LazyFrame:
    row = {"vintage": ISSUED, "observed_month": OBSERVED, "default_month": default, "loan_status": status,
           "last_pymnt_d": last_paid}  # fmt: skip
    dates = dict.fromkeys(("default_month", "last_pymnt_d"), pl.Date)
    return pl.LazyFrame([row], schema_overrides=dates)


def at(loans: pl.LazyFrame, as_of: date, months_to_write_off: int = 1) -> tuple[int, int, bool, bool]:
    row = with_arrears(loans, as_of, months_to_write_off).collect().row(0, named=True)
    return row["days_past_due"], row["missed"], row["in_default"], row["written_off"]


@pytest.mark.parametrize(
    ("status", "last_paid", "days"),
    [
        ("Current", add_months(OBSERVED, -6), 0),
        ("Fully Paid", add_months(OBSERVED, -6), 0),
        ("In Grace Period", add_months(OBSERVED, -1), 1),
        ("In Grace Period", add_months(OBSERVED, -2), 15),
        ("Late (16-30 days)", add_months(OBSERVED, -1), 16),
        ("Late (16-30 days)", add_months(OBSERVED, -3), 30),
        ("Late (31-120 days)", add_months(OBSERVED, -1), 31),
        ("Late (31-120 days)", add_months(OBSERVED, -3), 60),
        ("Late (31-120 days)", add_months(OBSERVED, -4), 90),
        ("Late (31-120 days)", None, 120),
    ],
)
def test_in_the_last_month_of_the_file_the_class_bounds_what_the_last_payment_says(
    status: str, last_paid: date | None, days: int
) -> None:
    assert at(loan(status, last_paid), AT_THE_END) == (days, at(loan(status, last_paid), AT_THE_END)[1], False, False)
    assert at(loan(status, last_paid), date(2020, 1, 1)) == at(loan(status, last_paid), AT_THE_END)


def test_a_loan_grows_late_by_thirty_days_a_month_until_it_is_written_off() -> None:
    """Paid last in May 2015: defaults in October, is charged off in November."""
    bad = loan("Charged Off", date(2015, 5, 1), date(2015, 10, 1))
    found = {as_of.month: at(bad, as_of) for as_of in (add_months(date(2015, 6, 1), n) for n in range(7))}
    assert found == {
        6: (0, 0, False, False),
        7: (0, 0, False, False),
        8: (30, 2, False, False),
        9: (60, 3, False, False),
        10: (90, 4, False, False),
        11: (120, 5, True, False),
        12: (150, 6, True, True),
    }
    assert at(bad, date(2015, 12, 1), months_to_write_off=3)[3] is False
    assert at(bad, date(2016, 2, 1), months_to_write_off=3)[3] is True


def test_a_default_that_is_not_charged_off_stays_on_the_books() -> None:
    assert at(loan("Default", add_months(OBSERVED, -6), add_months(OBSERVED, -1)), AT_THE_END) == (150, 6, True, False)


def test_a_charge_off_in_the_month_of_the_file_is_written_off_by_it() -> None:
    early = loan("Charged Off", add_months(OBSERVED, -1), OBSERVED)
    assert at(early, AT_THE_END) == (120, 5, True, True)
    assert at(early, OBSERVED)[2:] == (False, False)


def test_a_late_loan_was_less_late_the_month_before() -> None:
    late = loan("Late (31-120 days)", add_months(OBSERVED, -4))
    assert [at(late, add_months(AT_THE_END, -n))[0] for n in range(5)] == [90, 60, 30, 0, 0]


@given(
    st.sampled_from(STATUSES), st.integers(0, 29), st.integers(0, 40), st.integers(1, 6), st.booleans()
)  # fmt: skip
def test_no_loan_has_days_below_zero_or_beyond_its_class_or_gets_better_without_paying(
    status: str, paid: int, ahead: int, write_off: int, told: bool
) -> None:
    last = add_months(ISSUED, paid) if told else None
    default = min(add_months(last or ISSUED, 5), OBSERVED) if status in ("Charged Off", "Default") else None
    rows = [at(loan(status, last, default), add_months(ISSUED, month), write_off) for month in range(1, ahead + 2)]
    days = [row[0] for row in rows]
    assert days == sorted(days)
    assert all(row[1] >= 0 and (row[0] > 0 or row[1] == 0) for row in rows)
    assert all(row[2] or not row[3] for row in rows), "written off without default"
    if status in CLASSES:
        assert max(days) <= CLASSES[status][1]


def test_an_absent_column_is_named() -> None:
    with pytest.raises(ValueError, match="no column 'loan_status'"):
        with_arrears(loan("Current", None).drop("loan_status"), AT_THE_END, 1)
