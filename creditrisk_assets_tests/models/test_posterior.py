"""Really sampled fits on simulated lives: known truth, gates, certificate, fall-backs, reproducibility."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.models import posterior as module
from creditrisk_assets.models import sampling
from creditrisk_assets.models.certificate import Certificate
from creditrisk_assets.models.comparison import MODELS, compare
from creditrisk_assets.models.design import Design
from creditrisk_assets.models.evidence import Reference
from creditrisk_assets.models.posterior import SEED, Fit, Posterior, fit_posterior, fit_window
from creditrisk_assets.models.reference import gather_window
from creditrisk_assets_tests.models.learned import BOOK, DESIGN, FRAME, LAST, LOANS, VINTAGES, fit, reference, window
from creditrisk_assets_tests.models.simulated import LIFE_TRUTH, simulated_book

KEYS = {
    "feature_set", "method", "r_hat_max", "ess_bulk_min", "ess_tail_min", "divergences", "bfmi_min", "disagreement",
    "sampled", "k_hat", "certificate_ess", "certificate_draws", "loans", "trials", "defaults", "vintages", "seconds",
    "passed",
}  # fmt: skip


@pytest.fixture
def short_chains(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Chains too short for the gates, which are then taken as passed."""
    monkeypatch.setattr(sampling, "TUNE", 60)
    monkeypatch.setattr(sampling, "DRAWS", 150)
    monkeypatch.setattr(sampling, "_mixed", lambda sample: True)
    yield


def test_all_gates_pass() -> None:
    found: dict[str, Any] = fit().diagnostics
    assert set(found) == KEYS
    assert fit().passed and found["sampled"] and found["method"] == "evidence"
    assert found["r_hat_max"] <= 1.01 and min(found["ess_bulk_min"], found["ess_tail_min"]) >= 400
    assert found["divergences"] == 0 and found["bfmi_min"] >= 0.3
    assert found["k_hat"] < 0.7 and found["certificate_ess"] >= 400 and found["certificate_draws"] == 2_000
    tried = LOANS.months > 0
    assert (found["loans"], found["defaults"]) == (tried.sum(), (LOANS.outcome & tried).sum())
    assert found["trials"] == (LOANS.months[tried] - 4).sum() and found["vintages"] == 18


def test_the_sampled_density_is_the_one_stated_in_bambi() -> None:
    assert float(fit().diagnostics["disagreement"]) < 1e-6


def test_the_known_truth_is_recovered() -> None:
    posterior, names = fit().posterior, DESIGN.parameters
    spread = np.sqrt(np.diag(posterior.covariance))
    for name, truth in LIFE_TRUTH.items():
        at = names.index(name)
        assert abs(posterior.mean[at] - truth) < 4 * spread[at]
        assert spread[at] < 0.12
    levels = posterior.mean[DESIGN.parts["baseline"]]
    assert levels == pytest.approx([-3.85] * len(levels), abs=0.6)


def test_mean_and_covariance_are_those_of_the_draws_with_less_noise() -> None:
    posterior = fit().posterior
    spread = np.sqrt(np.diag(posterior.covariance))
    assert np.abs((posterior.coefficients.mean(axis=0) - posterior.mean) / spread).max() < 0.2
    assert np.abs(posterior.coefficients.std(axis=0) / spread - 1).max() < 0.2
    assert np.linalg.eigvalsh(posterior.covariance)[0] > 0


def test_a_posterior_is_narrower_than_its_prior() -> None:
    assert (fit().posterior.scales > 0).all()
    inside = (fit().posterior.persistence > 0) & (fit().posterior.persistence < 1)
    assert inside.all()
    effects = DESIGN.parts["effects"]
    assert np.sqrt(np.diag(fit().posterior.covariance))[effects].max() < 0.15


def test_pds_are_calibrated_on_the_loans_they_learnt_from() -> None:
    old = FRAME.filter(pl.col("vintage") <= date(2010, 6, 1))
    seen = (old["outcome"] & (old["months"] <= 12)).mean()
    assert fit().posterior.predict(old)["pd"].mean() == pytest.approx(seen, abs=0.03)


def test_inference_data_holds_named_draws_and_no_warm_up() -> None:
    trace = fit().inference_data
    assert set(trace.posterior.data_vars) == {"coefficient", "scale", "persistence"}
    assert dict(trace.posterior.sizes)["chain"] == 4 and "warmup_posterior" not in trace.groups()
    assert trace.posterior["parameter"].values.tolist() == list(DESIGN.parameters)
    assert trace.posterior["group"].values.tolist() == list(DESIGN.scale_names)


