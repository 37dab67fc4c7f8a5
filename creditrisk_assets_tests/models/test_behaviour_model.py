"""The PD after what a customer did: mean, variance, reasons, and one row the same as among many."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from creditrisk_assets.contracts import BEHAVIOUR, NOT_ALWAYS_TOLD
from creditrisk_assets.models.behaviour import BLOCK, BehaviourModel, placements, prior_of
from creditrisk_assets.models.steps import Steps

Vector = NDArray[np.float64]


def made_up(seed: int) -> BehaviourModel:
    """A posterior nobody learned: every column of behaviour in two to six bins."""
    generator = np.random.default_rng(seed)
    factors = []
    for name, *_ in BEHAVIOUR:
        edges = np.unique(generator.integers(1, 20, generator.integers(1, 5))).tolist()
        edges = [0, *edges] if name in NOT_ALWAYS_TOLD else edges
        factors.append(Steps(name, tuple(edges), tuple(generator.dirichlet(np.ones(len(edges) + 1)).tolist())))
    p = 2 + sum(factor.size - 1 for factor in factors)
    root = generator.normal(0, 0.03, (p, p))
    mean = np.append([-2.0, 0.8], generator.normal(0, 0.5, p - 2))
    return BehaviourModel(tuple(factors), mean, root @ root.T, -1.5, (-1.4, 0.3), {"passed": True, "r_hat_max": 1.001})


def customers(seed: int, rows: int) -> tuple[pl.DataFrame, Vector, Vector]:
    """Counts, and what was known before, of some customers; of one in five nothing."""
    generator = np.random.default_rng(seed)
    counts = pl.DataFrame(
        {name: pl.Series(generator.integers(0, 22, rows), dtype=pl.Int32) for name, *_ in BEHAVIOUR}
    ).with_columns(pl.when(pl.col(name) < 15).then(name).alias(name) for name in NOT_ALWAYS_TOLD)
    m0 = np.where(generator.random(rows) < 0.2, np.nan, generator.normal(-1.5, 0.7, rows))
    return counts, m0, generator.gamma(2, 0.02, rows)


def design(model: BehaviourModel, counts: pl.DataFrame, m0: Vector) -> Vector:
    """Coefficients' columns, written out: shape (rows, p)."""
    z = np.zeros((counts.height, len(model.mean)))
    z[:, 0], z[:, 1] = 1, np.where(np.isnan(m0), model.average[0], m0) - model.centre
    for factor, place in zip(model.factors, placements(model.factors), strict=True):
        for row, code in enumerate(factor.codes(counts)):
            if place[code] >= 0:
                z[row, place[code]] = 1
    return z


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_log_odds_are_what_the_formula_says(seed: int, rows: int) -> None:
    model, (counts, m0, v0) = made_up(seed), customers(seed, rows)
    found = model.predict(counts, m0, v0)
    z, before = design(model, counts, m0), np.where(np.isnan(m0), model.average[1], v0)
    variance = model.mean[1] ** 2 * before + ((z @ model.covariance) * z).sum(axis=1)
    assert found["log_odds"].to_numpy() == pytest.approx(z @ model.mean)
    assert found["log_odds_sd"].to_numpy() == pytest.approx(np.sqrt(variance))


def test_the_pd_is_the_mean_and_its_interval_the_quantiles_of_the_posterior() -> None:
    model, (counts, m0, v0) = made_up(1), customers(1, 5)
    found = model.predict(counts, m0, v0)
    from scipy.special import expit

    generator = np.random.default_rng(1)
    for row in found.iter_rows(named=True):
        draws = expit(generator.normal(row["log_odds"], row["log_odds_sd"], 400_000))
        assert row["pd"] == pytest.approx(draws.mean(), abs=2e-3)
        assert (row["pd_low"], row["pd_high"]) == pytest.approx(tuple(np.quantile(draws, [0.05, 0.95])), abs=3e-3)


def test_a_row_alone_is_the_same_row_in_a_batch_bit_for_bit() -> None:
    model, rows = made_up(2), BLOCK + 1_003
    counts, m0, v0 = customers(2, rows)
    together = model.predict(counts, m0, v0)
    contributions, spread = model.contributions(counts, m0, v0)
    for row in (0, 1, 500, BLOCK - 1, BLOCK, rows - 1):
        alone = slice(row, row + 1)
        assert model.predict(counts[alone], m0[alone], v0[alone]).equals(together[alone])
        one, deviation = model.contributions(counts[alone], m0[alone], v0[alone])
        assert (one == contributions[alone]).all()
        assert (deviation == spread[alone]).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32))
def test_contributions_add_up_to_the_log_odds(seed: int) -> None:
    model, (counts, m0, v0) = made_up(seed), customers(seed, 20)
    found = model.predict(counts, m0, v0)
    contributions, spread = model.contributions(counts, m0, v0)
    assert contributions.shape == spread.shape == (20, len(model.names))
    assert found["base"].to_numpy() + contributions.sum(axis=1) == pytest.approx(found["log_odds"].to_numpy())
    assert (spread >= 0).all()


def test_the_average_customer_has_the_base() -> None:
    model = made_up(3)
    effects = [np.append(model.mean, 0.0)[place] for place in placements(model.factors)]
    average = sum(float(np.dot(f.shares, e)) for f, e in zip(model.factors, effects, strict=True))
    assert model.base == pytest.approx(model.mean[0] + average)


def test_a_model_is_its_json() -> None:
    model = made_up(4)
    again = BehaviourModel.from_json(model.to_json())
    assert again.to_json() == model.to_json()
    assert again.version == model.version
    assert again.version != made_up(5).version
    assert again.predict(*customers(4, 50)).equals(model.predict(*customers(4, 50)))


def test_without_a_model_the_pd_of_the_application_stands() -> None:
    model = BehaviourModel.none(-2.0, 0.5)
    counts, *_ = customers(6, 3)
    low, high = np.array([0.02, 0.1, 0.3]), np.array([0.05, 0.12, 0.6])
    found = model.predict(counts, *prior_of(low, high))
    assert found["pd_low"].to_numpy() == pytest.approx(low)
    assert found["pd_high"].to_numpy() == pytest.approx(high)
    assert model.predict(counts, np.full(3, np.nan), np.zeros(3))["log_odds"].to_list() == [-2.0] * 3
    assert model.names == ("application",)
    assert model.version == BehaviourModel.none(-1.0, 0.1).version == "none"
    assert BehaviourModel.from_json(model.to_json()).to_json() == model.to_json()


def test_nobody_asked_nobody_answered() -> None:
    counts, m0, v0 = customers(7, 0)
    found = made_up(7).predict(counts, m0, v0)
    assert found.height == 0
    assert found.columns == ["pd", "pd_low", "pd_high", "log_odds", "log_odds_sd", "base"]


def test_what_cannot_be_used_is_named() -> None:
    model, (counts, m0, v0) = made_up(8), customers(8, 3)
    with pytest.raises(ValueError, match=r"m0 \(2,\) and v0 \(3,\) must have the shape \(3,\)"):
        model.predict(counts, m0[:2], v0)
    with pytest.raises(ValueError, match=r"row 1 has log-odds -1\.0 with variance -0\.5"):
        model.predict(counts, np.full(3, -1.0), np.array([0.1, -0.5, 0.1]))
    with pytest.raises(ValueError, match="row 2 has log-odds inf"):
        model.predict(counts, np.array([0.0, 0.0, np.inf]), v0)
    with pytest.raises(ValueError, match="no column 'missed_3m'"):
        model.predict(counts.drop("missed_3m"), m0, v0)
