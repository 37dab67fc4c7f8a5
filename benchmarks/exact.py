"""The reference a posterior is held against: NUTS on the exact likelihood of every loan, no evidence, no Gaussian.

Used by `posterior.py`; `python benchmarks/exact.py` says so. Coordinates are whitened by the posterior under
test, which changes how fast the sampler moves and not where it goes.
"""

import math
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from creditrisk_assets.models import priors
from creditrisk_assets.models.design import Coded, Design
from creditrisk_assets.models.kernels import compiled
from creditrisk_assets.models.posterior import Posterior

CHAINS, SUBSET = 4, 50_000
SPLIT, TEST_TO = date(2019, 12, 1), date(2020, 5, 1)


def loans_log_likelihood(  # noqa: C901
    matrix, places, months, bad, trials, theta, bands, effects, gradient
):  # type: ignore[no-untyped-def]
    """Log-likelihood of n loans at theta (p,) and its gradient (p,), added up loan by loan.

    matrix (n, D): effect columns; places (n, 3): coefficients of purpose, state and vintage, negative for none;
    bad (n,): cell of the default, negative for none; the first `bands` coefficients are those of the cells.
    """
    value = 0.0
    odds = np.exp(theta[:bands])
    for i in range(months.size):
        eta = 0.0
        for d in range(effects):
            eta += theta[bands + d] * matrix[i, d]
        for g in range(3):
            if places[i, g] >= 0:
                eta += theta[places[i, g]]
        mine, residual = math.exp(eta), 0.0
        for b in range(bands):
            tried = trials[months[i], b]
            if tried > 0.0:
                ratio = mine * odds[b]
                value -= tried * math.log1p(ratio)
                slope = -tried * ratio / (1.0 + ratio)
                gradient[b] += slope
                residual += slope
        if bad[i] >= 0:
            value += eta + theta[bad[i]]
            gradient[bad[i]] += 1.0
            residual += 1.0
        for d in range(effects):
            gradient[bands + d] += residual * matrix[i, d]
        for g in range(3):
            if places[i, g] >= 0:
                gradient[places[i, g]] += residual
    return value


@dataclass(frozen=True)
class Exact:
    """Log density and gradient over (coefficients, log scales, log-odds of persistence), see `declaration.py`."""

    design: Design
    arrays: tuple[Any, ...]

    @staticmethod
    def of(design: Design, loans: Coded) -> "Exact":
        tried, columns, parts = loans.rows(np.flatnonzero(loans.months)), design.columns, design.parts
        matrix = np.column_stack([v[tried.codes[f]] for f, v in zip(columns.factor, columns.table, strict=True)])
        places, shift = np.empty((len(tried), 3), np.int64), len(design.periods.share) - design.hazard.stop
        for place, (group, code) in enumerate(zip(design.binning.groups, tried.codes[-2:], strict=True)):
            places[:, place] = np.where(
                code < len(group.levels), shift + parts[group.name].start + code.astype(np.int64), -1
            )
        places[:, 2] = shift + parts["vintage"].start + tried.vintage
        rows = design.rows_of(tried)
        bad = np.where(tried.outcome, design.periods.band[rows], -1)
        return Exact(design, (np.ascontiguousarray(matrix), places, rows, bad, design.periods.trials))

    def __call__(self, theta: Any, log_scales: Any, log_odds: float) -> tuple[float, Any, Any, float]:
        """(log density, gradient by coefficients, by log scales, by the log-odds of phi)."""
        design, parts, share = self.design, self.design.parts, self.design.periods.share
        cells, start = len(share), parts["effects"].start
        by_cell = np.zeros(cells + len(theta) - start)
        value = compiled(loans_log_likelihood)(
            *self.arrays, np.append(share @ theta[:start], theta[start:]), cells, parts["effects"].stop - start, by_cell
        )
        gradient = np.append(by_cell[:cells] @ share, by_cell[cells:])
        scales, phi = np.exp(log_scales), 1 / (1 + math.exp(-log_odds))
        precision = np.diag(priors.fixed_precision(design))
        start, count = parts["effects"].stop, len(design.vintages)
        precision[start:, start:] = priors.group_precision(design, scales, phi)
        away = theta - priors.fixed_mean(design)
        pull = precision @ away
        value -= 0.5 * float(away @ pull) + 0.5 * (count - 1) * math.log1p(-(phi**2))
        value += math.log(phi) * priors.PERSISTENCE_ALPHA + math.log1p(-phi) * priors.PERSISTENCE_BETA
        by_scale = np.empty(len(scales))
        for place, (name, scale) in enumerate(zip(design.scale_names, scales, strict=True)):
            part, prior = parts[name], (scale / priors.GROUP_SCALE) ** 2
            size = part.stop - part.start
            value += (1 - size) * log_scales[place] - 0.5 * prior
            by_scale[place] = 1 - size - prior + float(away[part] @ pull[part])
        path, scale = theta[parts["vintage"]], scales[-1]
        slope = -0.5 * float(path @ priors.correlation_inverse_slope(count, phi) @ path) / scale**2
        slope += (count - 1) * phi / (1 - phi**2)
        by_phi = priors.PERSISTENCE_ALPHA * (1 - phi) - priors.PERSISTENCE_BETA * phi + slope * phi * (1 - phi)
        return float(value), gradient - pull, by_scale, by_phi


