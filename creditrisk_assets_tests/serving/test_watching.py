"""Drift and defaults so far as the committee reads them, against frames made by hand."""

from datetime import date
from itertools import product

import polars as pl
import pytest

from creditrisk_assets.contracts import MONITORING_DRIFT, MONITORING_PERFORMANCE, MONITORING_RULE_AGREEMENT
from creditrisk_assets.serving import drift, observed
from creditrisk_assets.serving.watching import watched

MONTHS = [date(2014, month, 1) for month in (1, 2, 3, 4)]
DRIFT, PERFORMANCE, RULES = (
    pl.DataFrame(schema=table.schema) for table in (MONITORING_DRIFT, MONITORING_PERFORMANCE, MONITORING_RULE_AGREEMENT)
)


def moves(*rows: tuple[date, str, str, float]) -> pl.DataFrame:
    """Rows of monitoring/drift: vintage, feature, verdict, PSI."""
    told = [
        {"vintage": month, "feature": name, "kind": "score" if name == "score" else "feature", "verdict": verdict,
         "psi": psi, "significant": verdict != "stable"}
        for month, name, verdict, psi in rows
    ]  # fmt: skip
    return pl.DataFrame([dict.fromkeys(DRIFT.schema) | row for row in told], schema=DRIFT.schema)


def outcomes(*rows: tuple[int, float, bool, float | None]) -> pl.DataFrame:
    """Rows of monitoring/performance, a vintage each: observed, expected, alarm, chance of a false one."""
    told = [
        {"vintage": month, "observed": seen, "expected": expected, "alarm": alarm, "false_alarm_rate": rate,
         "early_p_value": None if rate is None else 0.5, "resolved_observed": 2 * seen, "resolved_expected": expected}
        for month, (seen, expected, alarm, rate) in zip(MONTHS, rows, strict=False)
    ]  # fmt: skip
    return pl.DataFrame([dict.fromkeys(PERFORMANCE.schema) | row for row in told], schema=PERFORMANCE.schema)


def reading(indicator: str, moved: pl.DataFrame = DRIFT, seen: pl.DataFrame = PERFORMANCE) -> tuple[str, str]:
    found = next(one for one in watched(moved, seen, RULES) if indicator in one.indicator)
    return found.reading, found.status


FICO_DRIFTED = moves(
    (MONTHS[0], "loan_to_income", "drifted", 0.9), (MONTHS[1], "fico", "watch", 0.2),
    (MONTHS[2], "fico", "drifted", 0.3), (MONTHS[3], "fico", "stable", 0.26), (MONTHS[3], "score", "watch", 0.15),
    (MONTHS[3], "loan_to_income", "stable", 0.01),
)  # fmt: skip


def test_what_moved_lately_is_named_worst_first_with_its_worst_vintage() -> None:
    found = drift.moved(FICO_DRIFTED)
    assert found.select("name", "verdict", "psi", "vintage", "vintages", "of").rows() == [
        ("FICO", "drifted", 0.3, MONTHS[2], 2, 3), ("Score", "watch", 0.15, MONTHS[3], 1, 3),
    ]  # fmt: skip
    assert drift.compared(FICO_DRIFTED) == (3, 3)


def test_the_heat_map_has_the_newest_vintages_score_first_then_what_moved_most() -> None:
    found = drift.heat_map(FICO_DRIFTED, most=3)
    assert found["name"].unique(maintain_order=True).to_list() == ["Score", "FICO", "Amount to income"]
    assert found["label"].unique().sort().to_list() == ["2014-02", "2014-03", "2014-04"]
    assert found.height == FICO_DRIFTED.filter(pl.col("vintage") >= MONTHS[1]).height


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (FICO_DRIFTED, ("1 of 3: FICO", "red")),
        (moves((MONTHS[0], "fico", "watch", 0.2)), ("1 of 1: FICO", "amber")),
        (moves((MONTHS[0], "fico", "stable", 0.4)), ("none of 1 in 1 vintages", "green")),
        (moves(*((MONTHS[0], name, "drifted", 1.0) for name in ("fico", "purpose", "addr_state"))),
         ("3 of 3: State, FICO and 1 more", "red")),
        (DRIFT, ("not monitored yet", "unknown")),
    ],
)  # fmt: skip
def test_drift_counts_beyond_chance_only(rows: pl.DataFrame, expected: tuple[str, str]) -> None:
    assert reading("Drift", rows) == expected


