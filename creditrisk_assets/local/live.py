"""The live part of the demo: PostgreSQL, broker, a producer of events, and what has come of them."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from creditrisk_assets.contracts import TOPICS
from creditrisk_assets.local.home import Home, note
from creditrisk_assets.local.loopback import LOOPBACK
from creditrisk_assets.local.supervisor import Child, Supervisor, free_port
from creditrisk_assets.serving.errors import ServingUnavailableError

Say = Callable[[str], None]

DAGSTER_URL, OFFICER = "CREDITRISK_DAGSTER_URL", "CREDITRISK_DASHBOARD_OFFICER"
KAFKA, POSTGRES = "CREDITRISK_KAFKA_BOOTSTRAP", "CREDITRISK_POSTGRES_URL"
PARTITIONS = 4
RATE, CUSTOMERS, SEED = 20, 500, 11
HISTORY = 12_000
"""Customers of the simulated history that the behaviour model learns from."""
EVERY = 10.0
"""Seconds from one line of counters to the next."""


def program(*arguments: str) -> list[str]:
    """A verb of this platform as a command."""
    return [str(Path(sys.executable).parent / "creditrisk"), *arguments]


def start_services(home: Home, supervisor: Supervisor) -> list[Child]:
    """PostgreSQL and the development broker, unless the environment names others; they may not answer yet."""
    children = []
    if not os.environ.get(POSTGRES):
        from creditrisk_assets.local.postgres.server import EmbeddedPostgres, PostgresSettings

        port, data = free_port(5433), home.data / "postgres"
        note({POSTGRES: EmbeddedPostgres(PostgresSettings(data, port)).url()})
        command = program("postgres", "--port", str(port), "--data", str(data))
        children.append(supervisor.start("postgres", command, f"tcp://{LOOPBACK}:{port}"))
    if not os.environ.get(KAFKA):
        port = free_port(9092)
        note({KAFKA: f"{LOOPBACK}:{port}"})
        topics = [part for topic in TOPICS for part in ("--topic", f"{topic}:{PARTITIONS}")]
        command = program("broker", "--port", str(port), "--data", str(home.data / "broker"), *topics)
        children.append(supervisor.start("broker", command, f"tcp://{LOOPBACK}:{port}"))
    return children


def start_dashboard(supervisor: Supervisor, dagster_url: str) -> Child:
    """The dashboard over the demo's lake; whoever opens it may override decisions, under the name of demo."""
    port = free_port(8501)
    note({DAGSTER_URL: dagster_url, OFFICER: "demo"})
    command = program("dashboard", "--port", str(port))
    return supervisor.start("dashboard", command, f"http://{LOOPBACK}:{port}/_stcore/health")


def start_api(supervisor: Supervisor) -> Child:
    """The scoring API; it answers whether or not there is a model to score by."""
    port = free_port(8600)
    return supervisor.start("api", program("api", "--port", str(port)), f"http://{LOOPBACK}:{port}/healthz")


def start_exporter(supervisor: Supervisor) -> Child:
    """What Prometheus reads."""
    port = free_port(9108)
    return supervisor.start("exporter", program("exporter", "--port", str(port)), f"tcp://{LOOPBACK}:{port}")


def start_producer(supervisor: Supervisor, book: Path | None) -> Child:
    """A living book that sends applications and activity, bad, repeated and late messages among them."""
    mishaps = ["--poison", "0.01", "--duplicates", "0.01", "--late", "0.01"]
    # Customers of the demo's book have applied already; others do now.
    known = ["--book", str(book), "--applications", "0.1"] if book is not None else []
    asked = ["--rate", str(RATE), "--customers", str(CUSTOMERS), "--seed", str(SEED), "--backlog", "6"]
    return supervisor.start("producer", program("simulate", "events", *asked, *mishaps, *known))


def learn_behaviour(home: Home, say: Say) -> None:
    """Simulate a history of customers and learn from it what they do before they default."""
    import dagster as dg

    from creditrisk_assets.automation import QUIET
    from creditrisk_assets.automation import learn_behaviour as job
    from creditrisk_assets.definitions import defs
    from creditrisk_assets.simulation.history import simulate_history

    folder = home.files / "history"
    simulate_history(customers=HISTORY, seed=SEED, out=folder)
    note({"CREDITRISK_HISTORY": str(folder.absolute())})
    run = defs.resolve_job_def(job.name)
    done = run.execute_in_process(instance=dg.DagsterInstance.get(), run_config=QUIET, raise_on_error=False)
    if not done.success:
        say("The behaviour model failed its gates: what customers do is counted, and leaves their PD as it was")


@dataclass
class Counters:
    """One line every few seconds: events, quarantine, decisions, latency, as PostgreSQL has them."""

    say: Say
    _next: float = 0.0
    _events: int = 0

    def __call__(self) -> None:
        """Say how things are, when it is time."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY
        try:
            line = self._line()
        except ServingUnavailableError as error:
            line = f"Live: {error}"
        if line is not None:
            self.say(line)

    def _line(self) -> str | None:
        from creditrisk_assets.serving import reading
        from creditrisk_assets.serving.connection import connect

        with connect("reader") as connection:
            counted, waited, stream = (read(connection) for read in (reading.counters, reading.latency, reading.stream))
        events = int(counted["events"].sum())
        if not events:
            return "Live: waiting for the first events"
        rate, self._events = (events - self._events) / EVERY if self._events else None, events
        soon = int(waited.filter(waited["at_most"] <= 0.5)["events"].sum()) / max(1, int(waited["events"].sum()))
        pace = f"{rate:.0f}/s, " if rate is not None else ""
        return (
            f"Live: {events:,} events ({pace}{int(counted['bad'].sum()):,} in quarantine), "
            f"{int(stream['decisions'].sum()):,} decisions, {soon:.0%} visible within half a second"
        )
