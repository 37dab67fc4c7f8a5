"""Learning from landmarks: cells lose nothing, the model is the stated one, and truth is found again."""

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from creditrisk_assets.contracts import BEHAVIOUR, FEATURES_BEHAVIOUR
from creditrisk_assets.models import metrics
from creditrisk_assets.models.landmarks import NothingToLearnError, cells_of, design_of, learn, stated
from creditrisk_assets.models.steps import Steps

Vector = NDArray[np.float64]
SPIKES, MISSED = Steps("spikes_3m", (1, 3), (0.6, 0.3, 0.1)), Steps("missed_12m", (1,), (0.7, 0.3))


def landmarks(seed: int, rows: int) -> tuple[pl.DataFrame, Vector, Vector, Vector]:
    """Counts, log-odds and their variance before, and the true PD after: spikes and missed payments raise it."""
    generator = np.random.default_rng(seed)
    schema = {name: FEATURES_BEHAVIOUR.schema[name] for name, *_ in BEHAVIOUR}
    counts = pl.DataFrame({name: np.zeros(rows, np.int32) for name in schema}, schema=schema).with_columns(
        spikes_3m=pl.Series(generator.poisson(0.6, rows), dtype=pl.Int32),
        missed_12m=pl.Series(generator.poisson(0.4, rows), dtype=pl.Int32),
        utilisation=pl.Series(generator.integers(0, 100, rows), dtype=pl.Int32),
    )
    m0 = generator.normal(-2.2, 0.8, rows)
    spikes, missed = counts["spikes_3m"].to_numpy(), counts["missed_12m"].to_numpy()
    after = -0.7 + 0.8 * m0 + 0.5 * np.minimum(spikes, 3) + 0.9 * np.minimum(missed, 2)
    return counts, m0, np.full(rows, 0.01), 1 / (1 + np.exp(-after))


def test_cells_hold_every_customer_and_default() -> None:
    counts, m0, _, chance = landmarks(1, 5_000)
    bad = np.random.default_rng(1).random(5_000) < chance
    cells = cells_of(counts, (SPIKES, MISSED), m0 - m0.mean(), bad)
    assert cells["trials"].sum() == 5_000
    assert cells["defaults"].sum() == bad.sum()
    assert cells.height <= 20 * 6
    assert (cells["away"] * cells["trials"]).sum() == pytest.approx(0, abs=1e-6)
    few = cells_of(counts[:1], (SPIKES, MISSED), np.zeros(1), bad[:1])
    assert few.height == 1


def test_the_stated_model_is_the_written_one() -> None:
    from pytensor.compile.mode import Mode
    from scipy.special import expit
    from scipy.stats import binom, norm

    counts, m0, _, chance = landmarks(2, 500)
    bad = np.random.default_rng(2).random(500) < chance
    cells = cells_of(counts, (SPIKES, MISSED), m0 - m0.mean(), bad)
    matrix, centre = design_of((SPIKES, MISSED), cells)
    assert centre == pytest.approx([0, 0, 0.3, 0.1, 0.3])
    graph = stated(matrix, cells).backend.model
    density = graph.compile_logp(mode=Mode(linker="py", optimizer=None))
    written = []
    points = np.random.default_rng(3).normal(0, 0.5, (3, 5))
    for point in points:
        likely = binom.logpmf(cells["defaults"], cells["trials"], expit(matrix @ point)).sum()
        written.append(likely + norm.logpdf(point, [0, 1, 0, 0, 0], [2.5, 0.5, 1, 1, 1]).sum())
    assert [float(density({"effects": point})) for point in points] == pytest.approx(written)


def test_what_was_true_is_learned_and_no_more_is_believed() -> None:
    counts, m0, v0, chance = landmarks(3, 40_000)
    generator = np.random.default_rng(3)
    bad = generator.random(40_000) < chance
    model = learn(counts[:20_000], m0[:20_000], v0[:20_000], bad[:20_000])
    assert model.diagnostics["passed"], model.diagnostics
    assert {"spikes_3m", "missed_12m"} <= {factor.name for factor in model.factors} <= {"spikes_3m", "missed_12m",
                                                                                       "utilisation"}  # fmt: skip
    assert abs(model.mean[1] - 0.8) < 3 * np.sqrt(model.covariance[1, 1])
    found = model.predict(counts[20_000:], m0[20_000:], np.zeros(20_000))
    truth, outcome = chance[20_000:], bad[20_000:]
    assert metrics.auc(outcome, found["pd"]) > metrics.auc(outcome, 1 / (1 + np.exp(-m0[20_000:]))) + 0.03
    assert metrics.auc(outcome, found["pd"]) > metrics.auc(outcome, truth) - 0.005
    assert found["pd"].to_numpy().mean() == pytest.approx(truth.mean(), rel=0.05)
    held = (found["pd_low"].to_numpy() <= truth) & (truth <= found["pd_high"].to_numpy())
    assert held.mean() > 0.75


def test_a_history_that_teaches_nothing_is_refused() -> None:
    counts, m0, v0, _ = landmarks(4, 100)
    with pytest.raises(NothingToLearnError, match="100 landmarks hold 29 defaults: give at least 30"):
        learn(counts, m0, v0, np.arange(100) < 29)
    with pytest.raises(NothingToLearnError, match="as many who did not"):
        learn(counts, m0, v0, np.arange(100) < 80)
    with pytest.raises(ValueError, match="100 landmarks, 99 log-odds"):
        learn(counts, m0[1:], v0, np.arange(100) < 50)
