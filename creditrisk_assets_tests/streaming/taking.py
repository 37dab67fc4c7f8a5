"""An intake for the tests, and as a process to be killed: `python taking.py '{"bootstrap": …, "die_at": …}'`.

Its messages are text; one that begins with `bad` goes into quarantine. No topic has to have the platform's name.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import WriterProperties

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming import store
from creditrisk_assets.streaming.consume import Intake
from creditrisk_assets.streaming.decoding import EVENT_SCHEMA
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.log import Log
from creditrisk_assets.streaming.offsets import Caps

DEADLY = ("after_plan", "after_fetch", "after_decode", "after_write", "after_commit")


@dataclass(frozen=True)
class Read:
    """What the decoder of the tests returns."""

    events: pl.DataFrame


def as_text(topic: str, values: Sequence[bytes | None], times: pl.Series, bad: bytes = b"bad") -> Read:
    """Every message that does not begin with `bad` is good; a tombstone is bad, too."""
    assert len(values) == len(times)
    fault = [value is None or value.startswith(bad) for value in values]
    pairs = list(zip(values, fault, strict=True))
    empty = {name: pl.repeat(None, len(values), dtype=dtype, eager=True) for name, dtype in EVENT_SCHEMA.items()}
    own = {
        "value": [None if wrong or value is None else value.decode() for value, wrong in pairs],
        "error": ["it says so itself" if wrong else None for wrong in fault],
        "raw": [value if wrong else None for value, wrong in pairs],
    }
    return Read(pl.DataFrame(empty | own, schema=EVENT_SCHEMA))


def fixed(topic: str, values: Sequence[bytes | None], times: pl.Series) -> Read:
    """The decoder after a fix: only what begins with `bad for ever` is still bad."""
    return as_text(topic, values, times, b"bad for ever")


def intake(bootstrap: str, lake: Lake, *topics: str, caps: Caps | None = None, patience: float = 10) -> Intake:
    """An intake into a lake; the caller closes its log."""
    log = Log({"bootstrap_servers": bootstrap}, topics, patience=patience)
    return Intake(log, Events(lake, patience=patience), as_text, caps or Caps())


def drain(one: Intake) -> list[Any]:
    """Take until there is nothing more; what was taken."""
    found = []
    while (taken := one.take()).batch is not None:
        found.append(taken)
    return found


def rows(lake: Lake) -> pl.DataFrame:
    """Everything in raw/events, in the order of places."""
    events = Events(lake)
    frames = [batch.frame for batch in events.after(None)]
    return pl.concat(frames).sort("topic", "epoch", "partition", "offset", "replayed")


def offsets(lake: Lake, topic: str, partition: int = 0, epoch: int = 0) -> list[int]:
    """Offsets of a partition in raw/events, in order."""
    own = rows(lake).filter(topic=topic, partition=partition, epoch=epoch, replayed=False)
    return own["offset"].to_list()


def half_written(die: Any) -> Any:
    """Delta's writer, which dies when its files are there and before they are committed."""
    import pyarrow as pa

    write = store.write_deltalake

    def writing(table: Any, frame: pl.DataFrame, **options: Any) -> None:
        folder = Path(table.table_uri.removeprefix("file://"))
        before = len(list(folder.rglob("*.parquet")))

        def batches() -> Iterator[pa.RecordBatch]:
            for _ in range(10_000):  # a file is full long before, and written while the next rows come
                yield from frame.to_arrow().to_batches()
                if len(list(folder.rglob("*.parquet"))) > before:
                    break
            die()

        reader = pa.RecordBatchReader.from_batches(frame.to_arrow().schema, batches())
        options["writer_properties"] = WriterProperties(max_row_group_size=100)
        write(table, reader, target_file_size=1_000, **options)

    return writing


def main(bootstrap: str, lake: str, topics: list[str], die_at: str, batches: int, rows_at_once: int) -> None:
    """Take micro-batches; kill oneself at a point of the micro-batch of a number, if there is such a point."""
    count = 0

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def at(point: str) -> None:
        nonlocal count
        count += point == "after_plan"
        if count != batches:
            return
        if point == die_at:
            die()
        if die_at == "after_write" and point == "after_decode":
            vars(store)["write_deltalake"] = half_written(die)

    one = intake(bootstrap, Lake(lake), *topics, caps=Caps(rows=rows_at_once))
    one.at = at
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    with one.log:
        drain(one)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
