"""Champion beside challenger over all vintages: sums of the table against the pairs of loans themselves."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import DECISIONS, MONITORING_CHALLENGER
from creditrisk_assets.monitoring.challenger import by_vintage, pooled
from creditrisk_assets.serving.rivals import decisions, measures, pairs

MONTHS = [date(2014, month, 1) for month in (1, 2, 3, 4)]
PAIR = ("application", "application_with_price")


def both(seed: int = 3, size: int = 800) -> pl.DataFrame:
    """Pairs of scores as `monitoring.challenger.pairs` makes them; the last vintage has no outcome."""
    draw = np.random.default_rng(seed)
    risk = draw.normal(size=size)
    sides = {}
    for role, name, noise in (("champion", PAIR[0], 0.8), ("challenger", PAIR[1], 0.3)):
        pd = 1 / (1 + np.exp(2 - risk - draw.normal(0, noise, size)))
        sides |= {
            f"{role}_feature_set": pl.repeat(name, size, eager=True),
            f"{role}_model_date": pl.repeat(MONTHS[0], size, eager=True),
            f"{role}_pd": pl.Series(pd),
            f"{role}_decision": pl.Series([DECISIONS[place] for place in np.digitize(pd, [0.1, 0.3])]),
        }
    vintage = pl.Series([MONTHS[number % 4] for number in range(size)])
    outcome = pl.Series(draw.uniform(size=size) < 1 / (1 + np.exp(2 - risk)))
    frame = pl.DataFrame({"vintage": vintage, **sides, "outcome": outcome})
    return frame.with_columns(outcome=pl.when(pl.col("vintage") < MONTHS[-1]).then("outcome"))


def row(found: pl.DataFrame, measure: str) -> dict[str, float]:
    return found.row(by_predicate=pl.col("measure") == measure, named=True)


@pytest.mark.parametrize("measure", ["log_loss", "brier"])
def test_losses_are_those_of_all_loans_together(measure: str) -> None:
    loans = both()
    found = row(measures(by_vintage(loans.lazy(), MONTHS), *PAIR), measure)
    whole = pooled(loans.lazy()).row(0, named=True)
    mine = [found[name] for name in ("champion", "challenger", "difference")]
    theirs = [whole[f"champion_{measure}"], whole[f"challenger_{measure}"], whole[f"{measure}_difference"]]
    assert mine == pytest.approx(theirs, abs=1e-12)
    # Errors within vintages: what differs between vintages adds nothing to them.
    assert found["high"] - found["low"] == pytest.approx(whole[f"{measure}_high"] - whole[f"{measure}_low"], rel=0.05)
    assert (found["loans"], found["defaults"]) == (whole["matured"], whole["defaults"])


def test_an_auc_ranks_loans_of_one_vintage() -> None:
    loans = both()
    wins, compared = {"champion": 0.0, "challenger": 0.0}, 0
    for month in MONTHS[:-1]:
        mine = loans.filter(pl.col("vintage") == month)
        for role in wins:
            bad, good = (mine.filter(pl.col("outcome") == is_bad)[f"{role}_pd"].to_numpy() for is_bad in (True, False))
            wins[role] += float((bad[:, None] > good[None, :]).sum())
        compared += bad.size * good.size
    found = row(measures(by_vintage(loans.lazy(), MONTHS), *PAIR), "auc")
    assert (found["champion"], found["challenger"]) == pytest.approx([wins[role] / compared for role in wins])
    assert found["difference"] == pytest.approx((wins["challenger"] - wins["champion"]) / compared)


def test_who_is_better_is_told_beyond_chance_only() -> None:
    loans = both(size=4_000)
    found = measures(by_vintage(loans.lazy(), MONTHS), *PAIR)
    assert found["winner"].to_list() == ["challenger"] * 3
    alike = loans.with_columns(challenger_pd=pl.col("champion_pd"))
    assert measures(by_vintage(alike.lazy(), MONTHS), *PAIR)["winner"].is_null().all()


def test_decisions_are_counted_over_all_loans() -> None:
    loans = both()
    found = decisions(by_vintage(loans.lazy(), MONTHS), *PAIR)
    expected = loans.group_by("champion_decision", "challenger_decision").len().rows()
    counted = {(one, other): count for one, other, count, _ in found.rows() if count}
    assert counted == {(one, other): count for one, other, count in expected}
    assert found["share"].sum() == pytest.approx(1)


def test_nobody_is_compared_where_nobody_scored_both() -> None:
    assert pairs(pl.DataFrame(schema=MONITORING_CHALLENGER.schema)) == []
    assert pairs(by_vintage(both().clear().lazy(), MONTHS)) == []
    assert pairs(by_vintage(both().lazy(), MONTHS)) == [PAIR]


def test_without_outcomes_figures_are_empty() -> None:
    young = both().with_columns(outcome=pl.lit(None, pl.Boolean))
    found = measures(by_vintage(young.lazy(), MONTHS), *PAIR)
    assert found["difference"].is_null().all()
    assert found["loans"].to_list() == [0, 0, 0]
