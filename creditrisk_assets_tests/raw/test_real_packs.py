"""The real files, each in its own dialect: named rows come out as what the lender meant."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from written import read

from creditrisk_assets.contracts import FEATURES_LOANS
from creditrisk_assets.features.loans import features
from creditrisk_assets.raw.intake import Intake

MATURED, QUOTED, RECENT = "loans_2007_2011.csv.gz", "loans_2014_raw_prospectus_line.csv", "loans_2016_03_raw.csv"
LOANS = {MATURED: 42_535, QUOTED: 998, RECENT: 1_000}
ROWS: dict[tuple[str, int], dict[str, Any]] = {
    (MATURED, 2): {
        "vintage": date(2007, 12, 1), "loan_amnt": 20_000.0, "term": 36, "int_rate": 11.22, "installment": 656.86,
        "sub_grade": "C4", "revol_util": 53.7, "earliest_cr_line": date(2003, 1, 1), "emp_length": 10.0,
        "annual_inc": 38_556.0, "dti": 14.04, "verification_status": "Not Verified", "last_pymnt_d": date(2009, 7, 1),
        "next_pymnt_d": None, "loan_status": "Fully Paid", "meets_credit_policy": True, "fico_range_low": None,
        "observed_month": date(2017, 11, 1), "hardship_flag": False,
    },
    (MATURED, 253): {
        "vintage": date(2007, 12, 1), "loan_amnt": 700.0, "int_rate": 17.09, "revol_util": 22.6, "emp_length": 0.0,
        "loan_status": "Fully Paid", "meets_credit_policy": False, "last_pymnt_d": date(2011, 1, 1),
    },
    (QUOTED, 3): {
        "loan_id": "20159237", "vintage": date(2014, 6, 1), "loan_amnt": 10_000.0, "term": 36, "int_rate": 22.15,
        "sub_grade": "E5", "revol_util": 73.1, "earliest_cr_line": date(2006, 5, 1), "emp_length": 8.0,
        "verification_status": "Verified", "fico_range_low": 670.0, "fico_range_high": 674.0, "bc_util": 83.0,
        "last_pymnt_d": date(2014, 9, 1), "loan_status": "Current", "meets_credit_policy": True, "zip_code": None,
        "observed_month": date(2014, 9, 1), "pymnt_plan": False,
    },
    (QUOTED, 998): {"loan_amnt": 10_725.0, "term": 60, "int_rate": 15.61, "emp_length": 2.0, "emp_title": "Teacher"},
    (RECENT, 2): {
        "vintage": date(2016, 3, 1), "loan_amnt": 35_000.0, "term": 36, "int_rate": 17.27, "installment": 1_252.56,
        "revol_util": 92.7, "earliest_cr_line": date(1996, 3, 1), "emp_length": 10.0, "dti": 21.88,
        "verification_status": "Verified", "last_pymnt_d": date(2017, 8, 1), "next_pymnt_d": date(2017, 9, 1),
        "loan_status": "Current", "meets_credit_policy": True, "application_type": "INDIVIDUAL", "fico_range_low": None,
        "observed_month": date(2017, 8, 1),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def packs(shared_data: Path) -> dict[str, Intake]:
    return {name: read(shared_data / "lendingclub" / name) for name in LOANS}


@pytest.mark.parametrize("name", LOANS)
def test_every_loan_of_a_pack_is_read_and_none_is_quarantined(packs: dict[str, Intake], name: str) -> None:
    assert packs[name].clean.height == LOANS[name]
    assert packs[name].quarantine.is_empty()
    assert packs[name].clean["loan_id"].n_unique() == LOANS[name]
    assert packs[name].clean["vintage"].n_unique() == {MATURED: 55}.get(name, 1)


@pytest.mark.parametrize("place", ROWS, ids=lambda place: f"{place[0]} line {place[1]}")
def test_a_named_row_means_what_the_lender_meant(packs: dict[str, Intake], place: tuple[str, int]) -> None:
    row = packs[place[0]].clean.row(by_predicate=pl.col("line") == place[1], named=True)
    assert {name: row[name] for name in ROWS[place]} == ROWS[place]


def test_all_packs_together_are_the_sum_of_each(packs: dict[str, Intake], shared_data: Path) -> None:
    together = read(*(shared_data / "lendingclub" / name for name in LOANS))
    assert together.quarantine.is_empty()
    assert together.clean.equals(pl.concat([packs[name].clean for name in LOANS]))
    assert dict(together.ledger.group_by("file").agg(pl.col("clean").sum()).iter_rows()) == LOANS


@pytest.mark.parametrize("month", [date(2007, 6, 1), date(2011, 12, 1)])
def test_one_vintage_of_a_pack_is_that_part_of_the_whole(
    packs: dict[str, Intake], shared_data: Path, month: date
) -> None:
    part = read(shared_data / "lendingclub" / MATURED, vintages=[month])
    assert part.clean.equals(packs[MATURED].clean.filter(vintage=month))


def test_the_matured_pack_agrees_with_its_profile(packs: dict[str, Intake]) -> None:
    clean = packs[MATURED].clean
    statuses = clean.group_by("meets_credit_policy", "loan_status").len().rows()
    assert sorted(statuses) == [
        (False, "Charged Off", 761), (False, "Fully Paid", 1_988), (True, "Charged Off", 5_670),
        (True, "Fully Paid", 34_116),
    ]  # fmt: skip
    nulls = clean.select("annual_inc", "delinq_2yrs", "revol_util", "last_pymnt_d", "emp_title").null_count().row(0)
    assert nulls == (4, 29, 90, 83, 2_618)
    assert (clean["revol_util"].max(), clean["dti"].max(), clean["annual_inc"].max()) == (119.0, 29.99, 6e6)
    parts = pl.sum_horizontal("total_rec_prncp", "total_rec_int", "total_rec_late_fee", "recoveries")
    assert clean.select(((pl.col("total_pymnt") - parts).abs() < 0.011).all()).item()


@pytest.mark.parametrize("name", LOANS)
def test_every_pack_has_valid_features(packs: dict[str, Intake], name: str) -> None:
    frame = features(packs[name].clean.lazy())
    assert FEATURES_LOANS.shape_differences(frame.collect_schema()) == []
    assert FEATURES_LOANS.violations(frame) == {}


def test_the_matured_pack_is_matured(packs: dict[str, Intake]) -> None:
    frame = features(packs[MATURED].clean.lazy()).collect()
    assert frame["matured"].all()
    assert frame["term_elapsed"].all()
    assert round(frame["defaulted"].mean() or 0, 4) == 0.1512
    assert frame.filter("defaulted")["default_month"].null_count() == 0