def test_the_table_of_draws_is_the_posterior() -> None:
    posterior = fit().posterior
    draws = posterior.to_draws()
    assert draws.schema == pl.Schema(module.DRAWS_SCHEMA)
    assert draws.select("chain", "draw", "parameter").is_unique().all()
    assert draws["chain"].unique().sort().to_list() == [0, 1, 2, 3]
    assert draws.height == module.PUBLISHED * len(posterior.names)
    assert draws["parameter"].unique(maintain_order=True).to_list() == list(posterior.names)


ODD = BOOK.with_columns(addr_state=pl.lit("zz"), purpose=pl.lit("moon"), vintage=pl.lit(date(2013, 1, 1)))


@pytest.mark.parametrize("book", [BOOK, ODD], ids=["seen", "unseen levels and a later vintage"])
def test_a_posterior_rebuilt_from_its_tables_predicts_bit_for_bit_the_same(book: pl.DataFrame) -> None:
    posterior = fit().posterior
    shuffled = posterior.to_draws().sample(fraction=1, shuffle=True, seed=1)
    again = Posterior.from_draws(
        Design.from_json(posterior.design.to_json()), shuffled, posterior.mean.copy(), posterior.covariance.copy()
    )
    assert again.values.tobytes() == posterior.values.tobytes()
    before, after = posterior.predict(book), again.predict(book)
    for name in before.columns:
        assert before[name].to_numpy().tobytes() == after[name].to_numpy().tobytes()
    for one, other in zip(posterior.scorer.contributions(book), again.scorer.contributions(book), strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("name", ["baseline[5]", "scale[vintage]", "persistence"])
def test_draws_that_lack_a_parameter_are_refused(name: str) -> None:
    posterior = fit().posterior
    fewer = posterior.to_draws().filter(pl.col("parameter") != name)
    with pytest.raises(ValueError, match="materialise the posterior of this design again") as told:
        Posterior.from_draws(posterior.design, fewer, posterior.mean, posterior.covariance)
    assert repr(name) in str(told.value)


def test_the_summary_has_a_row_for_every_parameter() -> None:
    posterior = fit().posterior
    table = posterior.summary()
    assert table["parameter"].to_list() == list(posterior.names)
    assert ((table["low"] < table["mean"]) & (table["mean"] < table["high"])).all()
    assert table["mean"].to_numpy()[: len(posterior.mean)].tobytes() == posterior.mean.tobytes()
    assert table["sd"][-1] == pytest.approx(posterior.persistence.std(ddof=1))


def assert_usable(found: Fit, rows: pl.DataFrame) -> None:
    """Every number finite, every PD between zero and one and inside its interval."""
    table = found.posterior.predict(rows)
    assert np.isfinite(table.to_numpy()).all() and np.isfinite(found.posterior.values).all()
    for horizon in ("pd", "pd_term"):
        low, pd, high = (table[f"{horizon}{end}"] for end in ("_low", "", "_high"))
        assert ((low > 0) & (low < pd) & (pd < high) & (high < 1)).all()
    assert set(found.diagnostics) == KEYS
    assert found.diagnostics["r_hat_max"] < 1.1  # type: ignore[operator]


@pytest.mark.usefixtures("short_chains")
def test_a_seed_gives_the_same_draws_again() -> None:
    first, second, third = (fit_window(window(), LOANS, reference()[1], seed).posterior for seed in (1, 1, 2))
    assert first.values.tobytes() == second.values.tobytes()
    assert first.mean.tobytes() == second.mean.tobytes() and first.covariance.tobytes() == second.covariance.tobytes()
    assert not np.array_equal(first.coefficients, third.coefficients)


@pytest.mark.usefixtures("short_chains")
def test_a_window_of_one_vintage_is_a_window() -> None:
    month = date(2010, 5, 1)
    found = fit_posterior(FRAME.filter(pl.col("vintage") == month), "application", month, largest_direct=0)
    assert found.diagnostics["vintages"] == 1 and float(found.diagnostics["disagreement"]) < 1e-6
    assert_usable(found, BOOK)


@pytest.mark.usefixtures("short_chains")
def test_a_vintage_without_a_default_and_one_without_a_loan_are_learnt_from() -> None:
    quiet, empty = date(2010, 5, 1), date(2010, 7, 1)
    frame = FRAME.filter(pl.col("vintage") != empty).with_columns(
        outcome=pl.col("outcome") & (pl.col("vintage") != quiet)
    )
    found = fit_posterior(frame, "application", LAST, largest_direct=0)
    effects = dict(zip(found.posterior.design.parameters, found.posterior.mean, strict=True))
    assert effects["vintage[2010-05]"] < min(effects["vintage[2010-03]"], 0)
    assert np.isfinite(effects["vintage[2010-07]"])
    assert_usable(found, BOOK)


@pytest.mark.usefixtures("short_chains")
@pytest.mark.parametrize("outcome", [False, True])
def test_a_single_loan_moves_the_prior_a_little_and_breaks_nothing(outcome: bool) -> None:
    loan = FRAME.filter(pl.col("months") > 0, pl.col("outcome") == outcome).head(1)
    found = fit_posterior(loan, "application", LAST, largest_direct=0)
    assert found.posterior.design.columns.names == ()
    assert (found.diagnostics["loans"], found.diagnostics["defaults"]) == (1, int(outcome))
    assert_usable(found, BOOK)


@pytest.mark.usefixtures("short_chains")
def test_a_feature_all_missing_and_a_constant_one_drop_out_of_the_fit() -> None:
    frame = FRAME.with_columns(fico=pl.lit(None, pl.Float64), debt_to_income=pl.lit(7.0), home_ownership=pl.lit("RENT"))
    found = fit_posterior(frame, "application", LAST, largest_direct=0)
    gone = ("fico", "debt_to_income", "home_ownership")
    assert not [name for name in found.posterior.design.columns.names if name.startswith(gone)]
    assert_usable(found, BOOK)


def test_infinite_values_and_later_columns_never_reach_a_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"features/loans\.fico holds infinite values"):
        fit_posterior(FRAME.with_columns(fico=pl.lit(float("inf"))), "application", LAST)
    with pytest.raises(ValueError, match=r"features/loans\.fico holds infinite values"):
        fit().posterior.predict(BOOK.with_columns(fico=pl.lit(float("-inf"))))
    from creditrisk_assets.models.binning import NUMERICS

    monkeypatch.setitem(NUMERICS, "application", (*NUMERICS["application"], "observed_months"))
    with pytest.raises(ValueError, match="known after application only"):
        fit_posterior(FRAME, "application", LAST)


