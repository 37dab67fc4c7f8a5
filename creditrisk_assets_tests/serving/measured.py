"""A small platform for the exporter: hand-made tables of the lake, a stream in PostgreSQL, a Dagster that answers."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    ACTIVITY,
    ALL_PURPOSES,
    ALL_TERMS,
    APPLICATIONS,
    MONITORING_DRIFT,
    MONITORING_PERFORMANCE,
    PORTFOLIO_MOVEMENTS,
    PORTFOLIO_TOTALS,
    SCORES_LIVE,
    SERVING_QUARANTINE,
)
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets_tests.serving.scored import NOW, Event, stream

if TYPE_CHECKING:
    from creditrisk_assets.serving.metrics.collector import Read
    from creditrisk_assets_tests.serving.databases import Database
    from creditrisk_assets_tests.streaming.brokers import DevelopmentBroker

MONTHS = [date(2015, month, 1) for month in range(1, 7)]
STATUSES = {"SUCCESS": 7, "FAILURE": 2, "STARTED": 1}


def rows(table: Table, *values: dict[str, Any]) -> pl.DataFrame:
    """Rows of a table with these values, and anything where a value must not be empty."""
    fillers = {column.name: None if column.nullable else _filler(column.dtype) for column in table.columns}
    return pl.DataFrame([fillers | one for one in values], schema=table.schema, orient="row")


def _filler(dtype: Any) -> Any:
    if dtype == pl.List:
        return [1.0]
    if dtype == pl.Datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)
    return {pl.String: "x", pl.Date: MONTHS[0], pl.Boolean: False}.get(dtype, 1)


def quarantine() -> pl.DataFrame:
    return rows(
        SERVING_QUARANTINE,
        {"source": "2015.csv", "reason": "loan_amnt: missing", "rows": 3},
        {"source": "2016.csv", "reason": "loan_amnt: … is not a number", "rows": 4},
        {"source": APPLICATIONS, "reason": "payload.amount: missing", "rows": 5},
        {"source": ACTIVITY, "reason": "not one JSON object", "rows": 6},
    )


def drifted() -> pl.DataFrame:
    """Income drifted long ago, and stands watched in the newest vintages; the score is stable."""
    verdicts = ["drifted", "stable", "stable", "stable", "watch", "stable"]
    income = [
        (month, "annual_income", verdict, 0.1 * n)
        for n, (month, verdict) in enumerate(zip(MONTHS, verdicts, strict=True))
    ]
    score = [(month, "score", "stable", 0.01) for month in MONTHS]
    named = ("vintage", "feature", "verdict", "psi")
    return rows(MONITORING_DRIFT, *(dict(zip(named, one, strict=True)) for one in (*income, *score)))


def performance() -> pl.DataFrame:
    lights = ["green", "green", "amber", "red", None, None]
    return rows(
        MONITORING_PERFORMANCE,
        *(
            {"vintage": month, "light": light, "observed": 10 * n, "expected": 20.0, "alarm": light == "red"}
            for n, (month, light) in enumerate(zip(MONTHS, lights, strict=True))
        ),
    )


def totals() -> pl.DataFrame:
    whole = {"term_months": ALL_TERMS, "purpose": ALL_PURPOSES}
    new = {
        "model_date": MONTHS[1],
        "balance": 900.0,
        "expected_loss_12m": [10.0, 20.0],
        "expected_loss_lifetime": [30.0, 50.0],
    }
    return rows(
        PORTFOLIO_TOTALS,
        whole | {"model_date": MONTHS[0], "balance": 5.0},
        whole | new,
        {"model_date": MONTHS[1], "term_months": 36, "purpose": "car", "balance": 7.0},
    )


def movements() -> pl.DataFrame:
    closing = [{"model_date": MONTHS[1], "stage": n, "movement": "closing", "allowance": 100.0 * n} for n in (1, 2, 3)]
    before = [one | {"model_date": MONTHS[0], "allowance": 1.0} for one in closing]
    opening = [one | {"movement": "opening", "allowance": 2.0} for one in closing]
    return rows(PORTFOLIO_MOVEMENTS, *closing, *before, *opening)


def fill(lake: Lake) -> None:
    """Every table that a metric is read from."""
    for table, frame in (
        (SERVING_QUARANTINE, quarantine()), (MONITORING_DRIFT, drifted()), (MONITORING_PERFORMANCE, performance()),
        (PORTFOLIO_TOTALS, totals()), (PORTFOLIO_MOVEMENTS, movements()),
    ):  # fmt: skip
        lake.overwrite(table, frame, sorted(set(frame[table.partition])) if table.partition else None)
    lake.overwrite(SCORES_LIVE, rows(SCORES_LIVE, {"ingest_day": MONTHS[0]}), [MONTHS[0]])


def flow(database: "Database", seconds: float = 60) -> None:
    """Two micro-batches in the serving tables; `seconds` is the age of the first event when they were applied."""
    from creditrisk_assets.serving.live import apply

    with database.connect() as connection:
        for one in stream(_batches(2, seconds)):
            apply(connection, one.batch, one.scores, NOW)


@contextmanager
def flowing(database: "Database") -> Iterator[None]:
    """After `flow` the stream goes on: a micro-batch every fifth of a second, applied as its runs apply them."""
    from creditrisk_assets.serving.live import apply

    ended = threading.Event()

    def go_on() -> None:
        with database.connect() as connection:
            for one in stream(_batches(400))[2:]:
                apply(connection, one.batch, one.scores, NOW)
                if ended.wait(0.2):
                    return

    with ThreadPoolExecutor(1) as thread:
        work = thread.submit(go_on)
        try:
            yield
        finally:
            ended.set()
        work.result()


def _batches(count: int, seconds: float = 60) -> list[list[Event]]:
    return [[Event(f"s{n}", n % 2 == 0, 100.0 - seconds + n, good=n != 3) for n in range(10)] for _ in range(count)]


def answer(now: float | None = None, **other: Any) -> dict[str, Any]:
    """What Dagster answers: everything well, as of `now` (seconds), with runs of STATUSES."""
    from creditrisk_assets.serving.metrics.orchestration import STATUSES as ASKED

    moment = datetime.now(UTC).timestamp() if now is None else now
    daemons = [
        {"daemonType": "SENSOR", "required": True, "lastHeartbeatTime": moment},
        {"daemonType": "SCHEDULER", "required": True, "lastHeartbeatTime": None},
        {"daemonType": "BACKFILL", "required": False, "lastHeartbeatTime": None},
    ]
    sensors = [
        _sensor("stream_news", "RUNNING", [{"timestamp": moment, "status": "SUCCESS"}]),
        _sensor("alerts", "RUNNING", [{"timestamp": moment, "status": "FAILURE"}]),
        _sensor("landing", "STOPPED", [{"timestamp": 1.0, "status": "FAILURE"}]),
        _sensor("never_ticked", "RUNNING", []),
    ]
    locations = [
        {"locationOrLoadError": {"__typename": "RepositoryLocation", "repositories": [{"sensors": sensors}]}},
        {"locationOrLoadError": {"__typename": "PythonError"}},
        {"locationOrLoadError": None},
    ]
    counts = {status: {"__typename": "Runs", "count": STATUSES.get(status, 0)} for status in ASKED}
    data = counts | {
        "instance": {"daemonHealth": {"allDaemonStatuses": daemons}},
        "workspaceOrError": {"__typename": "Workspace", "locationEntries": locations},
    }
    return {"data": data | other}


def _sensor(name: str, status: str, ticks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name, "minIntervalSeconds": 30, "sensorState": {"status": status, "ticks": ticks}}


@pytest.fixture(scope="session")
def answering_dagster() -> Iterator[str]:
    """Address of a Dagster that answers the question of the exporter."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer()).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@dataclass(frozen=True)
