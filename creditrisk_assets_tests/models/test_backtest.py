"""Leaving vintages out by arithmetic on evidence: what refitting without them says."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.models import priors
from creditrisk_assets.models.backtest import NORMAL_95, backtest, prior_predictive
from creditrisk_assets.models.evidence import Evidence, expand, total
from creditrisk_assets.models.reference import prior_precision
from creditrisk_assets_tests.models.learned import DESIGN, SHARED, VINTAGES, reference

SCALES, PERSISTENCE = np.array([0.1, 0.08, 0.15]), 0.7
EVIDENCE = [expand(DESIGN, loans, reference()[0]) for loans in VINTAGES]
TABLE = backtest(total(DESIGN, EVIDENCE), EVIDENCE, SCALES, PERSISTENCE)
BANDS = DESIGN.parts["baseline"]
PRIOR = prior_precision(DESIGN, SCALES, PERSISTENCE)
FUTURE = ("expected_future", "low_future", "high_future", "elpd_future")


def nothing(like: Evidence) -> Evidence:
    return like - like


def refitted(evidence: list[Evidence]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of a model fitted to some evidence, from the beginning."""
    seen = total(DESIGN, evidence)
    covariance = np.linalg.inv(PRIOR + seen.information)
    return covariance @ (seen.linear + PRIOR @ priors.fixed_mean(DESIGN)), covariance


