"""Loan files as tests write them: distinct, valid loans, with whatever is done to them."""

import csv
import io
from datetime import date
from pathlib import Path

import polars as pl

from creditrisk_assets.contracts import RAW_LOANS, RAW_LOANS_LEDGER, RAW_LOANS_QUARANTINE
from creditrisk_assets.raw.intake import Intake, read_loans

BOOK = (date(2007, 1, 1), date(2018, 12, 1))
LOAN = {
    "id": "", "loan_amnt": "10000", "term": " 36 months", "int_rate": "10.65%", "installment": "325.74", "grade": "B",
    "sub_grade": "B2", "emp_title": "Nurse", "emp_length": "10+ years", "home_ownership": "RENT",
    "annual_inc": "52000.0", "verification_status": "Verified", "issue_d": "Dec-2015", "loan_status": "Current",
    "pymnt_plan": "n", "purpose": "credit_card", "title": "Cards", "zip_code": "860xx", "addr_state": "AZ",
    "dti": "27.65", "delinq_2yrs": "0", "earliest_cr_line": "Jan-1985", "fico_range_low": "670",
    "fico_range_high": "674", "inq_last_6mths": "1", "mths_since_last_delinq": "", "open_acc": "3", "pub_rec": "0",
    "revol_bal": "13648", "revol_util": "83.7%", "total_acc": "9", "application_type": "INDIVIDUAL",
    "total_pymnt": "5863.16", "last_pymnt_d": "Aug-2017", "last_pymnt_amnt": "171.62", "last_credit_pull_d": "Sep-2017",
}  # fmt: skip
Rows = list[dict[str, str]]


def loan(number: int = 0, **changes: str) -> dict[str, str]:
    """Texts of the loan with that number; loans of different numbers differ in amount and month."""
    month = ("Oct-2015", "Nov-2015", "Dec-2015")[number % 3]
    return {**LOAN, "loan_amnt": str(10_000 + 25 * number), "issue_d": month, **changes}


def loans(count: int) -> Rows:
    return [loan(number) for number in range(count)]


def text(rows: Rows, *, quoting: int = csv.QUOTE_MINIMAL, newline: str = "\n", header: list[str] | None = None) -> str:
    """The rows as CSV with a header line."""
    names = header or list(rows[0])
    held = io.StringIO()
    writer = csv.DictWriter(held, names, quoting=quoting, lineterminator=newline, restval="", extrasaction="ignore")  # type: ignore[arg-type]
    writer.writeheader()
    writer.writerows(rows)
    return held.getvalue()


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(*paths: Path, vintages: list[date] | None = None) -> Intake:
    """Read the files, and hold the promises that hold for every reading."""
    intake = read_loans(list(paths), BOOK, vintages)
    promises(intake)
    return intake


def promises(intake: Intake) -> None:
    read_count, clean, quarantined = intake.ledger.select("read", "clean", "quarantined").sum().row(0)
    assert (clean, quarantined) == (intake.clean.height, intake.quarantine.height)
    assert read_count == clean + quarantined
    assert intake.ledger.filter(pl.col("read") != pl.col("clean") + pl.col("quarantined")).is_empty()
    declared = (RAW_LOANS, intake.clean), (RAW_LOANS_QUARANTINE, intake.quarantine), (RAW_LOANS_LEDGER, intake.ledger)
    for table, frame in declared:
        assert table.shape_differences(frame.schema) == []
        assert table.violations(frame.lazy()) == {}
        assert frame.select(table.primary).is_duplicated().sum() == 0


def values(intake: Intake) -> pl.DataFrame:
    """Typed loans without the place where they stood, in an order of their own."""
    return intake.clean.drop("file", "line").sort("loan_id")


def reasons(intake: Intake) -> dict[int, list[str]]:
    """Reasons by line."""
    return dict(intake.quarantine.select("line", "reasons").iter_rows())
