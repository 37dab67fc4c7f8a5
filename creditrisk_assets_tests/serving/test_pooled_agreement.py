"""Rules beside the posterior over all vintages: sums of the table against the loans themselves, taken together."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import MONITORING_RULE_AGREEMENT, TIERS
from creditrisk_assets.monitoring.rule_agreement import agreement, by_vintage
from creditrisk_assets.serving.agreement import WORDS, beside, pooled, rules_in_force, vintages

MONTHS = [date(2014, month, 1) for month in (1, 2, 3)]
FIGURES = ("value", "low", "high")


def loans(seed: int = 1, size: int = 900) -> pl.DataFrame:
    """Scored and matured loans of three vintages; risk shows in the PD, and less so in the tier."""
    draw = np.random.default_rng(seed)
    risk = draw.normal(size=size)
    tier = np.digitize(risk + draw.normal(0, 1.5, size), [0.0, 2.0])
    return pl.DataFrame({
        "loan_id": [f"{number:04d}" for number in range(size)],
        "vintage": [MONTHS[number % 3] for number in range(size)],
        "pd": 1 / (1 + np.exp(2 - risk)),
        "outcome": draw.uniform(size=size) < 1 / (1 + np.exp(2 - risk)),
        "tier": [TIERS[place] for place in tier],
        "rules": "v1",
        "model_date": MONTHS[0],
    }).with_columns(watchlist=pl.col("tier") == TIERS[-1])  # fmt: skip


def tabled(rows: pl.DataFrame) -> pl.DataFrame:
    return by_vintage(MONTHS, rows, rows, rows)


def row(found: pl.DataFrame, measure: str) -> dict[str, float]:
    return found.row(by_predicate=pl.col("measure") == measure, named=True)


@pytest.mark.parametrize("measure", ["flagged_share", "bad_rate", "flagged_bad_rate", "recall", "lift"])
def test_what_the_rules_do_is_that_of_all_loans_together(measure: str) -> None:
    rows = loans()
    mine, whole = row(pooled(tabled(rows)), measure), row(agreement(rows, rows, rows), measure)
    assert [mine[name] for name in FIGURES] == pytest.approx([whole[name] for name in FIGURES], abs=1e-12)
    assert (mine["events"], mine["loans"]) == (whole["events"], whole["loans"])


def test_the_posterior_is_asked_for_as_many_loans_of_each_vintage() -> None:
    rows = loans()
    caught = 0
    for month in MONTHS:
        mine = rows.filter(pl.col("vintage") == month).sort("pd", descending=True)
        caught += int(mine.head(int(mine["watchlist"].sum()))["outcome"].sum())
    found = pooled(tabled(rows))
    assert row(found, "posterior_recall")["events"] == caught
    gain = row(found, "posterior_recall")["value"] - row(found, "recall")["value"]
    assert row(found, "recall_gain")["value"] == pytest.approx(gain)


def test_an_area_is_the_chance_that_a_default_ranks_above_another_loan_of_its_vintage() -> None:
    rows = loans()
    wins = pairs = 0.0
    for month in MONTHS:
        mine = rows.filter(pl.col("vintage") == month)
        bad, good = (mine.filter(pl.col("outcome") == is_bad)["pd"].to_numpy() for is_bad in (True, False))
        wins += float((bad[:, None] > good[None, :]).sum())
        pairs += bad.size * good.size
    found = pooled(tabled(rows))
    area = row(found, "posterior_auc")
    assert area["value"] == pytest.approx(wins / pairs)
    assert area["low"] < area["value"] < area["high"]
    gain = area["value"] - row(found, "tier_auc")["value"]
    assert row(found, "auc_gain")["value"] == pytest.approx(gain)


def test_intervals_of_areas_hold_the_truth_as_often_as_they_say() -> None:
    truth = row(pooled(tabled(loans(99, 30_000))), "auc_gain")["value"]
    held = [
        gain["low"] <= truth <= gain["high"]
        for gain in (row(pooled(tabled(loans(seed, 600))), "auc_gain") for seed in range(100))
    ]
    assert 0.80 <= np.mean(held) <= 0.98


def test_vintages_that_nobody_scored_do_not_count() -> None:
    rows = loans()
    unscored = pl.col("vintage") == MONTHS[-1]
    table = by_vintage(MONTHS, rows.filter(~unscored), rows, rows)
    assert pooled(table).equals(pooled(by_vintage(MONTHS[:-1], rows, rows, rows)))
    assert vintages(table) == 2


def test_an_empty_table_tells_nothing_of_every_measure() -> None:
    found = pooled(pl.DataFrame(schema=MONITORING_RULE_AGREEMENT.schema))
    assert found["measure"].to_list() == list(WORDS)
    assert found["value"].is_null().all()
    assert beside(found).is_empty()
    assert rules_in_force(pl.DataFrame(schema=MONITORING_RULE_AGREEMENT.schema)) == []


def test_without_outcomes_there_is_the_share_of_the_watchlist_and_nothing_else() -> None:
    rows = loans()
    found = pooled(by_vintage(MONTHS, rows, rows, rows.clear()))
    assert found.filter(pl.col("value").is_not_null())["measure"].to_list() == ["flagged_share", "overlap"]


def test_rules_and_posterior_stand_beside_each_other() -> None:
    found = beside(pooled(tabled(loans())))
    assert found.select("what", "who").rows() == [
        ("Recall at equal share", "rules"), ("Recall at equal share", "posterior"), ("AUC", "rules"),
        ("AUC", "posterior"),
    ]  # fmt: skip
