"""An application of the stream is the same loan as in a file, and knows nothing of what came later."""

import csv
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import (
    APPLICATIONS,
    FEATURES_LOANS,
    MODELS_DIAGNOSTICS,
    MODELS_MOMENTS,
    MODELS_POSTERIOR,
    RAW_LOANS,
)
from creditrisk_assets.features.loans import features
from creditrisk_assets.models.artifacts import ModelTables
from creditrisk_assets.raw.dialects import month
from creditrisk_assets.raw.intake import read_loans
from creditrisk_assets.scores.loans import Scoring
from creditrisk_assets.scores.policy import load_policy
from creditrisk_assets.scores.scale import Scale
from creditrisk_assets.streaming.applications import applications
from creditrisk_assets.streaming.decoding import Decoded, decode
from creditrisk_assets.streaming.envelope import APPLICATION_COLUMNS
from creditrisk_assets_tests.raw.written import LOAN, loan, loans, read, text, write
from creditrisk_assets_tests.streaming.enveloped import application, errors, packed
from creditrisk_assets_tests.world import MODEL_DATES, World

OUTCOME = FEATURES_LOANS.names("later")
FEWER = settings(max_examples=30, deadline=None)
KNOWN = [name for name in FEATURES_LOANS.schema if name not in OUTCOME]


def sent(rows: Iterable[dict[str, Any]]) -> list[bytes]:
    """Bare rows as applications of the month in which their loans were issued."""
    values = []
    for number, row in enumerate(rows):
        issued = month(row["issue_d"])
        assert issued is not None
        happened = f"{issued}T10:00:00Z"
        identifier = str(row["id"] or number)
        values.append(packed(application(row, event_id=identifier, application_id=identifier, event_time=happened)))
    return values


def streamed(rows: Iterable[dict[str, Any]]) -> Decoded:
    return decode(APPLICATIONS, sent(rows))


def test_an_application_gives_the_features_of_the_same_loan_in_a_file(tmp_path: Path) -> None:
    rows = [row | {"id": str(number)} for number, row in enumerate(loans(30))]
    filed = features(read(write(tmp_path / "loans.csv", text(rows))).clean.lazy()).collect()
    assert_frame_equal(streamed(rows).loans.select(KNOWN), filed.select(KNOWN), check_exact=True)


def test_the_columns_that_are_read_are_those_known_when_the_borrower_applies() -> None:
    assert [column.name for column in APPLICATION_COLUMNS] == RAW_LOANS.names("application")


@pytest.fixture(scope="module")
def real(shared_data: Path) -> list[dict[str, Any]]:
    """Three hundred applications as they were published, without an envelope."""
    lines = (shared_data / "events" / "loan_application_events_300.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_real_applications_give_the_features_of_the_same_loans_in_a_file(real: list[Any], tmp_path: Path) -> None:
    file = write(tmp_path / "loans.csv", text(real))
    filed = features(read_loans([file], (date(2007, 1, 1), date(2020, 12, 1))).clean.lazy()).collect().sort("loan_id")
    found = streamed(real)
    assert found.events["error"].null_count() == len(real) == 300
    assert_frame_equal(found.loans.sort("loan_id").select(KNOWN), filed.select(KNOWN), check_exact=True)


@pytest.mark.parametrize("file", ["loans_2014_raw_prospectus_line.csv", "loans_2016_03_raw.csv"])
def test_real_files_sent_as_texts_give_the_features_of_the_file(shared_data: Path, file: str) -> None:
    path = shared_data / "lendingclub" / file
    lines = path.read_text().splitlines(keepends=True)
    header = next(number for number, line in enumerate(lines) if "loan_amnt" in line)
    rows = [row for row in csv.DictReader(lines[header:]) if row.get("issue_d") and month(row["issue_d"])]
    filed = features(read(path).clean.lazy()).collect()
    numbers = {column.name for column in APPLICATION_COLUMNS if column.parse in ("number", "count")}
    typed = [
        {name: float(value) if name in numbers and value else value for name, value in row.items()} for row in rows
    ]
    for form in (rows, typed):
        found = streamed(form)
        assert_frame_equal(found.loans.drop("loan_id").select(KNOWN[1:]), filed.select(KNOWN[1:]), check_exact=True)


def test_the_month_of_the_application_is_the_vintage_and_its_identifier_that_of_the_loan() -> None:
    value = packed(application(loan(issue_d="Dec-2009", id="7"), event_time="2026-11-01T00:30:00+01:00"))
    found = decode(APPLICATIONS, [value]).loans
    assert found.select("loan_id", "vintage").rows() == [("a-1", date(2026, 10, 1))]
    assert found["credit_history_months"].to_list() == [41 * 12 + 9]


def test_of_the_outcome_nothing_is_known() -> None:
    found = decode(APPLICATIONS, [packed(application())]).loans
    assert found.schema == FEATURES_LOANS.schema
    assert FEATURES_LOANS.violations(found.lazy()) == {}
    assert found.select(OUTCOME).row(0, named=True) == {
        "defaulted": False, "default_month": None, "repaid_month": None, "observed_month": date(2026, 11, 1),
        "observed_months": 0, "matured": False, "term_elapsed": False,
    }  # fmt: skip


ANYTHING = st.one_of(st.none(), st.text(), st.floats(allow_nan=False, allow_infinity=False), st.lists(st.integers()))


@FEWER
@given(st.dictionaries(st.sampled_from([*RAW_LOANS.names("later", "key"), "issue_d", "id", "anything"]), ANYTHING))
def test_what_became_known_later_changes_nothing(later: dict[str, Any]) -> None:
    plain, changed = (decode(APPLICATIONS, [packed(application(row))]).loans for row in (loan(), loan() | later))
    assert_frame_equal(plain, changed, check_exact=True)


SPELLINGS: dict[str, list[Any]] = {
    "loan_amnt": [10_000, 10_000.0, "10000", "$10,000.00", "1e4"],
    "term": [36, 36.0, "36", " 36 months"],
    "int_rate": [6.46, "6.46", "6.46%", " 6.46 %"],
    "emp_length": [10, 10.0, "10+ years", "10"],
    "annual_inc": [52_000, "52000.0", "52,000"],
    "earliest_cr_line": ["Aug-1989", "1989-08-01", "Aug-89", "8-Aug-1989"][:3],
    "revol_util": [83.7, "83.7", "83.7%"],
    "open_acc": [3, 3.0, "3", "3.0"],
    "mths_since_last_delinq": [None, "", "n/a", "NULL", ...],
    "dti": [27.65, "27.65"],
}


@FEWER
@given(st.lists(st.fixed_dictionaries({name: st.sampled_from(spelt) for name, spelt in SPELLINGS.items()}), min_size=1,
                max_size=4))  # fmt: skip
def test_numbers_may_be_spelt_in_every_way_that_lendingclub_spells_them(spelt: list[dict[str, Any]]) -> None:
    rows = [{name: value for name, value in (loan() | one).items() if value is not ...} for one in spelt]
    plain = loan() | {name: spellings[0] for name, spellings in SPELLINGS.items()}
    expected = streamed([plain] * len(rows)).loans
    assert_frame_equal(streamed(rows).loans, expected, check_exact=True)


@FEWER
@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=5))
def test_a_number_has_the_same_bits_as_number_and_as_text(amounts: list[float]) -> None:
    numbers = streamed([loan() | {"loan_amnt": amount} for amount in amounts]).loans
    assert numbers["loan_amount"].to_list() == amounts
    assert_frame_equal(numbers, streamed([loan(loan_amnt=repr(amount)) for amount in amounts]).loans, check_exact=True)


