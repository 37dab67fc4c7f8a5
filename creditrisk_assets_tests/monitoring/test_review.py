"""What opens a review: findings first, the most urgent before the others, and the calendar where nothing was found."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.contracts import (
    MONITORING_CALIBRATION,
    MONITORING_CHALLENGER,
    MONITORING_DRIFT,
    MONITORING_PERFORMANCE,
    MONITORING_POPULATION,
    MONITORING_RULE_AGREEMENT,
    TRIGGERS,
)
from creditrisk_assets.monitoring.monitored import Monitored
from creditrisk_assets.monitoring.review import NOTHING, QUARTER, Review, observed_over_expected, review

TODAY, LOOKED_AT = date(2026, 12, 1), date(2026, 11, 1)
VINTAGES = [date(2016, 1, 1), date(2016, 2, 1)]


def performance(observed: list[int], expected: list[float], alarm: bool = False) -> pl.DataFrame:
    rows = {"vintage": VINTAGES[: len(observed)], "observed": observed, "expected": expected,
            "alarm": [alarm] * len(observed), "false_alarm_rate": [0.05] * len(observed)}  # fmt: skip
    return pl.DataFrame(rows, schema_overrides={"observed": pl.Int64, "expected": pl.Float64, "vintage": pl.Date})


def drift(*verdicts: str) -> pl.DataFrame:
    names = [f"feature_{number}" for number in range(len(verdicts))]
    return pl.DataFrame({"vintage": [VINTAGES[0]] * len(names), "feature": names, "verdict": list(verdicts)})


def found(*, performed: pl.DataFrame | None = None, drifted: pl.DataFrame | None = None) -> Monitored:
    empty = [pl.DataFrame(schema=table.schema) for table in (
        MONITORING_PERFORMANCE, MONITORING_CALIBRATION, MONITORING_DRIFT, MONITORING_POPULATION,
        MONITORING_RULE_AGREEMENT, MONITORING_CHALLENGER)]  # fmt: skip
    empty[0] = empty[0] if performed is None else performed
    empty[2] = empty[2] if drifted is None else drifted
    return Monitored(tuple(VINTAGES), *empty)


def reviewed(card: str | None = None, looked_at: date = LOOKED_AT, **tables: pl.DataFrame) -> Review:
    return review(found(**tables), card, looked_at, TODAY)


def test_where_nothing_was_looked_at_the_calendar_decides_and_the_readings_say_so() -> None:
    one = reviewed()
    assert [trigger.name for trigger in one.triggers] == list(TRIGGERS)
    assert (one.next.name, one.next.fired, one.due) == ("quarterly date", False, LOOKED_AT + QUARTER)
    assert [trigger.reading for trigger in one.triggers[1:4]] == [NOTHING] * 3


def test_a_quarter_later_the_review_is_due() -> None:
    one = reviewed(looked_at=TODAY - QUARTER)
    assert one.next.fired
    assert "0 days ago" in one.next.reading
    assert not reviewed(looked_at=TODAY - QUARTER + timedelta(days=1)).next.fired


def test_the_first_that_has_fired_opens_the_review() -> None:
    bad, moved = performance([60, 60], [40.0, 40.0], alarm=True), drift("stable", "drifted", "drifted")
    assert reviewed("it has no card", performed=bad, drifted=moved).next.name == "card"
    assert reviewed(performed=bad, drifted=moved).next.name == "alarm"
    assert reviewed(performed=performance([60, 60], [40.0, 40.0]), drifted=moved).next.name == "observed over expected"
    only_drift = reviewed(performed=performance([40, 40], [40.0, 40.0]), drifted=moved, looked_at=TODAY - 2 * QUARTER)
    assert only_drift.next.name == "drift"
    assert only_drift.next.reading == "1 of 1 vintages: feature_1, feature_2"
    assert only_drift.triggers[-1].fired


def test_an_alarm_names_its_vintages_beside_what_chance_brings() -> None:
    reading = reviewed(performed=performance([60, 60], [40.0, 40.0], alarm=True)).triggers[1].reading
    assert reading == "2 of 2 vintages: 2016-01, 2016-02, 0.1 by chance"


def test_stable_and_watched_features_open_no_review() -> None:
    one = reviewed(drifted=drift("stable", "watch"))
    assert (one.next.name, one.triggers[3].reading) == ("quarterly date", "0 of 1 vintages")


@given(st.integers(0, 3_000), st.integers(0, 3_000), st.floats(0.01, 3_000), st.floats(0.0, 3_000))
def test_observed_over_expected_fires_beyond_ten_per_cent_and_beyond_chance(
    one: int, other: int, first: float, second: float
) -> None:
    from scipy.stats import gamma

    trigger = observed_over_expected(performance([one, other], [first, second]))
    ratio = (one + other) / (first + second)
    low, high = gamma(one + other + 0.5, scale=1 / (first + second)).ppf([0.05, 0.95])
    assert trigger.fired == (abs(ratio - 1) > 0.1 and not low <= 1 <= high)
    assert trigger.reading.startswith(f"{ratio:.2f} (90 % interval {low:.2f} to {high:.2f}): {one + other} defaults")


@pytest.mark.parametrize(
    ("rows", "reading"),
    [(performance([], []), NOTHING), (performance([0, 0], [0.0, 0.0]), "no default was possible yet")],
)
def test_without_expected_defaults_there_is_no_ratio(rows: pl.DataFrame, reading: str) -> None:
    trigger = observed_over_expected(rows)
    assert (trigger.fired, trigger.reading) == (False, reading)
