"""Curves of cohorts against sums of their vintages, and roll rates against counts."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import BUCKETS, SERVING_DEFAULT_CURVES, SERVING_ROLL_RATES
from creditrisk_assets.serving.selection import Selection
from creditrisk_assets.serving.vintages import POINTS, curves, drawn, roll_rates, summary
from creditrisk_assets_tests.world import World

EVERYTHING = Selection(date(2000, 1, 1), date(2100, 1, 1))


@pytest.fixture(scope="module")
def tabled(batched: World) -> pl.DataFrame:
    return batched.rows(SERVING_DEFAULT_CURVES)


def test_a_cohort_is_the_mean_of_its_vintages_weighted_by_loans(tabled: pl.DataFrame) -> None:
    found = curves(tabled, EVERYTHING, "quarter")
    row = found.filter((pl.col("cohort") == "2016 Q1") & (pl.col("month") == 12)).row(0, named=True)
    parts = tabled.filter((pl.col("vintage").dt.truncate("1q") == date(2016, 1, 1)) & (pl.col("month") == 12))
    weights = parts["loans"].to_numpy()
    assert row["loans"] == weights.sum()
    assert row["observed"] == pytest.approx(np.average(parts["observed"], weights=weights))
    assert row["expected"] == pytest.approx(np.average(parts["expected"], weights=weights))
    draws = np.average(np.array(parts["draws"].to_list()), axis=0, weights=weights)
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(draws, [0.05, 0.95])))


def test_a_curve_ends_where_the_shortest_term_or_observation_does(tabled: pl.DataFrame) -> None:
    found = curves(tabled, EVERYTHING, "year")
    assert found["month"].max() == tabled["term_months"].min()
    longest = tabled.filter(pl.col("observed").is_not_null()).group_by("vintage", "term_months").agg(
        pl.col("month").max()
    )  # fmt: skip
    of_2015 = longest.filter(pl.col("vintage").dt.year() == 2015)["month"].min()
    seen = found.filter((pl.col("cohort") == "2015") & pl.col("observed").is_not_null())
    assert seen["month"].max() == min(of_2015, 36)  # type: ignore[type-var]


def test_a_cohort_with_a_vintage_without_a_model_expects_nothing(tabled: pl.DataFrame) -> None:
    found = curves(tabled, EVERYTHING, "year").filter(pl.col("cohort") == "2014")
    assert found["expected"].is_null().all()
    assert found["low"].is_null().all()
    assert found["observed"].is_not_null().any()


def test_years_and_quarters_hold_the_same_loans(tabled: pl.DataFrame) -> None:
    loans = [curves(tabled, EVERYTHING, by).group_by("cohort").agg(pl.col("loans").first())["loans"].sum()
             for by in ("year", "quarter")]  # fmt: skip
    assert loans[0] == loans[1] == tabled.group_by("vintage", "term_months").agg(pl.col("loans").first())["loans"].sum()


def test_one_term_alone_runs_to_its_own_end(tabled: pl.DataFrame) -> None:
    longest = tabled["term_months"].max()
    assert isinstance(longest, int)
    found = curves(tabled, Selection(EVERYTHING.first, EVERYTHING.last, (longest,)), "year")
    assert found["month"].max() == longest


def test_no_vintage_selected_is_no_curve(tabled: pl.DataFrame) -> None:
    found = curves(tabled, Selection(date(1999, 1, 1), date(1999, 2, 1)), "year")
    assert found.is_empty()
    assert summary(found).is_empty()


def test_more_points_than_can_be_drawn_are_thinned() -> None:
    many = pl.DataFrame({"month": list(range(1, 61)) * 100})
    assert drawn(many).height <= POINTS + 100
    assert drawn(many.head(POINTS)).height == POINTS


@pytest.mark.parametrize(
    ("observed", "low", "verdict"),
    [(0.05, 0.01, "above"), (0.02, 0.01, "inside"), (0.001, 0.01, "below"), (None, 0.01, "too early"),
     (0.02, None, "no model")],
)  # fmt: skip
def test_a_cohort_is_told_beside_its_interval(observed: float | None, low: float | None, verdict: str) -> None:
    known = {"start": [date(2016, 1, 1)], "cohort": ["2016"], "month": [12], "loans": [10**7], "observed": [observed],
             "expected": [0.02], "low": [low], "high": [None if low is None else 0.03]}  # fmt: skip
    schema = dict.fromkeys(("observed", "expected", "low", "high"), pl.Float64)
    assert summary(pl.DataFrame(known, schema_overrides=schema))["verdict"].item() == verdict


def test_few_loans_may_differ_by_chance() -> None:
    schema = dict.fromkeys(("observed", "expected", "low", "high"), pl.Float64)
    known = {"start": [date(2016, 1, 1)], "cohort": ["2016"], "month": [12], "loans": [400], "observed": [0.035],
             "expected": [0.02], "low": [0.02], "high": [0.02]}  # fmt: skip
    found = summary(pl.DataFrame(known, schema_overrides=schema))
    sd = (400 * 0.02 * 0.98) ** 0.5 / 400
    assert found["high"].item() == pytest.approx(0.02 + 1.645 * sd, rel=1e-3)
    assert found["verdict"].item() == "above"
    assert summary(pl.DataFrame(known | {"loans": [100]}, schema_overrides=schema))["verdict"].item() == "inside"


def test_the_summary_tells_the_newest_first_and_how_long_each_is_observed(tabled: pl.DataFrame) -> None:
    found = curves(tabled, EVERYTHING, "year")
    told = summary(found)
    assert told["cohort"].to_list() == ["2016", "2015", "2014"]
    for row in told.iter_rows(named=True):
        mine = found.filter((pl.col("cohort") == row["cohort"]) & pl.col("observed").is_not_null())
        assert row["observed_months"] == mine["month"].max()
        assert row["history"] == mine["observed"].to_list()


def _rolled(*rows: tuple[date, str, str, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SERVING_ROLL_RATES.schema, orient="row")


def test_roll_rates_are_shares_of_where_customers_came_from() -> None:
    march, april = date(2026, 3, 1), date(2026, 4, 1)
    found = roll_rates(_rolled((march, "current", "current", 90), (april, "current", "1-29", 10),
                               (april, "1-29", "current", 3), (april, "1-29", "30-59", 1)))  # fmt: skip
    assert found.height == len(BUCKETS) ** 2
    shares = {
        (one, other): share for one, other, share in found.select("from_bucket", "to_bucket", "share").iter_rows()
    }
    assert shares["current", "1-29"] == pytest.approx(0.1)
    assert shares["1-29", "current"] == pytest.approx(0.75)
    assert shares["90+", "90+"] is None  # nobody was there
    turns = dict(zip(zip(found["from_bucket"], found["to_bucket"], strict=True), found["turn"], strict=True))
    assert (turns["current", "1-29"], turns["1-29", "current"], turns["90+", "90+"]) == ("worse", "better", "same")


def test_roll_rates_look_back_over_the_newest_months_only() -> None:
    months = [date(2025, month, 1) for month in range(1, 13)]
    found = roll_rates(_rolled(*((month, "current", "current", 1) for month in months)), months=3)
    assert found["customers"].sum() == 3


def test_no_customers_are_no_roll_rates() -> None:
    assert roll_rates(_rolled()).is_empty()
