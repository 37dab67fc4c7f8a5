"""What the rules say of a loan and of an application stands on their page, beside what the model decided."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.contracts import SCORES_LIVE, SCORES_LOANS, SCORES_RULES
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets_tests.dashboard.opened import Opening, written
from creditrisk_assets_tests.serving.scored import Event, stream

MONTH = date(2016, 1, 1)
BESIDE = "Rules stand beside the model and do not decide."


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An application and a customer of the stream, and a loan of the book: scored, flagged, and without a model."""
    found = Lake(str(tmp_path / "lake"))
    (made,) = stream([[Event("applied", True, k) for k in range(3)] + [Event("customer", False, 4.0)]])
    live = made.scores
    found.overwrite(SCORES_LIVE, live, live["ingest_day"].unique().to_list())
    row = live.row(2, named=True)
    same = {name: row[name] for name in SCORES_LOANS.schema if name in row}
    booked = [same | {"loan_id": "booked", "vintage": MONTH}]
    found.overwrite(SCORES_LOANS, pl.DataFrame(booked, schema=SCORES_LOANS.schema), [MONTH])
    flagged = dict.fromkeys(SCORES_RULES.schema, "High") | {
        "loan_id": "booked", "vintage": MONTH, "tier": "Watchlist", "watchlist": True, "rule_reasons": "DTI>=30",
        "rules": "2026-01",
    }  # fmt: skip
    found.overwrite(SCORES_RULES, pl.DataFrame([flagged], schema=SCORES_RULES.schema), [MONTH])
    return found


def test_a_loan_on_the_watchlist_of_the_rules_says_so(opening: Opening, lake: Lake) -> None:
    page = opening("applicant", Path(lake.root), asked={"id": "booked"})
    assert not page.exception
    assert "Rules `2026-01` put it on the watchlist. Conditions that hold: `DTI>=30`." in written(page)
    assert BESIDE in written(page)


def test_an_application_says_what_the_rules_said_of_it(opening: Opening, lake: Lake) -> None:
    page = opening("applicant", Path(lake.root), asked={"id": "applied"})
    assert not page.exception
    assert "Rules `2026-01` put it on the watchlist. Conditions that hold: `REVOL_UTIL>=80`." in written(page)


def test_of_a_customer_and_of_a_loan_never_flagged_nothing_is_said(opening: Opening, lake: Lake) -> None:
    page = opening("applicant", Path(lake.root), asked={"id": "customer"})
    assert not page.exception
    assert "`customer`" in written(page)
    assert BESIDE not in written(page)
    lake.overwrite(SCORES_RULES, pl.DataFrame(schema=SCORES_RULES.schema), [MONTH])
    page = opening("applicant", Path(lake.root), asked={"id": "booked"})
    assert not page.exception
    assert "`booked`" in written(page)
    assert BESIDE not in written(page)
