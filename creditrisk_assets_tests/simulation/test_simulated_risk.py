"""The truth behind a simulated book is realistic, and the file can be checked against it."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.simulation.book import simulate_loans
from creditrisk_assets.simulation.hazards import prepayment_by_age
from creditrisk_assets.simulation.risk import area_under_curve
from creditrisk_assets_tests.simulation.simulated import book, facts, month, number, texts, truth


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5])
def test_discrimination_and_default_rate_are_realistic_for_any_seed(seed: int, tmp_path: Path) -> None:
    simulated = simulate_loans(loans=8_000, vintages=12, seed=seed, out=tmp_path)
    defaulted = pl.read_parquet(simulated.truth)["default_month_on_book"].is_not_null()
    assert 0.66 <= simulated.auc <= 0.72
    assert 0.145 <= defaulted.mean() <= 0.185  # type: ignore[operator]
    assert facts(simulated)["auc"] == simulated.auc


def test_log_odds_can_be_recomputed_from_the_file_and_the_facts() -> None:
    known, loans = facts(book()), texts()
    years = number("emp_length").fill_null(6) - pl.col("emp_length").str.starts_with("<").cast(pl.Float64)
    income = number("annual_inc")
    terms = {
        "fico": number("fico_range_low") - 698,
        "dti": number("dti") - 18,
        "revolving_utilisation": (number("revol_util") - 50).fill_null(0),
        "log_annual_income": income.log() - 11.05,
        "loan_to_income": number("loan_amnt") / income - 0.2,
        "inquiries_6m": number("inq_last_6mths"),
        "accounts_opened_24m": number("acc_open_past_24mths") - 4,
        "delinquencies_2y": number("delinq_2yrs").clip(0, 4),
        "public_records": number("pub_rec").clip(0, 2),
        "credit_history_years": (month("issue_d") - month("earliest_cr_line")) / 12 - 15,
        "employment_years": years - 6,
        "employment_not_given": (pl.col("emp_length") == "n/a").cast(pl.Float64),
        "term_60": (number("term") == 60).cast(pl.Float64),
    }
    assert set(terms) == set(known["coefficients"])
    linear = pl.sum_horizontal(known["coefficients"][name] * term for name, term in terms.items())
    groups = [("home_ownership", "home_effects"), ("purpose", "purpose_effects"), ("addr_state", "state_effects")]
    effects = pl.sum_horizontal(
        pl.col(name).replace_strict(known[key], return_dtype=pl.Float64) for name, key in groups
    )
    again = loans.select(known["intercept"] + linear + effects).to_series() + truth()["vintage_effect"]
    assert np.allclose(again, truth()["log_odds"], atol=1e-9)


def test_the_calendar_moves_the_probability_of_default_a_little_away_from_the_log_odds() -> None:
    chance = truth()["pd_term"].to_numpy()
    moved = np.log(chance / (1 - chance)) - truth()["log_odds"].to_numpy()
    assert abs(moved.mean()) < 0.05
    assert 0.01 < moved.std() < 0.15


def test_truth_and_file_tell_of_the_same_loans() -> None:
    assert truth()["id"].cast(pl.String).equals(texts()["id"])
    assert truth()["id"].n_unique() == len(truth())
    assert facts(book())["records"] == len(texts())
    assert truth()["damage"].null_count() == len(truth())


def test_outcomes_are_as_frequent_as_the_true_probabilities_say() -> None:
    defaulted = truth()["default_month_on_book"].is_not_null()
    early = (truth()["default_month_on_book"] <= 12).fill_null(False)
    for chance, outcome in [("pd_term", defaulted), ("pd_12m", early)]:
        expected = truth()[chance]
        noise = float((expected * (1 - expected)).sum()) ** 0.5
        assert abs(float(outcome.sum()) - float(expected.sum())) < 4 * noise
    worst = truth()["pd_term"] > truth()["pd_term"].quantile(0.8)
    assert defaulted.filter(worst).mean() > 2 * defaulted.filter(~worst).mean()  # type: ignore[operator]


def test_vintages_differ_by_a_tenth_to_three_tenths_of_a_logit() -> None:
    effects = np.array(list(facts(book())["vintage_effects"].values()))
    assert 0.1 <= effects.std() <= 0.3
    assert abs(float(truth()["vintage_effect"].sum())) < 1e-6
    # Persistent, as an AR(1) of 0.8 is, rather than independent from month to month.
    assert np.corrcoef(effects[1:], effects[:-1])[0, 1] > 0.2


def test_a_single_vintage_has_no_effect_of_its_own(tmp_path: Path) -> None:
    simulated = simulate_loans(loans=50, vintages=1, seed=0, out=tmp_path)
    assert list(facts(simulated)["vintage_effects"].values()) == [0.0]


def test_bad_loans_stop_paying_when_published_ones_do() -> None:
    paid = (truth()["default_month_on_book"] - 5).drop_nulls()
    quantiles = [paid.quantile(share) for share in (0.10, 0.25, 0.50, 0.75, 0.90)]
    for found, published in zip(quantiles, (5, 9, 17, 26, 35), strict=True):
        assert abs(found - published) <= 2, quantiles  # type: ignore[operator]


def test_the_default_hazard_rises_to_a_peak_in_the_second_year_and_falls() -> None:
    last = (
        truth()
        .select(
            defaulted=pl.col("default_month_on_book").is_not_null(),
            month=texts().select((month("last_pymnt_d") - month("issue_d")).fill_null(0)).to_series(),
            term=texts().select(number("term")).to_series(),
        )
        .filter(pl.col("term") == 36)
    )
    months = last["month"].to_numpy()
    bad = months[last["defaulted"].to_numpy()]
    spans = [(0, 4), (10, 20), (30, 36)]
    early, peak, late = (
        ((bad >= low) & (bad < high)).sum() / sum((months >= at).sum() for at in range(low, high))
        for low, high in spans
    )
    assert peak > 1.5 * early
    assert peak > 1.1 * late


def test_prepayment_speeds_up_from_under_one_to_nearly_three_percent_a_month() -> None:
    hazard = prepayment_by_age(np.arange(1, 61))
    assert np.allclose(hazard[:4], (0.0087, 0.0091, 0.0102, 0.0112), rtol=0.05)
    assert np.all(np.diff(hazard) > 0)
    assert 0.026 < hazard[-1] < 0.0285


def test_the_area_under_the_curve_counts_pairs_and_halves_ties() -> None:
    assert area_under_curve(np.array([0.1, 0.2, 0.3]), pl.Series([False, True, True])) == 1
    assert area_under_curve(np.array([0.1, 0.1, 0.3]), pl.Series([False, True, False])) == 0.25
    assert np.isnan(area_under_curve(np.array([0.1, 0.2]), pl.Series([False, False])))
