"""The logistic benchmark: what scikit-learn fits, kept as plain data."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.models import standardised
from creditrisk_assets.models.logistic import Logistic, fit_logistic
from creditrisk_assets_tests.models.simulated import TRUTH, logistic, simulated_book

BOOK = simulated_book(2_000).with_columns(outcome="defaulted")


def test_it_predicts_what_scikit_learn_predicts() -> None:
    from sklearn.linear_model import LogisticRegression

    from creditrisk_assets.models.logistic import PENALTY, _one_hot

    model = fit_logistic(BOOK, "application")
    matrix, _ = _one_hot(model.design, model.design.encode(BOOK))
    reference = LogisticRegression(C=PENALTY, max_iter=5000, tol=1e-9).fit(matrix, BOOK["outcome"].to_numpy())
    assert model.predict(BOOK) == pytest.approx(reference.predict_proba(matrix)[:, 1], rel=1e-5)


def test_it_survives_json_bit_for_bit_and_unseen_levels() -> None:
    model = fit_logistic(BOOK, "application_with_price")
    again = Logistic.from_json(model.to_json())
    assert again == model
    assert again.predict(BOOK).tobytes() == model.predict(BOOK).tobytes()
    odd = BOOK.head(3).with_columns(purpose=pl.lit("moon"), addr_state=pl.lit(None, pl.String))
    assert np.isfinite(again.predict(odd)).all()
    assert again.predict(BOOK) == pytest.approx(logistic(model.log_odds(BOOK)))


def test_blocks_do_not_change_a_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fit_logistic(BOOK, "application")
    whole = model.predict(BOOK)
    monkeypatch.setattr(standardised.Standardised.blocks, "__defaults__", (61,))
    assert model.predict(BOOK) == pytest.approx(whole, rel=1e-12)
    assert model.predict(BOOK.clear()).shape == (0,)


def test_it_finds_the_signs_that_were_simulated_and_leaves_the_vintage_out() -> None:
    coefficients = fit_logistic(BOOK, "application").coefficients
    assert all(np.sign(coefficients[name]) == np.sign(truth) for name, truth in TRUTH.items() if truth)
    assert not [name for name in coefficients if name.startswith("vintage")]


@pytest.mark.parametrize("outcome", [True, False])
def test_one_outcome_is_refused(outcome: Any) -> None:
    with pytest.raises(ValueError, match="needs a default and a non-default"):
        fit_logistic(BOOK.with_columns(outcome=pl.lit(outcome)), "application")


def test_vintages_are_read_as_months() -> None:
    assert fit_logistic(BOOK, "application").design.groups[-1].levels[0] == date(2010, 1, 1).isoformat()
