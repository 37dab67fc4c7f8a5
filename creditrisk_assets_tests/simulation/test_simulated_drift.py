"""What changes on purpose, and what is hidden on purpose, is told by the truth."""

from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.simulation.book import SimulatedBook, simulate_loans
from creditrisk_assets.simulation.missing import GAPS, goes_missing, rules
from creditrisk_assets_tests.simulation.simulated import LOANS, book, facts, number, texts, truth

MONTH = date(2015, 1, 1)


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory) -> SimulatedBook:
    return simulate_loans(
        loans=LOANS, vintages=24, seed=11, out=tmp_path_factory.mktemp("drifted"), drift=0.8, drift_from=MONTH
    )


def test_a_drift_is_recorded_and_moves_every_loan_from_its_month_on(drifted: SimulatedBook) -> None:
    assert facts(drifted)["drift"] == {"from": "2015-01", "logits": 0.8, "log_income": 0.0}
    assert facts(book())["drift"] == {"from": None, "logits": 0.0, "log_income": 0.0}
    found = pl.read_parquet(drifted.truth)
    moved = (found["log_odds"] - truth()["log_odds"]).to_numpy()
    after = (found["vintage"] >= MONTH).to_numpy()
    assert np.allclose(moved, np.where(after, 0.8, 0.0))
    assert found["drift"].equals(pl.Series("drift", np.where(after, 0.8, 0.0)))
    assert found["vintage_effect"].equals(truth()["vintage_effect"])


def test_a_drift_shows_in_the_outcomes_and_not_in_the_applications(drifted: SimulatedBook) -> None:
    found, now = pl.read_parquet(drifted.truth), pl.read_csv(drifted.file, infer_schema=False)
    after = found["vintage"] >= MONTH
    for frame in (found, truth()):
        assert frame.filter(~after)["default_month_on_book"].equals(truth().filter(~after)["default_month_on_book"])
    rates = [frame.filter(after)["default_month_on_book"].is_not_null().mean() for frame in (truth(), found)]
    assert rates[1] > 1.5 * rates[0]  # type: ignore[operator]
    told = ["id", "annual_inc", "fico_range_low", "dti", "int_rate", "sub_grade", "emp_length"]
    assert now.select(told).equals(texts().select(told))


def test_income_may_drift_too(tmp_path: Path) -> None:
    simulated = simulate_loans(
        loans=2_000, vintages=4, seed=11, out=tmp_path, income_drift=-0.3, drift_from=date(2014, 3, 1)
    )
    income = pl.read_csv(simulated.file, infer_schema=False).select(
        late=pl.col("issue_d").is_in(["Mar-2014", "Apr-2014"]), income=number("annual_inc")
    )
    median = dict(income.group_by("late").agg(pl.col("income").median()).iter_rows())
    assert np.log(median[True] / median[False]) == pytest.approx(-0.3, abs=0.12)
    assert facts(simulated)["drift"]["log_income"] == -0.3


@cache
def _hidden() -> pl.DataFrame:
    """Published and hidden values side by side."""
    return (
        texts()
        .select(
            given=pl.col("emp_length") != "n/a",
            shown=pl.col("mths_since_last_delinq").is_not_null(),
            income=number("annual_inc").log(),
        )
        .with_columns(truth().select("employment_years", "months_since_delinquency", "revolving_utilisation"))
    )


def test_newcomers_leave_out_their_employment_more_often_than_others_of_their_income() -> None:
    years = _hidden().with_columns(band=pl.col("income").rank("ordinal") * 4 // (pl.len() + 1))
    mean = years.group_by("band", "given").agg(pl.col("employment_years").mean()).sort("band", "given")
    missing, given = mean.filter(~pl.col("given")), mean.filter("given")
    assert (missing["employment_years"] < given["employment_years"]).all()
    assert facts(book())["missing"] == rules()


def test_old_delinquencies_are_forgotten_more_often_than_recent_ones() -> None:
    months = _hidden().filter(pl.col("months_since_delinquency").is_not_null())
    forgotten = months.filter(~pl.col("shown"))
    assert 0.03 < len(forgotten) / len(months) < 0.2
    assert forgotten["months_since_delinquency"].mean() > 15 + months["months_since_delinquency"].mean()  # type: ignore[operator]


@pytest.mark.parametrize("column", ["revol_util", "bc_util"])
def test_utilisation_goes_missing_the_more_the_lower_it_is(column: str) -> None:
    rng = np.random.default_rng(1)
    used = rng.uniform(0, 100, 200_000)
    (name,) = GAPS[column].slopes
    missing = goes_missing(rng, column, **{name: used})
    low, high = missing[used < 30].mean(), missing[used > 70].mean()
    assert low > 2 * high > 0


def test_values_shown_are_the_hidden_ones() -> None:
    assert (
        _hidden()
        .filter("shown")["months_since_delinquency"]
        .equals(
            texts().select(number("mths_since_last_delinq")).to_series().drop_nulls().cast(pl.Int64), check_names=False
        )
    )
    used = texts().select(number("revol_util")).to_series()
    assert np.allclose(used.drop_nulls(), truth()["revolving_utilisation"].filter(used.is_not_null()))
