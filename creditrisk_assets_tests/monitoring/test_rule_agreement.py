"""Do rules and posterior catch the same loans: figures by hand, what nothing can be told from, and the asset."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import (
    AGREEMENT,
    FEATURES_LOANS,
    MONITORING_RULE_AGREEMENT,
    SCORES_LOANS,
    SCORES_RULES,
    TIERS,
)
from creditrisk_assets.models.metrics import auc
from creditrisk_assets.models.outcomes import as_known
from creditrisk_assets.monitoring.rule_agreement import FIGURES, agreement, by_vintage
from creditrisk_assets_tests.world import MODEL_DATES, World

Row = tuple[str, bool | None, float | None]
"""Tier, outcome and PD of one loan, the last two where they are known."""
ROWS = st.lists(
    st.tuples(st.sampled_from(TIERS), st.none() | st.booleans(), st.none() | st.sampled_from([0.01, 0.05, 0.2, 0.9])),
    max_size=40,
)


def told(rows: list[Row]) -> dict[str, dict[str, float | None]]:
    ids = [f"{number:03d}" for number in range(len(rows))]
    whole = pl.DataFrame(
        {"loan_id": ids, "tier": [tier for tier, _, _ in rows], "outcome": [bad for _, bad, _ in rows],
         "pd": [pd for _, _, pd in rows]},
        schema={"loan_id": pl.String, "tier": pl.String, "outcome": pl.Boolean, "pd": pl.Float64},
    ).with_columns(watchlist=pl.col("tier") == "Watchlist")  # fmt: skip
    found = agreement(
        whole.filter(pl.col("pd").is_not_null()), whole.sample(fraction=1, shuffle=True, seed=1),
        whole.filter(pl.col("outcome").is_not_null()),
    )  # fmt: skip
    assert found.schema == FIGURES
    assert found["measure"].to_list() == list(AGREEMENT)
    return {row["measure"]: row for row in found.iter_rows(named=True)}


def values(found: dict[str, dict[str, float | None]], *measures: str) -> tuple[float | None, ...]:
    return tuple(found[measure]["value"] for measure in measures)


TEN: list[Row] = [
    ("Watchlist", True, 0.30), ("Watchlist", False, 0.02), ("Watchlist", False, 0.20), ("Elevated", True, 0.25),
    ("Elevated", False, 0.10), ("Elevated", False, 0.04), ("Low", True, 0.05), ("Low", True, 0.24),
    ("Low", False, 0.03), ("Low", False, 0.01),
]  # fmt: skip
"""The riskiest three by PD are the first, the fourth and the eighth: all of them defaulted."""


def test_figures_are_those_of_ten_loans_by_hand() -> None:
    found = told([*TEN, ("Watchlist", None, 0.5), ("Low", None, None)])
    assert values(found, "flagged_share", "bad_rate", "flagged_bad_rate") == (4 / 12, 4 / 10, 1 / 3)
    assert values(found, "lift") == pytest.approx(((1 / 3) / (4 / 10),))
    assert values(found, "recall", "posterior_recall", "recall_gain") == pytest.approx((1 / 4, 3 / 4, 2 / 4))
    # With the flagged loan of unknown outcome the riskiest four are that one and the same three.
    assert values(found, "overlap", "jaccard") == pytest.approx((2 / 4, 2 / 6))
    bad, tiers = np.array([row[1] for row in TEN]), np.array([TIERS.index(row[0]) / 2 for row in TEN])
    pds = np.array([row[2] for row in TEN])
    expected = auc(bad, tiers), auc(bad, pds), auc(bad, pds) - auc(bad, tiers)
    assert values(found, "tier_auc", "posterior_auc", "auc_gain") == pytest.approx(expected)
    assert [(row["events"], row["loans"]) for row in found.values()] == [
        (4, 12), (4, 10), (1, 3), (4, 10), (1, 4), (3, 4), (4, 4), (2, 4), (2, 6), (4, 10), (4, 10), (4, 10)
    ]  # fmt: skip


def test_intervals_of_rates_are_quantiles_of_their_jeffreys_posterior() -> None:
    from scipy.stats import beta

    found = told(TEN)["recall"]
    assert (found["low"], found["high"]) == pytest.approx(tuple(beta(1.5, 3.5).ppf([0.05, 0.95])), abs=1e-9)


def test_the_interval_of_an_area_is_that_of_delong_by_placements() -> None:
    found = told(TEN)["posterior_auc"]
    bads, goods = [row[2] for row in TEN if row[1]], [row[2] for row in TEN if not row[1]]
    wins = np.array([[1.0 if bad > good else 0.5 if bad == good else 0.0 for good in goods] for bad in bads])  # type: ignore[operator]
    error = np.sqrt(wins.mean(1).var(ddof=1) / len(bads) + wins.mean(0).var(ddof=1) / len(goods))
    assert found["value"] == pytest.approx(wins.mean())
    assert found["low"] == pytest.approx(wins.mean() - 1.6448536 * error)
    assert found["high"] == pytest.approx(min(1.0, wins.mean() + 1.6448536 * error))


def test_intervals_of_lift_hold_the_truth_nine_times_in_ten() -> None:
    """Loans of a known world: one in five is flagged, and a flagged one defaults twice as often."""
    generator, held = np.random.default_rng(7), 0
    truth = 0.2 / (0.2 * 0.2 + 0.8 * 0.1)
    for _ in range(200):
        flags = generator.random(600) < 0.2
        bad = generator.random(600) < np.where(flags, 0.2, 0.1)
        rows: list[Row] = [
            ("Watchlist" if flag else "Low", bool(one), None) for flag, one in zip(flags, bad, strict=True)
        ]
        found = told(rows)["lift"]
        held += found["low"] <= truth <= found["high"]  # type: ignore[operator]
    assert 0.84 <= held / 200 <= 0.96  # three standard errors of .9


@given(ROWS)
def test_every_figure_lies_in_its_interval_and_shares_between_nought_and_one(rows: list[Row]) -> None:
    found = told(rows)
    for measure, row in found.items():
        value, low, high = row["value"], row["low"], row["high"]
        assert (value is None) <= (low is None and high is None)
        if value is None:
            continue
        least = -1 if measure.endswith("gain") else 0
        assert least <= value
        assert value <= 1 or measure == "lift"
        assert low is None or (low <= value <= high and low >= least)  # type: ignore[operator]
    assert (found["bad_rate"]["value"] is None) == (not any(bad is not None for _, bad, _ in rows))


def test_an_empty_vintage_tells_nothing() -> None:
    found = told([])
    assert {row["value"] for row in found.values()} == {None}
    assert {row["loans"] for row in found.values()} == {0}


def test_where_nobody_is_flagged_nobody_is_caught_by_either() -> None:
    found = told([("Low", True, 0.2), ("Elevated", False, 0.1), ("Low", False, 0.1)])
    assert values(found, "flagged_share", "recall", "posterior_recall", "recall_gain") == (0, 0, 0, 0)
    assert values(found, "flagged_bad_rate", "lift", "overlap", "jaccard") == (None,) * 4
    assert values(found, "tier_auc", "posterior_auc") == (0.25, 1.0)
    assert found["posterior_auc"]["low"] is None  # of one default no error can be told


def test_where_everybody_is_flagged_both_catch_all() -> None:
    found = told([("Watchlist", True, 0.2), ("Watchlist", False, 0.1), ("Watchlist", False, None)])
    assert values(found, "flagged_share", "recall", "posterior_recall", "overlap", "jaccard", "lift") == (1,) * 6


@pytest.mark.parametrize("outcome", [False, True])
def test_one_kind_of_outcome_has_no_area(outcome: bool) -> None:
    found = told([("Watchlist", outcome, 0.2), ("Low", outcome, 0.1)])
    assert values(found, "tier_auc", "posterior_auc", "auc_gain") == (None,) * 3
    assert values(found, "bad_rate", "flagged_bad_rate") == (outcome, outcome)
    assert values(found, "recall", "lift") == ((0.5, 1) if outcome else (None, None))


def test_without_scores_the_rules_alone_are_told() -> None:
    found = told([(tier, bad, None) for tier, bad, _ in TEN])
    assert values(found, "recall", "tier_auc") == values(told(TEN), "recall", "tier_auc")
    assert values(found, "posterior_recall", "recall_gain", "overlap", "posterior_auc", "auc_gain") == (None,) * 5


def test_vintages_in_one_run_are_those_of_the_function_and_keep_their_contract(batched: World, tmp_path: Path) -> None:
    world = batched.copy(tmp_path)
    first, last = date(2015, 11, 1), MODEL_DATES[0]
    world.run('key:"scores/rules"', first, last)
    assert world.run('key:"monitoring/rule_agreement"', first, last).success
    months = [first, date(2015, 12, 1), last]
    stored = world.only(MONITORING_RULE_AGREEMENT, *months)
    scored, rules, features = (world.lake.scan(table, months) for table in (SCORES_LOANS, SCORES_RULES, FEATURES_LOANS))
    frames = scored.collect(), rules.collect(), as_known(features, date.max).collect()
    assert_frame_equal(by_vintage(months, *frames).sort("vintage", "measure"), stored)
    assert stored.height == 3 * len(AGREEMENT)
    unscored, mine = stored.filter(vintage=first), stored.filter(vintage=last)
    assert unscored["model_date"].null_count() == unscored.height
    assert unscored.filter(measure="posterior_auc")["value"].to_list() == [None]
    assert mine["model_date"].unique().to_list() == [last]
    assert mine.filter(pl.col("value").is_null()).is_empty()
    pooled = agreement(*frames)
    assert pooled.filter(measure="flagged_share")["loans"].to_list() == [rules.select(pl.len()).collect().item()]
