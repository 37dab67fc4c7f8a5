"""Every figure of the overview against a query of its own, over the lake after a batch."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    SCORES_LINEAGE,
    SCORES_LOANS,
    SERVING_LOSS_DRAWS,
    SERVING_SEGMENTS,
)
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets.serving.overview import Overview, overview
from creditrisk_assets.serving.portfolio import (
    CLASSES,
    LossDraws,
    by_band,
    by_quarter,
    by_segment,
    decisions_by_quarter,
    loss_draws,
    totals,
)
from creditrisk_assets.serving.selection import Selection
from creditrisk_assets_tests.world import World

CHOSEN = Selection(date(2016, 3, 1), date(2016, 4, 1), (36,))


@pytest.fixture(scope="module")
def segments(batched: World) -> pl.DataFrame:
    return batched.rows(SERVING_SEGMENTS)


@pytest.fixture(scope="module")
def draws(batched: World) -> LossDraws:
    return loss_draws(batched.rows(SERVING_LOSS_DRAWS))


@pytest.fixture(scope="module")
def loans(batched: World) -> pl.DataFrame:
    """Scored loans one by one, from scores and features."""
    seen = batched.rows(FEATURES_LOANS).select("loan_id", "loan_amount", "purpose", "matured", "default_month",
                                               term_months=pl.col("term_months").cast(pl.Int32))  # fmt: skip
    return batched.rows(SCORES_LOANS).join(seen, on="loan_id")


@pytest.fixture(scope="module")
def shown(batched: World, segments: pl.DataFrame, draws: LossDraws) -> Overview:
    return overview(segments, batched.rows(SCORES_LINEAGE), draws, CHOSEN, "purpose")


def chosen(loans: pl.DataFrame, selection: Selection = CHOSEN) -> pl.DataFrame:
    wanted = (pl.col("vintage") >= selection.first) & (pl.col("vintage") <= selection.last)
    return loans.filter(wanted & pl.col("term_months").is_in(selection.terms))


def test_totals_are_those_of_the_loans_one_by_one(shown: Overview, loans: pl.DataFrame) -> None:
    mine = chosen(loans)
    assert shown.now.loans == mine.height > 0
    assert shown.now.exposure == pytest.approx(mine["loan_amount"].sum())
    assert shown.now.mean_pd is not None
    assert shown.now.mean_pd.mean == pytest.approx(mine["pd"].mean())
    assert shown.now.expected_loss.mean == pytest.approx((mine["pd"] * mine["loan_amount"]).sum() * 0.75)
    for share, decision in ((shown.now.approved, "approve"), (shown.now.referred, "refer"),
                            (shown.now.declined, "decline")):  # fmt: skip
        assert share == pytest.approx(mine.filter(pl.col("decision") == decision).height / mine.height)


def test_matured_loans_defaulted_as_often_as_the_features_say(shown: Overview, loans: pl.DataFrame) -> None:
    matured = chosen(loans).filter("matured")
    within = pl.col("default_month") <= pl.col("vintage").dt.offset_by("12mo")
    assert shown.now.matured == matured.height
    assert shown.now.observed_rate == pytest.approx(matured.filter(within).height / matured.height)
    assert shown.now.expected_rate == pytest.approx(matured["pd"].mean())


def test_the_interval_is_one_of_sums_by_draw(shown: Overview, batched: World) -> None:
    rows = chosen(batched.rows(SERVING_LOSS_DRAWS))
    sums = [sum(row[draw] for row in rows["expected_loss"].to_list()) for draw in range(200)]
    low, high = np.quantile(sums, [0.05, 0.95])
    assert shown.now.expected_loss.low == pytest.approx(low)
    assert shown.now.expected_loss.high == pytest.approx(high)
    assert low < shown.now.expected_loss.mean < high


def test_an_interval_of_many_loans_is_narrower_than_the_sum_of_theirs(shown: Overview, loans: pl.DataFrame) -> None:
    ends = chosen(loans).select(pl.col("pd_low", "pd_high") * pl.col("loan_amount") * 0.75).sum().row(0)
    assert ends[0] < shown.now.expected_loss.low < shown.now.expected_loss.high < ends[1]


def test_the_period_before_is_as_long_and_ends_before_the_first_vintage(shown: Overview, loans: pl.DataFrame) -> None:
    before = CHOSEN.before
    assert (before.first, before.last, before.months) == (date(2016, 1, 1), date(2016, 2, 1), CHOSEN.months)
    assert shown.before is not None
    assert shown.before.loans == chosen(loans, before).height


def test_without_a_scored_loan_before_there_is_nothing_to_compare_with(
    batched: World, segments: pl.DataFrame, draws: LossDraws
) -> None:
    first = segments["vintage"].min()
    assert isinstance(first, date)
    assert overview(segments, batched.rows(SCORES_LINEAGE), draws, Selection(first, first), "purpose").before is None


def test_periods_known_in_part_are_neither_compared_with_nor_drawn(
    batched: World, segments: pl.DataFrame, draws: LossDraws
) -> None:
    months, lineage = segments["vintage"].unique().sort().to_list(), batched.rows(SCORES_LINEAGE)
    first = months[len(months) // 3]  # more is chosen than is scored before
    found = overview(segments, lineage, draws, Selection(first, months[-1]), "purpose")
    assert found.before is None
    assert set(found.quarters["quarter"]) == {
        day for day in months if day.month % 3 == 1 and all(add_months(day, more) in months for more in (1, 2))
    }
    ends = next(month for month in reversed(months) if month.month % 3 == 2)
    cut = overview(segments, lineage, draws, Selection(first, ends), "purpose")
    assert ends.replace(month=ends.month - 1) not in set(cut.quarters["quarter"])
    assert cut.now.loans == segments.filter(pl.col("vintage").is_between(first, ends))["loans"].sum()


def test_loans_without_a_score_are_counted(batched: World, segments: pl.DataFrame, draws: LossDraws) -> None:
    lineage, every = batched.rows(SCORES_LINEAGE), Selection(date(2014, 1, 1), date(2016, 4, 1))
    found = overview(segments, lineage, draws, every, "purpose")
    features = batched.rows(FEATURES_LOANS)
    assert found.unscored == features.height - batched.rows(SCORES_LOANS).height > 0
    assert found.unscored_vintages == features["vintage"].n_unique() - segments["vintage"].n_unique()


def test_nothing_selected_has_no_figure_and_raises_nothing(
    batched: World, segments: pl.DataFrame, draws: LossDraws
) -> None:
    nothing = Selection(date(1999, 1, 1), date(1999, 2, 1), purposes=("none",))
    found = overview(segments, batched.rows(SCORES_LINEAGE), draws, nothing, "term_months")
    assert found.now.loans == found.unscored == 0
    assert found.now.mean_pd is found.now.approved is found.now.observed_rate is None
    assert found.now.expected_loss.low == found.now.expected_loss.high == 0
    assert found.segments.is_empty()
    assert found.bands["share"].sum() == 0


def test_bands_are_all_there_in_four_classes_and_hold_every_loan(shown: Overview, loans: pl.DataFrame) -> None:
    counts = dict(chosen(loans).group_by("band").len().iter_rows())
    assert shown.bands["band"].to_list() == list(range(1, 9))
    assert shown.bands["risk_class"].unique(maintain_order=True).to_list() == list(CLASSES)
    assert shown.bands["loans"].to_list() == [counts.get(band, 0) for band in range(1, 9)]
    assert shown.bands["share"].sum() == pytest.approx(1)


def test_decisions_of_every_quarter_add_up_to_its_loans(segments: pl.DataFrame, loans: pl.DataFrame) -> None:
    found = decisions_by_quarter(segments)
    assert found.group_by("quarter").len()["len"].unique().to_list() == [3]
    assert found.group_by("quarter").agg(pl.col("share").sum())["share"].to_list() == pytest.approx(
        [1.0] * found["quarter"].n_unique()
    )
    first = found.filter((pl.col("quarter") == date(2016, 1, 1)) & (pl.col("decision") == "approve"))["loans"].item()
    wanted = (pl.col("vintage") < date(2016, 4, 1)) & (pl.col("decision") == "approve")
    assert first == loans.filter(wanted).height


def test_quarters_ascend_and_hold_means_over_loans(segments: pl.DataFrame, loans: pl.DataFrame) -> None:
    found = by_quarter(segments)
    assert found["quarter"].is_sorted()
    mine = loans.filter(pl.col("vintage").dt.truncate("1q") == found["quarter"][0])
    assert found["mean_pd"][0] == pytest.approx(mine["pd"].mean())


@pytest.mark.parametrize("key", ["purpose", "term_months"])
def test_segments_stand_worst_first_each_with_the_interval_of_its_draws(
    segments: pl.DataFrame, draws: LossDraws, batched: World, key: str
) -> None:
    found = by_segment(segments, segments, draws, key)
    assert found["loss_rate"].is_sorted(descending=True)
    assert found["loans"].sum() == segments["loans"].sum()
    worst = found.row(0, named=True)
    rows = batched.rows(SERVING_LOSS_DRAWS).filter(pl.col(key) == worst[key])
    sums = np.array(rows["expected_loss"].to_list()).sum(axis=0)
    low, high = np.quantile(sums / rows["exposure"].sum(), [0.05, 0.95])
    assert (worst["loss_rate_low"], worst["loss_rate_high"]) == pytest.approx((low, high))
    past = by_quarter(segments.filter(pl.col(key) == worst[key]))["mean_pd"]
    assert worst["history"] == pytest.approx(past.to_list())


def test_a_band_without_loans_has_a_share_of_zero(segments: pl.DataFrame) -> None:
    found = by_band(segments.filter(pl.col("band") == 3))
    assert found["share"].to_list() == [0, 0, 1, 0, 0, 0, 0, 0]


def test_totals_without_draws_are_as_sure_as_their_mean(segments: pl.DataFrame, draws: LossDraws) -> None:
    nobody = draws.chosen(Selection(date(1999, 1, 1), date(1999, 1, 1)))
    found = totals(segments.clear(), nobody)
    assert (found.expected_loss.low, found.expected_loss.high) == (0, 0)
