"""One process that materialises loans of a lake: `python ingesting.py ROLE ROOT LOANS VINTAGE [VINTAGE ...]`.

`run` waits for a line before each vintage; `die` says when its data files of raw/loans are written,
and waits to be killed before they are committed.
"""

import sys
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable, WriterProperties, write_deltalake

from creditrisk_assets.contracts import RAW_LOANS
from creditrisk_assets.resources import commit
from creditrisk_assets_tests.resources.writer import files_after, tell
from creditrisk_assets_tests.world import World

ENOUGH = 60_000
"""Rows after which the writer has written files; it buffers fewer."""


def run(world: World, vintages: list[date]) -> None:
    """Materialise vintage after vintage beside another process."""
    tell("ready")
    for vintage in vintages:
        sys.stdin.readline()
        world.run("group:raw or group:features", vintage)
        tell(str(vintage))


def die(world: World, vintages: list[date]) -> None:
    """Write new data files of raw/loans, then wait to be killed before the commit."""
    folder = Path(world.lake.uri(RAW_LOANS))
    before = len(list(folder.rglob("*.parquet")))

    def half(frame: pl.DataFrame) -> Any:
        for _ in range(ENOUGH // frame.height + 1):
            yield from frame.to_arrow().to_batches()
        tell(f"{files_after(before, folder) - before} files")
        sys.stdin.readline()

    def slowly(stored: DeltaTable, frame: pl.DataFrame, **options: Any) -> None:
        import pyarrow as pa

        stream = pa.RecordBatchReader.from_batches(frame.to_arrow().schema, half(frame))
        small = WriterProperties(max_row_group_size=5_000)
        write_deltalake(stored, stream, target_file_size=10_000, writer_properties=small, **options)

    vars(commit)["write_deltalake"] = slowly
    world.run("group:raw or group:features", vintages[0], vintages[-1])


if __name__ == "__main__":
    role, root, loans, *keys = sys.argv[1:]
    {"run": run, "die": die}[role](World(Path(root), loans), [date.fromisoformat(key) for key in keys])
