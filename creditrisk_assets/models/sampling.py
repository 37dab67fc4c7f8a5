"""Drawing from the posterior: nutpie on the evidence, or Bambi on the loans themselves, and the gates."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.models import declaration
from creditrisk_assets.models.density import Density
from creditrisk_assets.models.design import Coded, Design
from creditrisk_assets.models.evidence import Window

Array = NDArray[np.float64]

CHAINS, TUNE, DRAWS = 4, 150, 500
LARGEST_R_HAT, FEWEST_EFFECTIVE, SMALLEST_BFMI, LARGEST_DISAGREEMENT = 1.01, 400.0, 0.3, 1e-6


@dataclass(frozen=True)
class Sample:
    """`coefficients` (chains, draws, p), `scales` (chains, draws, G), `persistence` (chains, draws).

    `disagreement`: largest difference in nats between the sampled density and the one Bambi states.
    """

    coefficients: Array
    scales: Array
    persistence: Array
    diverging: Array
    energy: Array
    method: str
    disagreement: float = 0.0

    def thinned(self, most: int) -> tuple[Array, Array, Array]:
        """(coefficients (S, p), scales (S, G), persistence (S,)) of at most `most` evenly spaced draws."""
        theta = self.coefficients.reshape(-1, self.coefficients.shape[-1])
        scales = self.scales.reshape(-1, self.scales.shape[-1])
        kept = np.unique(np.linspace(0, len(theta) - 1, min(most, len(theta))).round().astype(int))
        return theta[kept], scales[kept], self.persistence.ravel()[kept]


def sample_evidence(window: Window, scales: Array, seed: int) -> Sample:
    """4 chains of 150 + 500 draws of scales and persistence, and of the coefficients given them; no compiler needed.

    Three times as many, in smaller steps, where those have not mixed or one diverged. `scales` (G,):
    likely group scales, where the chains start. A seed gives the same draws again.
    """
    sample = _sample_evidence(window, scales, seed, DRAWS, 0.65)
    if _mixed(sample) and not sample.diverging.any():
        return sample
    return _sample_evidence(window, scales, seed, 3 * DRAWS, 0.9)


def _mixed(sample: Sample) -> bool:
    """Have the sampled coordinates mixed? The coefficients are drawn given them, and independently."""
    import arviz as az

    trace = az.from_dict(posterior={"scale": sample.scales, "persistence": sample.persistence})
    r_hat = max(float(value.max()) for value in az.rhat(trace).data_vars.values())
    effective = min(float(az.ess(trace, method=method).to_array().min()) for method in ("bulk", "tail"))
    return r_hat <= LARGEST_R_HAT and effective >= FEWEST_EFFECTIVE


def _sample_evidence(window: Window, scales: Array, seed: int, count: int, target: float) -> Sample:
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # One core: the density is Python, and threads would only queue for the interpreter.
    density, size = Density(window, scales), len(scales) + 1

    def start(number: int) -> Array:
        generator = np.random.default_rng(number)
        return np.append(np.exp(generator.normal(scale=0.5, size=size - 1)), generator.normal(1.4, 0.5))

    compiled = from_pyfunc(
        size,
        lambda: density.value_and_gradient,
        lambda *_: lambda point: {"point": point},
        [np.dtype(np.float64)],
        [(size,)],
        ["point"],
        make_initial_point_fn=start,
    )
    with threadpool_limits(limits=1):
        trace = nutpie.sample(
            compiled, draws=count, tune=TUNE, chains=CHAINS, cores=1, seed=seed, target_accept=target,
            progress_bar=False, save_warmup=False,
        )  # fmt: skip
        points = trace.posterior["point"].values
        tau, phi = density.natural(points)
        theta = density.draw(tau.reshape(-1, size - 1), phi.ravel(), np.random.default_rng(seed))
    stats = trace.sample_stats
    return Sample(
        theta.reshape(*points.shape[:2], -1), tau, phi, stats["diverging"].values, stats["energy"].values, "evidence",
        _disagreement(density, theta.reshape(*points.shape[:2], -1), tau, phi),
    )  # fmt: skip


def _disagreement(density: Density, theta: Array, scales: Array, persistence: Array) -> float:
    """Spread of (stated - sampled) log density over a few draws; a constant between them is immaterial."""
    stated = declaration.stated_log_density(density.window.design, density.window)
    picks = [(chain, draw) for chain in range(theta.shape[0]) for draw in (0, -1)]
    points = [(theta[at], scales[at], float(persistence[at])) for at in picks]
    return float(np.ptp([stated(*point) - density.joint(*point) for point in points]))


def sample_loans(design: Design, loans: Coded, seed: int) -> Sample:
    """The same model sampled by nutpie on the loans themselves (non-centred); minutes, small books only."""
    import nutpie
    from threadpoolctl import threadpool_limits

    graph = declaration.with_loans(design, loans)
    with threadpool_limits(limits=1):
        trace = nutpie.sample(
            nutpie.compile_pymc_model(graph), draws=2 * DRAWS, tune=3 * TUNE, chains=CHAINS, cores=2, seed=seed,
            target_accept=0.9, progress_bar=False, save_warmup=False,
        )  # fmt: skip
    posterior, stats = trace.posterior, trace.sample_stats
    scales = np.stack([posterior[f"1|{name}_sigma"].values for name in design.scale_names], axis=-1)
    return Sample(
        posterior["theta"].values, scales, posterior[declaration.PERSISTENCE].values,
        stats["diverging"].values, stats["energy"].values, "loans",
    )  # fmt: skip


def inference_data(design: Design, sample: Sample) -> Any:
    """ArviZ InferenceData of the sampled draws: coefficients and scales by name, sampler statistics, no warm-up."""
    import arviz as az

    return az.from_dict(
        posterior={
            "coefficient": sample.coefficients,
            "scale": sample.scales,
            "persistence": sample.persistence,
        },
        sample_stats={"diverging": sample.diverging, "energy": sample.energy},
        coords={"parameter": list(design.parameters), "group": list(design.scale_names)},
        dims={"coefficient": ["parameter"], "scale": ["group"]},
    )


def mixing(trace: Any) -> dict[str, float | bool]:
    """r_hat_max, ess_bulk_min, ess_tail_min, divergences, bfmi_min and `sampled`: do all gates on the sampler pass?

    Rank-normalised R-hat and ESS of Vehtari et al. 2021, unrounded.
    """
    import arviz as az

    r_hat = max(float(value.max()) for value in az.rhat(trace).data_vars.values())
    bulk = min(float(value.min()) for value in az.ess(trace).data_vars.values())
    tail = min(float(value.min()) for value in az.ess(trace, method="tail").data_vars.values())
    divergences, bfmi = int(trace.sample_stats["diverging"].sum()), float(np.min(az.bfmi(trace)))
    sampled = (
        r_hat <= LARGEST_R_HAT
        and min(bulk, tail) >= FEWEST_EFFECTIVE
        and divergences == 0
        and bfmi >= SMALLEST_BFMI
    )  # fmt: skip
    return {
        "r_hat_max": r_hat,
        "ess_bulk_min": bulk,
        "ess_tail_min": tail,
        "divergences": divergences,
        "bfmi_min": bfmi,
        "sampled": sampled,
    }


def sampler_diagnostics(trace: Any, sample: Sample) -> dict[str, float | str | bool]:
    """`mixing` of the draws, their method, `disagreement`, and `sampled`: do all gates pass?"""
    mixed = mixing(trace)
    sampled = bool(mixed["sampled"]) and sample.disagreement <= LARGEST_DISAGREEMENT
    return {"method": sample.method, **mixed, "disagreement": sample.disagreement, "sampled": sampled}
