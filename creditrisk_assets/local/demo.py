"""The whole platform in one command: a book, every stage, one summary, then the UI."""

import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from creditrisk_assets.local import live
from creditrisk_assets.local.home import DemoError, Home, prepare
from creditrisk_assets.local.loopback import LOOPBACK
from creditrisk_assets.local.summary import Summary, render, summarise
from creditrisk_assets.local.supervisor import Supervisor, free_port
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import PROJECT

LOANS, VINTAGES, SEED = 60_000, 36, 7
READY_SECONDS = 120.0

Say = Callable[[str], None]


def quiet() -> None:
    """Leave out Dagster's notes that partitioned checks and single-run backfills may still change."""
    import dagster as dg

    for category in (dg.BetaWarning, dg.PreviewWarning):
        warnings.filterwarnings("ignore", category=category)


class Stopwatch:
    """Seconds by stage, told as they pass."""

    def __init__(self, say: Say) -> None:
        self.seconds: dict[str, float] = {}
        self._say = say

    @contextmanager
    def stage(self, name: str, what: str) -> Iterator[None]:
        """Time one step of the stage `name`."""
        start = time.monotonic()
        yield
        spent = time.monotonic() - start
        self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 2)
        self._say(f"  {name:<10} {what:<48} {spent:6.1f} s")


def run_demo(loans: str | None, once: bool, port: int, say: Say) -> None:
    """Materialise everything from real files (`loans`) or a simulated book; keep the UI up unless `once`."""
    home, watch = Home(), Stopwatch(say)
    quiet()
    say("Credit-risk platform: raw loans -> features -> models -> scores, and a live stream of events")
    found = _book(home, loans, watch)
    summary = _materialise(home, found, watch, say)
    (home.data / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    say(render(summary))
    say(f"Written to {home.data / 'summary.json'}")
    if not once:
        book = None if loans is not None else Path(os.environ["CREDITRISK_LOANS"])
        _serve(home, book, port, watch, say)


def _book(home: Home, loans: str | None, watch: Stopwatch) -> list[date]:
    from creditrisk_assets.raw.intake import months_issued
    from creditrisk_assets.raw.observed import without_strays
    from creditrisk_assets.raw.sources import find_files

    if loans is None:
        from creditrisk_assets.simulation.book import simulate_loans

        with watch.stage("simulate", f"{LOANS:,} loans over {VINTAGES} vintages, known truth"):
            loans = str(simulate_loans(loans=LOANS, vintages=VINTAGES, seed=SEED, out=home.files).file)
    with watch.stage("discover", "vintages in the loan files"):
        files = find_files(loans, home.data / "landing")
        found = without_strays(months_issued(files))
    if not found:
        raise DemoError(f"{loans}: no record has a readable month of issue; nothing to show")
    book = {
        "CREDITRISK_LOANS": str(Path(loans).absolute()),
        "CREDITRISK_LAKE": str(home.lake.absolute()),
        "CREDITRISK_FIRST_VINTAGE": found[0].isoformat(),
        "CREDITRISK_LAST_VINTAGE": found[-1].isoformat(),
    }
    prepare(home, book)
    return found


def _materialise(home: Home, found: list[date], watch: Stopwatch, say: Say) -> Summary:
    import dagster as dg

    from creditrisk_assets.automation import StageError, batch_stages, run_stage
    from creditrisk_assets.definitions import defs

    instance = dg.DagsterInstance.get()
    for stage in batch_stages(found):
        span = stage.first[:7] if stage.first == stage.last else f"{stage.first[:7]} to {stage.last[:7]}"
        with watch.stage(stage.name, f"{span} ({stage.partitions})"):
            try:
                run_stage(stage, defs, instance, say)
            except StageError as error:
                raise DemoError(str(error)) from error
    with watch.stage("compare", "final outcomes, for comparison with publications"):
        summary = summarise(Lake(str(home.lake.absolute())), found)
    return {**summary, "seconds": watch.seconds}


def _serve(home: Home, book: Path | None, port: int, watch: Stopwatch, say: Say) -> None:
    """Keep the platform up: UI, daemon, and a live stream of events from a producer to PostgreSQL."""
    port = free_port(port)
    url = f"http://{LOOPBACK}:{port}"
    with Supervisor(home.data / "logs") as supervisor:
        services = live.start_services(home, supervisor)
        dashboard = live.start_dashboard(supervisor, url)
        if supervisor.wait_until_ready(dashboard, READY_SECONDS):
            say(f"Dashboard: {str(dashboard.url).removesuffix('/_stcore/health')}")
        with watch.stage("behaviour", "what customers do before they default"):
            live.learn_behaviour(home, say)
        if not all(supervisor.wait_until_ready(child, READY_SECONDS) for child in services):
            say("Stopped.")
            return
        web = supervisor.start(
            "dagster-webserver", _dagster("webserver", "-h", LOOPBACK, "-p", str(port)), f"{url}/server_info"
        )
        supervisor.start("dagster-daemon", _dagster("daemon", "run"))
        live.start_producer(supervisor, book)
        say(f"Starting the API, the exporter and the Dagster UI at {url} (Ctrl-C ends everything) ...")
        api, exporter = live.start_api(supervisor), live.start_exporter(supervisor)
        if all(supervisor.wait_until_ready(child, READY_SECONDS) for child in (api, exporter, web)):
            say(f"API: {str(api.url).removesuffix('/healthz')}/openapi.json")
            say(f"Metrics: {str(exporter.url).replace('tcp://', 'http://')}/metrics")
            say(f"Dagster UI: {url}")
            supervisor.watch(live.Counters(say))
        say("Stopping ...")
    say("Stopped.")


def _dagster(name: str, *arguments: str) -> list[str]:
    return [str(Path(sys.executable).parent / f"dagster-{name}"), *arguments, "-w", str(PROJECT / "workspace.yaml")]
