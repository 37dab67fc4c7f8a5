"""Missing values and numbers of loans by vintage: false alarms as rare as promised, faults found and named."""

import math
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import FEATURES_LOANS, RAW_LOANS
from creditrisk_assets.monitoring.completeness import COMPLETENESS, FEATURES, completeness, missing_counts
from creditrisk_assets.monitoring.volume import CRITICAL, TRAILING, VOLUME, forecast, volume
from creditrisk_assets.monitoring.written import written
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets_tests.world import LAST, VINTAGES, World, checked

LONG_AGO = date(1000, 1, 1)


def months(count: int) -> list[date]:
    return [add_months(LONG_AGO, month) for month in range(count)]


def counted(loans: int, missing: np.ndarray) -> pl.DataFrame:
    """Counts of vintages, one a row of `missing`, of features, one a column."""
    columns = {f"feature_{number}": column for number, column in enumerate(missing.T)}
    return pl.DataFrame({"vintage": months(len(missing)), "loans": np.full(len(missing), loans), **columns})


def alarms(found: pl.DataFrame) -> float:
    """Share of vintages with a failing feature."""
    return float(found.group_by("vintage").agg(pl.col("failed").any())["failed"].mean())  # type: ignore[arg-type]


@pytest.mark.parametrize(("loans", "share"), [(30, 0.02), (300, 0.001), (300, 0.1), (5_000, 0.01), (5_000, 0.5)])
def test_unchanged_vintages_alarm_no_more_often_than_they_may(loans: int, share: float) -> None:
    rng = np.random.default_rng(loans)
    found = completeness(counted(loans, rng.binomial(loans, share, (3_000, 18))), alpha=0.05, material=False)
    assert alarms(found) < 0.05 + 2 * math.sqrt(0.05 * 0.95 / 3_000)


def test_of_large_vintages_most_that_may_alarm_do_where_every_change_counts() -> None:
    missing = np.random.default_rng(1).binomial(5_000, 0.3, (3_000, 1))
    assert alarms(completeness(counted(5_000, missing), alpha=0.05, material=False)) == pytest.approx(0.04, abs=0.012)


def test_the_interval_is_that_of_clopper_and_pearson_for_a_long_past() -> None:
    from scipy import stats

    missing = np.array([[50_000_000]] * TRAILING + [[0]])
    found = completeness(counted(1, missing).with_columns(loans=np.array([10**9] * TRAILING + [400])), alpha=0.05)
    none = found.row(-1, named=True)
    assert none["low"] == 0
    assert none["high"] == pytest.approx(stats.binomtest(0, 400).proportion_ci(0.95, "exact").high, abs=1e-6)
    assert none["before"] == pytest.approx(0.05)
    assert none["failed"]


def test_a_feature_that_vanishes_is_found_in_its_vintage_and_named() -> None:
    missing = np.random.default_rng(2).binomial(400, 0.01, (20, 3))
    missing[15, 1] = 40
    failed = completeness(counted(400, missing)).filter("failed")
    assert failed.select("vintage", "feature").rows() == [(months(20)[15], "feature_1")]
    missing[15, 1] = 4
    missing[:15, 2] = 390
    failed = completeness(counted(400, missing)).filter("failed")
    assert ("feature_2", 15) in [
        (name, months(20).index(month)) for month, name in failed.select("vintage", "feature").rows()
    ]


def test_a_vintage_gone_wrong_does_not_spoil_those_after_it() -> None:
    missing = np.random.default_rng(3).binomial(400, 0.02, (30, 2))
    missing[14, 0] = 400
    failed = completeness(counted(400, missing)).filter("failed")
    assert failed.select("vintage", "feature").rows() == [(months(30)[14], "feature_0")]


def test_a_change_too_small_to_matter_is_not_told_however_certain() -> None:
    missing = np.full((13, 1), 1_000)
    missing[-1] = 1_900
    sure = counted(1_000_000, missing)
    assert completeness(sure, material=False)["failed"].to_list()[-1]
    assert not completeness(sure)["failed"].any()


def test_the_first_vintage_is_held_against_nothing_and_gaps_are_no_matter() -> None:
    found = completeness(counted(100, np.array([[100]])))
    assert found.row(0, named=True)["before"] is None
    assert not found["failed"].any()
    apart = pl.DataFrame({"vintage": [LONG_AGO, add_months(LONG_AGO, 13)], "loans": [100, 100], "x": [0, 100]})
    assert completeness(apart)["before"].to_list() == [None, None]
    assert completeness(apart.clear()).schema == COMPLETENESS


