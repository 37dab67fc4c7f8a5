"""The model as stated to Bambi: formula, priors, hierarchy, and the likelihood or the evidence in its place.

`p(defaults, trials) ~ 0 + baseline(...) + effects(...) + (1|purpose) + (1|addr_state) + (1|vintage)` over
a skeleton of zero trials; what the loans say enters as one potential. The vintage term holds the
standardised steps of the AR(1), the potential adds them up. Priors: `priors.py`. Baselines and
effects enter as one matrix-valued term each, so the graph has two nodes where it would have sixty.
"""

from typing import Any

import numpy as np

from creditrisk_assets.models import priors
from creditrisk_assets.models.design import Coded, Design
from creditrisk_assets.models.evidence import Window

BASELINE, SHAPE, EFFECTS, PERSISTENCE = "baseline", "shape", "effects", "persistence"
FIXED = (BASELINE, SHAPE, EFFECTS)


def _term(name: str, count: int) -> str:
    return f"{name}({', '.join(f'{name[0]}{i}' for i in range(count))})"


def _sizes(design: Design) -> dict[str, int]:
    return {name: part.stop - part.start for name, part in design.parts.items()}


def formula(design: Design) -> str:
    """The Bambi formula of a design; baselines, shapes and effects appear as columns b0, ..., s0, ..., e0, ..."""
    sizes = _sizes(design)
    terms = [_term(name, sizes[name]) for name in FIXED if sizes[name]]
    return " + ".join(["p(defaults, trials) ~ 0", *terms, *(f"(1|{name})" for name in design.scale_names)])


def skeleton(design: Design) -> Any:
    """Pandas frame in which every level of every group occurs, with zero trials: it carries no likelihood."""
    import pandas as pd

    sizes = _sizes(design)
    fixed = sum(sizes[name] for name in FIXED)
    rows = max(2, fixed + 1, *(sizes[name] for name in design.scale_names))
    names = [f"{name[0]}{i}" for name in FIXED for i in range(sizes[name])]
    frame = pd.DataFrame(np.eye(rows, fixed), columns=names)
    for name in design.scale_names:
        levels = pd.Index([f"{i:04d}" for i in range(sizes[name])])
        frame[name] = pd.Categorical.from_codes(np.arange(rows) % sizes[name], levels)
    return frame.assign(defaults=0, trials=0)


def bambi_model(design: Design, *, noncentered: bool) -> Any:
    """A built Bambi model of the priors over the skeleton: nothing has been learned yet."""
    import bambi as bmb

    sizes = _sizes(design)
    scale = bmb.Prior("HalfNormal", sigma=priors.GROUP_SCALE)
    stated = {f"1|{name}": bmb.Prior("Normal", mu=0, sigma=scale) for name in design.scale_names}
    fixed = {BASELINE: (priors.baseline_mean(design), priors.BASELINE_SCALE), SHAPE: (0.0, priors.SHAPE_SCALE),
             EFFECTS: (0.0, priors.EFFECT_SCALE)}  # fmt: skip
    terms = {name: _term(name, sizes[name]) for name in fixed if sizes[name]}
    for name, term in terms.items():
        stated[term] = bmb.Prior("Normal", mu=fixed[name][0], sigma=fixed[name][1])
    stack = {name: lambda *columns: np.column_stack(columns) for name in fixed}
    model = bmb.Model(
        formula(design), skeleton(design), family="binomial", priors=stated, noncentered=noncentered,
        center_predictors=False, extra_namespace=stack,
    )  # fmt: skip
    # Aliases keep the commas of the terms' names out of the dimension names.
    model.set_alias({term: name for name, term in terms.items()})
    model.build()
    return model


def _coefficients(design: Design, graph: Any) -> Any:
    """All coefficients of a PyMC graph in the order of the design; adds the persistence to it."""
    import pymc as pm
    import pytensor.tensor as pt

    phi = pm.Beta(PERSISTENCE, priors.PERSISTENCE_ALPHA, priors.PERSISTENCE_BETA)
    count = len(design.vintages)
    lag = np.subtract.outer(np.arange(count), np.arange(count))
    step = pt.where(np.arange(count) == 0, 1.0, pt.sqrt(1 - phi**2))
    path = pt.dot(pt.where(lag >= 0, phi ** np.maximum(lag, 0), 0.0) * step, graph["1|vintage"])
    sizes = _sizes(design)
    parts = [pt.atleast_1d(graph[name]) for name in FIXED if sizes[name]]
    return pt.concatenate([*parts, *(graph[f"1|{group.name}"] for group in design.binning.groups), path])


