"""Champion beside challenger: by vintage, pooled, seen from both sides, and where there is little to compare."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import DECISIONS, MONITORING_CHALLENGER
from creditrisk_assets.models import metrics
from creditrisk_assets.monitoring.challenger import MODELS, as_lines, by_vintage, figures, pairs, pooled, turned

VINTAGES = [date(2016, 1, 1), date(2016, 2, 1), date(2016, 3, 1)]
EMPTY = VINTAGES[2]
LATE = date(2019, 1, 1)


def scores(seed: int, feature_set: str, loans: int = 400) -> pl.DataFrame:
    """What one model says of loans of the first two vintages."""
    rng = np.random.default_rng(seed)
    return pl.DataFrame({
        "loan_id": [f"l{number}" for number in range(loans)],
        "vintage": [VINTAGES[number % 2] for number in range(loans)],
        "feature_set": [feature_set] * loans,
        "model_date": [date(2016, 1, 1)] * loans,
        "pd": rng.integers(1, 60, loans) / 100,
        "decision": rng.choice(DECISIONS, loans).tolist(),
    })  # fmt: skip


def features(loans: int = 400, observed_months: int = 24) -> pl.DataFrame:
    """Outcomes: every fifth loan defaults in its fifth month, every seventh after its first year."""
    numbers = np.arange(loans)
    when = [5 if number % 5 == 0 else 15 if number % 7 == 0 else None for number in numbers]
    vintages = [VINTAGES[number % 2] for number in numbers]
    return pl.DataFrame({
        "loan_id": [f"l{number}" for number in numbers],
        "vintage": vintages,
        "default_month": [
            None if month is None else date(2016 + (month + day.month - 1) // 12, (month + day.month - 1) % 12 + 1, 1)
            for month, day in zip(when, vintages, strict=True)
        ],
        "defaulted": [month is not None for month in when],
        "observed_month": [LATE] * loans,
        "observed_months": [observed_months] * loans,
        "term_elapsed": [False] * loans,
    }, schema_overrides={"default_month": pl.Date})  # fmt: skip


ONE, OTHER = scores(1, "application"), scores(2, "application_with_price")


def both(one: pl.DataFrame = ONE, other: pl.DataFrame = OTHER, **known: Any) -> pl.LazyFrame:
    return pairs(one.lazy(), other.lazy(), features(**known).lazy())


def test_every_vintage_has_a_row_that_keeps_the_contract() -> None:
    rows = by_vintage(both(), VINTAGES)
    assert MONITORING_CHALLENGER.shape_differences(rows.schema) == []
    assert MONITORING_CHALLENGER.violations(rows.lazy()) == {}
    assert rows["vintage"].to_list() == VINTAGES
    assert rows["loans"].to_list() == [200, 200, 0]


def test_figures_are_those_of_each_model_by_itself() -> None:
    row = by_vintage(both(), VINTAGES).row(0, named=True)
    mine = both().filter(pl.col("vintage") == VINTAGES[0]).collect()
    outcome = mine["outcome"].to_numpy()
    assert outcome.sum() == 40
    for role in ("champion", "challenger"):
        expected = metrics.summary(outcome, mine[f"{role}_pd"])
        assert {name: row[f"{role}_{name}"] for name in ("auc", "log_loss", "brier")} == pytest.approx(
            {name: expected[name] for name in ("auc", "log_loss", "brier")}, abs=1e-12
        )
        assert row[f"{role}_pd"] == pytest.approx(mine[f"{role}_pd"].mean(), abs=1e-12)
    for name in ("auc", "log_loss", "brier"):
        assert row[f"{name}_difference"] == pytest.approx(row[f"challenger_{name}"] - row[f"champion_{name}"], abs=1e-9)
        assert row[f"{name}_low"] < row[f"{name}_difference"] < row[f"{name}_high"]
    assert (row["matured"], row["defaults"]) == (200, outcome.sum())


def test_decisions_are_counted_against_each_other() -> None:
    row = figures(both().collect())
    table = {(one, other): row[f"{one}_{other}"] for one in DECISIONS for other in DECISIONS}
    joined = ONE.join(OTHER, on="loan_id")
    for (one, other), count in table.items():
        assert count == joined.filter(decision=one, decision_right=other).height
    assert sum(table.values()) == 400
    assert row["differing"] == (joined["decision"] != joined["decision_right"]).mean()


def test_only_loans_that_both_scored_are_compared() -> None:
    assert figures(both(other=OTHER.head(150)).collect())["loans"] == 150


def test_pooled_loans_are_compared_as_one_vintage_would_be() -> None:
    (row,) = pooled(both()).iter_rows(named=True)
    assert (row.pop("champion_feature_set"), row.pop("challenger_feature_set")) == (
        "application", "application_with_price",
    )  # fmt: skip
    assert row == pytest.approx(figures(both().collect()), abs=1e-12)
    assert row["loans"] == 400


def test_pairs_of_other_models_are_pooled_apart() -> None:
    late = pl.when(pl.col("vintage") == VINTAGES[1])
    one = ONE.with_columns(feature_set=late.then(pl.lit("application_with_price")).otherwise("feature_set"))
    other = OTHER.with_columns(feature_set=late.then(pl.lit("application")).otherwise("feature_set"))
    assert pooled(both(one, other)).select("champion_feature_set", "loans").rows() == [
        ("application", 200), ("application_with_price", 200),
    ]  # fmt: skip


def test_seen_from_the_other_side_differences_change_their_sign_and_nothing_else() -> None:
    one, other = figures(both().collect()), figures(turned(both()).collect())
    for name in ("auc", "log_loss", "brier"):
        assert other[f"{name}_difference"] == pytest.approx(-one[f"{name}_difference"], abs=1e-12)
        assert other[f"{name}_error"] == pytest.approx(one[f"{name}_error"], abs=1e-12)
        assert other[f"{name}_low"] == pytest.approx(-one[f"{name}_high"], abs=1e-12)
    assert other["approve_decline"] == one["decline_approve"]
    assert other["rank_correlation"] == pytest.approx(one["rank_correlation"], abs=1e-12)


def test_a_model_is_not_better_than_itself() -> None:
    row = figures(both(other=ONE).collect())
    assert (row["differing"], row["rank_correlation"]) == (0.0, 1.0)
    for name in ("auc", "log_loss", "brier"):
        assert (row[f"{name}_low"], row[f"{name}_high"], row[f"{name}_winner"]) == (0.0, 0.0, None)


def test_who_knows_the_outcome_wins_whichever_side_it_is_on() -> None:
    known = both().collect()
    knowing = pl.when(pl.col("outcome")).then(0.8).otherwise(0.05)
    for role in ("champion", "challenger"):
        row = figures(known.with_columns(knowing.alias(f"{role}_pd")))
        assert [row[f"{name}_winner"] for name in ("auc", "log_loss", "brier")] == [role] * 3


def test_a_vintage_without_loans_has_no_models_and_no_figures() -> None:
    row = by_vintage(both(), [EMPTY]).row(0, named=True)
    assert all(row[name] is None for name in MODELS)
    assert (row["loans"], row["matured"], row["defaults"], row["differing"], row["champion_pd"]) == (
        0, 0, 0, None, None,
    )  # fmt: skip
    assert pooled(both().filter(pl.col("vintage") == EMPTY)).is_empty()
    assert pooled(both(other=OTHER.clear())).is_empty()


def test_outcomes_that_are_not_known_yet_leave_agreement_alone() -> None:
    row = figures(both(observed_months=11).collect())
    assert (row["loans"], row["matured"]) == (400, 0)
    assert row["differing"] > 0
    assert {row[f"{name}_{end}"] for name in ("auc", "log_loss", "brier") for end in ("difference", "winner")} == {None}


def test_without_a_default_there_is_no_auc_and_there_are_losses() -> None:
    row = figures(both().filter(~pl.col("outcome")).collect())
    assert row["defaults"] == 0
    assert (row["champion_auc"], row["auc_difference"], row["auc_winner"]) == (None, None, None)
    assert row["log_loss_difference"] is not None


def test_figures_are_told_as_a_table_of_measures() -> None:
    lines = as_lines(figures(both().collect()))
    assert lines["measure"].to_list() == ["mean PD", "auc", "log_loss", "brier"]
    assert lines.select("loans", "matured").unique().rows() == [(400, 400)]
