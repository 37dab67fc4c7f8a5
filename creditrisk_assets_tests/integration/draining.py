"""The hot path as a process to be killed: where it dies, and what it does until then."""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from pydantic import SecretStr

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.serving import live
from creditrisk_assets.streaming import store, upkeep
from creditrisk_assets.streaming.assembly import assembled
from creditrisk_assets.streaming.drain import Limits, drain
from creditrisk_assets.streaming.offsets import Caps
from creditrisk_assets.streaming.pipeline import Pipeline
from creditrisk_assets_tests.streaming.taking import half_written

WRITTEN = {"events_written": "after_decode", "features_written": "after_commit", "scores_written": "after_features"}
"""Files are there and not committed: the point from which the next write is the one."""
MERGING = ("merge_written", "merge_committed", "merge_vacuumed")
POINTS = (
    "after_fetch", "events_written", "after_commit", "after_features", "scores_written", "after_scores",
    "before_postgres", "inside_postgres", "after_postgres", "merge_written", "merge_committed",
    "merge_vacuumed", "after_plan", "after_decode", "features_written",
)  # fmt: skip
"""Where a process can be killed; a short campaign comes to the first of them."""


@dataclass(frozen=True)
class Orders:
    """Where to die (one of POINTS, or nowhere), after that many micro-batches; seconds without news that end it."""

    die_at: str | None = None
    batches: int = 1
    idle: float = 600.0
    rows: int = 400


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def deadly(orders: Orders) -> Callable[[str], None]:
    """What is told of the points, and dies at the one ordered."""
    count, armed = 0, False

    def at(point: str) -> None:
        nonlocal count, armed
        count += point == "after_plan"
        if count < orders.batches:
            return
        if point == orders.die_at:
            die()
        if orders.die_at in WRITTEN and point == WRITTEN[orders.die_at] and not armed:
            armed = True
            vars(store)["write_deltalake"] = half_written(die)
        if orders.die_at == "inside_postgres" and point == "before_postgres" and not armed:
            armed = True
            _then(vars(live), "_store")

    return at


def _then(names: Any, name: str) -> None:
    """Die once that function has done its work."""
    work = names[name]

    def working(*arguments: Any, **options: Any) -> Any:
        work(*arguments, **options)
        die()

    names[name] = working


def _merge(pipeline: Pipeline, orders: Orders) -> None:
    """Merge the files of all tables after a few micro-batches, and die at it."""
    pipeline.catch_up()
    taken = 0
    while taken < orders.batches + 2:
        taken += pipeline.step() is not None
    if orders.die_at == "merge_written":
        _then(vars(upkeep), "_written")
    elif orders.die_at == "merge_committed":
        vars(upkeep)["_vacuumed"] = lambda *_: die()
    else:
        DeltaTable.create_checkpoint = lambda table: die()  # type: ignore[method-assign]
    tables = [pipeline.intake.events, pipeline.features, pipeline.scores]
    first = orders.batches % 3
    for table in tables[first:] + tables[:first]:
        upkeep.upkeep(table, fewest=2)


def work(lake: str, bootstrap: str, postgres: str, log: str, orders: Orders, told: Connection) -> None:
    """Drain until the stream is idle, or to the point of death; `told` is sent what was done."""
    with Path(log).open("ab", buffering=0) as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    values = Settings(_env_file=None, lake=lake, kafka_bootstrap=bootstrap, postgres_url=SecretStr(postgres))
    with assembled(Lake(lake), values, Caps(rows=orders.rows), deadly(orders)) as pipeline:
        if orders.die_at in MERGING:
            _merge(pipeline, orders)
        done = drain(pipeline, Limits(3600, orders.idle, 0.0), lambda progress, elapsed: None)
    told.send({"reason": done.reason, "rows": done.total.rows, "batches": done.total.batches})
