"""Really sampled fits on simulated loans: known truth, gates, certificate, fall-back, reproducibility."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.models import posterior as module
from creditrisk_assets.models import sampling
from creditrisk_assets.models.certificate import Certificate
from creditrisk_assets.models.comparison import compare, compare_fitted
from creditrisk_assets.models.logistic import fit_logistic
from creditrisk_assets.models.outcomes import ORDER
from creditrisk_assets.models.posterior import Fit, Posterior, fit_posterior
from creditrisk_assets_tests.models.simulated import TRUTH, simulated_book

BOOK = simulated_book(6000).with_columns(outcome="defaulted")


@pytest.fixture(scope="module")
def fit() -> Fit:
    return fit_posterior(BOOK, "application")


@pytest.fixture
def short_chains(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sampling, "TUNE", 200)
    monkeypatch.setattr(sampling, "DRAWS", 150)
    yield


def test_all_gates_pass(fit: Fit) -> None:
    found: dict[str, Any] = fit.diagnostics
    assert fit.passed and found["method"] == "evidence"
    assert found["r_hat_max"] <= 1.01 and min(found["ess_bulk_min"], found["ess_tail_min"]) >= 400
    assert found["divergences"] == 0 and found["bfmi_min"] >= 0.3
    assert found["k_hat"] < 0.7 and found["certificate_ess"] >= 0.4 * found["certificate_draws"]
    assert (found["loans"], found["defaults"], found["vintages"]) == (6000, BOOK["outcome"].sum(), 24)


def test_the_sampled_density_is_the_one_stated_in_bambi(fit: Fit) -> None:
    assert float(fit.diagnostics["disagreement"]) < 1e-6


def test_the_known_truth_is_recovered(fit: Fit) -> None:
    names = fit.posterior.design.parameters
    for name, truth in TRUTH.items():
        draws = fit.posterior.coefficients[:, names.index(name)]
        assert abs(draws.mean() - truth) < 4 * draws.std()
        assert draws.std() < 0.06
    purpose = fit.posterior.scales[:, 0]
    assert np.quantile(purpose, 0.01) < 0.25 < np.quantile(purpose, 0.99)


def test_inference_data_holds_named_draws_and_no_warm_up(fit: Fit) -> None:
    trace = fit.inference_data
    assert not [name for name in trace.posterior if name.endswith("_log__")]
    assert "warmup_posterior" not in trace.groups()
    assert dict(trace.posterior.sizes)["chain"] == 4
    assert "inquiries_6m" in trace.posterior["parameter"].values


def test_the_table_of_draws_is_the_posterior(fit: Fit) -> None:
    draws = fit.posterior.to_draws()
    assert draws.schema == pl.Schema(module.DRAWS_SCHEMA)
    assert draws.select("chain", "draw", "parameter").is_unique().all()
    summary = fit.posterior.summary()
    information = dict(summary.drop_nulls("information").select("parameter", "information").iter_rows())
    again = Posterior.from_draws(fit.posterior.design, draws.sample(fraction=1, shuffle=True, seed=1), information)
    assert np.allclose(again.predict(BOOK)["pd"], fit.posterior.predict(BOOK)["pd"], rtol=1e-12)
    with pytest.raises(ValueError, match="no parameter 'intercept'"):
        Posterior.from_draws(fit.posterior.design, draws.filter(pl.col("parameter") != "intercept"), information)


def test_pds_are_calibrated_on_the_loans_they_learnt_from(fit: Fit) -> None:
    table = fit.posterior.predict(BOOK)
    assert float(table["pd"].mean()) == pytest.approx(float(BOOK["outcome"].mean()), abs=0.005)  # type: ignore[arg-type]


@pytest.mark.usefixtures("short_chains")
def test_a_seed_gives_the_same_draws_again() -> None:
    book = BOOK[:1500]
    first, second, third = (fit_posterior(book, "application", seed, 0).posterior for seed in (1, 1, 2))
    assert np.array_equal(first.coefficients, second.coefficients)
    assert not np.array_equal(first.coefficients, third.coefficients)


@pytest.mark.usefixtures("short_chains")
def test_a_failed_certificate_falls_back_to_the_loans_or_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    book = BOOK[:1200]
    evidence = fit_posterior(book, "application", 1)
    monkeypatch.setattr(Certificate, "passed", property(lambda _: False))
    large = fit_posterior(book, "application", 1, largest_direct=0)
    assert not large.passed and large.diagnostics["method"] == "evidence"
    small = fit_posterior(book, "application", 1)
    assert small.diagnostics["method"] == "loans"
    near, exact = evidence.posterior.predict(book)["log_odds"], small.posterior.predict(book)["log_odds"]
    assert np.abs(near.to_numpy() - exact.to_numpy()).mean() < 0.05


def test_comparison_gives_the_same_figures_for_the_same_fitted_models() -> None:
    model = date(2011, 7, 1)
    found = compare(BOOK.lazy(), model, model, date(2011, 12, 1), window="expanding")
    assert set(found["models"]) == {"posterior", "logistic"} and found["outcomes"] == "final"
    assert set(found["models"]["posterior"]) == {"auc", "ks", "brier", "log_loss", "mean_pd", "observed"}
    training = BOOK.filter(pl.col("vintage") < model).sort(ORDER)
    fitted = fit_posterior(training, "application").posterior, fit_logistic(training, "application")
    again = compare_fitted(BOOK.lazy(), *fitted, model, model, date(2011, 12, 1), "final")
    for name, figures in found["models"].items():
        assert again["models"][name] == pytest.approx(figures)
    assert abs(found["models"]["posterior"]["auc"] - found["models"]["logistic"]["auc"]) < 0.02