def with_evidence(design: Design, window: Window) -> Any:
    """PyMC graph of Bambi's model (centred) with the quadratic of a window as its potential, kept as data."""
    import pymc as pm
    import pytensor.tensor as pt

    graph = bambi_model(design, noncentered=False).backend.model
    with graph:
        theta = _coefficients(design, graph)
        linear, information = pm.Data("linear", window.linear), pm.Data("information", window.information)
        pm.Potential("evidence", pt.dot(linear - 0.5 * pt.dot(information, theta), theta))
    return graph


def with_loans(design: Design, loans: Coded) -> Any:
    """PyMC graph of Bambi's model (non-centred, as suits small books) with the exact likelihood of every trial."""
    import pymc as pm
    import pytensor.tensor as pt

    tried = loans.rows(np.flatnonzero(loans.months))
    reached, parts = design.rows_of(tried), design.parts
    trials = design.periods.trials[reached]
    defaulted = np.flatnonzero(tried.outcome)
    columns = design.columns
    matrix = np.empty((len(tried), len(columns.names)))
    for place, (factor, values) in enumerate(zip(columns.factor, columns.table, strict=True)):
        matrix[:, place] = values[tried.codes[factor]]
    graph = bambi_model(design, noncentered=True).backend.model
    with graph:
        theta = _coefficients(design, graph)
        eta = pt.dot(matrix, theta[parts["effects"]]) + theta[design.shared + tried.vintage]
        for code, group in zip(tried.codes[-2:], design.binning.groups, strict=True):
            levels = pt.concatenate([theta[parts[group.name]], np.zeros(1)])
            eta += levels[code.astype(np.int64)]
        each = eta[:, None] + pt.dot(design.periods.share, theta[design.hazard])[None, :]
        # Only the cells a loan was tried in: the others would be multiplied by nothing.
        rows, cells = np.nonzero(trials)
        told = each[defaulted, design.periods.band[reached[defaulted]]].sum()
        pm.Potential("loans", told - (trials[rows, cells] * pt.softplus(each[rows, cells])).sum())
        pm.Deterministic("theta", theta)
    return graph


_COMPILED: dict[tuple[tuple[str, int], ...], tuple[Any, Any]] = {}


def stated_log_density(design: Design, window: Window) -> Any:
    """Log density of the stated model: a function of (coefficients (p,), scales (G,), persistence) -> float.

    The graph is built once per structure; the evidence is data and swapped in.
    """
    from pytensor.compile.mode import Mode

    structure = tuple(_sizes(design).items())
    if structure not in _COMPILED:
        graph = with_evidence(design, window)
        # Interpreted: a handful of evaluations do not repay a compiler.
        _COMPILED[structure] = graph, graph.compile_logp(mode=Mode(linker="py", optimizer=None))
    graph, density = _COMPILED[structure]
    graph.set_data("linear", window.linear)
    graph.set_data("information", window.information)
    parts, count = design.parts, len(design.vintages)

    def value(theta: Any, scales: Any, phi: float) -> float:
        path = theta[parts["vintage"]]
        steps = np.append(path[0], (path[1:] - phi * path[:-1]) / np.sqrt(1 - phi**2))
        point = {name: theta[parts[name]] for name in FIXED if parts[name].stop > parts[name].start}
        # A term of one column is a number to Bambi, not a vector.
        point = {name: values if values.size > 1 else values[0] for name, values in point.items()}
        point |= {f"1|{group.name}": theta[parts[group.name]] for group in design.binning.groups}
        point |= {"1|vintage": steps, f"{PERSISTENCE}_logodds__": np.log(phi / (1 - phi))}
        point |= {f"1|{n}_sigma_log__": np.log(s) for n, s in zip(design.scale_names, scales, strict=True)}
        stated = float(density({key: np.asarray(value) for key, value in point.items()}))
        return stated - 0.5 * (count - 1) * float(np.log1p(-(phi**2)))

    return value