def test_the_price_may_be_lacking_and_what_is_there_must_be_right() -> None:
    without = {name: value for name, value in LOAN.items() if name not in RAW_LOANS.names(price=True)}
    found = decode(APPLICATIONS, [packed(application(row)) for row in (without, without | {"int_rate": "free"})])
    assert list(errors(found)) == [
        None, "payload.int_rate: 'free' cannot be read as percent; mend it and send the application again",
    ]  # fmt: skip
    assert found.loans.select("interest_rate", "log_installment", "sub_grade_rank").rows() == [(None, None, None)]


ROWS = st.lists(
    st.builds(
        lambda number, changes: loan(number, id="a-1") | changes,
        st.integers(0, 20),
        st.dictionaries(
            st.sampled_from(("loan_amnt", "term", "int_rate", "open_acc", "dti", "grade", "title")),
            st.one_of(st.none(), st.floats(), st.integers(-5, 400), st.text(max_size=3), st.booleans()),
            max_size=2,
        ),
    ),
    max_size=6,
)


@FEWER
@given(ROWS)
def test_the_rows_that_were_kept_give_the_same_loans_again(rows: list[dict[str, Any]]) -> None:
    found = streamed(rows)
    again = applications(found.events.filter(pl.col("error").is_null()))
    assert again.faults == {}
    assert_frame_equal(again.loans, found.loans, check_exact=True)


@FEWER
@given(ROWS, ROWS)
def test_an_application_is_read_alike_in_whatever_company(one: list[Any], other: list[Any]) -> None:
    together, first, second = streamed(one + other), streamed(one), streamed(other)
    assert [*errors(together)] == [*errors(first), *errors(second)]
    assert_frame_equal(together.loans, pl.concat([first.loans, second.loans]), check_exact=True)


@FEWER
@given(ROWS)
def test_good_applications_keep_the_contract_but_for_a_price_that_is_lacking(rows: list[dict[str, Any]]) -> None:
    found = streamed(rows)
    assert found.loans.height == found.events["error"].null_count()
    assert set(FEATURES_LOANS.violations(found.loans.lazy())) <= {"interest_rate"}


def test_rows_that_a_narrower_contract_no_longer_takes_are_told() -> None:
    events = pl.DataFrame(
        {
            "application_id": ["a", "b", "c"],
            "event_time": [datetime(2026, 11, 1, tzinfo=UTC)] * 3,
            "value": [packed(application(row)).decode() for row in (loan(), loan() | {"term": "x"})] + ["{"],
        },
        schema_overrides={"event_time": pl.Datetime("us", "UTC")},
    )
    found = applications(events)
    assert found.loans["loan_id"].to_list() == ["a"]
    assert set(found.faults) == {1, 2}
    assert found.faults[1] == ["term: 'x' cannot be read as term"]
    assert found.faults[2][0].startswith("message: not one JSON object")


def test_applications_are_ready_to_score(batched: World) -> None:
    tables = ModelTables(
        *(batched.lake.scan(table) for table in (MODELS_POSTERIOR, MODELS_MOMENTS, MODELS_DIAGNOSTICS))
    )
    posterior = tables.rebuilt_posterior(MODEL_DATES[0], "application")
    scored = Scoring(posterior, MODEL_DATES[0], Scale(), load_policy()).score(streamed(loans(5)).loans)
    assert scored["pd"].is_between(0, 1).all()
    assert scored["loan_id"].to_list() == ["0", "1", "2", "3", "4"]
