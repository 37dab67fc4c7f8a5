"""The full posterior of a simulated book, raw loans to draws: seconds by stage, and how close it is to exact NUTS.

Usage: python benchmarks/posterior.py [--loans N] [--skip-nuts] [--draws N]. Each scenario runs in a fresh process
with no machine code kept, so imports and compilation count. Prints wall clock and CPU seconds (of two cores).
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

VINTAGES = 120
FIRST, NEWEST = date(2011, 1, 1), date(2020, 12, 1)
MODEL_DATE = date(2021, 6, 1)  # the youngest vintage has just been at risk for its first trial
SET = "application_with_price"


class Clock:
    """Wall and CPU seconds by stage, told as they come; kept for the parent."""

    def __init__(self) -> None:
        self.figures: dict[str, Any] = {}
        self.restart()

    def restart(self) -> None:
        self.stages: list[tuple[str, float, float]] = []
        self._at = time.perf_counter(), time.process_time()

    def lap(self, name: str) -> None:
        now = time.perf_counter(), time.process_time()
        self.stages.append((name, now[0] - self._at[0], now[1] - self._at[1]))
        self._at = now

    def inside(self, module: Any, name: str, told: str) -> None:
        """Count the seconds of a function as a stage of its own."""
        plain: Callable[..., Any] = getattr(module, name)

        def timed(*arguments: Any, **options: Any) -> Any:
            self.lap("linking up")
            result = plain(*arguments, **options)
            self.lap(told)
            return result

        setattr(module, name, timed)


def book(raw: Path, model_date: date = MODEL_DATE) -> Any:
    """Loans of every age as known at the model date, in order of vintage."""
    import polars as pl

    from creditrisk_assets.features.loans import features
    from creditrisk_assets.models.exposure import learned_from

    return learned_from(features(pl.scan_parquet(raw)), model_date, "expanding")


def publish(clock: Clock, fit: Any, folder: Path) -> None:
    """Write draws and summary; note what the gates said."""
    fit.posterior.to_draws().write_parquet(folder / "draws.parquet")
    fit.posterior.summary().write_parquet(folder / "parameters.parquet")
    clock.lap("moments, gates, published")
    clock.figures |= {**fit.diagnostics, "draws": len(fit.posterior.coefficients)}


def watch(clock: Clock) -> None:
    from creditrisk_assets.models import posterior, sampling

    clock.lap("imports")
    clock.inside(sampling, "sample_evidence", "draws, with their imports")
    clock.inside(posterior, "certify", "certificate over all loans")


def from_nothing(folder: Path, clock: Clock) -> None:
    """Raw loans to published draws, nothing kept from before."""
    from creditrisk_assets.models.posterior import fit_window
    from creditrisk_assets.models.records import fit_expansion
    from creditrisk_assets.models.reference import by_vintage, gather_window

    watch(clock)
    frame = book(folder / "raw.parquet")
    clock.lap("features and exposure")
    expansion, loans = fit_expansion(frame, SET, MODEL_DATE, NEWEST)
    clock.lap("bins, codes, reference")
    window = gather_window(expansion.design, by_vintage(expansion.design, loans), expansion.reference)
    clock.lap("evidence of 120 vintages")
    publish(clock, fit_window(window, loans, expansion.scales), folder)


def keep(folder: Path, frame: Any) -> None:
    """Reference and evidence of all vintages of a frame but the newest, as they would lie in the lake."""
    import polars as pl

    from creditrisk_assets.models.records import evidence_rows, fit_expansion, reference_rows

    older = frame.filter(pl.col("vintage") < NEWEST)
    expansion, loans = fit_expansion(older, SET, MODEL_DATE, NEWEST)
    reference_rows(expansion, loans).write_parquet(folder / "reference.parquet")
    vintages = [day for day in expansion.design.vintages if day < NEWEST]
    evidence_rows(older, vintages, expansion).write_parquet(folder / "evidence.parquet")


def retrain(folder: Path, clock: Clock, frame: Any) -> Any:
    """Evidence of the newest vintage, the sum with what was kept, draws, certificate."""
    import polars as pl

    from creditrisk_assets.models.posterior import fit_window
    from creditrisk_assets.models.records import evidence_rows, expansions, window_of

    expansion = next(expansions(pl.read_parquet(folder / "reference.parquet")))
    fresh = evidence_rows(frame.filter(pl.col("vintage") == NEWEST), [NEWEST], expansion)
    clock.lap("evidence of the newest")
    loans = expansion.design.code(frame)
    clock.lap("codes of all loans")
    window = window_of(expansion, pl.concat([pl.read_parquet(folder / "evidence.parquet"), fresh]), loans)[0]
    clock.lap("sum, loans compared")
    return fit_window(window, loans, expansion.scales)


def newest_only(folder: Path, clock: Clock) -> None:
    watch(clock)
    frame = book(folder / "raw.parquet")
    clock.lap("features and exposure")
    publish(clock, retrain(folder, clock, frame), folder)


def history(folder: Path, clock: Clock) -> None:
    """One more vintage after 12 and after 120, as many loans in each; warm, features at hand."""
    import polars as pl

    frame = book(folder / "raw.parquet")
    few = frame.group_by("vintage").len()["len"].min()
    even = frame.filter(pl.int_range(pl.len()).over("vintage") < few)
    watch(clock)
    kept = []
    for months in (12, 12, VINTAGES):  # the first pays for imports and compilation
        mine = even.filter(pl.col("vintage") > NEWEST.replace(year=NEWEST.year - months // 12))
        keep(folder, mine)
        clock.restart()
        loans = retrain(folder, clock, mine).window.loans
        clock.lap("moments, gates")
        kept.append((loans, {name: cpu for name, _, cpu in clock.stages}))
    clock.figures = {"history": kept}


def subset(folder: Path, clock: Clock, draws: int) -> None:
    import exact

    frame = book(folder / "raw.parquet", exact.SPLIT)
    clock.figures = exact.compared(folder / "raw.parquet", frame, SET, draws)


def simulate(folder: Path, _: Clock, loans: int) -> None:
    """A book of 120 growing vintages as raw/loans; the youngest is five months old. Not timed."""
    from creditrisk_assets.raw.intake import read_loans
    from creditrisk_assets.simulation.book import simulate_loans

    file = simulate_loans(
        loans=loans, vintages=VINTAGES, seed=1, out=folder, first_vintage=FIRST, observed_months=5
    ).file
    read_loans([file], (FIRST, NEWEST)).clean.write_parquet(folder / "raw.parquet")
    file.unlink()


SCENARIOS: dict[str, Callable[..., None]] = {
    "simulate": simulate,
    "from nothing": from_nothing,
    "keep": lambda folder, _: keep(folder, book(folder / "raw.parquet")),
    "newest only": newest_only,
    "history": history,
    "subset": subset,
}


def child(name: str, folder: Path, number: int) -> None:
    """Run one scenario and tell its stages and figures as JSON."""
    clock = Clock()
    SCENARIOS[name](folder, clock, *([number] if name in {"simulate", "subset"} else []))
    used = {"megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "cpu": time.process_time()}
    print(json.dumps({"stages": clock.stages, **clock.figures, **used}))


def fresh(name: str, folder: Path, number: int = 0) -> dict[str, Any]:
    """One scenario in a process of its own without kept machine code; `wall` includes the interpreter's start."""
    with tempfile.TemporaryDirectory(prefix="creditrisk-code-") as code:
        start = time.perf_counter()
        command = [sys.executable, "-W", "ignore", __file__, "--run", name, str(folder), "--draws", str(number)]
        keeps = {**os.environ, "NUMBA_CACHE_DIR": code}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=keeps)
        if done.returncode:
            raise SystemExit(f"{name} failed")
    return {**json.loads(done.stdout.splitlines()[-1]), "wall": time.perf_counter() - start}