def drawn(rng: np.random.Generator, books: int, level: float, growth: float, spread: float) -> np.ndarray:
    noise = spread * rng.standard_normal((books, TRAILING + 1))
    return np.log(rng.poisson(np.exp(level + growth * np.arange(TRAILING + 1) + noise)) + 0.5)


@pytest.mark.parametrize(("level", "growth", "spread"), [(8, 0.03, 0.1), (9, 0, 0.05), (7, -0.02, 0.2)])
def test_one_unchanged_vintage_in_a_hundred_lies_beyond_the_critical_value(
    level: float, growth: float, spread: float
) -> None:
    logs = drawn(np.random.default_rng(int(level)), 20_000, level, growth, spread)
    expected, scale = forecast(logs[:, :TRAILING])
    assert np.mean(np.abs(logs[:, -1] - expected) / scale > CRITICAL) == pytest.approx(0.01, abs=0.0025)


@pytest.mark.parametrize("level", [2, 4, 7])
def test_small_and_steady_books_alarm_less(level: float) -> None:
    logs = drawn(np.random.default_rng(level), 20_000, level, 0, 0)
    expected, scale = forecast(logs[:, :TRAILING])
    assert np.mean(np.abs(logs[:, -1] - expected) / scale > CRITICAL) < 0.003


def test_the_forecast_follows_growth_and_outlasts_a_month_gone_wrong() -> None:
    before = np.log(1_000 * 1.05 ** np.arange(TRAILING))[None, :]
    spoilt = before.copy()
    spoilt[0, 5] = 0
    expected, scale = forecast(np.vstack([before, spoilt]))
    assert expected == pytest.approx([math.log(1_000 * 1.05**TRAILING)] * 2)
    assert scale == pytest.approx(np.exp(-expected / 2))


@pytest.mark.parametrize(("count", "word"), [(400, "shrunk"), (0, "shrunk"), (2_500, "exploded"), (1_050, "usual")])
def test_a_vintage_that_shrank_or_exploded_is_told(count: int, word: str) -> None:
    counts = pl.DataFrame({"vintage": months(14), "rows": [1_000] * 13 + [count]})
    found = volume(counts)
    assert found["status"].to_list() == ["too young"] * TRAILING + ["usual", word]
    assert found["expected"].to_list()[-1] == pytest.approx(1_000)


def test_a_month_without_loans_in_the_middle_shrank_to_nothing() -> None:
    counts = pl.DataFrame({"vintage": months(20), "rows": [1_000] * 20}).remove(vintage=months(20)[15])
    found = volume(counts)
    assert found.filter(pl.col("status") == "shrunk").rows(named=True)[0]["loans"] == 0
    assert found.height == 20
    assert volume(counts.clear()).schema == VOLUME


def test_the_log_of_a_table_tells_its_rows(ingested: World) -> None:
    counted_rows = ingested.rows(RAW_LOANS).group_by("vintage").len("rows").sort("vintage").cast({"rows": pl.Int64})
    found = written(ingested.lake, RAW_LOANS)
    assert found.select("vintage", "rows").equals(counted_rows)
    assert found["written"].is_null().sum() == 0


def test_the_checks_pass_over_a_sound_book_and_name_what_is_planted(ingested: World, tmp_path: Path) -> None:
    for name, asset in (("is_complete", "features/loans"), ("has_its_usual_volume", "raw/loans")):
        assert checked(ingested, name, asset, VINTAGES[0], LAST) is None
    world, spoilt = ingested.copy(tmp_path), VINTAGES[20]
    rows = world.lake.scan(FEATURES_LOANS, [spoilt]).with_columns(fico=pl.lit(None, pl.Float64))
    world.lake.overwrite(FEATURES_LOANS, rows, [spoilt])
    world.lake.overwrite(RAW_LOANS, world.lake.scan(RAW_LOANS, [spoilt]).head(40), [spoilt])
    told = checked(world, "is_complete", "features/loans", VINTAGES[0], LAST)
    assert told is not None
    assert (told["vintages"], told["features"], told["failing_partitions"]) == ("2015-09", "fico", ["2015-09-01"])
    assert "why fico changed" in str(told["remedy"])
    told = checked(world, "has_its_usual_volume", "raw/loans", VINTAGES[0], LAST)
    assert told is not None
    assert (told["vintages"], told["shrunk"], told["exploded"]) == ("2015-09", 1, 0)
    assert checked(world, "is_complete", "features/loans", VINTAGES[5]) is None
    assert set(FEATURES) < set(missing_counts(world.lake.scan(FEATURES_LOANS)).columns)
