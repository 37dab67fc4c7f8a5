"""Decisions: taken when the posterior is sure, referred when it is not."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk_assets.scores.decision import DECISIONS, decide, expected_profit
from creditrisk_assets.scores.policy import Policy, break_even

POLICY = Policy("test", loss_given_default=0.6, margin=0.06, approve_below=0.05, decline_from=0.12)
PROBABILITIES = st.floats(0, 1)
CONFIDENCES = st.floats(0.5, 1)
ORDER = {name: place for place, name in enumerate(DECISIONS)}


@st.composite
def posteriors(draw: st.DrawFn) -> tuple[float, float]:
    """P(PD < lower limit) and P(PD >= upper limit): two events that exclude each other."""
    below = draw(PROBABILITIES)
    return below, draw(PROBABILITIES) * (1 - below)


def decided(below: float, above: float, confidence: float = 0.8) -> tuple[str, float]:
    return decide(np.array([below]), np.array([above]), replace(POLICY, confidence=confidence)).row(0)


@pytest.mark.parametrize(
    ("below", "above", "expected"),
    [
        (0.8, 0.1, ("approve", 0.8)),
        (0.1, 0.8, ("decline", 0.8)),
        (np.nextafter(0.8, 0), 0.1, ("refer", np.nextafter(0.8, 0))),
        (0.1, 0.7, ("refer", 0.7)),
        (0.0, 0.0, ("refer", 0.0)),
        (1.0, 0.0, ("approve", 1.0)),
    ],
)
def test_a_decision_needs_the_confidence_and_no_more(below: float, above: float, expected: tuple[str, float]) -> None:
    assert decided(below, above) == expected


@pytest.mark.parametrize(
    ("below", "above", "expected"), [(0.6, 0.5, "approve"), (0.5, 0.6, "decline"), (0.5, 0.5, "refer")]
)
def test_of_two_that_are_sure_enough_the_likelier_is_taken_and_a_tie_is_referred(
    below: float, above: float, expected: str
) -> None:
    assert decided(below, above, confidence=0.5)[0] == expected


@settings(deadline=None)
@given(posteriors(), CONFIDENCES)
def test_the_probability_is_that_of_the_decision_and_of_the_better_guess_when_referred(
    both: tuple[float, float], confidence: float
) -> None:
    below, above = both
    decision, probability = decided(below, above, confidence)
    assert probability == {"approve": below, "decline": above, "refer": max(both)}[decision]
    assert decision == "refer" or probability >= confidence


@settings(deadline=None)
@given(PROBABILITIES, PROBABILITIES, PROBABILITIES, CONFIDENCES)
def test_more_mass_on_the_good_side_never_makes_a_decision_harder(
    one: float, other: float, above: float, confidence: float
) -> None:
    less, more = sorted((one, other))
    assert ORDER[decided(more, above, confidence)[0]] <= ORDER[decided(less, above, confidence)[0]]
    assert ORDER[decided(above, more, confidence)[0]] >= ORDER[decided(above, less, confidence)[0]]


@settings(deadline=None)
@given(posteriors(), CONFIDENCES, CONFIDENCES)
def test_more_confidence_only_refers_more(both: tuple[float, float], one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert decided(*both, high)[0] in ("refer", decided(*both, low)[0])


@settings(deadline=None)
@given(posteriors())
def test_full_confidence_refers_all_but_certainty(both: tuple[float, float]) -> None:
    below, above = both
    expected = "approve" if below == 1 else "decline" if above == 1 else "refer"
    assert decided(below, above, confidence=1.0)[0] == expected


@settings(deadline=None)
@given(st.lists(posteriors(), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_the_order_of_the_loans_changes_nothing_but_the_order(rows, random) -> None:  # type: ignore[no-untyped-def]
    below, above = np.array(rows).T
    order = random.sample(range(len(rows)), len(rows))
    assert decide(below[order], above[order], POLICY).equals(decide(below, above, POLICY)[order])


def test_no_loans_give_no_decisions_of_the_same_type() -> None:
    schema = {"decision": pl.String, "decision_probability": pl.Float64}
    assert dict(decide(np.empty(0), np.empty(0), POLICY).schema) == schema
    assert dict(decide(np.array([0.9]), np.array([0.0]), POLICY).schema) == schema


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf, -np.inf])
def test_what_is_no_probability_is_refused_with_its_row(value: float) -> None:
    good, bad = np.array([0.1, 0.2]), np.array([0.1, value])
    with pytest.raises(ValueError, match="below must hold probabilities from 0 to 1, but row 1"):
        decide(bad, good, POLICY)
    with pytest.raises(ValueError, match="above must hold probabilities from 0 to 1, but row 1"):
        decide(good, bad, POLICY)
    with pytest.raises(ValueError, match="pd must hold probabilities from 0 to 1, but row 1"):
        expected_profit(bad, POLICY)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"below \(2,\) and above \(3,\)"):
        decide(np.zeros(2), np.zeros(3), POLICY)
    with pytest.raises(ValueError, match=r"above must have the shape \(rows,\), not \(2, 1\)"):
        decide(np.zeros(2), np.zeros((2, 1)), POLICY)
    with pytest.raises(ValueError, match=r"pd must have the shape \(rows,\), not \(\)"):
        expected_profit(np.float64(0.1), POLICY)  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.floats(1e-3, 1), st.floats(1e-3, 1))
def test_a_loan_earns_the_margin_loses_the_loss_and_breaks_even_in_between(margin: float, loss: float) -> None:
    even = break_even(margin, loss)
    policy = Policy("test", loss, margin, even, even)
    at = expected_profit(np.array([0.0, even * 0.99, even, min(even * 1.01, 1.0), 1.0]), policy)
    assert (at[0], at[-1]) == (margin, -loss)
    assert at[1] > 0 > at[3]
    assert at[2] == pytest.approx(0, abs=1e-15)


def test_an_approval_at_the_break_even_is_a_loan_that_is_surely_worth_its_risk() -> None:
    """The share of posterior draws in which the loan earns money is the probability of the decision."""
    generator = np.random.default_rng(5)
    even = break_even(0.06, 0.6)
    policy = Policy("test", 0.6, 0.06, even, even)
    draws = 1 / (1 + np.exp(-generator.normal(generator.normal(-2.3, 0.7, (300, 1)), 0.3, (300, 1_000))))
    found = decide((draws < even).mean(axis=1), (draws >= even).mean(axis=1), policy)
    assert set(found["decision"]) == set(DECISIONS)
    earning = np.array([(expected_profit(row, policy) > 0).mean() for row in draws])
    approved = (found["decision"] == "approve").to_numpy()
    assert (earning[approved] >= policy.confidence).all()
    assert (earning[~approved] < policy.confidence).all()
