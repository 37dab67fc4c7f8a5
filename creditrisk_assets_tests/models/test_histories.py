"""From a folder of events and landmarks to a model: what is refused, what is learned, what is kept."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from creditrisk_assets.contracts import MODELS_BEHAVIOUR
from creditrisk_assets.features.behaviour import behaviour, facts
from creditrisk_assets.models import metrics
from creditrisk_assets.models.behaviour import BehaviourModel
from creditrisk_assets.models.histories import (
    EVENTS,
    LANDMARKS,
    HistoryError,
    learn_history,
    model_of,
    read_history,
    rows_of,
)
from creditrisk_assets.simulation.history import simulate_history
from creditrisk_assets_tests.features.activity import event, frame

NOW = datetime(2025, 6, 15, tzinfo=UTC)


def written(folder: Path, *, events: pl.DataFrame | None = None, landmarks: pl.DataFrame | None = None) -> Path:
    """A history of two customers, or what is given instead."""
    made = frame([event("A", "1", "payment_missed", NOW, 30), event("B", "1", "payment_made", NOW, 0)])
    (made if events is None else events).write_parquet(folder / EVENTS)
    (good() if landmarks is None else landmarks).write_parquet(folder / LANDMARKS)
    return folder


def good() -> pl.DataFrame:
    return pl.DataFrame({"customer_id": ["A", "B"], "as_of": [NOW, NOW], "log_odds": [-2.0, None],
                         "log_odds_variance": [0.1, None], "default_12m": [True, False], "branch": [1, 2]})  # fmt: skip


def test_a_history_is_read_whatever_else_its_files_hold(tmp_path: Path) -> None:
    events, landmarks = read_history(written(tmp_path))
    assert events.height == landmarks.height == 2
    assert "branch" not in landmarks.columns
    counts = behaviour(facts(events), landmarks)
    assert counts["missed_3m"].to_list() == [1, 0]


BROKEN = {
    "has no column default_12m": good().drop("default_12m"),
    "as_of is Datetime.*; write instants with their time zone": good().with_columns(
        pl.col("as_of").dt.replace_time_zone(None)
    ),
    "default_12m of row 1 is None, and 1 rows are broken; it must be given": good().with_columns(
        default_12m=pl.Series([True, None])
    ),
    "log_odds_variance of row 0 is -1.0, .* must be at least 0": good().with_columns(
        log_odds_variance=pl.Series([-1.0, None])
    ),
    "log_odds of row 0 is inf": good().with_columns(log_odds=pl.Series([float("inf"), None])),
    "customer 'A' has more than one landmark; keep one": pl.concat([good(), good()]),
    "customer 'B' has only one of log_odds and log_odds_variance": good().with_columns(
        log_odds_variance=pl.Series([0.1, 0.2])
    ),
    "cannot be read: .*conversion from `str` to `f64` failed": good().with_columns(log_odds=pl.Series(["low", "high"])),
}


@pytest.mark.parametrize("told", BROKEN)
def test_broken_landmarks_are_refused_by_file_and_column(told: str, tmp_path: Path) -> None:
    written(tmp_path, landmarks=BROKEN[told])
    with pytest.raises(HistoryError, match=f"{LANDMARKS}.* ?{told}"):
        read_history(tmp_path)


def test_broken_events_are_refused_by_file_and_column(tmp_path: Path) -> None:
    strange = frame([event("A", "1", "payment_late", NOW, 0)])
    with pytest.raises(HistoryError, match=f"{EVENTS}: event_type of row 0 is payment_late, .* must be one of loan_"):
        read_history(written(tmp_path, events=strange))
    early = frame([event("A", "1", "payment_missed", NOW, -3)])
    with pytest.raises(HistoryError, match="days_past_due of row 0 is -3"):
        read_history(written(tmp_path, events=early))


def test_files_that_are_absent_or_no_parquet_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"events\.parquet does not exist: .* point CREDITRISK_HISTORY"):
        read_history(tmp_path)
    written(tmp_path)
    (tmp_path / LANDMARKS).write_text("customer_id,as_of\n")
    with pytest.raises(HistoryError, match=r"landmarks\.parquet cannot be read"):
        read_history(tmp_path)


def test_a_model_that_failed_a_gate_is_kept_but_not_used(tmp_path: Path) -> None:
    told = {"customers": 9, "defaults": 3, "cells": 4, "r_hat_max": 1.2, "ess_bulk_min": 10.0, "ess_tail_min": 10.0,
            "divergences": 1, "bfmi_min": 0.2}  # fmt: skip
    none = BehaviourModel.none(-2.0, 0.1)
    for passed in (True, False):
        model = BehaviourModel(none.factors, none.mean, none.covariance, 0.0, none.average, {**told, "passed": passed})
        rows = rows_of(model, tmp_path)
        assert rows.schema == MODELS_BEHAVIOUR.schema
        again = model_of(rows)
        assert (again is not None) == passed
        assert again is None or again.to_json() == model.to_json()
    assert model_of(pl.DataFrame(schema=MODELS_BEHAVIOUR.schema)) is None


Tested = tuple[BehaviourModel, pl.DataFrame, pl.DataFrame, NDArray[np.bool_]]


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Tested:
    """A model of simulated customers; counts, landmarks and outcomes of others, drawn from another seed."""
    folders = [tmp_path_factory.mktemp("history") for _ in range(2)]
    for seed, folder in enumerate(folders, 5):
        simulate_history(customers=20_000, seed=seed, out=folder)
    model = learn_history(folders[0])
    assert model.diagnostics["passed"], model.diagnostics
    events, landmarks = read_history(folders[1])
    return model, behaviour(facts(events), landmarks), landmarks, landmarks["default_12m"].to_numpy()


def calibrated(outcome: NDArray[np.bool_], log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """(intercept, slope) of the outcome on log-odds, by Newton's method."""
    x, beta = np.column_stack([np.ones(log_odds.size), log_odds]), np.array([0.0, 1.0])
    for _ in range(25):
        p = 1 / (1 + np.exp(-x @ beta))
        beta = beta + np.linalg.solve((x.T * (p * (1 - p))) @ x, x.T @ (outcome - p))
    return np.asarray(beta)


