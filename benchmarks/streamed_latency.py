"""From a message sent to its decision in PostgreSQL, through the running sensor. Used by `stream.py`."""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import streamed
from pydantic import SecretStr

from creditrisk_assets.contracts import ACTIVITY, APPLICATIONS
from creditrisk_assets.local.instance import dagster_yaml
from creditrisk_assets.local.postgres.server import EmbeddedPostgres, PostgresSettings
from creditrisk_assets.local.supervisor import Supervisor
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import PROJECT
from creditrisk_assets.serving.connection import connect, sqlalchemy_url
from creditrisk_assets.streaming.producer import RELIABLE, Message, paced

RATE, SHARE, DRAIN, IDLE, BURST = 50, 5, 60.0, 15.0, 100
"""Events a second, one in five an application; seconds of a run, and until it ends idle; events of a burst."""
BUCKETS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, float("inf"))
POLL, AROUND = 0.005, 5.0
POINTS = {"Started execution of run": "process at work", "caught up, at work": "caught up"}
WITHIN = 120.0


class Seen:
    """When events were seen in serving.decisions, by a reader who looks every few milliseconds."""

    def __init__(self, url: str) -> None:
        self.at: dict[str, float] = {}
        self._url, self._stop = SecretStr(url), threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Seen":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        reached = datetime(1970, 1, 1, tzinfo=UTC)
        with connect("reader", self._url) as connection:
            while not self._stop.is_set():
                row = connection.execute("SELECT ingested_at FROM serving.stream").fetchone()
                if row is not None and row[0] > reached:
                    query = "SELECT event_id FROM serving.decisions WHERE ingested_at > %s AND ingested_at <= %s"
                    found = connection.execute(query, (reached, row[0])).fetchall()
                    now = time.time()
                    self.at.update((event, now) for (event,) in found)
                    reached = row[0]
                self._stop.wait(POLL)

    def wait(self, events: Sequence[str]) -> None:
        """Until all are there."""
        until = time.monotonic() + WITHIN
        while missing := [event for event in events if event not in self.at]:
            assert time.monotonic() < until, f"{len(missing)} events are not visible, {missing[0]} among them"
            time.sleep(0.1)


class Sender:
    """Sends messages and notes when."""

    def __init__(self, bootstrap: str, messages: Iterator[tuple[str, str, Message]]) -> None:
        from kafka import KafkaProducer

        self._producer = KafkaProducer(**RELIABLE, bootstrap_servers=[bootstrap])
        self._messages = messages

    def send(self, count: int, rate: float) -> dict[str, float]:
        """When each event was sent."""
        sent = {}
        for _ in paced(range(count), rate):
            topic, event, message = next(self._messages)
            sent[event] = time.time()
            self._producer.send(topic, message.value, key=message.key)
        self._producer.flush()
        return sent


def mixed(lake: Lake) -> Iterator[tuple[str, str, Message]]:
    """Topic, event id and message: every customer is another, so that every event is decided by itself."""
    who = streamed.customers(lake, 100_000)
    acting = streamed.activity(who, len(who), 3, datetime.now(UTC), in_turn=True)
    applying = streamed.applications(len(who), 3, datetime.now(UTC))
    while True:
        for number in range(SHARE):
            message = next(applying if number == 0 else acting)
            yield (ACTIVITY if number else APPLICATIONS), json.loads(message.value)["event_id"], message


@contextmanager
def daemon(folder: Path, lake: Lake, bootstrap: str, url: str) -> Iterator[None]:
    """Dagster as people run it: the daemon and its code server, history in PostgreSQL."""
    home = folder / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(dagster_yaml(postgres=True))
    ours = {
        "CREDITRISK_DATA": folder, "CREDITRISK_LAKE": lake.root, "CREDITRISK_KAFKA_BOOTSTRAP": bootstrap,
        "CREDITRISK_POSTGRES_URL": sqlalchemy_url(SecretStr(url)), "DAGSTER_HOME": home, "PYTHONWARNINGS": "ignore",
        "CREDITRISK_DRAIN_SECONDS": DRAIN, "CREDITRISK_DRAIN_IDLE_SECONDS": IDLE,
        "PYTHONPYCACHEPREFIX": folder / "pycache",  # compiled once, as in an installation that was started before
    }  # fmt: skip
    os.environ |= {name: str(value) for name, value in ours.items()}
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [str(Path(sys.executable).parent / "dagster-daemon"), "run", "-w", str(PROJECT / "workspace.yaml")]
    with Supervisor(folder / "logs") as supervisor:  # ends the code server as well, which outlives its daemon
        supervisor.start("daemon", command, folder=folder)
        yield