def sampled(exact: Exact, posterior: Posterior, draws: int, seed: int = 1) -> tuple[Any, Any]:
    """(coefficients (chains, draws, p), nutpie's trace) of NUTS on the exact density."""
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc
    from threadpoolctl import threadpool_limits

    p, groups = len(posterior.mean), posterior.scales.shape[1]
    others = np.column_stack([np.log(posterior.scales), np.log(posterior.persistence / (1 - posterior.persistence))])
    factor, centre, width = np.linalg.cholesky(posterior.covariance), others.mean(axis=0), others.std(axis=0)

    def density(point: Any) -> tuple[float, Any]:
        theta, rest = posterior.mean + factor @ point[:p], centre + width * point[p:]
        value, by_theta, by_scale, by_phi = exact(theta, rest[:groups], float(rest[-1]))
        return value, np.concatenate([by_theta @ factor, np.append(by_scale, by_phi) * width])

    size = p + groups + 1
    model = from_pyfunc(
        size, lambda: density, lambda *_: lambda point: {"point": point}, [np.dtype(np.float64)], [(size,)], ["point"],
        make_initial_point_fn=lambda number: np.random.default_rng(number).normal(scale=0.5, size=size),
    )  # fmt: skip
    with threadpool_limits(limits=1):
        trace = nutpie.sample(
            model, draws=draws, tune=500, chains=CHAINS, cores=2, seed=seed, target_accept=0.85, progress_bar=False,
            save_warmup=False,
        )  # fmt: skip
    points = trace.posterior["point"].values
    return points[..., :p] @ factor.T + posterior.mean, trace


def distance(posterior: Posterior, loans: Coded, draws: int) -> dict[str, Any]:
    """How far means and deviations of the coefficients lie from exact NUTS, and how far noise alone would move them."""
    import arviz as az

    start = time.process_time()
    theta, trace = sampled(Exact.of(posterior.design, loans), posterior, draws)
    seconds = time.process_time() - start
    named = az.from_dict(posterior={"coefficient": theta})
    ess = np.asarray(az.ess(named)["coefficient"])
    # The effective number for a variance is that of the squared distance from the mean.
    squared = np.asarray(az.ess(az.from_dict(posterior={"square": (theta - theta.mean(axis=(0, 1))) ** 2}))["square"])
    plain = theta.reshape(-1, theta.shape[-1])
    spread = plain.std(axis=0, ddof=1)
    away = np.abs(posterior.mean - plain.mean(axis=0)) / spread
    ratio = np.sqrt(np.diag(posterior.covariance)) / spread
    # Three standard errors: about the largest among two hundred.
    return {
        "seconds": seconds, "draws": len(plain), "divergences": int(trace.sample_stats["diverging"].values.sum()),
        "ess_min": float(ess.min()), "r_hat": float(az.rhat(named)["coefficient"].max()),
        "mean": float(away.max()), "mean_noise": float((3 / np.sqrt(ess)).max()), "low": float(ratio.min()),
        "high": float(ratio.max()), "sd_noise": float((3 / np.sqrt(2 * squared)).max()),
        "worst": posterior.design.parameters[int(away.argmax())],
    }  # fmt: skip


