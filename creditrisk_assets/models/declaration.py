"""The model as stated to Bambi: formula, priors and the likelihood, or the evidence in its place.

`p(defaults, trials) ~ effects(...) + (1|purpose) + (1|addr_state) + (1|vintage)`: common effects
N(0, 0.15^2), intercept N(0, 2.5^2), group effects N(0, tau^2), tau ~ HalfNormal(0.1). The common
effects enter as one matrix-valued term, so the graph has one node where it would have forty.
"""

from typing import Any

import numpy as np
import polars as pl

from creditrisk_assets.models.design import Design
from creditrisk_assets.models.evidence import EFFECT_SCALE, GROUP_SCALE, INTERCEPT_SCALE, Evidence

EFFECTS = "effects"


def formula(design: Design) -> str:
    """The Bambi formula of a design; common effects appear as columns e0, e1, ... of one term."""
    return " + ".join([f"p(defaults, trials) ~ {_effects_term(design)}", *(f"(1|{g.name})" for g in design.groups)])


def _effects_term(design: Design) -> str:
    return f"{EFFECTS}({', '.join(f'e{i}' for i in range(len(design.effects)))})"


def skeleton(design: Design) -> Any:
    """Pandas frame in which every level of every group occurs, with zero trials: it carries no likelihood."""
    import pandas as pd

    rows = max(2, len(design.effects) + 1, *(len(g.levels) for g in design.groups))
    frame = pd.DataFrame(np.eye(rows, len(design.effects)), columns=[f"e{i}" for i in range(len(design.effects))])
    for group in design.groups:
        codes = np.arange(rows) % len(group.levels)
        frame[group.name] = pd.Categorical.from_codes(codes, pd.Index(group.levels))
    return frame.assign(defaults=0, trials=0)


def loans(design: Design, frame: pl.DataFrame) -> Any:
    """Pandas frame of single loans (one trial each) above the skeleton, for direct sampling."""
    import pandas as pd

    encoded = design.encode(frame)
    body = pd.DataFrame(encoded.common[:, 1:], columns=[f"e{i}" for i in range(len(design.effects))])
    for column, group in enumerate(design.groups):
        body[group.name] = pd.Categorical.from_codes(encoded.codes[:, column], pd.Index(group.levels))
    body = body.assign(defaults=frame["outcome"].cast(pl.Int64).to_numpy(), trials=1)
    return pd.concat([body, skeleton(design)], ignore_index=True)


def bambi_model(design: Design, data: Any, evidence: Evidence | None = None) -> Any:
    """A built Bambi model over `data`; with `evidence` its quadratic is the one potential and effects are centred.

    Without evidence the data speak for themselves and group effects are non-centred, which suits
    small books.
    """
    import bambi as bmb
    import pymc as pm
    import pytensor.tensor as pt

    terms = [f"1|{group.name}" for group in design.groups]
    term = _effects_term(design)
    scale = bmb.Prior("HalfNormal", sigma=GROUP_SCALE)
    priors = {
        "Intercept": bmb.Prior("Normal", mu=0, sigma=INTERCEPT_SCALE),
        term: bmb.Prior("Normal", mu=0, sigma=EFFECT_SCALE),
        **{name: bmb.Prior("Normal", mu=0, sigma=scale) for name in terms},
    }

    def quadratic(*parts: Any) -> Any:
        assert evidence is not None
        theta = pt.concatenate([pt.atleast_1d(part) for part in parts])
        h, information = pm.Data("linear", evidence.linear), pm.Data("information", evidence.information)
        return pt.dot(h - 0.5 * pt.dot(information, theta), theta)

    model = bmb.Model(
        formula(design),
        data,
        family="binomial",
        priors=priors,
        noncentered=evidence is None,
        center_predictors=False,
        extra_namespace={EFFECTS: lambda *columns: np.column_stack(columns)},
        potentials=[(("Intercept", EFFECTS, *terms), quadratic)] if evidence is not None else None,
    )
    # The alias keeps the commas of the term's name out of the dimension names.
    model.set_alias({term: EFFECTS})
    model.build()
    return model


_COMPILED: dict[tuple[int, tuple[tuple[str, int], ...]], tuple[Any, Any]] = {}


def _compiled(design: Design, evidence: Evidence) -> tuple[Any, Any]:
    """Bambi's model and its log density, built once per structure; the evidence is data and swapped in."""
    from pytensor.compile.mode import Mode

    structure = len(design.effects), tuple((group.name, len(group.levels)) for group in design.groups)
    if structure not in _COMPILED:
        model = bambi_model(design, skeleton(design), evidence).backend.model
        # Interpreted: a handful of evaluations do not repay a compiler.
        _COMPILED[structure] = model, model.compile_logp(mode=Mode(linker="py", optimizer=None))
    model, density = _COMPILED[structure]
    model.set_data("linear", evidence.linear)
    model.set_data("information", evidence.information)
    return model, density


def stated_log_density(design: Design, evidence: Evidence) -> Any:
    """Log density of Bambi's model: a function of (coefficients (p,), group scales (G,)) -> float."""
    _, density = _compiled(design, evidence)
    slices, width = design.group_slices(), 1 + len(design.effects)

    def value(theta: Any, scales: Any) -> float:
        point = {"Intercept": theta[0], EFFECTS: theta[1:width]}
        for scale, (name, part) in zip(scales, slices.items(), strict=True):
            point |= {f"1|{name}": theta[part], f"1|{name}_sigma_log__": np.log(scale)}
        return float(density({key: np.asarray(value) for key, value in point.items()}))

    return value
