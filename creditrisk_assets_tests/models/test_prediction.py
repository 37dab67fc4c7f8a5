"""PDs of the posterior: unseen levels, new vintages, blocks; and the logistic benchmark as plain data."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.models import design as design_module
from creditrisk_assets.models.design import fit_design
from creditrisk_assets.models.logistic import Logistic, fit_logistic
from creditrisk_assets.models.prediction import Gaussian, forecast_weights, log_odds_moments, predict
from creditrisk_assets_tests.models.simulated import logistic, simulated_book

BOOK = simulated_book(500).with_columns(outcome="defaulted")
DESIGN = fit_design(BOOK, "application")
SIZE = len(DESIGN.parameters)
DRAW = np.random.default_rng(7)
ROOT = 0.05 * DRAW.normal(size=(SIZE, SIZE))
INFORMATION = DRAW.uniform(1, 5, SIZE)
POSTERIOR = Gaussian(
    DESIGN, 0.2 * DRAW.normal(size=SIZE), ROOT @ ROOT.T, np.array([0.09, 0.04, 0.01]),
    forecast_weights(DESIGN, INFORMATION),
)  # fmt: skip


def test_the_interval_holds_the_pd_and_all_lie_between_zero_and_one() -> None:
    table = predict(POSTERIOR, BOOK)
    assert table.height == BOOK.height
    assert ((table["pd_low"] < table["pd"]) & (table["pd"] < table["pd_high"])).all()
    assert table["pd_low"].min() > 0 and table["pd_high"].max() < 1  # type: ignore[operator]


def test_an_unseen_purpose_counts_as_zero_with_the_variance_of_its_group() -> None:
    unseen = BOOK.with_columns(purpose=pl.lit("moon"))
    encoded, part = DESIGN.encode(unseen), DESIGN.group_slices()
    mean, variance = log_odds_moments(POSTERIOR, unseen)
    x = np.zeros((unseen.height, SIZE))
    x[:, : encoded.common.shape[1]] = encoded.common
    for column, name in ((1, "addr_state"), (2, "vintage")):
        x[np.arange(len(x)), part[name].start + encoded.codes[:, column]] = 1
    assert mean == pytest.approx(x @ POSTERIOR.mean)
    assert variance == pytest.approx(np.einsum("ij,jk,ik->i", x, POSTERIOR.covariance, x) + 0.09)


def test_a_new_vintage_is_forecast_from_the_last_twelve() -> None:
    weights = forecast_weights(DESIGN, INFORMATION)
    part = DESIGN.group_slices()["vintage"]
    assert weights.sum() == pytest.approx(1) and np.count_nonzero(weights) == 12
    assert weights[part.stop - 12 : part.stop] == pytest.approx(
        INFORMATION[part.stop - 12 : part.stop] / INFORMATION[part.stop - 12 : part.stop].sum()
    )
    row = BOOK.head(1)
    encoded = DESIGN.encode(row)
    x = np.zeros(SIZE)
    x[: encoded.common.shape[1]] = encoded.common
    for column, name in ((0, "purpose"), (1, "addr_state")):
        x[DESIGN.group_slices()[name].start + encoded.codes[0, column]] = 1
    x += weights
    mean, variance = log_odds_moments(POSTERIOR, row.with_columns(vintage=pl.date(2030, 1, 1)))
    assert mean[0] == pytest.approx(x @ POSTERIOR.mean)
    assert variance[0] == pytest.approx(x @ POSTERIOR.covariance @ x + 0.01)


def test_blocks_do_not_change_a_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = predict(POSTERIOR, BOOK)
    monkeypatch.setattr(design_module.Design.blocks, "__defaults__", (61,))
    assert np.allclose(predict(POSTERIOR, BOOK).to_numpy(), whole.to_numpy())


def test_no_rows_give_no_predictions() -> None:
    assert predict(POSTERIOR, BOOK.head(0)).height == 0


def test_logistic_predicts_what_scikit_learn_predicts() -> None:
    from sklearn.linear_model import LogisticRegression

    from creditrisk_assets.models.logistic import PENALTY, _one_hot

    model = fit_logistic(BOOK, "application")
    matrix, _ = _one_hot(model.design, model.design.encode(BOOK))
    reference = LogisticRegression(C=PENALTY, max_iter=5000, tol=1e-9).fit(matrix, BOOK["outcome"].to_numpy())
    assert model.predict(BOOK) == pytest.approx(reference.predict_proba(matrix)[:, 1], rel=1e-5)


def test_logistic_survives_json_and_unseen_levels() -> None:
    model = fit_logistic(BOOK, "application_with_price")
    again = Logistic.from_json(model.to_json())
    assert again == model
    odd = BOOK.head(3).with_columns(purpose=pl.lit("moon"), addr_state=pl.lit(None, pl.String))
    assert np.isfinite(again.predict(odd)).all()
    assert again.predict(BOOK) == pytest.approx(logistic(model.log_odds(BOOK)))


@pytest.mark.parametrize("outcome", [True, False])
def test_logistic_refuses_one_outcome(outcome: Any) -> None:
    with pytest.raises(ValueError, match="needs a default and a non-default"):
        fit_logistic(BOOK.with_columns(outcome=pl.lit(outcome)), "application")


def test_vintages_are_read_as_months() -> None:
    assert DESIGN.groups[-1].levels[0] == date(2010, 1, 1).isoformat()
