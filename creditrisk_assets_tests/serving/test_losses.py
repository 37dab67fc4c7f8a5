"""Sums by draw against the same sums loan by loan, draw by draw and month by month in plain numpy."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import DRAWS, SERVING_LOSS_DRAWS
from creditrisk_assets.models.draws import Draws, draws_of
from creditrisk_assets.models.horizon import Horizons
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets.serving.losses import NODES, Summed, Summing, defaulted
from creditrisk_assets_tests.models.learned import BOOK, DESIGN, MODEL_DATE, fit
from creditrisk_assets_tests.models.one_by_one import issued, one_by_one

LGD = 0.6
AFTER = add_months(DESIGN.vintages[-1], 3)
BEFORE = date(2003, 2, 1)


@pytest.fixture(scope="module")
def draws() -> Draws:
    return draws_of(fit().posterior)


@pytest.mark.parametrize("vintage", [DESIGN.vintages[4], AFTER, BEFORE], ids=["inside", "after", "before"])
def test_sums_are_those_of_every_loan_under_every_draw(draws: Draws, vintage: date) -> None:
    loans = issued(vintage, 120)
    found = Summing(draws, MODEL_DATE, LGD).add(vintage, loans)
    pds, curves = one_by_one(draws, loans, vintage)
    keys = loans.select(pl.col("term_months").cast(pl.Int32), "purpose")
    assert found.loss_draws.select("term_months", "purpose").equals(keys.unique().sort("term_months", "purpose"))
    amounts = loans["loan_amount"].to_numpy()
    for row in found.loss_draws.iter_rows(named=True):
        mine = ((keys["term_months"] == row["term_months"]) & (keys["purpose"] == row["purpose"])).to_numpy()
        np.testing.assert_allclose(row["expected_defaults"], pds[mine].sum(axis=0), rtol=1e-3)
        np.testing.assert_allclose(row["expected_loss"], LGD * amounts[mine] @ pds[mine], rtol=1e-3)
        assert (row["loans"], row["exposure"]) == (mine.sum(), amounts[mine].sum())
        assert (row["vintage"], row["model_date"]) == (vintage, MODEL_DATE)
    for term, curve in found.curves.items():
        mine = (keys["term_months"] == term).to_numpy()
        assert curve.shape == (term, DRAWS)
        np.testing.assert_allclose(curve, curves[mine, 1 : term + 1].mean(axis=0), rtol=1e-3)


def total(summed: Summed) -> np.ndarray:
    return np.asarray(np.sum(summed.loss_draws["expected_defaults"].to_list(), axis=0))


@pytest.mark.parametrize("vintage", [DESIGN.vintages[2], DESIGN.vintages[-1], AFTER], ids=["old", "last", "after"])
def test_the_mean_over_the_draws_is_that_of_all_draws_and_near_the_pd_of_the_scores(vintage: date) -> None:
    loans, posterior = BOOK.with_columns(vintage=pl.lit(vintage)), fit().posterior
    every = [
        Draws(DESIGN, posterior.coefficients[i::5], posterior.scales[i::5], posterior.persistence[i::5])
        for i in range(5)
    ]
    *parts, chosen = (total(Summing(one, MODEL_DATE, LGD).add(vintage, loans)) for one in (*every, draws_of(posterior)))
    everyone = np.concatenate(parts)
    # Draws are spread over the risk of a coming vintage; for one long past they are as good as chosen at random.
    by_chance = 3 * everyone.std() / np.sqrt(DRAWS)
    near = by_chance if vintage == DESIGN.vintages[2] else 0.01 * everyone.mean()
    assert chosen.mean() == pytest.approx(everyone.mean(), abs=near)
    # Scores take the baselines at their mean; with as few defaults as here their curvature is worth two per cent.
    assert chosen.mean() == pytest.approx(posterior.predict(loans)["pd"].sum(), rel=0.025)


def test_the_interval_of_a_sum_is_narrower_than_the_sum_of_intervals(draws: Draws) -> None:
    loans = BOOK.with_columns(vintage=pl.lit(DESIGN.vintages[3]))
    predicted = fit().posterior.predict(loans)
    low, high = np.quantile(total(Summing(draws, MODEL_DATE, LGD).add(DESIGN.vintages[3], loans)), [0.05, 0.95])
    assert high - low < 0.8 * (predicted["pd_high"].sum() - predicted["pd_low"].sum())
    assert low < predicted["pd"].sum() < high


def test_the_same_loans_give_the_same_bits_in_any_order_of_vintages(draws: Draws) -> None:
    loans = issued(AFTER)
    one, other = Summing(draws, MODEL_DATE, LGD), Summing(draws_of(fit().posterior), MODEL_DATE, LGD)
    other.add(BEFORE, issued(BEFORE))
    assert one.add(AFTER, loans).loss_draws.equals(other.add(AFTER, loans).loss_draws)


def test_no_loan_gives_no_row(draws: Draws) -> None:
    found = Summing(draws, MODEL_DATE, LGD).add(AFTER, issued(AFTER).clear())
    assert found.curves == {}
    assert found.loss_draws.equals(pl.DataFrame(schema=SERVING_LOSS_DRAWS.schema))


@pytest.mark.parametrize("term", [36, 60])
def test_defaults_of_all_draws_at_once_are_those_of_each(draws: Draws, term: int) -> None:
    at = NODES[::40]
    found = np.array([share.copy() for _, share in defaulted(draws, term, 72, at)])
    for draw in range(0, DRAWS, 25):
        horizons = Horizons(DESIGN, draws.coefficients[draw, DESIGN.hazard])
        expected, _ = horizons.survival(at + horizons.weights @ horizons._own(term), term, 72)
        np.testing.assert_allclose(found[:, :, draw], expected[1:], rtol=1e-9, atol=1e-15)