@pytest.mark.usefixtures("short_chains")
def test_a_failed_certificate_is_followed_by_an_expansion_about_the_posterior_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Certificate] = []

    def passed(self: Certificate) -> bool:
        if not any(self is one for one in asked):
            asked.append(self)
        return len(asked) > 1

    monkeypatch.setattr(Certificate, "passed", property(passed))
    found = fit_window(window(), LOANS, reference()[1])
    assert len(asked) == 2 and found.diagnostics["method"] == "evidence"
    assert not np.array_equal(found.window.point, window().point)
    assert found.window.loans == window().loans and found.window.defaults == window().defaults
    near, far = found.posterior.predict(BOOK)["log_odds"], fit().posterior.predict(BOOK)["log_odds"]
    assert (near - far).abs().max() < 0.2  # type: ignore[operator]


@pytest.mark.usefixtures("short_chains")
@pytest.mark.parametrize(("shift", "mended"), [(0.2, True), (0.8, False)])
def test_a_reference_far_away_is_mended_by_expanding_again_or_not_certified(shift: float, mended: bool) -> None:
    at = reference()[0].point.copy()
    at[DESIGN.parts["effects"]] -= shift
    far = gather_window(DESIGN, VINTAGES, Reference(at))
    found = fit_window(far, LOANS, reference()[1], largest_direct=0)
    away = (found.posterior.mean - fit().posterior.mean) / np.sqrt(np.diag(fit().posterior.covariance))
    assert not np.array_equal(found.window.point, far.point)
    assert (float(found.diagnostics["k_hat"]) < 0.7) is mended
    assert bool(np.abs(away[: DESIGN.parts["effects"].stop]).max() < 0.3) is mended
    assert mended or not found.passed


@pytest.mark.usefixtures("short_chains")
def test_a_large_book_whose_certificate_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Certificate, "passed", property(lambda _: False))
    found = fit_window(window(), LOANS, reference()[1], largest_direct=0)
    assert found.diagnostics["method"] == "evidence" and not found.passed
    assert found.diagnostics["passed"] is False
    assert_usable(found, BOOK)