class Measured:
    """A small platform of which every source answers."""

    lake: Lake
    database: "Database"
    broker: "DevelopmentBroker"
    dagster: str

    def sources(self) -> "dict[str, Read]":
        """The sources as the exporter makes them from the settings."""
        from creditrisk_assets.resources.environments import Settings
        from creditrisk_assets.serving.metrics.exporter import sources

        values = Settings(lake=self.lake.root, postgres_url=self.database.url, kafka_bootstrap=self.broker.bootstrap,
                          dagster_url=self.dagster)  # fmt: skip
        return sources(values)


@pytest.fixture
def measured(
    tmp_path: Path, postgres: "Database", development: "DevelopmentBroker", answering_dagster: str
) -> Measured:
    """Every source of the exporter, with a topic of three messages that nobody has read."""
    from creditrisk_assets_tests.streaming.clients import producer
    from creditrisk_assets_tests.streaming.flowing import renewed_topics

    development.ensure()
    renewed_topics(development, partitions=2)
    with producer(development.bootstrap) as sending:
        for _ in range(3):
            sending.send(APPLICATIONS, value=b"{}", partition=0)
        sending.flush()
    lake = Lake(str(tmp_path / "lake"))
    fill(lake)
    flow(postgres)
    return Measured(lake, postgres, development, answering_dagster)
