"""The dashboard over two million loans: CPU a rerun, waiting with twenty users, cold start, memory.

Usage: python benchmarks/dashboard.py [--loans N] [--users U] [--think S] [--reruns R] [--lake FOLDER]. Prints ours,
ours with streamlit's default settings, and the usual way of writing it. Limits: p95 below 50 ms, a fifth of the CPU
of the usual way, first figure within 4 s of a cold start, memory that stays.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import enlarged
import numpy as np
from visitors import Run, Server, serving

from creditrisk_assets.local.supervisor import Supervisor

ROOT = Path(__file__).parent.parent
LIMIT, TIMES, COLD = 50.0, 5.0, 4.0
DEFAULTS = {"STREAMLIT_RUNNER_POST_SCRIPT_GC": "true", "STREAMLIT_RUNNER_MAGIC_ENABLED": "true"}


@dataclass(frozen=True)
class Variant:
    """A dashboard and the settings of its server."""

    name: str
    script: Path
    environment: dict[str, str]


def variants(lake: str) -> list[Variant]:
    where = {"CREDITRISK_LAKE": lake, "CREDITRISK_DAGSTER_URL": "http://127.0.0.1:9"}
    ours = ROOT / "dashboard" / "server.py"
    return [
        Variant("ours", ours, where),
        Variant("ours, default settings", ROOT / "dashboard" / "app.py", where | DEFAULTS),
        Variant("the usual way", Path(__file__).with_name("usual_dashboard.py"), where),
    ]


def quantiles(runs: list[Run]) -> tuple[float, float]:
    waited = np.array([run.milliseconds for run in runs])
    return float(np.quantile(waited, 0.5)), float(np.quantile(waited, 0.95))


def measured(server: Server, queries: list[str], reruns: int, users: int, think: float) -> tuple[float, ...]:
    """CPU ms a rerun of one visitor; p50 and p95 of that one; the same of many with pauses."""
    server.visit("", queries, 1, 5)
    before = server.processor
    alone = server.visit("", queries, 1, reruns)
    spent = (server.processor - before) / reruns * 1e3
    many = server.visit("", queries, users, max(5, reruns // users), think)
    return (spent, *quantiles(alone), *quantiles(many))


def cold(supervisor: Supervisor, variant: Variant, queries: list[str]) -> float:
    """Seconds from the start of the process to the first page drawn whole."""
    begin = time.perf_counter()
    with serving(supervisor, "cold", command(variant), variant.environment) as server:
        server.visit("", queries, 1, 0)
        return time.perf_counter() - begin


def command(variant: Variant) -> list[str]:
    where = ["--server.address", "127.0.0.1", "--server.port", "PORT", "--server.headless", "true"]
    return [sys.executable, "-m", "streamlit", "run", str(variant.script), *where]


def memory(supervisor: Supervisor, variant: Variant, queries: list[str], reruns: int) -> tuple[float, float, float]:
    """Resident megabytes after the first reruns, halfway and at the end of many."""
    with serving(supervisor, "memory", command(variant), variant.environment) as server:
        held = []
        for _ in range(3):
            server.visit("", queries, 10, reruns // 20)
            held.append(server.megabytes)
    return held[0], held[1], held[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loans", type=int, default=2_000_000)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--think", type=float, default=2.0)
    parser.add_argument("--reruns", type=int, default=200)
    parser.add_argument("--lake", help="A folder with such a lake; made there when it is empty.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, Supervisor(Path(scratch) / "logs") as supervisor:
        lake = enlarged.lake(Path(asked.lake or scratch) / "lake", asked.loans)
        compare(supervisor, lake, asked)


def compare(supervisor: Supervisor, lake: str, asked: argparse.Namespace) -> None:
    queries = [f"from={month}" for month in enlarged.months(lake)[:24]]
    found = variants(lake)
    begins = [cold(supervisor, found[0], queries) for _ in range(3)]
    print(f"cold start to the first page: {', '.join(f'{one:.1f}' for one in begins)} s (limit {COLD:.0f})")
    heads = ("CPU ms a rerun", "one: p50 ms", "p95", f"{asked.users} users: p50", "p95")
    print(f"{'':<24}" + "".join(f"{head:>16}" for head in heads))
    spent = {}
    for variant in found:
        reruns = asked.reruns if variant is not found[-1] else asked.reruns // 5
        with serving(supervisor, variant.script.stem, command(variant), variant.environment) as server:
            figures = measured(server, queries, reruns, asked.users, asked.think)
        spent[variant.name] = figures[0]
        print(f"{variant.name:<24}" + "".join(f"{figure:>16.1f}" for figure in figures))
    ours = spent["ours"]
    for name in list(spent)[1:]:
        print(f"{name}: {spent[name] / ours:.1f} times the CPU of ours (goal {TIMES:.0f})")
    print(f"limit of p95 with {asked.users} users: {LIMIT:.0f} ms")
    held = memory(supervisor, found[0], queries, 1_000)
    print("memory after 500, 1,000 and 1,500 reruns: " + ", ".join(f"{one:.0f} MB" for one in held))


if __name__ == "__main__":
    main()
