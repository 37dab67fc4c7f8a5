"""The life of a loan under the posterior, month by month."""

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.models.exposure import learned_from
from creditrisk_assets.models.periods import WHOLE_TERM
from creditrisk_assets.models.posterior import Fit, fit_posterior
from creditrisk_assets.models.survival import survival_curves
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets_tests.models.simulated import FIRST, simulated_book

MODEL_DATE = add_months(FIRST, 24)


@pytest.fixture(scope="module")
def book() -> pl.DataFrame:
    return simulated_book(8_000)


@pytest.fixture(scope="module")
def fit(book: pl.DataFrame) -> Fit:
    return fit_posterior(learned_from(book.lazy(), MODEL_DATE, 24), "application", add_months(MODEL_DATE, -1))


def test_the_curve_passes_through_the_pds_of_the_score(book: pl.DataFrame, fit: Fit) -> None:
    loans = book.sample(200, seed=3)
    predicted, curves = fit.posterior.predict(loans), survival_curves(fit.posterior.scorer, loans)
    for month, name in ((12, "pd"), (60, "pd_term")):
        at = curves.filter(pl.col("month") == month).sort("row")
        for suffix in ("", "_low", "_high"):
            np.testing.assert_allclose(at[f"pd{suffix}"], predicted[f"{name}{suffix}"], rtol=1e-4, atol=1e-7)


def test_defaults_only_grow_the_book_only_shrinks_and_everybody_is_somewhere(book: pl.DataFrame, fit: Fit) -> None:
    curves = survival_curves(fit.posterior.scorer, book.head(100))
    ordered = curves.sort("row", "month").group_by("row", maintain_order=True)
    steps = ordered.agg(pl.col("pd").diff().drop_nulls().min(), pl.col("on_book").diff().drop_nulls().max())
    assert steps["pd"].min() >= 0  # type: ignore[operator]
    assert steps["on_book"].max() <= 0  # type: ignore[operator]
    assert (curves["pd_low"] <= curves["pd"]).all()
    assert (curves["pd"] <= curves["pd_high"]).all()
    assert (curves["pd"] + curves["on_book"] <= 1 + 1e-12).all()


def test_nobody_defaults_before_the_fifth_month_or_is_on_book_after_the_term(book: pl.DataFrame, fit: Fit) -> None:
    loans = book.head(100)
    curves = survival_curves(fit.posterior.scorer, loans)
    assert (curves.filter(pl.col("month") < 5)["pd"] == 0).all()
    term = pl.Series("term", loans["term_months"]).to_frame().with_row_index("row").cast({"row": pl.Int64})
    over = curves.join(term, on="row").filter(pl.col("month") >= pl.col("term"))
    assert over.height
    assert (over["on_book"] == 0).all()


def test_a_model_of_final_outcomes_has_no_months_to_show(book: pl.DataFrame) -> None:
    frame = learned_from(book.lazy(), MODEL_DATE, 24, "final")
    fit = fit_posterior(frame, "application", add_months(MODEL_DATE, -1), whole_term=True)
    assert fit.posterior.design.periods == WHOLE_TERM
    with pytest.raises(ValueError, match="knows no months"):
        survival_curves(fit.posterior.scorer, book.head(1))