def alone(place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Point, gradient and information of one vintage in all coordinates."""
    one = [piece if at == place else nothing(piece) for at, piece in enumerate(EVIDENCE)]
    seen = total(DESIGN, one)
    return seen.point, seen.gradient, seen.information


def defaults(place: int, mean: np.ndarray, covariance: np.ndarray) -> list[float]:
    """Expected defaults with the ends of the 90 % interval, by the quadratic of the vintage."""
    point, gradient, information = alone(place)
    at = SHARED + place
    expected = EVIDENCE[place].defaults - gradient[at] + information[at] @ (mean - point)
    spread = np.sqrt(information[at] @ covariance @ information[at] + information[at, at])
    return [max(expected + sign * NORMAL_95 * spread, 0.0) for sign in (0, -1, 1)]


def predictive(place: int, mean: np.ndarray, covariance: np.ndarray) -> float:
    """Log of the expected likelihood of a vintage under a Gaussian, by completing the square."""
    point, gradient, information = alone(place)
    shift = mean - point
    joint = np.linalg.inv(np.linalg.inv(covariance) + information)
    pull = gradient - information @ shift
    value = EVIDENCE[place].log_likelihood + gradient @ shift - 0.5 * shift @ information @ shift
    determinant = np.linalg.slogdet(np.eye(len(mean)) + covariance @ information)[1]
    return float(value + 0.5 * pull @ joint @ pull - 0.5 * determinant)


def test_every_vintage_has_a_row_with_what_was_seen() -> None:
    assert TABLE["vintage"].to_list() == list(DESIGN.vintages)
    assert TABLE["defaults"].to_list() == [one.defaults for one in EVIDENCE]
    assert TABLE["trials"].to_list() == [one.trials for one in EVIDENCE]
    for suffix in ("", "_left_out", "_future"):
        low, expected, high = (TABLE[f"{name}{suffix}"] for name in ("low", "expected", "high"))
        assert ((low >= 0) & (low <= expected) & (expected <= high)).all()


@pytest.mark.parametrize("place", [0, 5, 11, 17])
def test_leaving_a_vintage_out_is_fitting_without_it(place: int) -> None:
    others = refitted([nothing(one) if at == place else one for at, one in enumerate(EVIDENCE)])
    row = TABLE.row(place, named=True)
    found = [row[f"{name}_left_out"] for name in ("expected", "low", "high")]
    assert found == pytest.approx(defaults(place, *others), rel=1e-6, abs=1e-9)
    assert row["elpd_left_out"] == pytest.approx(predictive(place, *others), rel=1e-8)


@pytest.mark.parametrize("place", [0, 5, 11])
def test_the_future_is_predicted_from_earlier_vintages_alone(place: int) -> None:
    earlier = refitted([one if at < place else nothing(one) for at, one in enumerate(EVIDENCE)])
    row = TABLE.row(place, named=True)
    found = [row[f"{name}_future"] for name in ("expected", "low", "high")]
    assert found == pytest.approx(defaults(place, *earlier), rel=1e-6, abs=1e-9)
    assert row["elpd_future"] == pytest.approx(predictive(place, *earlier), rel=1e-8)


def test_later_vintages_change_nothing_of_the_future_columns() -> None:
    changed = [
        one if at < 9 else replace(one, gradient=3 * one.gradient, information=5 * one.information)
        for at, one in enumerate(EVIDENCE)
    ]
    other = backtest(total(DESIGN, changed), changed, SCALES, PERSISTENCE)
    for name in FUTURE:
        assert other[name][:9].to_numpy() == pytest.approx(TABLE[name][:9].to_numpy(), rel=1e-12)
        assert not np.allclose(other[name][9:].to_numpy(), TABLE[name][9:].to_numpy())
    assert not np.allclose(other["expected_left_out"][:9].to_numpy(), TABLE["expected_left_out"][:9].to_numpy())


def test_predictive_densities_are_means_of_the_likelihood_over_draws() -> None:
    place = 15
    mean, covariance = refitted([nothing(one) if at == place else one for at, one in enumerate(EVIDENCE)])
    theta = np.random.default_rng(1).multivariate_normal(mean, covariance, 20_000)
    point, gradient, information = alone(place)
    shift = theta - point
    each = EVIDENCE[place].log_likelihood + shift @ gradient - 0.5 * ((shift @ information) * shift).sum(axis=1)
    drawn = np.log(np.exp(each - each.max()).mean()) + each.max()
    assert TABLE["elpd_left_out"][place] == pytest.approx(drawn, abs=0.05)


def test_densities_of_the_future_add_up_to_the_evidence_of_the_whole() -> None:
    seen = total(DESIGN, EVIDENCE)
    at = priors.fixed_mean(DESIGN)
    shift = at - seen.point
    pull = seen.gradient - seen.information @ shift
    value = seen.log_likelihood + seen.gradient @ shift - 0.5 * shift @ seen.information @ shift
    both = PRIOR + seen.information
    gain = 0.5 * pull @ np.linalg.solve(both, pull)
    ratio = 0.5 * (np.linalg.slogdet(PRIOR)[1] - np.linalg.slogdet(both)[1])
    assert TABLE["elpd_future"].sum() == pytest.approx(value + gain + ratio, rel=1e-8)


def test_knowing_more_vintages_predicts_better_on_the_whole() -> None:
    assert TABLE["elpd_left_out"].sum() > TABLE["elpd_future"].sum()
    later = TABLE[1:].filter(pl.col("low_left_out") > 0)  # before the first there is the prior alone
    width = {s: (later[f"high{s}"] - later[f"low{s}"]).sum() for s in ("", "_left_out", "_future")}
    assert width[""] < width["_left_out"] < width["_future"]
    held = TABLE.select(pl.col("defaults").is_between("low_left_out", "high_left_out").mean()).item()
    assert held > 0.7


def test_a_vintage_without_a_loan_says_nothing() -> None:
    empty = [nothing(one) if at == 4 else one for at, one in enumerate(EVIDENCE)]
    row = backtest(total(DESIGN, empty), empty, SCALES, PERSISTENCE).row(4, named=True)
    assert row["elpd_left_out"] == pytest.approx(0, abs=1e-9) and row["elpd_future"] == pytest.approx(0, abs=1e-9)
    assert row["expected"] == row["high_left_out"] == row["defaults"] == 0


def test_before_any_loan_every_default_rate_is_thinkable() -> None:
    low, middle, high = prior_predictive(DESIGN)
    assert 0 < low < middle < high <= 1 and high > 10 * low
    assert low < TABLE["defaults"].sum() / 2_653 < high
    assert prior_predictive(DESIGN) == (low, middle, high)
