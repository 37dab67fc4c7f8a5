"""What is stated to Bambi: formula, priors, hierarchy, and the loans or their evidence as a potential."""

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.models import priors
from creditrisk_assets.models.declaration import FIXED, bambi_model, formula, skeleton, with_evidence, with_loans
from creditrisk_assets.models.design import Coded, Design, fit_design
from creditrisk_assets_tests.models.learned import (
    DESIGN,
    FRAME,
    LAST,
    LOANS,
    log_likelihood,
    month_by_month,
    some_point,
    window,
)


def test_the_formula_names_every_part_of_the_model() -> None:
    stated = formula(DESIGN)
    assert stated.startswith("p(defaults, trials) ~ 0 + baseline(b0, b1, ")
    assert stated.endswith(" + (1|purpose) + (1|addr_state) + (1|vintage)")
    assert " + shape(s0, s1" in stated and " + effects(e0, e1, " in stated
    assert stated.count(",") == 1 + sum(DESIGN.parts[name].stop - DESIGN.parts[name].start - 1 for name in FIXED)


def test_the_skeleton_shows_every_level_and_no_trial() -> None:
    frame = skeleton(DESIGN)
    assert not frame["trials"].any() and not frame["defaults"].any()
    for name in DESIGN.scale_names:
        part = DESIGN.parts[name]
        assert frame[name].nunique() == part.stop - part.start


def test_bambi_holds_the_priors_that_are_written_down() -> None:
    model = bambi_model(DESIGN, noncentered=False)
    terms = model.components["p"].terms
    said = {str(term.name).partition("(")[0]: term.prior for term in terms.values() if "|" not in str(term.name)}
    assert said["baseline"].args["sigma"] == pytest.approx(priors.BASELINE_SCALE)
    assert said["baseline"].args["mu"] == pytest.approx(priors.BASELINE_MEAN)
    assert said["effects"].args["sigma"] == pytest.approx(priors.EFFECT_SCALE)
    for name in DESIGN.scale_names:
        assert terms[f"1|{name}"].prior.args["sigma"].name == "HalfNormal"
        assert terms[f"1|{name}"].prior.args["sigma"].args["sigma"] == priors.GROUP_SCALE


def test_the_evidence_is_one_potential_and_the_skeleton_says_nothing() -> None:
    graph = with_evidence(DESIGN, window())
    assert [potential.name for potential in graph.potentials] == ["evidence"]
    point = graph.initial_point()
    density = graph.compile_logp(vars=graph.observed_RVs, jacobian=False)
    assert float(density(point)) == pytest.approx(0)


def loans_log_likelihood(design: Design, loans: Coded, theta: np.ndarray, phi: float) -> float:
    """The potential of the loan-by-loan graph at given coefficients."""
    import pytensor

    graph = with_loans(design, loans)
    scale, point = 0.5, graph.initial_point()
    for name in FIXED:
        point[name] = theta[design.parts[name]]
    for name in design.scale_names:
        point[f"1|{name}_sigma_log__"] = np.log(scale)
    for group in design.binning.groups:
        point[f"1|{group.name}_offset"] = theta[design.parts[group.name]] / scale
    path = theta[design.parts["vintage"]]
    steps = np.append(path[0], (path[1:] - phi * path[:-1]) / np.sqrt(1 - phi**2))
    point["1|vintage_offset"], point["persistence_logodds__"] = steps / scale, np.log(phi / (1 - phi))
    outputs = graph.replace_rvs_by_values([*graph.potentials, graph["theta"]])
    function = pytensor.function(graph.value_vars, outputs, on_unused_input="ignore", mode="FAST_COMPILE")
    found, coefficients = function(*(point[value.name] for value in graph.value_vars))
    assert coefficients == pytest.approx(theta)
    return float(found)


def test_the_loans_enter_by_their_exact_likelihood_month_by_month() -> None:
    few = FRAME.filter(pl.int_range(pl.len()) % 13 == 0)
    assert few["outcome"].sum() > 10 and (few["months"] == 0).any()
    x, bad = month_by_month(DESIGN, few)
    theta = some_point()
    found = loans_log_likelihood(DESIGN, DESIGN.code(few), theta, 0.6)
    assert found == pytest.approx(log_likelihood(x, bad, theta), rel=1e-9)


def test_a_single_loan_without_any_effect_can_be_stated() -> None:
    loan = FRAME.filter(pl.col("months") > 5).head(1)
    design = fit_design(loan, "application", LAST)
    assert design.columns.names == () and "effects(" not in formula(design)
    graph = with_loans(design, design.code(loan))
    assert np.isfinite(float(graph.compile_logp()(graph.initial_point())))


def test_loans_of_the_whole_window_are_what_the_design_counts() -> None:
    assert (LOANS.outcome & (LOANS.months > 0)).sum() == window().defaults