def run(name: str, models: Lake, folder: Path, seconds: float) -> None:
    """Everything on one broker."""
    with (
        streamed.broker(name, folder / "broker") as broker,
        EmbeddedPostgres(PostgresSettings(folder / "postgres", 0)) as postgres,
        streamed.copied(models, folder) as lake,
        Seen(postgres.url()) as seen,
        daemon(folder, lake, broker.bootstrap, postgres.url()),
    ):
        sender = Sender(broker.bootstrap, mixed(models))
        first = sender.send(1, RATE)
        seen.wait(list(first))
        print(f"\n{name} broker: {RATE} events/s for {seconds:.0f} s at load {os.getloadavg()[0]:.1f}", flush=True)
        begun = time.time()
        sent = sender.send(int(RATE * seconds), RATE)
        ended = time.time()
        seen.wait(list(sent))
        report(sent, seen.at)
        hand_overs(begun, ended, sent, seen.at)
        for number in range(3):
            until_idle()
            time.sleep(2 + 3 * number)  # the sensor is somewhere else in its round each time
            load = os.getloadavg()[0]
            sent = sender.send(BURST, 10_000)
            seen.wait(list(sent))
            waits = np.array([seen.at[event] - min(sent.values()) for event in sent])
            print(f"  from idle, at load {load:.1f}: first event of a burst after {waits.min():.1f} s (limit 8)")
            print(f"    the last of {BURST} after {waits.max():.1f} s; {told_of_start(min(sent.values()))}", flush=True)


def report(sent: dict[str, float], seen: dict[str, float]) -> None:
    """Quantiles beside their limits, and the histogram."""
    waits = np.array([seen[event] - when for event, when in sent.items()])
    middle, late, last = np.quantile(waits, [0.5, 0.95, 0.99])
    print(f"  {len(waits):,} events: p50 {middle:.3f} s (limit 0.5), p95 {late:.3f} s (limit 2), p99 {last:.3f} s, "
          f"max {waits.max():.3f} s; load {os.getloadavg()[0]:.1f}")  # fmt: skip
    counts = np.bincount(np.searchsorted(BUCKETS, waits), minlength=len(BUCKETS))
    for bound, count in zip(BUCKETS, counts, strict=True):
        print(f"    up to {bound:5.2f} s {count:7,}  {'#' * round(60 * count / counts.max())}")


def _runs() -> list[Any]:
    """Records of the drain runs, newest first."""
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        return list(instance.get_run_records(dg.RunsFilter(job_name="drain_stream"), limit=100))


def hand_overs(begun: float, ended: float, sent: dict[str, float], seen: dict[str, float]) -> None:
    """How often a run took over from another while events came, and how late those were that came just then."""
    found = [_points(one) for one in _runs()]
    starts = sorted(points["caught up"] for points in found if begun < points.get("caught up", 0) < ended)
    times, waits = np.array(list(sent.values())), np.array([seen[event] - when for event, when in sent.items()])
    just_then = np.zeros(times.shape, np.bool_)
    for start in starts:
        just_then |= (times > start - AROUND) & (times < start + AROUND)
    print(f"  {len(starts)} hand-overs from run to run; events within {AROUND:.0f} s of one and others:", flush=True)
    for what, which in (("then", just_then), ("others", ~just_then)):
        if which.any():
            middle, late = np.quantile(waits[which], [0.5, 0.95])
            print(
                f"    {what:<8} {which.sum():6,}  p50 {middle:.3f} s, p95 {late:.3f} s, max {waits[which].max():.3f} s"
            )


def until_idle() -> None:
    """Until no run is at work."""
    until = time.monotonic() + 2 * WITHIN
    while not all(one.dagster_run.is_finished for one in _runs()):
        assert time.monotonic() < until, "a run does not end"
        time.sleep(0.5)


def _points(record: Any) -> dict[str, float]:
    """Moments of a run: asked for, process at work, caught up with what was there."""
    import dagster as dg

    points = {"asked for": record.create_timestamp.timestamp()}
    with dg.DagsterInstance.get() as instance:
        for entry in instance.all_logs(record.dagster_run.run_id):
            for message, point in (
                ("Started execution of run", "process at work"),
                ("caught up, at work", "caught up"),
            ):
                if message in str(entry.user_message):
                    points[point] = entry.timestamp
    return points


def told_of_start(burst: float) -> str:
    """What the first seconds of the newest run were, from the burst on."""
    return ", ".join(f"{what} after {when - burst:.1f} s" for what, when in _points(_runs()[0]).items())


if __name__ == "__main__":
    print("part of benchmarks/stream.py: nothing to measure alone")
