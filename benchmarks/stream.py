"""The stream end to end: events/s and CPU by stage beside a row-wise consumer; and how soon scores are visible.

Usage: python benchmarks/stream.py [--broker development|apache|both] [--activity N] [--applications N]
[--customers N] [--rows N] [--row-wise N] [--lake FOLDER], or [--latency [--seconds S]] through the running sensor.
Limits: 50,000 events/s of some 300 bytes, and 150 times the row-wise consumer on applications of 4 kB.
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import row_wise
import streamed
from pydantic import SecretStr

from creditrisk_assets.contracts import ACTIVITY, APPLICATIONS, SCORES_LIVE
from creditrisk_assets.local.postgres.server import EmbeddedPostgres, PostgresSettings
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.streaming.assembly import assembled
from creditrisk_assets.streaming.offsets import Caps
from creditrisk_assets.streaming.pipeline import Pipeline
from creditrisk_assets.streaming.producer import Message, send

GOAL, TIMES = 50_000, 150
ROUNDS, WARM_UP = 3, 1_000
"""Of applications, each beside the row-wise consumer: one reading of either may be off by a fifth; events."""
STAGES = {
    "after_plan": "plan", "after_fetch": "fetch", "after_decode": "decode", "after_commit": "raw/events",
    "after_features": "derive, features/behaviour", "after_scores": "scores/live", "after_postgres": "PostgreSQL",
    "between": "between micro-batches",
}  # fmt: skip
"""By the named point at which each ends."""


class Meter:
    """CPU and wall seconds by stage of this process, in which a thread of its own serves PostgreSQL."""

    def __init__(self) -> None:
        self.thread: int | None = None
        self.clear()

    def clear(self) -> None:
        self.cpu, self.wall = (dict.fromkeys(STAGES, 0.0) for _ in range(2))
        self.began = self.served = self._now()

    def _now(self) -> tuple[float, float]:
        """CPU of all threads but that of PostgreSQL, and the clock."""
        return time.process_time() - self._serving(), time.perf_counter()

    def _serving(self) -> float:
        return 0.0 if self.thread is None else time.clock_gettime(self.thread)

    def at(self, point: str) -> None:
        """Told by the pipeline."""
        if point == "before_postgres":
            self.thread = time.pthread_getcpuclockid(threading.get_ident())
            self.served = self._serving(), time.perf_counter()
        elif point == "after_postgres":
            self._add(point, self.served, (self._serving(), time.perf_counter()))
        else:
            now = self._now()
            self._add(point, self.began, now)
            self.began = now

    def _add(self, point: str, begin: tuple[float, float], end: tuple[float, float]) -> None:
        self.cpu[point] += end[0] - begin[0]
        self.wall[point] += end[1] - begin[1]


@dataclass(frozen=True)
class Place:
    """A broker, a PostgreSQL and a lake of their own."""

    lake: Lake
    bootstrap: str
    postgres: EmbeddedPostgres
    broker: int

    @property
    def settings(self) -> Settings:
        return Settings(kafka_bootstrap=self.bootstrap, postgres_url=SecretStr(self.postgres.url()))

    def send(self, topic: str, messages: Iterable[Message]) -> None:
        send({"bootstrap_servers": [self.bootstrap]}, topic, messages)


def measured(place: Place, topic: str, few: Iterable[Message], many: Iterable[Message], rows: int) -> dict[str, Any]:
    """Seconds and events of everything in the topic, after a few messages that warm the process up."""
    meter = Meter()
    place.send(topic, few)
    with assembled(place.lake, place.settings, Caps(rows=rows), meter.at) as pipeline:
        drained(pipeline, meter)
        place.send(topic, many)
        meter.clear()
        servers = streamed.cpu_seconds(place.postgres.pid), streamed.cpu_seconds(place.broker)
        cpu, wall, load = time.process_time(), time.perf_counter(), os.getloadavg()[0]
        events, decisions, batches = drained(pipeline, meter)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        told = {"events": events, "decisions": decisions, "batches": batches, "wall": wall, "cpu": cpu, "load": load}
    return told | {
        "stages": [(STAGES[point], meter.cpu[point], meter.wall[point]) for point in STAGES],
        "postgres": streamed.cpu_seconds(place.postgres.pid) - servers[0],
        "broker": streamed.cpu_seconds(place.broker) - servers[1],
    }


def drained(pipeline: Pipeline, meter: Meter) -> tuple[int, int, int]:
    """(good events, rows of scores/live, micro-batches) of everything there is."""
    events = decisions = batches = 0
    pipeline.catch_up()
    while (step := pipeline.step()) is not None:
        meter.at("between")
        assert step.taken.bad == 0
        events, decisions, batches = events + step.taken.good, decisions + step.derived.scores.height, batches + 1
    pipeline.finish()
    meter.at("between")
    return events, decisions, batches


def report(what: str, told: dict[str, Any]) -> float:
    """Print; events/s."""
    events, rate = told["events"], told["events"] / told["wall"]
    print(f"{what}: {events:,} events, {told['decisions']:,} decisions in {told['batches']} micro-batches")
    print(f"  {rate:,.0f} events/s at load {told['load']:.1f}; CPU µs an event: "
          f"{told['cpu'] / events * 1e6:.1f} ours, {told['postgres'] / events * 1e6:.1f} PostgreSQL's, "
          f"{told['broker'] / events * 1e6:.1f} the broker's")  # fmt: skip
    for stage, cpu, wall in told["stages"]:
        beside = "  beside the others" if stage == "PostgreSQL" else ""
        print(f"    {stage:<28}{cpu / events * 1e6:8.2f} µs CPU {wall / events * 1e6:8.2f} µs wall{beside}")
    return rate


def run(name: str, models: Lake, folder: Path, asked: argparse.Namespace) -> None:
    """Everything on one broker."""
    now, who = datetime.now(UTC), streamed.customers(models, asked.customers)
    with (
        streamed.broker(name, folder / "broker") as broker,
        EmbeddedPostgres(PostgresSettings(folder / "postgres", 0)) as postgres,
        streamed.copied(models, folder) as lake,
    ):
        place = Place(lake, broker.bootstrap, postgres, streamed.pid_of(broker))
        print(f"\n{name} broker")
        acted = measured(
            place, ACTIVITY, streamed.activity(who, WARM_UP, 1, now), streamed.activity(who, asked.activity, 2, now),
            asked.rows,
        )  # fmt: skip
        rate = report(f"activity of {asked.customers:,} customers", acted)
        print(f"  limit {GOAL:,} events/s, ratio {rate / GOAL:.2f}")
        rounds = [beside_row_wise(place, number, now, asked) for number in range(ROUNDS)]
        assert_everything(place, asked)
        rate, cpu = (statistics.median(found) for found in zip(*rounds, strict=True))
        print(f"median of {ROUNDS} rounds: ours {rate:,.0f} times the events/s, {cpu:,.0f} times by CPU; "
              f"limit {TIMES} times")  # fmt: skip


def beside_row_wise(place: Place, number: int, now: datetime, asked: argparse.Namespace) -> tuple[float, float]:
    """How many times the events/s of the row-wise consumer, and of its CPU; on applications of their own."""
    few = streamed.applications(WARM_UP, 100 + number, now)
    many = streamed.applications(asked.applications, 200 + number, now)
    applied = measured(place, APPLICATIONS, few, many, asked.rows)
    rate = report(f"applications, {'the real ones' if streamed.REAL.exists() else 'simulated'}", applied)
    wall, cpu = row_wise.consumed(place.bootstrap, place.postgres.url(), streamed.rows(), asked.row_wise)
    print(f"row-wise consumer: {1 / wall:,.0f} events/s, {cpu * 1e6:,.0f} µs CPU an event")
    return rate * wall, cpu / (applied["cpu"] / applied["events"])


def assert_everything(place: Place, asked: argparse.Namespace) -> None:
    """Lake and PostgreSQL hold every event once."""
    from creditrisk_assets.serving.connection import connect
    from creditrisk_assets.streaming.events import Events

    events = Events(place.lake)
    taken = sum(at.next for at in events.positions(events.places((ACTIVITY, APPLICATIONS))).values())
    assert taken == asked.activity + WARM_UP + ROUNDS * (asked.applications + WARM_UP)
    with connect("reader", place.settings.postgres_url) as connection:
        found = connection.execute("SELECT count(*) FROM serving.decisions").fetchone()
    assert found == (place.lake.scan(SCORES_LIVE).collect().height,)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", choices=("development", "apache", "both"), default="development")
    parser.add_argument("--activity", type=int, default=500_000, help="events of some 300 bytes")
    parser.add_argument("--applications", type=int, default=100_000, help="events of 4 kB")
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--rows", type=int, default=500_000, help="most of a micro-batch")
    parser.add_argument("--row-wise", type=int, default=300, help="events of the row-wise consumer")
    parser.add_argument("--lake", type=Path, help="keeps the models from run to run")
    parser.add_argument("--latency", action="store_true", help="through the running sensor instead")
    parser.add_argument("--seconds", type=float, default=300.0, help="of --latency")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="creditrisk-bench-") as name:
        models = streamed.lake_in((asked.lake or Path(name) / "models").absolute())
        for broker in ("development", "apache") if asked.broker == "both" else (asked.broker,):
            folder = Path(name) / broker
            folder.mkdir()
            if asked.latency:
                import streamed_latency

                streamed_latency.run(broker, models, folder, asked.seconds)
            else:
                run(broker, models, folder, asked)


if __name__ == "__main__":
    main()