def compared(raw: Path, frame: pl.DataFrame, feature_set: str, draws: int) -> dict[str, Any]:
    """Ours, scikit-learn and (draws > 0) exact NUTS on 50 k loans of a frame of `exposure.learned_from`."""
    from threadpoolctl import threadpool_limits

    from creditrisk_assets.features.loans import features
    from creditrisk_assets.models.logistic import fit_logistic
    from creditrisk_assets.models.metrics import auc, log_loss
    from creditrisk_assets.models.outcomes import out_of_time, training
    from creditrisk_assets.models.posterior import fit_posterior

    test = out_of_time(features(pl.scan_parquet(raw)), SPLIT, SPLIT, TEST_TO, "as_known")
    frame = frame.filter(pl.col("months") > 0)
    frame = frame[np.linspace(0, frame.height - 1, min(SUBSET, frame.height)).astype(np.int64)]
    last = frame["vintage"].max()
    fit_posterior(frame.head(5000), feature_set, last)  # imports and compilation
    start = time.process_time()
    fit = fit_posterior(frame, feature_set, last)
    told: dict[str, Any] = {"loans": frame.height, "test": test.height, "k_hat": fit.diagnostics["k_hat"]}
    told |= {"passed": fit.passed, "ours": {"seconds": time.process_time() - start}}
    known = training(frame.drop("months", "outcome", "repaid").lazy(), SPLIT, "as_known", "expanding")
    with threadpool_limits(limits=1):
        fit_logistic(known, feature_set)
        start = time.process_time()
        logistic = fit_logistic(known, feature_set)
    told["logistic"] = {"seconds": time.process_time() - start, "loans": known.height}
    for name, pd in (("ours", fit.posterior.predict(test)["pd"].to_numpy()), ("logistic", logistic.predict(test))):
        told[name] |= {"auc": auc(test["outcome"], pd), "log_loss": log_loss(test["outcome"], pd)}
    if draws:
        told["nuts"] = distance(fit.posterior, fit.posterior.design.code(frame), draws)
    return told


def report(told: dict[str, Any]) -> None:
    """Ours beside exact NUTS and scikit-learn on the same rows."""
    ours, logistic = told["ours"], told["logistic"]
    print(f"\nsame {told['loans']:,} loans, tested on {told['test']:,} later ones over twelve months")
    for name, one in (("posterior", ours), ("scikit-learn logistic", logistic)):
        print(f"  {name:<22} {one['seconds']:6.2f} CPU s, AUC {one['auc']:.4f}, log loss {one['log_loss']:.5f}")
    better = ours["auc"] - logistic["auc"], logistic["log_loss"] - ours["log_loss"]
    print(f"  gain of the posterior: AUC {better[0]:+.4f}, log loss {better[1]:+.5f}", end="; ")
    print(f"the logistic can use {logistic['loans']:,} of them; k-hat of the posterior {told['k_hat']:.2f}")
    if nuts := told.get("nuts"):
        print(
            f"  exact NUTS: {nuts['seconds']:.0f} CPU s, {nuts['draws']:,} draws, {nuts['divergences']} divergences",
            end=", ",
        )
        print(f"minimum ESS of a coefficient {nuts['ess_min']:.0f}, R-hat {nuts['r_hat']:.4f}")
        print(f"  max |difference of means| / sd {nuts['mean']:.3f} (limit 0.1) at {nuts['worst']}", end=", ")
        print(f"the reference's own noise {nuts['mean_noise']:.3f}")
        print(f"  sd ratio {nuts['low']:.3f} to {nuts['high']:.3f} (limits 0.95 to 1.05)", end=", ")
        print(f"the reference's own noise +-{nuts['sd_noise']:.3f}")


if __name__ == "__main__":
    print("part of benchmarks/posterior.py: nothing to measure alone")
