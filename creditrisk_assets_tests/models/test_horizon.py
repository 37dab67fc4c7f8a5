"""From hazards to PDs: two causes of leaving the book, followed month by month."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk_assets.models.design import Design
from creditrisk_assets.models.horizon import HIGH, LOW, PER_UNIT, Horizons
from creditrisk_assets.models.periods import WHOLE_TERM, Periods
from creditrisk_assets.models.repayment import Repayment
from creditrisk_assets_tests.models.learned import DESIGN, fit, shape_places

BASELINE = np.linspace(-4.2, -3.6, len(DESIGN.periods.labels))
SHAPE = np.linspace(-0.4, 0.3, len(DESIGN.periods.shape_labels))
HORIZONS = Horizons(DESIGN, np.append(BASELINE, SHAPE))
TERMS = (36, 60)


def walked(log_odds: float, term: int, months: int) -> tuple[float, float]:
    """(PD, still on book) of one loan after some months, one month after the other."""
    early, repaid = DESIGN.repayment.early[term], DESIGN.repayment.hazard[term]
    own = [
        baseline + sum(np.append(BASELINE, SHAPE)[shape_places(DESIGN, term, start)])
        for start, baseline in zip(DESIGN.periods.starts, BASELINE, strict=True)
    ]
    relative = log_odds - sum(w * b for w, b in zip(HORIZONS.weights, own, strict=True))
    pd, alive = 0.0, 1.0
    for month in range(1, min(months, term) + 1):
        if month < 5:
            alive -= early / 4
            continue
        band = sum(start <= month for start in DESIGN.periods.starts) - 1
        hazard = 1 / (1 + math.exp(-(relative + own[band])))
        pd += alive * hazard
        alive *= (1 - hazard) * (1 - repaid[band])
    return pd, alive if months < term else 0.0


@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize("log_odds", [-9.0, -4.0, -2.0, 1.0])
def test_pds_are_those_of_a_walk_from_month_to_month(log_odds: float, term: int) -> None:
    year, whole = HORIZONS.pd(np.array([log_odds]), term)
    assert year[0] == pytest.approx(walked(log_odds, term, 12)[0], rel=1e-12)
    assert whole[0] == pytest.approx(walked(log_odds, term, term)[0], rel=1e-12)
    pd, alive = HORIZONS.survival(np.array([log_odds]), term, term)
    steps = [walked(log_odds, term, month) for month in range(term + 1)]
    assert pd[:, 0] == pytest.approx([step[0] for step in steps], rel=1e-12)
    assert alive[:, 0] == pytest.approx([step[1] for step in steps], rel=1e-12)


@settings(deadline=None)
@given(st.floats(-12, 6), st.sampled_from(TERMS))
def test_survival_falls_and_the_pd_rises_from_month_to_month(log_odds: float, term: int) -> None:
    pd, alive = (curve[:, 0] for curve in HORIZONS.survival(np.array([log_odds]), term, 72))
    assert (np.diff(pd) >= 0).all() and (np.diff(alive) <= 0).all()
    assert pd[0] == pd[4] == 0 and alive[0] == 1 and (alive[:term] > 0).all()
    assert (pd + alive <= 1 + 1e-12).all(), "nobody both defaults and stays"
    assert (pd[term:] == pd[term]).all() and not alive[term:].any(), "nothing is left after the term"


@settings(deadline=None)
@given(st.floats(-10, 5), st.floats(0, 3), st.sampled_from(TERMS))
def test_the_pd_rises_with_the_log_odds_and_the_horizon(log_odds: float, more: float, term: int) -> None:
    year, whole = HORIZONS.pd(np.array([log_odds, log_odds + more]), term)
    assert year[0] <= year[1] and whole[0] <= whole[1]
    assert (year <= whole).all() and (year > 0).all() and (whole < 1).all()


def test_repayment_takes_loans_out_of_the_way_of_default() -> None:
    kept = Repayment({36: 0.0}, {36: (0.0,) * len(BASELINE)})
    loyal = Horizons(Design(DESIGN.binning, DESIGN.periods, DESIGN.vintages, kept, DESIGN.mix), HORIZONS.hazard)
    at = np.array([HORIZONS.weights @ BASELINE])
    alone, both = loyal.pd(at, 36), HORIZONS.pd(at, 36)
    assert alone[0] > both[0] and alone[1] > both[1]


def test_weights_are_where_the_defaults_of_the_first_year_fall() -> None:
    assert HORIZONS.weights.sum() == pytest.approx(1) and (HORIZONS.weights >= 0).all()
    beyond = np.array(DESIGN.periods.starts) > 12
    assert beyond.any() and not HORIZONS.weights[beyond].any()
    pd, _ = HORIZONS.survival(np.array([HORIZONS.weights @ BASELINE]), 36, 12)
    falls = np.zeros(len(BASELINE))
    for month in range(5, 13):
        falls[DESIGN.periods.band[month]] += pd[month, 0] - pd[month - 1, 0]
    assert HORIZONS.weights == pytest.approx(falls / falls.sum())


def test_one_trial_of_the_whole_term_has_one_pd() -> None:
    once = Design(DESIGN.binning, WHOLE_TERM, DESIGN.vintages, Repayment({36: 0.0}, {36: (0.0,)}), DESIGN.mix)
    horizons = Horizons(once, np.array([-2.0]))
    at = np.array([-3.0, 0.0])
    year, whole = horizons.pd(at, 36)
    assert year.tolist() == whole.tolist() == pytest.approx((1 / (1 + np.exp(-at))).tolist())
    assert horizons.weights.tolist() == [1.0]


def test_a_term_shorter_than_a_year_ends_with_itself() -> None:
    short = Design(DESIGN.binning, Periods((5,)), DESIGN.vintages, Repayment({9: 0.1}, {9: (0.01,)}), DESIGN.mix)
    year, whole = Horizons(short, np.array([-3.0])).pd(np.array([-3.0]), 9)
    assert year[0] == whole[0] > 0


def test_straight_lines_between_the_nodes_are_exact_enough() -> None:
    at = np.linspace(LOW, HIGH, 7_001)
    nodes = np.linspace(LOW, HIGH, int((HIGH - LOW) * PER_UNIT) + 1)
    for place, term in enumerate(HORIZONS.terms):
        for horizon, exact in enumerate(HORIZONS.pd(at, term)):
            between = np.interp(at, nodes, HORIZONS.curves[place, :, horizon])
            assert np.abs(between - exact).max() < 4e-5


@given(st.floats(1e-4, 0.9), st.sampled_from(TERMS))
def test_log_odds_lead_back_to_their_pd(pd: float, term: int) -> None:
    at = HORIZONS.log_odds_at(pd, term)
    top = float(HORIZONS.curves[HORIZONS.terms.index(term), -1, 0])
    if pd <= top:
        assert HORIZONS.pd(np.array([at]), term)[0][0] == pytest.approx(pd, abs=1e-4)
    else:
        assert at == float("inf")


def test_a_pd_out_of_reach_is_infinitely_far() -> None:
    assert HORIZONS.log_odds_at(0.0, 36) == float("-inf") and HORIZONS.log_odds_at(1.0, 36) == float("inf")


def test_the_posteriors_horizons_stand_at_its_mean_baselines() -> None:
    posterior = fit().posterior
    assert np.array_equal(posterior.scorer.horizons.baseline, posterior.mean[DESIGN.parts["baseline"]])
    assert posterior.scorer.horizons.terms == TERMS
