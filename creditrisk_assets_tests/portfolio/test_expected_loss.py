"""Expected loss of every loan and of the whole: one sum, draw by draw."""

from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import DRAWS, PORTFOLIO_EXPECTED_LOSS, PORTFOLIO_TOTALS
from creditrisk_assets.models.draws import Draws, draws_of
from creditrisk_assets.portfolio import expected_loss
from creditrisk_assets.portfolio.book import book_of, on_book
from creditrisk_assets.portfolio.expected_loss import Expecting, blocks, exposures, interval, lgd_of, log_odds_of
from creditrisk_assets.portfolio.lifetime import hazards_of, lifetime_losses
from creditrisk_assets.portfolio.loss_given_default import ALL, LossGivenDefault, fit_loss_given_default
from creditrisk_assets.portfolio.reported import lgd_from, lgd_rows
from creditrisk_assets_tests.models.learned import BOOK, DESIGN, FRAME, MODEL_DATE, fit, one_hot
from creditrisk_assets_tests.portfolio.recovered import drawn

REPORTING = date(2011, 7, 1)


@cache
def draws() -> Draws:
    return draws_of(fit().posterior)


@cache
def lgd() -> LossGivenDefault:
    pooled = pl.concat([drawn(300, 0.6, 0.2, purpose=purpose) for purpose in ("car", "house", "wedding")])
    return fit_loss_given_default(pl.concat([pooled, drawn(200, 0.5, 0.3, term=60)]), 0.8)


def as_booked(features: pl.DataFrame) -> pl.LazyFrame:
    """Columns of raw/loans that go with features."""
    money = {"funded_amnt": "loan_amount", "loan_amnt": "loan_amount", "int_rate": "interest_rate"}
    return features.lazy().select(
        "loan_id", **{name: pl.col(other).fill_null(12.0) for name, other in money.items()},
        installment=pl.lit(None, pl.Float64), loan_status=pl.lit("Current"), last_pymnt_d=pl.lit(None, pl.Date),
    )  # fmt: skip


@cache
def loans() -> pl.DataFrame:
    found = on_book(BOOK.lazy(), as_booked(BOOK), REPORTING).sort("vintage", "loan_id").collect()
    assert found.height > 2_000
    return found


@cache
def expected() -> tuple[pl.DataFrame, pl.DataFrame]:
    expecting = Expecting(draws(), MODEL_DATE, lgd(), REPORTING)
    rows = expecting.add(loans())
    return rows, expecting.totals()


def test_log_odds_are_those_of_the_coefficients() -> None:
    vintage = DESIGN.vintages[3]
    some = FRAME.filter(pl.col("vintage") == vintage)
    x = one_hot(DESIGN, some)
    x[:, DESIGN.hazard] = 0
    np.testing.assert_allclose(log_odds_of(draws(), some, vintage), x @ draws().coefficients.T, atol=1e-12)


def test_loans_add_up_to_the_portfolio_under_every_draw() -> None:
    whole = expected()[1].filter(pl.col("purpose") == "all").row(0, named=True)
    sums = dict.fromkeys(expected_loss.SUMS, np.zeros(DRAWS))
    for number in range(0, DRAWS, 20):  # one draw at a time, all loans at once: another order of everything
        found = np.zeros(5)
        for (vintage,), group in loans().group_by("vintage", maintain_order=True):
            odds = log_odds_of(draws(), group, vintage)[:, number : number + 1]  # type: ignore[arg-type]
            shares = lgd_of(lgd(), group)[:, number]
            losses = lifetime_losses(hazards_of(draws(), group["term"]).draw(number), odds, book_of(group))
            pd, lost, life, lost_life = (part[:, 0] for part in vars(losses).values())
            found += [(lost / pd).sum(), pd.sum(), life.sum(), (shares * lost).sum(), (shares * lost_life).sum()]
        np.testing.assert_allclose([whole[name][number] for name in sums], found, rtol=1e-9)


