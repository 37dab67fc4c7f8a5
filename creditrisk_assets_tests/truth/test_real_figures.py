"""Models of January 2011 on the loans of 2011, side by side: the figures of docs/model.md, held to their limits."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from creditrisk_assets.features.loans import features
from creditrisk_assets.models.comparison import WINDOW, compare
from creditrisk_assets.models.exposure import learned_from
from creditrisk_assets.models.logistic import fit_logistic
from creditrisk_assets.models.outcomes import Protocol, populations
from creditrisk_assets.models.posterior import fit_posterior
from creditrisk_assets.raw.intake import read_loans
from creditrisk_assets_tests.truth.said import say

BOOK = date(2007, 6, 1), date(2011, 12, 1)
DAY, LAST, BEFORE = date(2011, 1, 1), date(2011, 12, 1), date(2010, 12, 1)
PROTOCOLS: tuple[Protocol, ...] = ("final", "as_known")
SETS = ("application", "application_with_price")
LEAST_AUC = dict(zip(SETS, (0.695, 0.705), strict=True))
LARGEST_BRIER = dict(zip(SETS, (0.1208, 0.1200), strict=True))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def loans(shared_data: Path) -> pl.LazyFrame:
    file = shared_data / "lendingclub" / "loans_2007_2011.csv.gz"
    return features(read_loans([file], BOOK).clean.lazy()).collect().lazy()


@dataclass(frozen=True)
class Figures:
    """All models on one feature set: both protocols, and the young vintages by quarter, see `_by_quarter`."""

    feature_set: str
    final: dict[str, Any]
    as_known: dict[str, Any]
    quarters: pl.DataFrame


def _told(result: dict[str, Any], name: str) -> dict[str, Any]:
    say(f"\n{name}, {result['outcomes']}: {result['rows']:,} loans, {result['bads']:,} bad")
    for model, figures in result["models"].items():
        say(f"  {model:<10} " + " ".join(f"{figure} {value:.5f}" for figure, value in figures.items()))
    return result


def _by_quarter(loans: pl.LazyFrame, feature_set: str) -> pl.DataFrame:
    """Defaults within twelve months of each quarter's loans, and what hazard and logistic expected at the beginning."""
    labelled, test = populations(loans, DAY, DAY, LAST, protocol="as_known", window=WINDOW)
    fit = fit_posterior(learned_from(loans, DAY, WINDOW), feature_set, BEFORE)
    expected = test.select("outcome", quarter=pl.col("vintage").dt.quarter()).with_columns(
        posterior=fit.posterior.predict(test)["pd"],
        logistic=pl.Series(fit_logistic(labelled, feature_set).predict(test)),
    )
    table = expected.group_by("quarter").agg(pl.len(), pl.sum("outcome", "posterior", "logistic")).sort("quarter")
    say(f"{feature_set}, defaults within twelve months by quarter of 2011\n{table}")
    return table


@pytest.fixture(scope="module", params=SETS)
def figures(request: pytest.FixtureRequest, loans: pl.LazyFrame) -> Figures:
    name = request.param
    final, as_known = (_told(compare(loans, DAY, DAY, LAST, name, p, WINDOW), name) for p in PROTOCOLS)
    return Figures(name, final, as_known, _by_quarter(loans, name))


def test_the_ranking_reaches_what_was_asked(figures: Figures) -> None:
    posterior = figures.final["models"]["posterior"]
    assert posterior["auc"] >= LEAST_AUC[figures.feature_set]
    assert posterior["brier"] <= LARGEST_BRIER[figures.feature_set]


def test_the_mean_pd_is_what_was_observed(figures: Figures) -> None:
    posterior = figures.final["models"]["posterior"]
    assert abs(posterior["mean_pd"] - posterior["observed"]) <= 0.005


def test_the_posterior_ranks_no_worse_than_the_logistic_and_errs_less(figures: Figures) -> None:
    posterior, logistic = figures.final["models"]["posterior"], figures.final["models"]["logistic"]
    assert posterior["auc"] >= logistic["auc"] - 0.001
    assert posterior["log_loss"] < logistic["log_loss"]


def test_every_gate_passed(figures: Figures) -> None:
    assert figures.final["diagnostics"]["passed"] and figures.as_known["diagnostics"]["passed"]


def test_as_known_the_hazard_ranks_better_than_the_label_of_twelve_months(figures: Figures) -> None:
    posterior, logistic = figures.as_known["models"]["posterior"], figures.as_known["models"]["logistic"]
    assert posterior["auc"] > logistic["auc"]
    assert posterior["log_loss"] < logistic["log_loss"]


def test_as_known_the_hazard_is_closer_to_the_defaults_of_the_young_vintages(figures: Figures) -> None:
    """Over the year, and by quarter on average: |expected / observed - 1|."""
    quarters, year = figures.quarters, figures.quarters.sum()
    posterior, logistic = (
        (abs(year[name][0] / year["outcome"][0] - 1), *(quarters[name] / quarters["outcome"] - 1).abs())
        for name in ("posterior", "logistic")
    )
    assert posterior[0] < logistic[0]
    assert sum(posterior[1:]) < sum(logistic[1:])
