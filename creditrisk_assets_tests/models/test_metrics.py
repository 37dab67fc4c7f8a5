"""Metrics agree with scikit-learn and scipy on any outcomes and PDs, ties included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk_assets.models import metrics
from creditrisk_assets.models.reliability import reliability_png

graded = st.lists(st.tuples(st.booleans(), st.integers(1, 19)), min_size=2, max_size=60).filter(
    lambda rows: 0 < sum(bad for bad, _ in rows) < len(rows)
)


def vectors(rows: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([bad for bad, _ in rows]), np.array([grade / 20 for _, grade in rows])


@settings(deadline=None)
@given(graded)
def test_figures_agree_with_the_reference_implementations(rows: list[tuple[bool, int]]) -> None:
    from scipy.stats import ks_2samp
    from sklearn.metrics import brier_score_loss, roc_auc_score
    from sklearn.metrics import log_loss as reference_log_loss

    y, p = vectors(rows)
    found = metrics.summary(y, p)
    assert found["auc"] == pytest.approx(roc_auc_score(y, p))
    assert found["ks"] == pytest.approx(ks_2samp(p[y], p[~y]).statistic)
    assert found["brier"] == pytest.approx(brier_score_loss(y, p))
    assert found["log_loss"] == pytest.approx(reference_log_loss(y, p))
    assert (found["rows"], found["bads"]) == (y.size, y.sum())


@settings(deadline=None)
@given(graded)
def test_auc_depends_on_the_order_only(rows: list[tuple[bool, int]]) -> None:
    y, p = vectors(rows)
    assert metrics.auc(y, p**3) == pytest.approx(metrics.auc(y, p))
    assert metrics.auc(y, 1 - p) == pytest.approx(1 - metrics.auc(y, p))


@settings(deadline=None)
@given(graded)
def test_calibration_bands_hold_every_row_once(rows: list[tuple[bool, int]]) -> None:
    y, p = vectors(rows)
    table = metrics.calibration(y, p)
    assert table["rows"].sum() == y.size and table["bads"].sum() == y.sum()
    assert table["mean_pd"].is_sorted()
    assert float((table["rows"] * table["mean_pd"]).sum()) == pytest.approx(p.sum())


def test_certain_and_wrong_is_finite() -> None:
    assert np.isfinite(metrics.log_loss([True, False], [0.0, 1.0]))


@pytest.mark.parametrize("pd", [[0.2, 1.2], [0.2, float("nan")], [0.2]])
def test_a_pd_that_is_none_is_refused(pd: list[float]) -> None:
    with pytest.raises(ValueError, match="PD"):
        metrics.brier([True, False], pd)


def test_auc_of_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="AUC needs a default"):
        metrics.auc([True, True], [0.1, 0.2])


def test_the_reliability_plot_is_a_png() -> None:
    draw = np.random.default_rng(1)
    p = draw.uniform(0.05, 0.4, 500)
    y = draw.random(500) < p
    assert reliability_png(y, {"posterior": p, "logistic": p / 2}, "2011")[:8] == b"\x89PNG\r\n\x1a\n"
