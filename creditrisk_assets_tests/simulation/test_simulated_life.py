"""Statuses follow the age of the book, empty values follow their causes, faults are all accounted for."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import STATUSES
from creditrisk_assets.simulation.book import SimulatedBook, simulate_loans
from creditrisk_assets.simulation.dirt import KINDS
from creditrisk_assets_tests.simulation.simulated import LOANS, book, facts, month, number, texts, truth

LATE = ["In Grace Period", "Late (16-30 days)", "Late (31-120 days)"]
DEFAULTED = ["Default", "Charged Off"]


def _status_shares(observed_months: int) -> dict[str, float]:
    counts = texts(observed_months)["loan_status"].value_counts()
    return {status: count / LOANS for status, count in counts.iter_rows()}


def test_a_young_book_is_mostly_current_with_some_of_every_status() -> None:
    shares = _status_shares(0)
    assert {"Current", *LATE, "Charged Off", "Fully Paid"} <= set(shares) <= set(STATUSES)
    assert shares["Current"] > 0.6
    assert shares["Charged Off"] < 0.06
    assert 0.002 < shares["Late (31-120 days)"] < 0.03


def test_an_old_book_is_all_but_closed() -> None:
    shares = _status_shares(60)
    assert shares["Charged Off"] + shares["Fully Paid"] > 0.995
    assert _status_shares(0)["Charged Off"] < _status_shares(12)["Charged Off"] < shares["Charged Off"]


@pytest.mark.parametrize("observed_months", [0, 12, 60])
def test_status_is_what_the_true_default_month_says_at_the_observation_month(observed_months: int) -> None:
    observed = 2014 * 12 + 23 + observed_months
    age = observed - texts(observed_months).select(month("issue_d")).to_series()
    defaults = truth(observed_months)["default_month_on_book"]
    status = texts(observed_months)["loan_status"]
    defaulted = status.is_in(["Default", "Charged Off"])
    assert defaulted.equals((defaults <= age).fill_null(False), check_names=False)
    late = status.is_in(LATE)
    stopped = ((defaults > age) & (defaults - 5 < age)).fill_null(False)
    assert not (stopped & ~late).any()


def test_a_late_loan_is_not_lost_yet() -> None:
    late = texts(0)["loan_status"].is_in(LATE)
    ends = texts(60)["loan_status"].filter(late)
    assert 0.55 < (ends == "Charged Off").mean() < 0.9  # type: ignore[operator]
    assert 0.1 < (ends == "Fully Paid").mean() < 0.45  # type: ignore[operator]


def test_defaulted_loans_made_their_last_payment_five_months_before_the_default() -> None:
    frame = texts().with_columns(truth()["default_month_on_book"]).filter(pl.col("loan_status").is_in(DEFAULTED))
    paid = frame.select((month("last_pymnt_d") - month("issue_d")).fill_null(0)).to_series()
    assert (frame["default_month_on_book"] - paid).unique().to_list() == [5]


def test_a_later_file_tells_later_chapters_of_the_same_loans() -> None:
    then, now = texts(0), texts(60)
    application = ["id", "loan_amnt", "int_rate", "annual_inc", "fico_range_low", "addr_state", "issue_d"]
    assert then.select(application).equals(now.select(application))
    assert truth(0).equals(truth(60))
    closed = then["loan_status"].is_in(["Charged Off", "Fully Paid"])
    assert then["loan_status"].filter(closed).equals(now["loan_status"].filter(closed))
    received = now.select(number("total_rec_prncp")).to_series() - then.select(number("total_rec_prncp")).to_series()
    assert received.min() >= 0  # type: ignore[operator]


def test_losses_are_the_published_nine_tenths_of_the_lost_principal() -> None:
    lost = texts().filter(pl.col("loan_status") == "Charged Off")
    share = lost.select(number("recoveries").sum() / (number("loan_amnt") - number("total_rec_prncp")).sum()).item()
    assert 0.06 < share < 0.12


def _empty(column: str) -> pl.Series:
    return texts()[column].is_null()


def test_low_earners_leave_out_their_employment_more_often() -> None:
    income = texts().select(number("annual_inc")).to_series()
    missing = texts()["emp_length"] == "n/a"
    poor, rich = income < income.quantile(0.25), income > income.quantile(0.75)
    assert 0.03 < missing.mean() < 0.10  # type: ignore[operator]
    assert missing.filter(poor).mean() > 2 * missing.filter(rich).mean()  # type: ignore[operator]


def test_months_since_an_event_are_empty_exactly_when_there_was_none() -> None:
    assert _empty("mths_since_last_record").equals(texts()["pub_rec"] == "0", check_names=False)
    assert 0.85 <= _empty("mths_since_last_record").mean() <= 0.90  # type: ignore[operator]
    delinquent = texts().filter(pl.col("delinq_2yrs") != "0")
    assert delinquent.select((number("mths_since_last_delinq") < 24).all()).item()
    assert 0.35 < _empty("mths_since_last_delinq").mean() < 0.65  # type: ignore[operator]
    inquired = texts().filter(pl.col("inq_last_6mths") != "0")
    assert inquired.select((number("mths_since_recent_inq") < 6).all()).item()


def test_utilisation_is_empty_only_for_borrowers_without_a_line() -> None:
    lineless = texts().filter(pl.col("revol_util").is_null())
    assert 0.0005 < len(lineless) / LOANS < 0.005
    assert set(lineless["total_rev_hi_lim"]) == {"0"}


def test_joint_columns_are_filled_for_joint_applications_only() -> None:
    joint = texts()["application_type"] == "Joint App"
    assert 0.005 < joint.mean() < 0.04  # type: ignore[operator]
    for column in ("annual_inc_joint", "dti_joint"):
        assert (~_empty(column)).equals(joint, check_names=False)


def test_features_hang_together_as_they_do_among_real_borrowers() -> None:
    columns = ("fico_range_low", "revol_util", "int_rate", "annual_inc", "loan_amnt")
    frame = texts().select(number(name).alias(name) for name in columns)

    def rank_correlation(one: str, other: str) -> float:
        return float(frame.drop_nulls().select(pl.corr(one, other, method="spearman")).item())

    assert rank_correlation("fico_range_low", "revol_util") < -0.3
    assert rank_correlation("fico_range_low", "int_rate") < -0.3
    assert rank_correlation("annual_inc", "loan_amnt") > 0.3
    by_state = texts().group_by("addr_state").agg(number("annual_inc").median().alias("median"))
    medians = dict(by_state.iter_rows())
    assert medians["NJ"] > medians["FL"]


def test_income_has_a_heavy_tail() -> None:
    income = np.sort(texts().select(number("annual_inc")).to_series().to_numpy())
    assert 55_000 < np.median(income) < 70_000
    assert income[-1] > 8 * np.median(income)


@pytest.fixture(scope="module")
def dirty() -> SimulatedBook:
    return book(dirty=0.04)


def test_every_fault_is_accounted_for(dirty: SimulatedBook) -> None:
    lines = pl.Series(dirty.file.read_text().splitlines()[1:])
    found = facts(dirty)
    assert found["dirty_records"] == dict.fromkeys(KINDS, 60)
    assert found["records"] == len(lines) == dirty.rows == LOANS + 60
    assert dirty.dirty_rows == 480 == found["records"] - found["clean_records"]
    separators = lines.str.replace_all(r'"[^"]*"', "").str.count_matches(",") + 1
    width = len(texts().columns)
    assert (separators == width + 1).sum() == 60
    assert (separators == width - 1).sum() == 60
    assert lines.is_duplicated().sum() == 120
    assert pl.read_parquet(dirty.truth)["damage"].value_counts().drop_nulls()["count"].to_list() == [60] * len(KINDS)


def test_faults_stand_in_the_columns_they_are_named_for(dirty: SimulatedBook) -> None:
    frame = pl.read_csv(dirty.file, infer_schema=False, truncate_ragged_lines=True)
    assert frame["loan_amnt"].str.starts_with("about ").sum() == 60
    assert frame["loan_amnt"].str.starts_with("-").sum() == 60
    assert (frame["loan_status"] == "Under Review").sum() == 60
    assert frame["int_rate"].null_count() == 60
    assert frame.filter(~pl.col("issue_d").str.contains(r"^[A-Z][a-z]{2}-\d{4}$")).height == 60


def test_damage_touches_no_other_record(dirty: SimulatedBook) -> None:
    clean = book().file.read_text().splitlines()
    spoiled = dirty.file.read_text().splitlines()
    assert len(set(clean) - set(spoiled)) == 420
    assert len(set(spoiled) - set(clean)) == 420


def test_a_file_without_dirt_has_none(tmp_path: Path) -> None:
    simulated = simulate_loans(loans=400, vintages=3, seed=1, out=tmp_path)
    assert simulated.dirty_rows == 0
    assert set(facts(simulated)["dirty_records"].values()) == {0}
    lines = simulated.file.read_text().splitlines()
    assert len(set(lines)) == len(lines) == 401
