"""Half a logit of drift in the last twelve vintages, looked at nine months after the last by the model from before it.

How soon an alarm can know depends on the vintages it falls on: what a drift adds to the risk foretold has to pass what
vintages do by themselves (a standard deviation of .18 here) and what the economy does. Seen with the same settings,
eight books: docs/model.md, Monitoring.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl
import pytest

from creditrisk_assets.features.loans import features
from creditrisk_assets.models.comparison import WINDOW
from creditrisk_assets.models.draws import draws_of
from creditrisk_assets.models.exposure import learned_from
from creditrisk_assets.models.posterior import fit_posterior
from creditrisk_assets.monitoring.expected import Expecting
from creditrisk_assets.monitoring.performance import performance
from creditrisk_assets.raw.intake import read_loans
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets.scores.scale import band
from creditrisk_assets.simulation.book import simulate_loans
from creditrisk_assets_tests.truth.said import say

FIRST, DRIFTED, LAST, VINTAGES = date(2015, 1, 1), date(2017, 1, 1), date(2017, 12, 1), 36
LOANS, DRIFT, AFTER, SEED = 150_000, 0.5, 9, 5


@dataclass(frozen=True)
class Seen:
    """monitoring/performance of the drifted vintages, with `truth` and `foretold`: defaults within twelve months."""

    rows: pl.DataFrame

    @property
    def true_ratio(self) -> float:
        """Expected defaults by the true PDs over those by the model."""
        return float(self.rows["truth"].sum() / self.rows["foretold"].sum())

    def ratio(self, prefix: str = "") -> float:
        """Observed over expected of all twelve vintages together."""
        return float(self.rows[f"{prefix}observed"].sum() / self.rows[f"{prefix}expected"].sum())


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    book = simulate_loans(
        loans=LOANS, vintages=VINTAGES, seed=SEED, out=tmp_path_factory.mktemp("drifted"), first_vintage=FIRST,
        observed_months=AFTER, drift=DRIFT, drift_from=DRIFTED,
    )  # fmt: skip
    loans = features(read_loans([book.file], (FIRST, LAST)).clean.lazy()).collect()
    posterior = fit_posterior(
        learned_from(loans.lazy(), DRIFTED, WINDOW), "application", add_months(DRIFTED, -1)
    ).posterior
    asked = loans.filter(pl.col("vintage") >= DRIFTED)
    pds = posterior.predict(asked).select("pd", "pd_term", band=band(pl.col("pd")))
    scored = pl.concat([asked, pds], how="horizontal").with_columns(model_date=pl.lit(DRIFTED))
    expecting = Expecting(draws_of(posterior), DRIFTED)
    rows = pl.concat(
        performance(expecting.add(add_months(DRIFTED, month), scored.filter(vintage=add_months(DRIFTED, month))))
        for month in range(12)
    )
    truth = pl.read_parquet(book.truth).group_by("vintage").agg(truth=pl.col("pd_12m").sum())
    foretold = scored.group_by("vintage").agg(foretold=pl.col("pd").sum())
    found = Seen(rows.join(truth, on="vintage").join(foretold, on="vintage").sort("vintage"))
    say(f"\nobserved over expected {found.ratio():.3f}, truth {found.true_ratio:.3f}, "
        f"resolved loans alone {found.ratio('resolved_'):.3f}")  # fmt: skip
    say(f"{found.rows.select('vintage', 'early_defaults', 'early_expected', 'early_high', 'early_p_value', 'alarm')}")
    return found


def test_the_alarm_fires_within_three_vintages(seen: Seen) -> None:
    assert seen.rows["alarm"].head(3).any()


def test_observed_over_expected_is_the_true_ratio_within_five_per_cent(seen: Seen) -> None:
    assert seen.ratio() == pytest.approx(seen.true_ratio, rel=0.05)
    assert seen.rows["light"].head(3).to_list() == ["red"] * 3


def test_resolved_loans_alone_tell_young_vintages_from_the_truth_by_their_age(seen: Seen) -> None:
    """The longer a vintage has been observed, the worse it looks: by age, not by risk."""
    by_age = seen.rows.with_columns(off=pl.col("resolved_ratio") * pl.col("foretold") / pl.col("truth"))
    assert by_age["off"].max() / by_age["off"].min() > 1.1  # type: ignore[operator]
