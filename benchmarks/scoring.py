"""A million loans scored with mean and interval on one core: rows/s, memory, latency, accuracy beside the draws.

Usage: python benchmarks/scoring.py [--loans N] [--fitted N]. Every contender runs in a process of its own on one core.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

BLOCK, SAMPLE, DRAWS = 65_536, 5_000, 1_000
MODEL_DATE = date(2019, 1, 1)
ONE_CORE = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def best(run: Callable[[], Any], times: int = 3) -> float:
    """CPU seconds of the quickest of some runs: what one core needs, whatever else the machine does."""
    found = []
    for _ in range(times):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return min(found)


def prepare(folder: Path, loans: int, fitted: int) -> dict[str, float]:
    """Features of a simulated book, and a posterior of some of its loans as tables. Not timed."""
    from creditrisk_assets.features.loans import features
    from creditrisk_assets.models.exposure import learned_from
    from creditrisk_assets.models.posterior import fit_posterior
    from creditrisk_assets.raw.intake import read_loans
    from creditrisk_assets.simulation.book import simulate_loans

    book = simulate_loans(loans=loans, vintages=60, seed=3, out=folder)
    raw = read_loans([book.file], (book.vintages[0], book.vintages[-1])).clean
    frame = features(raw.lazy()).collect()
    frame.write_parquet(folder / "features.parquet")
    known = learned_from(frame.lazy(), MODEL_DATE, "expanding")
    posterior = fit_posterior(
        known.gather_every(max(1, known.height // fitted)), "application", book.vintages[-1]
    ).posterior
    posterior.to_draws().write_parquet(folder / "draws.parquet")
    np.savez(folder / "moments.npz", mean=posterior.mean, covariance=posterior.covariance)
    (folder / "design.json").write_text(posterior.design.to_json())
    book.file.unlink()
    return {"auc": book.auc}


def rebuilt(folder: Path) -> Any:
    from creditrisk_assets.models.design import Design
    from creditrisk_assets.models.posterior import Posterior
    from creditrisk_assets.scores.loans import Scoring
    from creditrisk_assets.scores.policy import load_policy
    from creditrisk_assets.scores.scale import Scale

    design, kept = Design.from_json((folder / "design.json").read_text()), np.load(folder / "moments.npz")
    draws = pl.read_parquet(folder / "draws.parquet")
    posterior = Posterior.from_draws(design, draws, kept["mean"], kept["covariance"])
    return Scoring(posterior, MODEL_DATE, Scale(), load_policy(None))


def kernel(folder: Path) -> dict[str, float]:
    """Codes to PD means and intervals of two horizons, by blocks into reused memory."""
    from creditrisk_assets.models.kernels import compiled, moments_of_loans, pds_of_loans
    from creditrisk_assets.models.scorer import LOW, NODES, PER_UNIT, SHARES

    scorer, frame = rebuilt(folder).posterior.scorer, pl.read_parquet(folder / "features.parquet")
    tables, columns = scorer.tables, scorer.design.columns
    parts, blocks = [frame[start : start + BLOCK] for start in range(0, frame.height, BLOCK)], []
    for part in parts:
        coded = scorer.design.code(part)
        blocks.append((coded.codes, scorer._levels(coded.vintage), scorer.terms_of(part)))
    mean, variance, result = np.empty(BLOCK), np.empty(BLOCK), np.empty((6, BLOCK))

    def run() -> None:
        for codes, level, term in blocks:
            n = level.size
            compiled(moments_of_loans)(
                codes, level, columns.factor, columns.table, *tables.means, tables.covariance, *tables.crosses,
                *tables.pairs, mean[:n], variance[:n],
            )  # fmt: skip
            looked_up = scorer.horizons.curves, LOW, PER_UNIT, NODES, SHARES
            compiled(pds_of_loans)(mean[:n], variance[:n], term, *looked_up, result[:, :n])

    run()
    seconds = best(run, 5)
    coding = best(lambda: [scorer.design.code(part) for part in parts])
    return {"kernel": frame.height / seconds, "coding": frame.height / coding, "effects": columns.factor.size}


def end_to_end(folder: Path) -> dict[str, float]:
    scoring, frame = rebuilt(folder), pl.scan_parquet(folder / "features.parquet")
    height = frame.select(pl.len()).collect().item()
    scoring.score(frame.head(1000).collect())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    def run() -> None:
        for start in range(0, height, BLOCK):
            scoring.score(frame.slice(start, BLOCK).collect())

    whole = best(run, 2)
    block = frame.head(BLOCK).collect()
    pds = len(block) / best(lambda: scoring.posterior.predict(block))
    return {"end_to_end": height / whole, "predict": pds, "before": before}


def latency(folder: Path) -> dict[str, float]:
    scoring, frame = rebuilt(folder), pl.read_parquet(folder / "features.parquet").head(2_000)
    told = {}
    for name, run in (("predict", scoring.posterior.scorer.predict), ("score", scoring.score)):
        seconds = []
        for row in range(frame.height):
            one = frame[row : row + 1]
            start = time.perf_counter()
            run(one)
            seconds.append(time.perf_counter() - start)
        told |= {f"{name}_p{q}": float(np.quantile(seconds[100:], q / 100) * 1e3) for q in (50, 99)}
    return told


def drawn_pds(posterior: Any, coded: Any, term: Any) -> Any:
    """PD within twelve months (n, S) under each draw, loan by loan and month by month: what numpy can do."""
    from creditrisk_assets.models.outcomes import HORIZON
    from creditrisk_assets.models.periods import FIRST_TRIAL

    design, theta = posterior.design, posterior.coefficients.T
    columns, parts = design.columns, design.parts
    matrix = np.column_stack([v[coded.codes[f]] for f, v in zip(columns.factor, columns.table, strict=True)])
    eta = matrix @ theta[parts["effects"]] + theta[parts["vintage"]][coded.vintage]
    for group, code in zip(design.binning.groups, coded.codes[-2:], strict=True):
        eta += np.vstack([theta[parts[group.name]], np.zeros((1, theta.shape[1]))])[code]
    early, repaid = zip(*(design.repayment.of(one) for one in posterior.scorer.horizons.terms), strict=True)
    alive, pd = (1 - np.array(early))[term, None] + np.zeros_like(eta), np.zeros_like(eta)
    cells, (place, strata) = design.periods.share @ theta[design.hazard], design.strata
    stratum = strata[coded.codes[place]]
    for month in range(FIRST_TRIAL, HORIZON + 1):
        band = design.periods.band[month]
        hazard = 1 / (1 + np.exp(-eta - cells[design.periods.band[design.periods.row(month, stratum)]]))
        pd += alive * hazard
        alive *= (1 - hazard) * (1 - np.array(repaid)[term, band, None])
    return pd


def draws(folder: Path) -> dict[str, float]:
    """A thousand draws by numpy: rows/s, and how far the scorer and half the draws are from them, in basis points."""
    posterior, frame = rebuilt(folder).posterior, pl.read_parquet(folder / "features.parquet")
    frame = frame.sample(SAMPLE, seed=1)
    coded, term = posterior.design.code(frame), posterior.scorer.terms_of(frame)
    seconds = best(lambda: np.quantile(drawn_pds(posterior, coded, term), [0.05, 0.95], axis=1), 1)
    pds, told = drawn_pds(posterior, coded, term), {"numpy": SAMPLE / seconds}
    ours = posterior.predict(frame)

    for name, share in (("pd", None), ("pd_low", 0.05), ("pd_high", 0.95)):
        parts = pds, pds[:, ::2], pds[:, 1::2]
        all_, one, other = (x.mean(axis=1) if share is None else np.quantile(x, share, axis=1) for x in parts)
        told[name] = 1e4 * float(np.sqrt(np.mean((ours[name].to_numpy() - all_) ** 2)))
        told[f"{name}_noise"] = 1e4 * float(np.sqrt(np.mean((one - other) ** 2)))
    return told


def bambi(folder: Path) -> dict[str, float]:
    """Bambi's own predict with interval: a small model, a thousand draws."""
    import bambi as bmb

    names = ["fico", "debt_to_income", "log_annual_income", "term_months", "purpose"]
    frame = pl.read_parquet(folder / "features.parquet").sample(2_000 + SAMPLE, seed=2)
    plain = frame.select(*names, bad=pl.col("defaulted").cast(pl.Int8)).drop_nulls().to_pandas()
    for name in names[:-1]:
        plain[name] = (plain[name] - plain[name].mean()) / plain[name].std()
    model = bmb.Model("bad ~ fico + debt_to_income + log_annual_income + term_months + (1|purpose)", plain[:2000],
                      family="bernoulli")  # fmt: skip
    trace = model.fit(inference_method="nutpie", draws=DRAWS // 4, tune=300, chains=4, cores=1, random_seed=1,
                      progressbar=False)  # fmt: skip
    asked = plain[2000:][plain["purpose"][2000:].isin(plain["purpose"][:2000])][: SAMPLE // 2]

    def run() -> None:
        found = model.predict(trace, data=asked, kind="response_params", inplace=False)
        found.posterior["p"].quantile([0.05, 0.95], dim=("chain", "draw"))

    return {"bambi": len(asked) / best(run, 2)}


CONTENDERS: dict[str, Callable[[Path], dict[str, float]]] = {
    one.__name__: one for one in (kernel, end_to_end, latency, draws, bambi)
}


def child(name: str, folder: Path, *sizes: int) -> None:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        told = prepare(folder, *sizes) if name == "prepare" else CONTENDERS[name](folder)
    print(json.dumps({**told, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def measured(name: str, folder: Path, *options: str) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", __file__, "--run", name, str(folder), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env={**os.environ, **ONE_CORE})
    if done.returncode:
        raise SystemExit(f"{name} failed")
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def report(told: dict[str, dict[str, float]]) -> None:
    core, whole, late, many = told["kernel"], told["end_to_end"], told["latency"], told["draws"]
    print(
        f"codes to PDs and intervals {core['kernel'] / 1e6:6.2f} M rows/s per core (goal 5), {core['effects']} effects"
    )
    print(f"coding of features         {core['coding'] / 1e6:6.2f} M rows/s")
    print(f"features to PDs            {whole['predict'] / 1e6:6.2f} M rows/s")
    print(f"features to scores         {whole['end_to_end'] / 1e6:6.2f} M rows/s, with decision and reasons", end="; ")
    print(f"{whole['megabytes']:,.0f} MB peak, {whole['before']:,.0f} before the first block")
    for name, rows in (("1,000 draws in numpy", many["numpy"]), ("bambi's own predict", told["bambi"]["bambi"])):
        ratios = core["kernel"] / rows, whole["end_to_end"] / rows
        print(f"{name:<26} {rows:,.0f} rows/s: ours {ratios[0]:,.0f} x, end to end {ratios[1]:,.0f} x")
    for name, means in (("predict", "to PD and interval"), ("score", "to the whole score")):
        p50, p99 = late[f"{name}_p50"], late[f"{name}_p99"]
        print(f"one loan {means:<18} {p50:.2f} ms p50, {p99:.2f} ms p99 (goal 1)")
    print("distance to 1,000 draws in basis points of PD (rms), beside half of the draws against the other half")
    for name in ("pd", "pd_low", "pd_high"):
        print(f"  {name:<8} {many[name]:5.2f}  noise {many[f'{name}_noise']:5.2f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--loans", type=int, default=1_000_000)
    parser.add_argument("--fitted", type=int, default=100_000, help="loans the posterior is fitted on")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        child(arguments.run[0], Path(arguments.run[1]), arguments.loans, arguments.fitted)
        return
    with tempfile.TemporaryDirectory(prefix="creditrisk-bench-") as name:
        folder = Path(name)
        measured("prepare", folder, "--loans", str(arguments.loans), "--fitted", str(arguments.fitted))
        report({contender: measured(contender, folder) for contender in CONTENDERS})


if __name__ == "__main__":
    main()