@pytest.mark.slow
def test_the_loans_themselves_say_what_their_evidence_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Certificate, "passed", property(lambda _: False))
    few = FRAME.filter(pl.col("vintage") < date(2010, 7, 1)).gather_every(2)
    last = date(2010, 6, 1)
    direct = fit_posterior(few, "application", last, SEED)
    monkeypatch.undo()
    evidence = fit_posterior(few, "application", last, SEED, largest_direct=0)
    assert direct.diagnostics["method"] == "loans" and evidence.diagnostics["method"] == "evidence"
    assert direct.diagnostics["sampled"] and direct.passed
    exact, near = direct.posterior, evidence.posterior
    spread = np.sqrt(np.diag(exact.covariance))
    away, ratio = np.abs(near.mean - exact.mean) / spread, np.sqrt(np.diag(near.covariance)) / spread
    fixed = exact.design.parts["effects"].stop
    assert away[:fixed].max() < 0.1 and away.max() < 0.3
    # Six hundred loans leave the scales open, and the spread of a group with them.
    assert np.abs(ratio[:fixed] - 1).max() < 0.08 and np.abs(ratio - 1).max() < 0.35
    one, other = near.predict(BOOK), exact.predict(BOOK)
    assert (one["log_odds"] - other["log_odds"]).abs().mean() < 0.05  # type: ignore[operator]
    assert (one["pd"] - other["pd"]).abs().max() < 0.03  # type: ignore[operator]


def test_chains_that_have_not_mixed_are_made_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    real = sampling._sample_evidence

    def counted(window: Any, scales: Any, seed: int, count: int, target: float) -> Any:
        counts.append(count)
        return real(window, scales, seed, 60, target)

    monkeypatch.setattr(sampling, "_sample_evidence", counted)
    sampling.sample_evidence(window(), reference()[1], 1)
    assert counts == [sampling.DRAWS, 3 * sampling.DRAWS]


def test_a_single_divergence_is_drawn_again_in_smaller_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    asked: list[tuple[int, float]] = []
    real = sampling._sample_evidence

    def diverged(window: Any, scales: Any, seed: int, count: int, target: float) -> Any:
        asked.append((count, target))
        sample = real(window, scales, seed, sampling.DRAWS, target)
        return replace(sample, diverging=np.arange(sample.diverging.size).reshape(sample.diverging.shape) == 7)

    monkeypatch.setattr(sampling, "_sample_evidence", diverged)
    sampling.sample_evidence(window(), reference()[1], 1)
    assert [count for count, _ in asked] == [sampling.DRAWS, 3 * sampling.DRAWS]
    assert asked[1][1] > asked[0][1]


def test_every_gate_is_asked() -> None:
    from dataclasses import replace

    generator = np.random.default_rng(4)
    good = sampling.Sample(
        generator.normal(size=(4, 500, 3)), np.exp(generator.normal(size=(4, 500, 3))),
        generator.uniform(size=(4, 500)), np.zeros((4, 500), bool), generator.normal(size=(4, 500)), "evidence",
    )  # fmt: skip

    def sampled(sample: sampling.Sample) -> bool:
        import arviz as az

        trace = az.from_dict(
            posterior={"coefficient": sample.coefficients, "scale": sample.scales, "persistence": sample.persistence},
            sample_stats={"diverging": sample.diverging, "energy": sample.energy},
        )
        return bool(sampling.sampler_diagnostics(trace, sample)["sampled"])

    assert sampled(good)
    apart = good.coefficients + np.arange(4)[:, None, None]
    diverged = np.zeros((4, 500), bool)
    diverged[2, 7] = True
    drifting = np.cumsum(generator.normal(size=(4, 500)), axis=1)
    assert not sampled(replace(good, coefficients=apart))
    assert not sampled(replace(good, diverging=diverged))
    assert not sampled(replace(good, energy=drifting))
    assert not sampled(replace(good, persistence=drifting))
    assert not sampled(replace(good, disagreement=1e-3))


def test_comparison_sets_all_models_beside_each_other() -> None:
    book = simulated_book(4_000)
    model = date(2011, 7, 1)
    found = compare(book.lazy(), model, model, date(2011, 12, 1), window="expanding")
    assert set(found["models"]) == set(MODELS) and found["outcomes"] == "final"
    tested = book.filter(pl.col("vintage") >= model)
    assert (found["rows"], found["bads"]) == (tested.height, tested["defaulted"].sum())
    figures = found["models"]
    assert set(figures["posterior"]) == {"auc", "ks", "brier", "log_loss", "mean_pd", "observed"}
    assert abs(figures["posterior"]["auc"] - figures["logistic"]["auc"]) < 0.02
    assert figures["posterior"]["mean_pd"] == pytest.approx(figures["posterior"]["observed"], abs=0.04)
    assert found["diagnostics"]["passed"] and found["diagnostics"]["trials"] == found["diagnostics"]["loans"]
