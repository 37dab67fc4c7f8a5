"""Scores of the stream: what a customer's row says follows from the model of behaviour and the policy alone."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from creditrisk_assets.contracts import REASONS, SCORES_LIVE
from creditrisk_assets.scores.live import DECIDED_BY, LiveScoring
from creditrisk_assets.streaming.deriving import Deriver, Memory
from creditrisk_assets_tests.streaming.flowing import START, Flow, did, models
from creditrisk_assets_tests.world import World


@pytest.fixture(scope="module")
def scoring(batched: World) -> LiveScoring:
    return models(batched)


def customers(count: int) -> pl.DataFrame:
    """features/behaviour of customers, each of whom did a little more than the one before."""
    messages = [
        did(f"c-{who}", "payment_missed", -float(n), days_past_due=n) for who in range(count) for n in range(who)
    ]
    messages += [did(f"c-{who}", "utilisation_spike", -1.5) for who in range(0, count, 2)]
    return Deriver(None, Memory()).derive(Flow().batch(*messages).frame).features


FEATURES = customers(12)
DECIDED = FEATURES.with_columns(subject="customer_id", event_id=pl.lit("e")).select(DECIDED_BY)


def scored(scoring: LiveScoring, m0: object = -2.0, v0: object = 0.3) -> pl.DataFrame:
    rows = FEATURES.height
    return scoring.customers(DECIDED, FEATURES, np.full(rows, m0, float), np.full(rows, v0, float))


def test_rows_keep_their_contract_and_say_who_decided(scoring: LiveScoring) -> None:
    found = scored(scoring)
    assert found.schema == SCORES_LIVE.schema
    assert SCORES_LIVE.violations(found.lazy()) == {}
    assert found.select(DECIDED_BY).equals(DECIDED)
    assert found.select("kind", "model_date", "feature_set", "policy").unique().rows() == [
        ("behaviour", scoring.scoring.model_date, "application", scoring.scoring.policy.version)
    ]
    assert found.select(pl.col("^pd_term.*$").is_null().all()).row(0) == (True, True, True)


def test_pd_interval_points_and_reasons_follow_from_one_gaussian(scoring: LiveScoring) -> None:
    from scipy.special import expit

    found = scored(scoring)
    mean, sd = found["log_odds"].to_numpy(), found["log_odds_sd"].to_numpy()
    assert np.allclose(found["pd_low"], expit(mean - 1.6448536 * sd))
    assert np.allclose(found["pd_high"], expit(mean + 1.6448536 * sd))
    assert found.select((pl.col("pd_low") < pl.col("pd")) & (pl.col("pd") < pl.col("pd_high"))).to_series().all()
    order = found.sort("pd")
    assert order["points"].is_sorted(descending=True)
    assert order["band"].is_sorted()
    named = {name for n in REASONS for name in found[f"reason_{n}"].drop_nulls()}
    assert named
    assert named <= set(scoring.behaviour.names)


@effort(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(-6, 2), st.floats(0.0, 4.0), st.floats(0.01, 0.3), st.floats(0.0, 0.3))
def test_a_decision_is_taken_where_the_posterior_is_sure_of_its_side_of_the_limit(
    scoring: LiveScoring, m0: float, v0: float, approve: float, more: float
) -> None:
    from scipy.special import logit, ndtr

    policy = replace(scoring.scoring.policy, approve_below=approve, decline_from=approve + more, confidence=0.8)
    found = scored(replace(scoring, scoring=replace(scoring.scoring, policy=policy)), m0, v0)
    for mean, sd, decision, sure in found.select(
        "log_odds", "log_odds_sd", "decision", "decision_probability"
    ).iter_rows():
        below, above = ndtr((logit(approve) - mean) / sd), 1 - ndtr((logit(approve + more) - mean) / sd)
        assert sure == pytest.approx(max(below, above))
        if max(below, above) < 0.8 - 1e-9:
            assert decision == "refer"
        elif max(below, above) > 0.8 + 1e-9:
            assert decision == ("approve" if below > above else "decline")


def test_a_row_gives_the_same_bits_alone_and_among_others(scoring: LiveScoring) -> None:
    together = scored(scoring)
    for row in range(FEATURES.height):
        alone = scoring.customers(DECIDED[row], FEATURES[row], np.full(1, -2.0), np.full(1, 0.3))
        assert alone.equals(together[row])


def test_a_customer_of_whom_nothing_was_known_has_the_average_of_the_book(scoring: LiveScoring) -> None:
    mean, variance = scoring.behaviour.average
    assert scored(scoring, np.nan, np.nan).equals(scored(scoring, mean, variance))


def test_the_features_are_as_of_the_newest_event() -> None:
    assert FEATURES["as_of"].max() == START
