"""Typed loans, who they are, what is rejected, and that it all adds up."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from written import BOOK, loan, loans, read, reasons, text, write

from creditrisk_assets.contracts import RAW_LOANS
from creditrisk_assets.raw import records
from creditrisk_assets.raw.intake import read_loans, vintages_of


def one(tmp_path: Path, **changes: str) -> dict[str, object]:
    intake = read(write(tmp_path / "one.csv", text([loan(2, **changes)])))
    assert intake.quarantine.is_empty(), intake.quarantine["reasons"].to_list()
    return intake.clean.row(0, named=True)


def rejected(tmp_path: Path, **changes: str) -> list[str]:
    intake = read(write(tmp_path / "one.csv", text([loan(2, **changes)])))
    assert intake.clean.is_empty()
    (found,) = reasons(intake).values()
    return found


@pytest.mark.parametrize(
    ("rate", "utilisation", "expected"),
    [
        (" 17.27%", "92.7%", (17.27, 92.7)),
        ("13.99", "119.0", (13.99, 119.0)),
        ("0.1065", "0.837", (10.65, 83.7)),
        ("0.1065", "1.19", (10.65, 119.0)),
        ("0.11220000000000001", "0", (11.22, 0.0)),
        ("6.00%", "0.5%", (6.0, 0.5)),
        ("6.00", "0.5", (6.0, 0.5)),
        ("0.1065", "83.7%", (10.65, 83.7)),
        ("10.65%", "", (10.65, None)),
    ],
)
def test_percentages_come_out_between_0_and_100(
    tmp_path: Path, rate: str, utilisation: str, expected: tuple[float, float | None]
) -> None:
    row = one(tmp_path, int_rate=rate, revol_util=utilisation)
    assert (row["int_rate"], row["revol_util"]) == expected


@pytest.mark.parametrize(
    ("issued", "opened", "expected"),
    [
        ("Dec-15", "Jan-62", date(1962, 1, 1)),
        ("Dec-15", "Jan-46", date(1946, 1, 1)),
        ("15-Dec", "3-Aug", date(2003, 8, 1)),
        ("15-Dec", "Aug-03", date(2003, 8, 1)),
        ("15-Dec", "Nov-15", date(2015, 11, 1)),
        ("15-Dec", "Aug-89", date(1989, 8, 1)),
        ("Dec-2015", "30-Sep", date(1930, 9, 1)),
    ],
)
def test_a_credit_line_is_never_younger_than_the_loan(tmp_path: Path, issued: str, opened: str, expected: date) -> None:
    row = one(tmp_path, issue_d=issued, earliest_cr_line=opened)
    assert (row["vintage"], row["earliest_cr_line"]) == (date(2015, 12, 1), expected)


def test_four_digits_of_a_year_are_believed(tmp_path: Path) -> None:
    assert one(tmp_path, earliest_cr_line="Jan-2017")["earliest_cr_line"] == date(2017, 1, 1)


@pytest.mark.parametrize(
    ("status", "expected", "conforms"),
    [
        ("Issued", "Current", True),
        ("Curren", "Current", True),
        ("In Grace Period", "In Grace Period", True),
        ("Does not meet the credit policy. Status:Fully Paid", "Fully Paid", False),
        (" does not meet the credit policy.  Status: Charged Off", "Charged Off", False),
    ],
)
def test_status_and_credit_policy_are_told_apart(tmp_path: Path, status: str, expected: str, conforms: bool) -> None:
    row = one(tmp_path, loan_status=status)
    assert (row["loan_status"], row["meets_credit_policy"]) == (expected, conforms)


def test_odd_but_real_values_are_kept(tmp_path: Path) -> None:
    row = one(
        tmp_path, dti="999", annual_inc="0", emp_length="n/a", emp_title="n/a", revol_util="119%",
        application_type="JOINT", annual_inc_joint="$105,000.00", dti_joint="120.5", home_ownership="NONE",
    )  # fmt: skip
    assert (row["dti"], row["annual_inc"], row["emp_length"], row["revol_util"]) == (999.0, 0.0, None, 119.0)
    assert (row["annual_inc_joint"], row["dti_joint"], row["emp_title"]) == (105_000.0, 120.5, "n/a")
    assert row["home_ownership"] == "NONE"


def test_income_verification_goes_by_either_name(tmp_path: Path) -> None:
    row = loan(1)
    row["is_inc_v"] = row.pop("verification_status")
    assert read(write(tmp_path / "a.csv", text([row]))).clean["verification_status"].to_list() == ["Verified"]


def test_every_reason_of_a_record_is_told(tmp_path: Path) -> None:
    found = rejected(tmp_path, loan_amnt="", int_rate="high", dti="-5", open_acc="2.5", loan_status="Sold")
    assert found == [
        "loan_amnt: missing",
        "dti: -5 is not -1 to 9999",
        "open_acc: 2.5 is not a whole number",
        "int_rate: 'high' cannot be read as percent",
        "loan_status: 'Sold' cannot be read as status",
    ]


@pytest.mark.parametrize("issued", ["Dec-1999", "2019-01-01", "", "Brumaire"])
def test_a_loan_of_no_vintage_is_quarantined_without_one(tmp_path: Path, issued: str) -> None:
    intake = read(write(tmp_path / "a.csv", text([loan(0, issue_d=issued), loan(1)])))
    assert intake.quarantine["vintage"].to_list() == [None]
    reason = intake.quarantine["reasons"][0][0]
    assert reason.startswith("issue_d: ")
    if issued[-1:].isdigit():
        assert "outside the book 2007-01 to 2018-12 (CREDITRISK_FIRST_VINTAGE, CREDITRISK_LAST_VINTAGE)" in reason
    assert intake.ledger.filter(pl.col("vintage").is_null())["quarantined"].to_list() == [1]


def test_reading_one_vintage_is_reading_all_and_keeping_that_one(tmp_path: Path) -> None:
    rows = [
        *loans(30),
        loan(31, dti="x"),
        loan(32, issue_d="never"),
        loan(4),
        loan(5, id="7"),
        loan(6, id="7"),
        loan(9, id="7"),
    ]
    path = write(tmp_path / "a.csv", text(rows) + "cut short\n")
    later = write(tmp_path / "b.csv", text([{**row, "last_credit_pull_d": "Oct-2017"} for row in rows[:9]]))
    every = read(path, later)
    assert every.clean.filter(loan_id="7")["line"].to_list() == [35]
    wanted = [[month] for month in vintages_of([path, later])] + [[], vintages_of([path, later])[:2]]
    for vintages in wanted:
        part = read(path, later, vintages=vintages)
        mine = pl.col("vintage").is_in(vintages)
        assert part.clean.equals(every.clean.filter(mine))
        assert part.quarantine.equals(every.quarantine.filter(mine | pl.col("vintage").is_null()))
        assert part.ledger.equals(every.ledger.filter(mine | pl.col("vintage").is_null()))
        assert part.unknown_columns == every.unknown_columns


def test_the_size_of_a_batch_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [*loans(40), loan(41, dti="x"), loan(42, title="two\nlines"), loan(43, issue_d="never")]
    path = write(tmp_path / "a.csv", text(rows))
    at_once = read(path)
    monkeypatch.setattr(records, "BATCH_RECORDS", 7)
    in_batches = read(path)
    assert in_batches.clean.equals(at_once.clean)
    assert in_batches.quarantine.equals(at_once.quarantine)


def test_an_identifier_is_the_lenders_or_a_digest_of_the_application(tmp_path: Path) -> None:
    given = [loan(0, id="1077501"), loan(1, id="1077502.0"), loan(2, id=" LC-7 ")]
    lacking = [loan(number, id=nothing) for number, nothing in enumerate(("", "NULL", "nan", "n/a"), start=3)]
    ids = read(write(tmp_path / "a.csv", text(given + lacking))).clean["loan_id"].to_list()
    assert ids[:3] == ["1077501", "1077502", "LC-7"]
    assert all(len(name) == 21 and name[0] == "x" and name[1:].isdigit() for name in ids[3:])
    assert len(set(ids)) == 7


def test_an_identifier_survives_reordering_dialects_and_later_snapshots(tmp_path: Path) -> None:
    rows = loans(9)
    plain = read(write(tmp_path / "a.csv", text(rows))).clean.select("loan_id", "loan_amnt").sort("loan_amnt")
    respelled = [
        {
            **row, "int_rate": "0.1065", "revol_util": "0.837", "term": "36", "annual_inc": "52,000", "dti": "27.650",
            "issue_d": row["issue_d"].replace("20", ""), "earliest_cr_line": "85-Jan", "purpose": "CREDIT_CARD",
            "loan_status": "Fully Paid", "last_pymnt_d": "2018/5/1", "total_pymnt": "12000", "title": "other",
        }
        for row in reversed(rows)
    ]  # fmt: skip
    other = read(write(tmp_path / "b.csv", text(respelled))).clean.select("loan_id", "loan_amnt").sort("loan_amnt")
    assert other.equals(plain)


def test_the_digest_itself_never_changes(tmp_path: Path) -> None:
    assert one(tmp_path)["loan_id"] == "x15152661740042653336"


def test_the_same_loan_again_is_quarantined_with_the_place_of_the_one_kept(tmp_path: Path) -> None:
    rows = [loan(0), loan(1), loan(0), loan(2, title="two\nlines"), loan(2, title="two\nlines")]
    intake = read(write(tmp_path / "a.csv", text(rows)))
    (first, second) = (
        intake.clean.sort("line")["loan_id"].to_list()[0],
        intake.clean.sort("line")["loan_id"].to_list()[2],
    )
    assert reasons(intake) == {
        4: [f"loan_id: {first} is already in a.csv line 2"],
        7: [f"loan_id: {second} is already in a.csv line 5"],
    }
    lines = text(rows).splitlines()
    assert intake.quarantine["raw"].to_list() == [lines[3], "\n".join(lines[6:8])]
    assert intake.ledger["quarantined"].sum() == 2


def test_of_two_snapshots_the_later_one_stays(tmp_path: Path) -> None:
    early = write(tmp_path / "z.csv", text(loans(4)))
    late = write(tmp_path / "a.csv", text([{**row, "last_credit_pull_d": "Mar-2018"} for row in loans(3)]))
    for order in ((early, late), (late, early)):
        intake = read(*order)
        assert intake.clean.sort("loan_amnt")["file"].to_list() == ["a.csv", "a.csv", "a.csv", "z.csv"]
        assert intake.quarantine["file"].to_list() == ["z.csv"] * 3
        assert intake.quarantine["raw"].to_list() == early.read_text().splitlines()[1:4]


def test_a_file_is_observed_up_to_its_latest_payment_or_credit_report(tmp_path: Path) -> None:
    rows = [loan(0), loan(1, last_pymnt_d="Jan-2018"), loan(2, last_pymnt_d="", last_credit_pull_d="")]
    intake = read(write(tmp_path / "a.csv", text(rows)))
    assert intake.clean["observed_month"].unique().to_list() == [date(2018, 1, 1)]
    assert intake.ledger["observed_month"].unique().to_list() == [date(2018, 1, 1)]


def test_without_payments_or_reports_a_loan_is_observed_when_issued(tmp_path: Path) -> None:
    rows = [{name: value for name, value in row.items() if not name.startswith("last_")} for row in loans(3)]
    clean = read(write(tmp_path / "a.csv", text(rows))).clean
    assert clean["observed_month"].equals(clean["vintage"].alias("observed_month"))


def test_one_slip_of_the_pen_does_not_move_the_observed_month_of_a_file(tmp_path: Path) -> None:
    rows = loans(1_500)
    rows[700]["last_pymnt_d"] = "Aug-2071"
    intake = read(write(tmp_path / "a.csv", text(rows)))
    assert intake.clean["observed_month"].unique().to_list() == [date(2017, 9, 1)]
    assert reasons(intake) == {702: ["last_pymnt_d: Aug-2071 is not 1930-01-01 to 2017-09-01"]}
    assert intake.clean.height == 1_499


def test_columns_a_file_lacks_are_empty_and_those_unknown_are_reported(tmp_path: Path) -> None:
    names = ["loan_amnt", "term", "int_rate", "issue_d", "loan_status", "policy_code", "url"]
    intake = read(write(tmp_path / "a.csv", text(loans(2), header=names)))
    assert intake.unknown_columns == ("policy_code", "url")
    assert intake.clean.schema == RAW_LOANS.schema
    assert intake.clean["annual_inc"].null_count() == 2


def test_the_months_of_issue_in_files_are_listed_once_in_order(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", text([loan(2), loan(1), loan(5), loan(3, issue_d="x")]))
    second = write(tmp_path / "b.csv", text([loan(0), loan(0, issue_d="Jan-1999")]))
    assert vintages_of([first, second]) == [date(1999, 1, 1), *(date(2015, month, 1) for month in (10, 11, 12))]


def test_no_files_are_no_loans() -> None:
    assert read_loans([], BOOK).clean.is_empty()
