"""The youngest loans of 2011 by quarter, as known in January 2011; test_real_loans holds the figures of the year."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.features.loans import features
from creditrisk_assets.models.comparison import WINDOW
from creditrisk_assets.models.exposure import learned_from
from creditrisk_assets.models.logistic import fit_logistic
from creditrisk_assets.models.outcomes import populations
from creditrisk_assets.models.posterior import fit_posterior
from creditrisk_assets.raw.intake import read_loans
from creditrisk_assets_tests.truth.said import say

BOOK = date(2007, 6, 1), date(2011, 12, 1)
DAY, LAST, BEFORE = date(2011, 1, 1), date(2011, 12, 1), date(2010, 12, 1)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def loans(shared_data: Path) -> pl.LazyFrame:
    file = shared_data / "lendingclub" / "loans_2007_2011.csv.gz"
    return features(read_loans([file], BOOK).clean.lazy()).collect().lazy()


@pytest.fixture(scope="module", params=["application", "application_with_price"])
def quarters(request: pytest.FixtureRequest, loans: pl.LazyFrame) -> pl.DataFrame:
    """Defaults within twelve months of each quarter's loans, and what both models expected before the first of them."""
    labelled, test = populations(loans, DAY, DAY, LAST, protocol="as_known", window=WINDOW)
    fit = fit_posterior(learned_from(loans, DAY, WINDOW), request.param, BEFORE)
    expected = test.select("outcome", quarter=pl.col("vintage").dt.quarter()).with_columns(
        hazard=fit.posterior.predict(test)["pd"],
        label=pl.Series(fit_logistic(labelled, request.param).predict(test)),
    )
    table = expected.group_by("quarter").agg(pl.len(), pl.sum("outcome", "hazard", "label")).sort("quarter")
    say(f"\n{request.param}, defaults within twelve months by quarter of 2011\n{table}")
    return table


def test_the_hazard_is_closer_to_the_defaults_of_every_quarter_than_the_label_of_twelve_months(
    quarters: pl.DataFrame,
) -> None:
    off = quarters.select((pl.col("hazard", "label") - pl.col("outcome")).abs())
    assert (off["hazard"] < off["label"]).all()


def test_over_the_year_the_hazard_is_off_by_less_than_an_eighth(quarters: pl.DataFrame) -> None:
    assert abs(float(quarters["hazard"].sum()) / float(quarters["outcome"].sum()) - 1) < 0.125