def report(name: str, told: dict[str, Any], limit: float) -> None:
    """Seconds by stage beside the limit, and what the gates said."""
    print(f"\n{name}: {told['wall']:.1f} s wall (limit {limit:.0f}), {told['cpu']:.1f} CPU s", end=", ")
    print(f"{told['megabytes']:,.0f} MB peak")
    for stage, wall, cpu in told["stages"]:
        if wall >= 0.05:
            print(f"  {stage:<28} {wall:6.2f} s wall {cpu:6.2f} s CPU")
    print(f"  {told['loans']:,} loans tried, {told['defaults']:,} defaults, {told['draws']} draws")
    print(f"  minimum ESS {told['ess_bulk_min']:.0f} bulk, {told['ess_tail_min']:.0f} tail (limit 400)", end=", ")
    print(f"R-hat {told['r_hat_max']:.4f} (limit 1.01), k-hat {told['k_hat']:.2f} (limit 0.67)", end=", ")
    print(f"certificate ESS {told['certificate_ess']:.0f} of {told['certificate_draws']}", end=", ")
    print("passed" if told["passed"] else "FAILED")


def report_history(told: dict[str, Any]) -> None:
    (_, first), (loans, few), (_, many) = told["history"]
    start = sum(first.values()) - sum(few.values())
    print(f"\none more vintage, {loans // 12:,} loans each: CPU s after 12, after {VINTAGES}")
    few, many = ({**one, "start of the process": start} for one in (few, many))
    for stage in few:
        print(f"  {stage:<28} {few[stage]:6.2f} {many[stage]:6.2f}")
    sums = sum(few.values()), sum(many.values())
    print(f"  {'together':<28} {sums[0]:6.2f} {sums[1]:6.2f}   ratio {sums[1] / sums[0]:.2f} (goal 1)")


def main() -> None:
    import exact

    parser = argparse.ArgumentParser()
    parser.add_argument("--loans", type=int, default=2_260_000)
    parser.add_argument("--draws", type=int, default=2_500, help="of each of four chains of exact NUTS")
    parser.add_argument("--skip-nuts", action="store_true")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        child(arguments.run[0], Path(arguments.run[1]), arguments.draws)
        return
    with tempfile.TemporaryDirectory(prefix="creditrisk-bench-") as name:
        folder = Path(name)
        fresh("simulate", folder, arguments.loans)
        report("from nothing", fresh("from nothing", folder), 60)
        fresh("keep", folder)
        report("only the newest vintage new", fresh("newest only", folder), 30)
        report_history(fresh("history", folder))
        exact.report(fresh("subset", folder, 0 if arguments.skip_nuts else arguments.draws))


if __name__ == "__main__":
    main()
