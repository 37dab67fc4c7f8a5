"""Which draws of a posterior are added up, how they are numbered, and what they say of vintages nobody has seen."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.contracts import DRAWS
from creditrisk_assets.models.draws import Draws, draws_of, scores
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets_tests.models.learned import DESIGN, FRAME, fit, one_hot

LAST = DESIGN.vintages[-1]


@pytest.fixture(scope="module")
def draws() -> Draws:
    return draws_of(fit().posterior)


def risk(draws: Draws) -> np.ndarray:
    """(D,): mean log-odds over the training loans, in the bands where defaults fall, loan by loan."""
    x = one_hot(DESIGN, FRAME)
    cells = fit().posterior.scorer.horizons.weights @ DESIGN.periods.share.reshape(-1, len(DESIGN.periods.labels),
                                                                                   DESIGN.hazard.stop)  # fmt: skip
    terms = FRAME["term_months"].to_list()
    x[:, DESIGN.hazard] = [cells[DESIGN.periods.stratum(int(term))] for term in terms]
    x[:, DESIGN.parts["vintage"]] = 1 / len(DESIGN.vintages)
    return np.asarray(draws.coefficients @ x.mean(axis=0))


def test_they_are_draws_of_the_posterior_each_taken_once(draws: Draws) -> None:
    posterior = fit().posterior
    place = {row.tobytes(): number for number, row in enumerate(posterior.coefficients)}
    found = [place[row.tobytes()] for row in draws.coefficients]
    assert len(found) == DRAWS
    assert len(set(found)) > 0.97 * DRAWS  # the posterior itself holds some twice: it was resampled by weight
    np.testing.assert_array_equal(draws.scales, posterior.scales[found])
    np.testing.assert_array_equal(draws.persistence, posterior.persistence[found])


def test_their_mean_and_spread_are_those_of_all_draws(draws: Draws) -> None:
    every = fit().posterior.coefficients
    off = (draws.coefficients.mean(axis=0) - every.mean(axis=0)) / every.std(axis=0)
    assert np.abs(off).max() < 0.25
    assert np.abs(np.log(draws.coefficients.std(axis=0) / every.std(axis=0))).max() < 0.25


def test_the_same_number_has_the_same_rank_of_risk_in_every_model(draws: Draws) -> None:
    posterior = fit().posterior
    shuffled = np.random.default_rng(5).permutation(len(posterior.coefficients))
    shift = np.zeros(len(DESIGN.parameters))
    shift[: len(DESIGN.periods.labels)] = 0.7  # a model of another date, at another level of risk
    other = draws_of(
        replace(
            posterior,
            coefficients=posterior.coefficients[shuffled] + shift,
            scales=posterior.scales[shuffled],
            persistence=posterior.persistence[shuffled],
        )
    )
    ranks = [np.argsort(np.argsort(risk(one))) for one in (draws, other)]
    np.testing.assert_array_equal(ranks[0], ranks[1])
    assert abs(np.corrcoef(ranks[0], np.arange(DRAWS))[0, 1]) < 0.2, "numbers say nothing of the rank"


def test_few_draws_are_repeated_until_there_are_enough() -> None:
    posterior = fit().posterior
    few = replace(posterior, coefficients=posterior.coefficients[:50], scales=posterior.scales[:50],
                  persistence=posterior.persistence[:50])  # fmt: skip
    assert draws_of(few).coefficients.shape == (DRAWS, len(DESIGN.parameters))


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=3))
def test_scores_are_standard_normal_and_the_same_again(seed: list[int]) -> None:
    found = scores(*seed)
    assert found.mean() == pytest.approx(0, abs=1e-12)
    assert found.std() == pytest.approx(1, rel=1e-12)
    np.testing.assert_array_equal(found, scores(*seed))


def test_a_vintage_of_the_window_has_the_effect_that_was_drawn(draws: Draws) -> None:
    for number, vintage in enumerate(DESIGN.vintages):
        expected = draws.coefficients[:, DESIGN.parts["vintage"].start + number]
        np.testing.assert_array_equal(draws.vintage(vintage), expected)


@pytest.mark.parametrize("months", [1, 2, 3, 12, 60])
def test_a_vintage_after_the_window_follows_the_autoregression_of_each_draw(draws: Draws, months: int) -> None:
    many = 40  # draws of one phi and tau, so that mean and spread can be told
    alike = replace(draws, scales=np.full_like(draws.scales, 0.3), persistence=np.full(DRAWS, 0.8))
    start = alike.vintage(LAST)
    found = np.concatenate([
        replace(alike).vintage(add_months(LAST, months)) - 0.8**months * start for _ in range(many)
    ])  # fmt: skip
    assert found.mean() == pytest.approx(0, abs=1e-9)
    assert found.std() == pytest.approx(0.3 * np.sqrt(1 - 0.8 ** (2 * months)), rel=0.2)


def test_vintages_in_a_row_stay_alike_and_distant_ones_do_not(draws: Draws) -> None:
    steady = replace(draws, persistence=np.full(DRAWS, 0.9))
    one, following, distant = (steady.vintage(add_months(LAST, months)) for months in (40, 41, 120))
    assert np.corrcoef(one, following)[0, 1] == pytest.approx(0.9, abs=0.05)
    assert abs(np.corrcoef(one, distant)[0, 1]) < 0.25


def test_nothing_is_known_of_a_vintage_before_the_window(draws: Draws) -> None:
    found = draws.vintage(date(2001, 5, 1)) / draws.scales[:, -1]
    assert found.mean() == pytest.approx(0, abs=1e-12)
    assert found.std() == pytest.approx(1, rel=1e-12)


def test_a_level_outside_the_design_spreads_as_its_group_does(draws: Draws) -> None:
    for number, table in enumerate(draws.tables[-2:]):
        unseen = table[-1] / draws.scales[:, number]
        assert unseen.std() == pytest.approx(1, rel=1e-12)
        np.testing.assert_array_equal(table[:-1].T, draws.coefficients[:, DESIGN.parts[
            DESIGN.binning.groups[number].name]])  # fmt: skip
