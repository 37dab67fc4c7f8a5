"""Month by month the simulated loans live as LendingClub's published ones do."""

from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.simulation.book import simulate_loans
from creditrisk_assets.simulation.chances import intensity_of
from creditrisk_assets.simulation.hazards import lateness_by_age, ordinary_hazards
from creditrisk_assets.simulation.life import MONTHS, Life, draw_life, live
from creditrisk_assets.simulation.seasons import draw_calendar
from creditrisk_assets.simulation.states import CURRENT, DEFAULT
from creditrisk_assets_tests.simulation.simulated import facts, number, panel, panel_book

# Published monthly moves in percent: current, late 16-30, late 31-120, default, charged off, paid.
STATES = ("current", "late 16-30", "late 31-120", "default", "charged off", "paid")
PUBLISHED = {
    "current": (96.313, 0.631, 0.245, 0.0, 0.003, 2.786),
    "late 16-30": (18.767, 7.779, 69.465, 0.0, 2.643, 1.197),
    "late 31-120": (5.079, 0.657, 66.637, 5.976, 21.209, 0.431),
    "default": (0.459, 0.014, 1.586, 7.171, 90.526, 0.243),
}


# The last row differs by the 2.3 % of defaults that come back to life: default is final here.
@pytest.mark.parametrize(
    ("state", "tolerance"), [("current", 0.02), ("late 16-30", 0.02), ("late 31-120", 0.02), ("default", 0.024)]
)
def test_a_month_moves_loans_between_states_as_the_published_matrix_says(state: str, tolerance: float) -> None:
    moved = panel().filter(pl.col("state") == state)["following"].drop_nulls()
    found = np.array([(moved == following).mean() for following in STATES], dtype=float)
    published = np.array(PUBLISHED[state]) / sum(PUBLISHED[state])
    assert found.sum() == pytest.approx(1)
    assert np.abs(found - published).sum() / 2 <= tolerance, found


def _share_by(state: str, age: int) -> float:
    reached = panel().filter((pl.col("state") == state) & (pl.col("month_on_book") <= age))
    return reached["id"].n_unique() / panel()["id"].n_unique()


@pytest.mark.parametrize(("age", "published"), [(24, 0.090), (36, 0.121), (60, 0.155)])
def test_charge_offs_add_up_to_those_of_the_published_matrix(age: int, published: float) -> None:
    assert _share_by("charged off", age) == pytest.approx(published, rel=0.1)


def test_first_year_charge_offs_follow_the_published_hump_rather_than_the_matrix() -> None:
    # The matrix has no memory and charges off 4.4 % in a year; published bad loans pay longer than that.
    assert 0.025 < _share_by("charged off", 12) < 0.04


def test_repayments_start_slowly_and_then_reach_those_of_the_published_matrix() -> None:
    # 46.2 % at 24 months and 58.3 % at 36 from a matrix that repays 2.8 % from the first month on.
    assert 0.17 < _share_by("paid", 12) < 0.278
    assert _share_by("paid", 24) == pytest.approx(0.462, rel=0.15)
    assert _share_by("paid", 35) == pytest.approx(0.583, rel=0.1)


@cache
def _histories() -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """300,000 loans over 36 months in ordinary times."""
    rng = np.random.default_rng(5)
    return live(rng, intensity_of(rng.normal(-1.95, 0.66, 300_000), 36), ordinary_hazards(36))


def test_the_default_hazard_by_month_on_book_has_the_published_shape() -> None:
    history = _histories()
    defaulted = np.diff((history >= DEFAULT).sum(axis=1))[4:40]
    # A default in month t + 4 is a loan in order in month t - 1 that stopped paying.
    hazard = (defaulted / (history[:36] == CURRENT).sum(axis=1)).reshape(-1, 2).mean(axis=1)
    published = lateness_by_age(36, np.arange(1, 37)).reshape(-1, 2).mean(axis=1)
    ranks = pl.DataFrame({"found": hazard, "published": published})
    assert ranks.select(pl.corr("found", "published", method="spearman")).item() >= 0.9
    peak = int(hazard.argmax())
    assert 5 <= peak <= 9  # pairs of months
    assert hazard[peak] > 1.3 * hazard[-1]
    assert hazard[peak] > 3 * hazard[0]


def test_late_stock_of_the_first_months_is_near_the_published_one() -> None:
    history = _histories()
    very_late = [float(np.isin(history[age], (5, 6, 7, 8)).mean()) for age in range(1, 5)]
    assert np.allclose(very_late, (0.0009, 0.0026, 0.0051, 0.0082), rtol=0.6)
    assert np.all(np.diff(very_late) > 0)


@cache
def _lives() -> Life:
    rng = np.random.default_rng(6)
    term = np.where(rng.random(200_000) < 0.22, 60, 36)
    log_odds = rng.normal(-1.85, 0.7, len(term))
    return draw_life(rng, log_odds, term, 2014 * 12, draw_calendar(3, 2014 * 12, np.ones(MONTHS)))


