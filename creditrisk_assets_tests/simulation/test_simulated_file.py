"""The simulated file reads like one of LendingClub's and adds up like one."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.contracts import GRADES, PURPOSES, RAW_LOANS, STATES, STATUSES, SUB_GRADES
from creditrisk_assets.simulation.book import simulate_loans
from creditrisk_assets.simulation.plan import volumes_of
from creditrisk_assets_tests.simulation.simulated import LOANS, SEED, VINTAGES, book, facts, month, number, texts, truth

NOT_IN_FILES = {"loan_id", "vintage", "observed_month", "file", "line", "meets_credit_policy"}


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    def files(seed: int, name: str) -> list[bytes]:
        simulate_loans(loans=1_500, vintages=5, seed=seed, out=tmp_path / name, dirty=0.1, life=True)
        return [path.read_bytes() for path in sorted((tmp_path / name).rglob("*")) if path.is_file()]

    first = files(3, "first")
    # Threads that add in another order change a last bit only now and then: look more than once.
    for again in range(6):
        assert files(3, f"again {again}") == first
    assert all(other != one for other, one in zip(files(4, "other"), first, strict=True))


def test_every_raw_column_stands_in_the_file_and_nothing_is_left_behind() -> None:
    header = texts().columns
    assert {column.name for column in RAW_LOANS.columns} - NOT_IN_FILES <= set(header)
    assert set(header) - {column.name for column in RAW_LOANS.columns} == {"id", "member_id", "issue_d", "policy_code"}
    assert header[:3] == ["id", "member_id", "loan_amnt"]
    assert sorted(path.name for path in book().file.parent.iterdir()) == ["loans_2014-01_2015-12.csv", "truth"]
    assert sorted(path.name for path in book().truth.parent.iterdir()) == ["truth.json", "truth.parquet"]


@pytest.mark.parametrize(
    ("column", "form"),
    [
        ("id", r"^\d+$"),
        ("term", r"^ (36|60) months$"),
        ("int_rate", r"^ [ \d]\d\.\d\d%$"),
        ("revol_util", r"^\d+(\.\d)?%$"),
        ("issue_d", r"^[A-Z][a-z]{2}-\d{4}$"),
        ("earliest_cr_line", r"^[A-Z][a-z]{2}-(19|20)\d\d$"),
        ("emp_length", r"^(< 1 year|1 year|[2-9] years|10\+ years|n/a)$"),
        ("zip_code", r"^\d{3}xx$"),
        ("home_ownership", r"^(MORTGAGE|OWN|RENT)$"),
    ],
)
def test_fields_are_written_as_lendingclub_writes_them(column: str, form: str) -> None:
    wrong = texts().filter(~pl.col(column).str.contains(form))
    assert wrong.is_empty(), wrong[column].head(3)


def test_categories_are_those_of_the_contract() -> None:
    loans = texts(12)
    for column, allowed in [
        ("addr_state", STATES),
        ("purpose", PURPOSES),
        ("grade", GRADES),
        ("sub_grade", SUB_GRADES),
        ("loan_status", STATUSES),
    ]:
        assert set(loans[column]) <= set(allowed), column
    assert loans["grade"].equals(loans["sub_grade"].str.head(1).alias("grade"))


def test_values_stay_within_the_bounds_of_the_contract() -> None:
    numeric = [c for c in RAW_LOANS.columns if c.parse in ("number", "count", "percent") and c.name in texts().columns]
    frame = texts().select(number(c.name).alias(c.name) for c in numeric)
    assert [c.name for c in numeric if frame.select(c.broken().any()).item()] == []


@pytest.mark.parametrize("observed_months", [0, 12, 60])
def test_payments_add_up_to_the_cent(observed_months: int) -> None:
    parts = ("total_rec_prncp", "total_rec_int", "total_rec_late_fee", "recoveries")
    gap = (
        texts(observed_months)
        .select(pl.sum_horizontal(number(part) for part in parts) - number("total_pymnt"))
        .to_series()
    )
    assert gap.abs().max() < 1e-6  # type: ignore[operator]
    money = texts(observed_months).select(number(part).alias(part) for part in (*parts, "out_prncp", "total_pymnt"))
    assert money.min_horizontal().min() == 0


@pytest.mark.parametrize("observed_months", [0, 12])
def test_principal_is_either_received_or_outstanding_while_a_loan_runs(observed_months: int) -> None:
    running = texts(observed_months).filter(~pl.col("loan_status").is_in(["Charged Off", "Fully Paid"]))
    gap = running.select(number("loan_amnt") - number("total_rec_prncp") - number("out_prncp")).to_series()
    assert len(running) > 1_000
    assert gap.abs().max() < 0.005  # type: ignore[operator]


def test_the_instalment_is_the_annuity_of_amount_rate_and_term() -> None:
    rate = number("int_rate") / 1_200
    annuity = number("loan_amnt") * rate / (1 - (1 + rate).pow(-number("term")))
    gap = texts().select(annuity - number("installment")).to_series()
    assert gap.abs().max() <= 0.00501  # type: ignore[operator]


def test_a_worse_sub_grade_has_one_higher_rate_in_every_vintage() -> None:
    rates = texts().select("issue_d", "sub_grade", rate=number("int_rate"))
    per_grade = rates.group_by("issue_d", "sub_grade").agg(pl.col("rate").n_unique().alias("rates"), pl.first("rate"))
    assert per_grade["rates"].max() == 1
    steps = per_grade.sort("issue_d", "sub_grade").select(pl.col("rate").diff().over("issue_d")).to_series()
    assert steps.min() > 0  # type: ignore[operator]


def test_the_rate_ranks_default_well_but_not_as_well_as_the_truth() -> None:
    joined = texts().select(rate=number("int_rate")).with_columns(truth()["pd_term"])
    assert 0.6 < joined.select(pl.corr("rate", "pd_term", method="spearman")).item() < 0.95


def test_vintages_follow_each_other_and_grow() -> None:
    counts = texts().group_by(month("issue_d").alias("vintage")).len().sort("vintage")
    assert counts["vintage"].to_list() == list(range(2014 * 12, 2014 * 12 + VINTAGES))
    assert counts["len"].to_list() == list(facts(book())["loans_by_vintage"].values())
    assert counts["len"].sum() == LOANS == book().rows
    assert counts["len"][-1] > 1.3 * counts["len"][0]
    assert book().vintages[0].isoformat() == "2014-01-01"


def test_no_vintage_is_empty_however_few_loans_there_are() -> None:
    assert volumes_of(7, 7) == (1,) * 7
    assert min(volumes_of(10, 7)) == 1
    assert sum(volumes_of(1_001, 37)) == 1_001


@pytest.mark.parametrize("observed_months", [0, 12, 60])
def test_the_latest_credit_report_tells_the_observation_month(observed_months: int) -> None:
    latest = texts(observed_months).select(month("last_credit_pull_d").max()).item()
    assert latest == 2014 * 12 + VINTAGES - 1 + observed_months
    assert texts(observed_months).select(month("last_pymnt_d").max()).item() <= latest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vintages": 0}, "vintages is 0: ask for at least 1"),
        ({"loans": 5, "vintages": 6}, "loans is 5: ask for at least one loan per vintage, 6 or more"),
        ({"dirty": 1.0}, "dirty is 1.0: give a share from 0"),
        ({"dirty": -0.1}, "dirty is -0.1: give a share from 0"),
        ({"dirty": float("nan")}, "dirty is nan"),
        ({"seed": -1}, "seed is -1: give a whole number"),
        ({"observed_months": -1}, "observed_months is -1: give 0"),
        ({"observed_months": 2_000}, "keep it within 1970 to 2098"),
        ({"drift": 0.5}, "drift is 0.5 but starts nowhere: name its first vintage with drift_from"),
        ({"income_drift": 0.5}, "income_drift is 0.5 but starts nowhere"),
        ({"drift": float("nan")}, "drift is nan: give a finite number"),
        ({"drift_from": date(2014, 2, 1)}, "drift_from is 2014-02 but nothing drifts: give drift or income_drift"),
        ({"drift": 0.5, "drift_from": date(2014, 3, 1)}, "choose a vintage of the book, 2014-01 to 2014-02"),
    ],
)
def test_arguments_out_of_range_are_named_with_the_remedy(
    arguments: dict[str, float | date], message: str, tmp_path: Path
) -> None:
    usual = {"loans": 100, "vintages": 2, "seed": SEED}
    with pytest.raises(ValueError, match=message):
        simulate_loans(out=tmp_path / "never", **(usual | arguments))  # type: ignore[arg-type]
    assert not (tmp_path / "never").exists()
