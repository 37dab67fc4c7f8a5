"""The inner loops: compiled code says what the same Python says when it is interpreted."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from creditrisk_assets.models import certificate, evidence, kernels, scorer
from creditrisk_assets.models.evidence import Reference
from creditrisk_assets.models.quadrature import gauss_hermite
from creditrisk_assets_tests.models.learned import BOOK, DESIGN, LOANS, SHARED, fit, some_point

FEW = LOANS.rows(np.append(np.flatnonzero(LOANS.months)[::60], np.flatnonzero(LOANS.months == 0)[:3]))
FEW.codes[-2:, ::9] = [[DESIGN.binning.groups[0].size - 1], [DESIGN.binning.groups[1].size - 1]]  # levels not seen
ROOT = 0.05 * np.random.default_rng(8).normal(size=(SHARED, SHARED))


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Called, it turns the compiler off."""

    def turn_off() -> None:
        for module in (evidence, scorer, certificate):
            monkeypatch.setattr(module, "compiled", lambda function: function)

    yield turn_off


@pytest.mark.parametrize("averaged", [False, True])
def test_evidence_compiled_is_evidence_interpreted(interpreted: Callable[[], None], averaged: bool) -> None:
    assert FEW.outcome.any() and len(FEW) > 40
    reference = Reference(some_point()[:SHARED], ROOT @ ROOT.T if averaged else None)
    fast = evidence.expand(DESIGN, FEW, reference)
    interpreted()
    slow = evidence.expand(DESIGN, FEW, reference)
    assert fast.gradient == pytest.approx(slow.gradient, rel=1e-12, abs=1e-13)
    assert fast.information == pytest.approx(slow.information, rel=1e-12, abs=1e-13)
    assert fast.log_likelihood == pytest.approx(slow.log_likelihood, rel=1e-13)
    assert (fast.trials, fast.loans, fast.defaults) == (slow.trials, slow.loans, slow.defaults)


def test_scores_compiled_are_scores_interpreted(interpreted: Callable[[], None]) -> None:
    posterior, rows = fit().posterior, BOOK.gather_every(80)
    fast = posterior.scorer.predict(rows)
    interpreted()
    slow = posterior.scorer.predict(rows)
    for name in fast.columns:
        assert fast[name].to_numpy() == pytest.approx(slow[name].to_numpy(), rel=1e-12)


def test_log_odds_beyond_the_curves_are_held_at_their_ends(interpreted: Callable[[], None]) -> None:
    mean, variance = np.array([-1e6, -16.0, -3.0, 7.999, 8.0, 1e6]), np.array([1.0, 0.0, 0.5, 0.0, 9.0, 1.0])
    term = np.array([0, 1, 0, 1, 0, 1])
    fast = fit().posterior.scorer.pds(mean, variance, term)
    assert ((fast > 0) & (fast < 1)).all()
    assert (fast[1] <= fast[0] + 1e-15).all() and (fast[0] <= fast[2] + 1e-15).all()
    assert fast[0, 0] < 1e-5 and fast[0, 5] > 0.9
    interpreted()
    assert fast == pytest.approx(fit().posterior.scorer.pds(mean, variance, term), rel=1e-12)


@pytest.mark.parametrize("level", [0.0, 6.0], ids=["low odds", "high odds"])
def test_the_certificate_compiled_is_the_certificate_interpreted(interpreted: Callable[[], None], level: float) -> None:
    draws = some_point() + 0.05 * np.random.default_rng(9).normal(size=(7, len(DESIGN.parameters)))
    draws[:, DESIGN.parts["baseline"]] += level
    fast = certificate.exact_log_likelihood(DESIGN, FEW, draws)
    interpreted()
    assert fast == pytest.approx(certificate.exact_log_likelihood(DESIGN, FEW, draws), rel=1e-6)


def test_without_a_folder_for_machine_code_it_is_compiled_for_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    asked: list[dict[str, Any]] = []

    def njit(**options: Any) -> Any:
        asked.append(options)
        if options.get("cache"):
            raise RuntimeError("no locator available")
        return lambda function: ("compiled", function)

    monkeypatch.setattr(numba, "njit", njit)

    def one() -> int:
        return 1

    found: Any = kernels.compiled(one)
    assert found == ("compiled", one)
    assert [bool(options.get("cache")) for options in asked] == [True, False]
    assert all(options["nogil"] for options in asked)


def test_five_nodes_integrate_powers_up_to_the_ninth() -> None:
    nodes, weights = gauss_hermite()
    moments = [float(weights @ nodes**power) for power in range(10)]
    assert moments == pytest.approx([1, 0, 1, 0, 3, 0, 15, 0, 105, 0], abs=1e-10)