@pytest.mark.parametrize(("horizon", "name"), [(12, "chance_12m"), (MONTHS - 1, "chance")])
def test_loans_default_as_often_as_the_true_probability_says_in_every_tenth_of_it(horizon: int, name: str) -> None:
    chance = getattr(_lives(), name)
    frame = pl.DataFrame({"chance": chance, "bad": _lives().default_month <= horizon})
    tenths = frame.with_columns(tenth=pl.col("chance").rank("ordinal") * 10 // (len(frame) + 1))
    told = tenths.group_by("tenth").agg(
        pl.col("chance", "bad").sum(), noise=(pl.col("chance") * (1 - pl.col("chance"))).sum().sqrt()
    )
    assert len(told) == 10
    assert told.select(((pl.col("bad") - pl.col("chance")).abs() < 4 * pl.col("noise")).all()).item()
    assert abs(frame["bad"].sum() - chance.sum()) < 3 * float((chance * (1 - chance)).sum()) ** 0.5


def test_default_rates_of_vintages_differ_by_a_tenth_to_three_tenths_of_a_logit() -> None:
    rate = (
        pl.read_parquet(panel_book().truth)
        .group_by("vintage")
        .agg(rate=pl.col("default_month_on_book").is_not_null().mean())
        .select((pl.col("rate") / (1 - pl.col("rate"))).log().std())
    )
    assert 0.1 <= rate.item() <= 0.3


def test_february_makes_loans_late_and_tax_refunds_keep_them_in_order() -> None:
    late = pl.col("following").is_in(["late 16-30", "late 31-120"])
    in_order = panel().filter((pl.col("state") == "current") & pl.col("following").is_not_null())
    by_month = in_order.group_by(pl.col("month").dt.offset_by("1mo").dt.month().alias("month")).agg(rate=late.mean())
    rate = dict(by_month.iter_rows())
    usual = np.mean([rate[month] for month in range(5, 11)])
    assert rate[2] > 1.1 * usual
    assert (rate[3] + rate[4]) / 2 < 0.95 * usual
    assert (rate[11] + rate[12]) / 2 > usual


def test_late_loans_catch_up_more_often_when_tax_refunds_arrive() -> None:
    late = panel().filter(pl.col("state").str.starts_with("late") & pl.col("following").is_not_null())
    arrives = pl.col("month").dt.offset_by("1mo").dt.month()
    caught_up = (pl.col("following") == "current").mean()
    refunds = late.filter(arrives.is_in([3, 4])).select(caught_up).item()
    assert refunds > 1.1 * late.filter(arrives.is_in([11, 12, 1, 2])).select(caught_up).item()


def test_the_panel_ends_where_the_file_says_the_loan_stands() -> None:
    as_published = {
        "Current": "current", "In Grace Period": "late 16-30", "Late (16-30 days)": "late 16-30", "Fully Paid": "paid",
        "Late (31-120 days)": "late 31-120", "Default": "default", "Charged Off": "charged off",
    }  # fmt: skip
    file = pl.read_csv(panel_book().file, infer_schema=False)
    last = panel().filter(pl.col("state") != "recovered").group_by("id", maintain_order=True).agg(pl.last("state"))
    assert last["id"].cast(pl.String).equals(file["id"], check_names=False)
    assert last["state"].equals(file["loan_status"].replace(as_published), check_names=False)
    recovered = panel().filter(pl.col("state") == "recovered")
    back = file.filter(number("recoveries") > 0)["id"]
    # A recovery may be less than a cent.
    assert set(back) <= set(recovered["id"].cast(pl.String))
    assert len(back) > 0.98 * len(recovered) > 0


def test_the_panel_has_one_row_for_every_month_of_every_loan() -> None:
    rows = panel().filter(pl.col("state") != "recovered")
    steps = rows.select(step=pl.col("month_on_book").cast(pl.Int64).diff().over("id").fill_null(1))["step"]
    assert (steps == 1).all()
    assert rows.group_by("id").agg(pl.first("month_on_book"))["month_on_book"].max() == 0
    months = (pl.col("month").dt.year() - 2014) * 12 + pl.col("month").dt.month() - 1
    issued = pl.read_parquet(panel_book().truth, columns=["id", "vintage"])
    offset = rows.join(issued, on="id").select(
        (
            months - (pl.col("vintage").dt.year() - 2014) * 12 - pl.col("vintage").dt.month() + 1
            == pl.col("month_on_book")
        ).all()
    )
    assert offset.item()


def test_days_past_due_grow_by_one_step_a_month_without_a_payment() -> None:
    days = ["31-60", "61-90", "91-120"]
    late = panel().with_columns(later=pl.col("days_past_due").cast(pl.String).shift(-1).over("id"))
    for now, then in pairwise(days):
        moved = late.filter((pl.col("days_past_due") == now) & (pl.col("following") == "late 31-120"))["later"]
        assert set(moved) <= {now, then}
    ending = late.filter((pl.col("days_past_due") == "91-120") & pl.col("following").is_not_null())
    assert set(ending["following"]) == {"current", "paid", "default", "charged off"}


def test_a_book_simulated_without_its_life_leaves_no_panel_of_an_earlier_one(tmp_path: Path) -> None:
    for life in (True, False):
        simulated = simulate_loans(loans=60, vintages=3, seed=1, out=tmp_path, life=life)
        assert simulated.truth.with_name("life.parquet").exists() is life
        assert facts(simulated)["settings"]["life"] is life


def test_the_panel_of_an_earlier_observation_is_the_beginning_of_a_later_one(tmp_path: Path) -> None:
    def rows(observed_months: int) -> pl.DataFrame:
        simulated = simulate_loans(
            loans=3_000, vintages=6, seed=2, out=tmp_path, observed_months=observed_months, life=True
        )
        return pl.read_parquet(simulated.truth.with_name("life.parquet"))

    seen, later = rows(12), rows(40)
    # Six vintages from January 2014, observed twelve months after June.
    assert seen["month"].max() == date(2015, 6, 1)
    assert seen.equals(later.filter(pl.col("month") <= date(2015, 6, 1)))
    assert len(later) > 1.5 * len(seen)
