"""The portfolio's tables as assets: what a book is expected to lose at every reporting date."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MODELS_DIAGNOSTICS,
    PORTFOLIO_EXPECTED_LOSS,
    PORTFOLIO_LGD,
    PORTFOLIO_TOTALS,
)
from creditrisk_assets_tests.world import MODEL_DATES, VINTAGES, World, failures

OURS = "key:portfolio/lgd or key:portfolio/expected_loss or key:portfolio/totals"


@pytest.fixture(scope="module")
def world(batched: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    copy = batched.copy(tmp_path_factory.mktemp("portfolio"))
    result = copy.run(OURS, *MODEL_DATES)
    assert failures(result) == {}
    return copy


def test_loans_on_book_are_those_issued_before_and_neither_repaid_nor_in_default(world: World) -> None:
    features = world.rows(FEATURES_LOANS)
    for reporting in MODEL_DATES:
        on = features.filter(
            pl.col("vintage") < reporting,
            ~(pl.col("default_month") < reporting).fill_null(False),
            ~(pl.col("repaid_month") < reporting).fill_null(False),
        )
        rows = world.only(PORTFOLIO_EXPECTED_LOSS, reporting)
        assert rows["loan_id"].sort().to_list() == on["loan_id"].sort().to_list()
        assert rows["posterior_date"].unique().to_list() == [reporting]


def test_loans_add_up_to_the_whole_and_segments_do(world: World) -> None:
    for reporting in MODEL_DATES:
        rows, totals = (world.only(table, reporting) for table in (PORTFOLIO_EXPECTED_LOSS, PORTFOLIO_TOTALS))
        whole = totals.filter(pl.col("term_months") == 0).row(0, named=True)
        assert whole["loans"] == rows.height
        for name in ("expected_loss_12m", "expected_loss_lifetime"):
            parts = totals.filter(pl.col("term_months") > 0)[name].to_list()
            np.testing.assert_allclose(np.sum(parts, axis=0), whole[name], rtol=1e-12)
            assert np.mean(whole[name]) == pytest.approx(rows[name].sum(), rel=1e-9)


def test_the_simulated_truth_of_recoveries_is_found(world: World) -> None:
    """Two in three charged-off loans recover .55 u^3 of the principal, u uniform, less a fee of 18 %."""
    whole = world.only(PORTFOLIO_LGD, MODEL_DATES[-1]).filter(pl.col("purpose") == "all").row(0, named=True)
    truth = 1 - 0.67 * 0.55 / 4 * 0.82
    assert whole["defaults"] > 100
    assert whole["loss_given_default_low"] - 0.02 <= truth <= whole["loss_given_default_high"] + 0.02


def test_what_happened_from_the_date_on_changes_nothing(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    reporting = MODEL_DATES[0]
    blind = world.copy(tmp_path_factory.mktemp("blind"))
    later = pl.col("vintage") >= reporting
    features = world.rows(FEATURES_LOANS)
    unknown = features.filter(~later).with_columns(
        defaulted=pl.col("defaulted") & (pl.col("default_month") < reporting),
        default_month=pl.when(pl.col("default_month") < reporting).then("default_month"),
        repaid_month=pl.when(pl.col("repaid_month") < reporting).then("repaid_month"),
    )
    blind.lake.overwrite(FEATURES_LOANS, unknown, VINTAGES)
    blind.run(OURS, reporting)
    for table, but in ((PORTFOLIO_LGD, []), (PORTFOLIO_EXPECTED_LOSS, ["days_past_due"]), (PORTFOLIO_TOTALS, [])):
        assert blind.only(table, reporting).drop(but).equals(world.only(table, reporting).drop(but))


def test_without_a_good_model_nothing_is_expected(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    bad = world.copy(tmp_path_factory.mktemp("bad"))
    failed = world.rows(MODELS_DIAGNOSTICS).with_columns(passed=pl.lit(False))
    bad.lake.overwrite(MODELS_DIAGNOSTICS, failed, failed["model_date"].unique().to_list())
    result = bad.run(OURS, *MODEL_DATES)
    assert failures(result) == {}
    assert bad.rows(PORTFOLIO_EXPECTED_LOSS).is_empty()
    assert bad.rows(PORTFOLIO_TOTALS).is_empty()
    assert bad.rows(PORTFOLIO_LGD).height > 0


def test_the_latest_good_model_speaks_for_a_later_book(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    old = world.copy(tmp_path_factory.mktemp("old"))
    first, last = MODEL_DATES
    diagnostics = world.rows(MODELS_DIAGNOSTICS)
    passed = pl.col("passed") & (pl.col("model_date") < last)
    old.lake.overwrite(MODELS_DIAGNOSTICS, diagnostics.with_columns(passed=passed), [first, last])
    old.run("key:portfolio/expected_loss", last)
    assert old.only(PORTFOLIO_EXPECTED_LOSS, last)["posterior_date"].unique().to_list() == [first]
    # The sums of the same loans are kept in step, though they were not asked for.
    total = old.only(PORTFOLIO_TOTALS, last).filter(pl.col("term_months") == 0)["expected_loss_12m"][0]
    assert total.mean() == pytest.approx(old.only(PORTFOLIO_EXPECTED_LOSS, last)["expected_loss_12m"].sum(), rel=1e-9)


def test_every_date_of_a_book_without_loans_is_empty(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = world.copy(tmp_path_factory.mktemp("empty"))
    empty.lake.overwrite(FEATURES_LOANS, world.rows(FEATURES_LOANS)[:0], VINTAGES)
    empty.run(OURS, date(2016, 1, 1))
    assert empty.only(PORTFOLIO_EXPECTED_LOSS, date(2016, 1, 1)).is_empty()
    lgd = empty.only(PORTFOLIO_LGD, date(2016, 1, 1))
    assert lgd["defaults"].to_list() == [0]
    assert lgd["loss_given_default"][0] == pytest.approx(0.75 / 0.9, abs=0.01)