def test_every_mean_of_a_loan_adds_up_to_the_mean_of_the_whole() -> None:
    rows, totals = expected()
    whole = totals.filter(pl.col("purpose") == "all").row(0, named=True)
    for name, column in {
        "exposure_at_default": "exposure_at_default", "expected_defaults_12m": "pd_12m",
        "expected_defaults_lifetime": "pd_lifetime", "expected_loss_12m": "expected_loss_12m",
        "expected_loss_lifetime": "expected_loss_lifetime",
    }.items():  # fmt: skip
        assert np.mean(whole[name]) == pytest.approx(rows[column].sum(), rel=1e-9)
    assert whole["balance"] == pytest.approx(rows["balance"].sum(), rel=1e-12)
    assert whole["loans"] == rows.height == loans().height


def test_segments_add_up_to_the_whole() -> None:
    totals = expected()[1]
    parts, whole = (totals.filter(pl.col("purpose") != "all"), totals.filter(pl.col("purpose") == "all"))
    assert parts.height == loans().select("term", "purpose").n_unique()
    for name in expected_loss.SUMS:
        np.testing.assert_allclose(np.sum(parts[name].to_list(), axis=0), whole[name][0].to_numpy(), rtol=1e-12)
    assert parts["loans"].sum() == whole["loans"][0]


def test_expected_loss_is_pd_times_lgd_times_ead_under_every_draw() -> None:
    for block in blocks(draws(), lgd(), loans()[:300]):
        losses = lifetime_losses(block.hazards, block.log_odds, block.book)
        ead = exposures(block, losses)
        np.testing.assert_allclose(losses.pd_12m * block.lgd * ead, losses.lost_12m * block.lgd, rtol=1e-12)
        assert (ead <= block.book.amount[:, None]).all()


def test_blocks_of_any_size_give_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected_loss, "BLOCK", 7)
    some = loans()[:100]
    small = Expecting(draws(), MODEL_DATE, lgd(), REPORTING).add(some)
    assert small.equals(expected()[0][:100])


def test_rows_keep_their_contract_and_their_order() -> None:
    for table, rows in zip((PORTFOLIO_EXPECTED_LOSS, PORTFOLIO_TOTALS), expected(), strict=True):
        assert rows.schema == table.schema
        assert table.violations(rows.lazy()) == {}
    rows = expected()[0]
    for name in ("pd_12m", "pd_lifetime", "expected_loss_12m", "expected_loss_lifetime", "loss_given_default"):
        assert (rows[f"{name}_low"] < rows[name]).all()
        assert (rows[name] < rows[f"{name}_high"]).all()
    assert (rows["expected_loss_12m"] <= rows["expected_loss_lifetime"] * (1 + 1e-12)).all()


def test_an_interval_ends_where_numpys_quantiles_do() -> None:
    values = np.random.default_rng(1).gamma(2, size=(50, DRAWS))
    found = interval("x", values)
    np.testing.assert_allclose(found["x_low"], np.quantile(values, 0.05, axis=1), rtol=1e-12)
    np.testing.assert_allclose(found["x_high"], np.quantile(values, 0.95, axis=1), rtol=1e-12)


def test_an_empty_book_has_no_rows_and_no_whole() -> None:
    expecting = Expecting(draws(), MODEL_DATE, lgd(), REPORTING)
    assert expecting.add(loans()[:0]).is_empty()
    assert expecting.totals().is_empty()


def test_losses_given_default_survive_the_lake() -> None:
    rows = lgd_rows(lgd(), REPORTING)
    back = lgd_from(rows)
    assert back.counted == lgd().counted
    for segment, share in lgd().by_segment.items():
        np.testing.assert_array_equal(back.by_segment[segment], share)
    assert (rows["loss_given_default_low"] < rows["loss_given_default"]).all()
    np.testing.assert_array_equal(back.of(36, "medical"), lgd().by_segment[ALL])
    with pytest.raises(ValueError, match="materialize portfolio/lgd first"):
        lgd_from(rows[:0])
