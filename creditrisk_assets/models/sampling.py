"""Drawing from the posterior: nutpie on the evidence, or Bambi on the loans themselves, and the gates."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.models import declaration
from creditrisk_assets.models.density import Density
from creditrisk_assets.models.design import Design
from creditrisk_assets.models.evidence import Evidence

Array = NDArray[np.float64]

CHAINS, TUNE, DRAWS = 4, 200, 800
LARGEST_R_HAT, FEWEST_EFFECTIVE, SMALLEST_BFMI, LARGEST_DISAGREEMENT = 1.01, 400.0, 0.3, 1e-6


@dataclass(frozen=True)
class Sample:
    """`coefficients` (chains, draws, p) and group `scales` (chains, draws, G), with sampler statistics.

    `disagreement`: largest difference in nats between the sampled density and the one Bambi states.
    """

    coefficients: Array
    scales: Array
    diverging: Array
    energy: Array
    method: str
    disagreement: float = 0.0

    def thinned(self, most: int) -> tuple[Array, Array]:
        """(coefficients, scales) of at most `most` evenly spaced draws, chains in order: (S, p), (S, G)."""
        theta = self.coefficients.reshape(-1, self.coefficients.shape[-1])
        scales = self.scales.reshape(-1, self.scales.shape[-1])
        kept = np.unique(np.linspace(0, len(theta) - 1, min(most, len(theta))).round().astype(int))
        return theta[kept], scales[kept]


def sample_evidence(design: Design, evidence: Evidence, scales: Array, seed: int) -> Sample:
    """4 chains of 200 + 800 draws of the group scales, and of the coefficients given them; no compiler needed.

    `scales` (G,): likely group scales, where the chains start. A seed gives the same draws again.
    """
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # One core: the density is Python, and threads would only queue for the interpreter.
    density, size = Density(design, evidence, scales), len(scales)
    compiled = from_pyfunc(
        size,
        lambda: density.value_and_gradient,
        lambda *_: lambda point: {"point": point},
        [np.dtype(np.float64)],
        [(size,)],
        ["point"],
        make_initial_point_fn=lambda number: np.exp(np.random.default_rng(number).normal(scale=0.5, size=size)),
    )
    with threadpool_limits(limits=1):
        trace = nutpie.sample(
            compiled, draws=DRAWS, tune=TUNE, chains=CHAINS, cores=1, seed=seed, target_accept=0.65,
            progress_bar=False, save_warmup=False,
        )  # fmt: skip
        points = trace.posterior["point"].values
        theta, tau = density.draw(points.reshape(-1, size), np.random.default_rng(seed))
    theta, tau = theta.reshape(*points.shape[:2], -1), tau.reshape(points.shape)
    stats = trace.sample_stats
    return Sample(
        theta, tau, stats["diverging"].values, stats["energy"].values, "evidence", _disagreement(density, theta, tau)
    )


def _disagreement(density: Density, theta: Array, scales: Array) -> float:
    """Spread of (stated - sampled) log density over a few draws; a constant between them is immaterial."""
    stated = declaration.stated_log_density(density.design, density.evidence)
    picks = [(chain, draw) for chain in range(theta.shape[0]) for draw in (0, -1)]
    gaps = [stated(theta[at], scales[at]) - density.joint(theta[at], scales[at]) for at in picks]
    return float(np.ptp(gaps))


def sample_loans(design: Design, frame: pl.DataFrame, seed: int) -> Sample:
    """The same model sampled by Bambi and nutpie on the loans themselves (non-centred); minutes, small books only."""
    from threadpoolctl import threadpool_limits

    model = declaration.bambi_model(design, declaration.loans(design, frame))
    with threadpool_limits(limits=1):
        trace = model.fit(
            draws=DRAWS, tune=TUNE, chains=CHAINS, cores=2, random_seed=seed, inference_method="nutpie",
            target_accept=0.9, progress_bar=False,
        )  # fmt: skip
    posterior, names = trace.posterior, [group.name for group in design.groups]
    blocks = [posterior["Intercept"].values[..., None], posterior[declaration.EFFECTS].values]
    blocks += [posterior[f"1|{name}"].values for name in names]
    scales = np.stack([posterior[f"1|{name}_sigma"].values for name in names], axis=-1)
    stats = trace.sample_stats
    return Sample(np.concatenate(blocks, axis=-1), scales, stats["diverging"].values, stats["energy"].values, "loans")


def inference_data(design: Design, sample: Sample) -> Any:
    """ArviZ InferenceData of the sampled draws: coefficients and scales by name, sampler statistics, no warm-up."""
    import arviz as az

    groups = [group.name for group in design.groups]
    return az.from_dict(
        posterior={"coefficient": sample.coefficients, "scale": sample.scales},
        sample_stats={"diverging": sample.diverging, "energy": sample.energy},
        coords={"parameter": list(design.parameters), "group": groups},
        dims={"coefficient": ["parameter"], "scale": ["group"]},
    )


def sampler_diagnostics(trace: Any, sample: Sample) -> dict[str, float | str | bool]:
    """r_hat_max, ess_bulk_min, ess_tail_min, divergences, bfmi_min, disagreement and `sampled`: do all gates pass?

    Rank-normalised R-hat and ESS of Vehtari et al. 2021, unrounded.
    """
    import arviz as az

    r_hat = max(float(value.max()) for value in az.rhat(trace).data_vars.values())
    bulk = min(float(value.min()) for value in az.ess(trace).data_vars.values())
    tail = min(float(value.min()) for value in az.ess(trace, method="tail").data_vars.values())
    divergences, bfmi = int(sample.diverging.sum()), float(np.min(az.bfmi(trace)))
    sampled = (
        r_hat <= LARGEST_R_HAT
        and min(bulk, tail) >= FEWEST_EFFECTIVE
        and divergences == 0
        and bfmi >= SMALLEST_BFMI
        and sample.disagreement <= LARGEST_DISAGREEMENT
    )
    return {
        "method": sample.method,
        "r_hat_max": r_hat,
        "ess_bulk_min": bulk,
        "ess_tail_min": tail,
        "divergences": divergences,
        "bfmi_min": bfmi,
        "disagreement": sample.disagreement,
        "sampled": sampled,
    }