def test_defaults_of_all_vintages_are_held_against_what_was_expected_so_far() -> None:
    from scipy import stats

    found = observed.together(outcomes((30, 20.0, False, 0.05), (70, 60.0, False, 0.05), (0, 0.0, False, None)))
    assert (found.observed, found.expected, found.vintages) == (100, 80.0, 3)
    assert found.ratio == pytest.approx(1.25)
    assert (found.low, found.high) == pytest.approx(tuple(stats.gamma.ppf([0.05, 0.95], 100.5) / 80))
    assert found.resolved_ratio == pytest.approx(200 / 80)
    assert found.light == "red"


@pytest.mark.parametrize(
    ("seen", "expected", "light"),
    [(103, 100.0, "green"), (112, 100.0, "green"), (1_070, 1_000.0, "amber"), (1_200, 1_000.0, "red"),
     (930, 1_000.0, "amber"), (0, 0.0, "unknown"), (1, 0.0, "red")],
)  # fmt: skip
def test_the_light_turns_beyond_five_and_ten_percent_where_chance_does_not_explain_it(
    seen: int, expected: float, light: str
) -> None:
    assert observed.together(outcomes((seen, expected, False, None))).light == light


def test_alarms_are_counted_beside_what_chance_brings() -> None:
    rates = (0.05, 0.03, 0.04)
    found = observed.alarms(
        outcomes(*((1, 1.0, place < 2, rate) for place, rate in enumerate(rates)), (1, 1, True, None))
    )
    brought = 0.0
    for fired in product((0, 1), repeat=3):
        chance = 1.0
        for one, rate in zip(fired, rates, strict=True):
            chance *= rate if one else 1 - rate
        brought += chance * (sum(fired) >= 2)
    assert (found.alarms, found.vintages) == (2, 3)
    assert found.by_chance == pytest.approx(sum(rates))
    assert found.p_value == pytest.approx(brought)


@pytest.mark.parametrize(
    ("alarms", "expected"),
    [(0, ("0 of 4, 0.2 by chance", "green")), (1, ("1 of 4, 0.2 by chance", "amber")),
     (2, ("2 of 4, 0.2 by chance", "red"))],
)  # fmt: skip
def test_alarms_are_red_when_chance_does_not_bring_so_many(alarms: int, expected: tuple[str, str]) -> None:
    seen = outcomes(*((1, 1.0, place < alarms, 0.05) for place in range(4)))
    assert reading("alarm", seen=seen) == expected


def test_vintages_without_a_trial_cannot_alarm() -> None:
    assert reading("alarm", seen=outcomes((0, 0.0, False, None))) == ("no trial yet", "unknown")


@pytest.mark.parametrize(("low", "high", "status"), [(0.01, 0.2, "green"), (-0.1, 0.2, "amber"), (-0.2, -0.1, "red")])
def test_rules_are_judged_by_the_interval_of_the_gain(low: float, high: float, status: str) -> None:
    middle = (low + high) / 2
    told = {"recall": (0.2, 20), "posterior_recall": (0.2 + middle, round(100 * (0.2 + middle))),
            "recall_gain": (middle, 100)}  # fmt: skip
    rows = [
        dict.fromkeys(RULES.schema)
        | {"vintage": MONTHS[0], "model_date": MONTHS[0], "measure": name, "value": value, "low": low, "high": high,
           "events": events, "loans": 100}
        for name, (value, events) in told.items()
    ]  # fmt: skip
    found = watched(DRIFT, PERFORMANCE, pl.DataFrame(rows, schema=RULES.schema))[-1]
    assert found.status == status
    assert "20.0% of the rules" in found.reading
