"""Tables in the few figures of a metric: the newest, the worst, and a bounded number of series."""

from datetime import UTC, datetime

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.contracts import SERVING_QUARANTINE, TOPICS
from creditrisk_assets.serving.metrics.summaries import MOST_REASONS, calibration, drift, portfolio, quarantine
from creditrisk_assets_tests.serving.measured import (
    MONTHS,
    drifted,
    movements,
    performance,
    rows,
    totals,
)
from creditrisk_assets_tests.serving.measured import quarantine as rejected


def test_quarantine_counts_by_topic_or_loan_files_and_by_what_is_wrong() -> None:
    assert quarantine(rejected(), TOPICS) == [
        (("customer-activity", "other"), 6),
        (("loan-applications", "payload.amount"), 5),
        (("loan_files", "loan_amnt"), 7),
    ]


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=9), st.integers(0, 50)), max_size=60))
def test_quarantine_loses_no_row_and_bounds_its_series(found: list[tuple[str, str, int]]) -> None:
    named = [{"source": f"f{source}", "reason": f"c{n}{reason}: {reason}", "rows": count}
             for n, (source, reason, count) in enumerate(found)]  # fmt: skip
    counted = quarantine(rows(SERVING_QUARANTINE, *named), TOPICS)
    assert sum(count for _, count in counted) == sum(count for *_, count in found)
    assert len(counted) <= MOST_REASONS + 1
    assert len({labels for labels, _ in counted}) == len(counted)


def test_drift_tells_the_largest_psi_and_the_worst_verdict_of_the_newest_vintages() -> None:
    assert drift(drifted()).rows() == [("annual_income", 0.5, "watch"), ("score", 0.01, "stable")]


def test_calibration_looks_at_vintages_that_could_have_defaults() -> None:
    found = calibration(performance()).sort("vintage")
    assert found["vintage"].to_list() == MONTHS[:4]
    assert found["alarm"].to_list() == [False, False, False, True]


def test_the_portfolio_is_that_of_the_newest_reporting_date() -> None:
    assert portfolio(totals(), movements()) == {
        "reported": datetime(2015, 2, 1, tzinfo=UTC).timestamp(),
        "balance": 900.0, "expected_loss_12m": 15.0, "expected_loss_lifetime": 40.0,
        "stage_1": 100.0, "stage_2": 200.0, "stage_3": 300.0,
    }  # fmt: skip


def test_before_the_first_reporting_date_the_portfolio_has_no_figure() -> None:
    assert portfolio(totals().clear(), movements()) == {}
    assert "stage_1" not in portfolio(totals(), movements().clear())
    assert drift(drifted().clear()).is_empty()
    assert isinstance(calibration(performance().clear()), pl.DataFrame)
