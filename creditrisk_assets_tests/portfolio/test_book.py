"""Which loans are on book at a reporting date, as far as was known, and what they owe."""

from datetime import date

import polars as pl
import pytest

from creditrisk_assets.portfolio.book import book_of, on_book, owed
from creditrisk_assets.portfolio.schedule import balance, instalment

AS_OF = date(2015, 1, 1)
ISSUED = date(2014, 1, 1)
LATER = date(2018, 1, 1)


def on(*loans: dict[str, object], as_of: date = AS_OF) -> pl.DataFrame:
    usual: dict[str, object] = {
        "vintage": ISSUED, "term_months": 36.0, "purpose": "car", "defaulted": False, "default_month": None,
        "repaid_month": None, "observed_month": LATER, "funded_amnt": 9_000.0, "loan_amnt": 10_000.0,
        "int_rate": 12.0, "installment": None, "loan_status": "Current", "last_pymnt_d": LATER,
    }  # fmt: skip
    dates = dict.fromkeys(("vintage", "default_month", "repaid_month", "observed_month", "last_pymnt_d"), pl.Date)
    frame = pl.DataFrame(
        [{"loan_id": f"{number}", **usual, **loan} for number, loan in enumerate(loans)],
        schema_overrides={**dates, "installment": pl.Float64, "funded_amnt": pl.Float64},
    )
    raw = ("loan_id", "funded_amnt", "loan_amnt", "int_rate", "installment", "loan_status", "last_pymnt_d")
    return on_book(frame.drop(raw[1:]).lazy(), frame.select(raw).lazy(), as_of).collect()


def test_a_loan_is_on_book_from_its_issue_until_it_is_known_to_have_left() -> None:
    before, then = date(2014, 12, 1), date(2015, 1, 1)
    found = on(
        {},
        {"vintage": AS_OF},
        {"defaulted": True, "default_month": before},
        {"defaulted": True, "default_month": then},
        {"repaid_month": before},
        {"repaid_month": then},
    )
    assert found["loan_id"].to_list() == ["0", "3", "5"]


def test_its_age_is_the_last_month_it_is_known_to_have_survived() -> None:
    found = on({}, {"vintage": date(2014, 12, 1)}, {"observed_month": date(2014, 9, 1)})
    assert found["months_on_book"].to_list() == [11, 0, 8]


def test_the_last_month_of_an_unpaid_rest_is_still_ahead() -> None:
    found = on({"vintage": date(2010, 1, 1)}, {"vintage": date(2011, 12, 1)}, {"vintage": date(2012, 1, 1)})
    assert found["months_on_book"].to_list() == [35, 35, 35]
    assert (owed(book_of(found)) > 0).all()


def test_it_owes_what_was_funded_by_its_schedule() -> None:
    paid = float(instalment(9_000, 12, 36))
    found = on({}, {"funded_amnt": None}, {"installment": paid * 1.01})
    book = book_of(found)
    assert owed(book).tolist() == balance([9_000, 10_000, 9_000], 12, 36, 11).tolist()
    assert book.effective[:2].tolist() == [0.01, 0.01]
    assert book.effective[2] > 0.0101


def test_days_past_due_are_those_known_at_the_date() -> None:
    stopped = {"defaulted": True, "loan_status": "Charged Off", "default_month": date(2015, 2, 1)}
    found = on({}, {**stopped, "last_pymnt_d": date(2014, 9, 1)})
    assert found["days_past_due"].to_list() == [0, 60]  # paid in September, so October's instalment is 60 days late


@pytest.mark.parametrize(
    ("loan", "told"),
    [({"term_months": 0.0}, "term is 0"), ({"int_rate": -1.0}, "rate is -1"), ({"funded_amnt": -1.0}, "amount is -1")],
)
def test_a_loan_without_a_schedule_is_refused(loan: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        book_of(on({}, loan))


def test_a_column_that_is_absent_is_named() -> None:
    with pytest.raises(ValueError, match="'vintage'"):
        on_book(pl.LazyFrame({"loan_id": []}), pl.LazyFrame(), AS_OF)
