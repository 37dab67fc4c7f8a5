"""The behaviour model on real card holders: odd client ids teach, even ones test."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.models import metrics
from creditrisk_assets.models.landmarks import learn
from creditrisk_assets_tests.models.card_holders import FILE, card_holders

Tested = tuple[pl.DataFrame, pl.Series]


@pytest.fixture(scope="module")
def tested(shared_data: Path) -> Tested:
    """Predictions and outcomes of the clients with even ids."""
    counts, outcome, odd = card_holders(shared_data / FILE)
    nothing = np.zeros(len(outcome))  # there was no application score: every client starts from the book's average
    model = learn(counts.filter(odd), nothing[odd], nothing[odd], outcome[odd])
    assert model.diagnostics["passed"], model.diagnostics
    predicted = model.predict(counts.filter(~odd), nothing[~odd], nothing[~odd])
    return predicted, pl.Series(outcome[~odd])


def test_ranking_and_distance_are_at_least_as_good_as_published(tested: Tested) -> None:
    """Two learned counts reach an AUC of .7325 and a Brier score of .1446, with recency .7385 and .137."""
    found = metrics.summary(tested[1], tested[0]["pd"])
    assert found["rows"] == 15_000
    assert found["auc"] >= 0.75
    assert found["brier"] <= 0.1365


def test_every_decile_is_calibrated(tested: Tested) -> None:
    table = metrics.calibration(tested[1], tested[0]["pd"])
    noise = (table["mean_pd"] * (1 - table["mean_pd"]) / table["rows"]).sqrt()
    assert ((table["observed"] - table["mean_pd"]).abs() <= 3 * noise).all(), table
    assert float(tested[0]["pd"].mean()) == pytest.approx(tested[1].mean(), rel=0.03)  # type: ignore[arg-type]


def test_intervals_are_right_about_the_rates_of_segments(tested: Tested) -> None:
    """Of customers with the same counts, the observed rate lies in the interval as often as it says, noise included."""
    predicted, outcome = tested
    segments = predicted.with_columns(bad=outcome).group_by("log_odds", "log_odds_sd").agg(
        rows=pl.len(), bads=pl.col("bad").sum()
    ).filter(pl.col("rows") >= 50)  # fmt: skip
    generator = np.random.default_rng(1)
    held = []
    for row in segments.iter_rows(named=True):
        drawn = 1 / (1 + np.exp(-generator.normal(row["log_odds"], row["log_odds_sd"], 4_000)))
        low, high = np.quantile(generator.binomial(row["rows"], drawn), [0.05, 0.95])
        held.append(low <= row["bads"] <= high)
    assert len(held) >= 30
    assert np.mean(held) >= 0.82
