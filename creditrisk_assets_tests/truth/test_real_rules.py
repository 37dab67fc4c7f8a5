"""The packaged rules on the loans of 2007 to 2011: the figures published of them, and the posterior beside them."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.features.loans import features
from creditrisk_assets.models.exposure import learned_from
from creditrisk_assets.models.outcomes import as_known, final
from creditrisk_assets.models.posterior import fit_posterior
from creditrisk_assets.models.rules.evaluation import evaluate
from creditrisk_assets.models.rules.reading import load_rules
from creditrisk_assets.monitoring.rule_agreement import agreement
from creditrisk_assets.raw.intake import read_loans
from creditrisk_assets_tests.truth.said import say

BOOK = date(2007, 6, 1), date(2011, 12, 1)
DAY, BEFORE, WINDOW = date(2011, 1, 1), date(2010, 12, 1), 24

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def loans(shared_data: Path) -> pl.DataFrame:
    file = shared_data / "lendingclub" / "loans_2007_2011.csv.gz"
    return features(read_loans([file], BOOK).clean.lazy()).collect()


@pytest.fixture(scope="module")
def flags(loans: pl.DataFrame) -> pl.DataFrame:
    return loans.select("loan_id", "vintage").hstack(evaluate(load_rules(), loans))


def told(what: str, table: pl.DataFrame) -> None:
    with pl.Config(tbl_rows=table.height):
        say(f"\n{what}\n{table}")


def figure(table: pl.DataFrame, measure: str) -> float:
    return float(table.row(by_predicate=pl.col("measure") == measure, named=True)["value"])


def test_share_bad_rates_lift_and_area_are_those_published_of_these_rules(
    loans: pl.DataFrame, flags: pl.DataFrame
) -> None:
    """Over all loans, outside the credit policy or not, by their final outcome."""
    nobody = pl.DataFrame(schema={"loan_id": pl.String, "pd": pl.Float64})
    found = agreement(nobody, flags, final(loans.lazy()).collect())
    told("rules, 2007 to 2011, final outcomes", found)
    assert flags.height == 42_535
    assert round(figure(found, "flagged_share"), 3) == 0.055
    assert round(figure(found, "flagged_bad_rate"), 3) == 0.248
    assert round(figure(found, "bad_rate"), 3) == 0.151
    assert round(figure(found, "lift"), 2) == 1.64
    assert round(figure(found, "tier_auc"), 3) == 0.558
    assert found.filter(pl.col("measure").str.contains("posterior|gain|overlap|jaccard"))["value"].is_null().all()


@pytest.fixture(scope="module")
def beside(loans: pl.DataFrame, flags: pl.DataFrame) -> pl.DataFrame:
    """2011 out of time, by the outcome within twelve months, with PDs of a posterior dated in January."""
    exposed = learned_from(loans.lazy(), DAY, WINDOW)
    test = as_known(loans.lazy(), date.max).filter(pl.col("vintage") >= DAY).collect()
    posterior = fit_posterior(exposed, "application", BEFORE).posterior
    scored = test.select("loan_id").with_columns(posterior.predict(test)["pd"])
    found = agreement(scored, flags.filter(pl.col("vintage") >= DAY), test)
    told("rules and posterior, 2011 out of time, defaults within twelve months", found)
    return found


def test_the_posterior_recalls_more_defaults_than_the_watchlist_of_as_many_loans(beside: pl.DataFrame) -> None:
    assert figure(beside, "posterior_recall") > figure(beside, "recall")
    gain = beside.row(by_predicate=pl.col("measure") == "recall_gain", named=True)
    assert gain["low"] > 0


def test_the_posterior_ranks_better_than_the_tiers_beyond_chance(beside: pl.DataFrame) -> None:
    gain = beside.row(by_predicate=pl.col("measure") == "auc_gain", named=True)
    assert 0 < gain["low"] < gain["value"] < gain["high"]
    tiers, posterior = (figure(beside, f"{name}_auc") for name in ("tier", "posterior"))
    assert posterior - tiers == pytest.approx(gain["value"], abs=1e-12)