def test_the_update_beats_the_application_on_other_customers(tested: Tested) -> None:
    model, counts, landmarks, outcome = tested
    m0, v0 = (landmarks[name].to_numpy() for name in ("log_odds", "log_odds_variance"))
    pd = model.predict(counts, m0, v0)["pd"].to_numpy()
    level, slope = calibrated(outcome, m0)
    static = 1 / (1 + np.exp(-(level + slope * m0)))  # moved to these very outcomes: better than it could be known
    assert metrics.auc(outcome, pd) > metrics.auc(outcome, static) + 0.1
    assert metrics.log_loss(outcome, pd) < metrics.log_loss(outcome, static) - 0.03
    assert metrics.brier(outcome, pd) < metrics.brier(outcome, static) - 0.01


def test_the_update_is_calibrated_on_other_customers(tested: Tested) -> None:
    model, counts, landmarks, outcome = tested
    found = model.predict(counts, landmarks["log_odds"].to_numpy(), landmarks["log_odds_variance"].to_numpy())
    pd = found["pd"].to_numpy()
    assert 0.9 <= calibrated(outcome, np.log(pd / (1 - pd)))[1] <= 1.1
    assert pd.mean() == pytest.approx(outcome.mean(), rel=0.1)


def test_intervals_hold_the_rates_of_segments_as_often_as_they_say(tested: Tested) -> None:
    """Segments by the bins of each factor; a segment's interval holds the noise of its defaults, too."""
    model, counts, landmarks, outcome = tested
    m0 = landmarks["log_odds"].to_numpy()
    generator, held = np.random.default_rng(1), []
    draws = generator.multivariate_normal(model.mean, model.covariance, 100)
    told = model.predict(counts, m0, landmarks["log_odds_variance"].to_numpy())
    for factor in model.factors:
        codes = factor.codes(counts)
        for code in range(factor.size):
            here = codes == code
            if here.sum() < 100:
                continue
            low, high = _rates(model, counts.filter(here), m0[here], draws, generator)
            held.append(low <= outcome[here].sum() <= high)
            assert told["pd_low"].to_numpy()[here].mean() < told["pd_high"].to_numpy()[here].mean()
    assert len(held) >= 20
    assert np.mean(held) >= 0.8, held


def _rates(
    model: BehaviourModel,
    counts: pl.DataFrame,
    m0: NDArray[np.float64],
    draws: NDArray[np.float64],
    generator: np.random.Generator,
) -> tuple[float, float]:
    """5 and 95 % of the defaults expected of some customers."""
    defaults = []
    for draw in draws:
        one = BehaviourModel(model.factors, draw, np.zeros_like(model.covariance), model.centre, model.average)
        pd = one.predict(counts, m0, np.full(counts.height, 0.04))["pd"].to_numpy()
        defaults.append((generator.random(counts.height) < pd).sum())
    low, high = np.quantile(defaults, [0.05, 0.95])
    return float(low), float(high)
