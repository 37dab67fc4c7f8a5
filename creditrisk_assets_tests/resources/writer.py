"""One process of the tests in which several write at once, or one dies: `python writer.py ROLE ROOT [MONTH]`.

It prints a line when it has reached the point its parent waits for.
"""

import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from deltalake import DeltaTable, WriterProperties, write_deltalake

from creditrisk_assets.resources import commit
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets_tests.resources.books import JANUARY, LOANS, VINTAGES, ledger, loans, run

ROUNDS = 4


def tell(line: str) -> None:
    """Say where this process is, to its parent."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def race(root: str, month: int) -> None:
    """Materialize one vintage of two tables again and again, beside another process with another vintage."""
    vintage = date(2016, month, 1)

    @dg.multi_asset(
        partitions_def=VINTAGES,
        outs={"loans": dg.AssetOut(key=["raw", "loans"]), "ledger": dg.AssetOut(key=["raw", "loans_ledger"])},
    )
    def both() -> tuple[pl.DataFrame, pl.DataFrame]:
        return loans(vintage), ledger((vintage, "a", month), (None, "a", 1), (None, "b", 2))

    tell("ready")
    sys.stdin.readline()
    for _ in range(ROUNDS):
        run([both], root, key=vintage.isoformat())


def files_after(count: int, folder: Path) -> int:
    """Number of data files once there are more than `count`; the writer may lag behind what it was handed."""
    deadline = time.monotonic() + 30
    while (found := len(list(folder.rglob("*.parquet")))) <= count and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def die(root: str) -> None:
    """Write data files of a new January, then wait to be killed before the commit."""
    rows = loans(JANUARY, each=200_000, amount=666.0)

    def half() -> Iterator[pl.DataFrame]:
        for number in range(20):
            yield rows.slice(number * 10_000, 10_000)
        tell(f"{files_after(2, Path(Lake(root).uri(LOANS)))} files")
        sys.stdin.readline()

    def slowly(stored: DeltaTable, frame: pl.DataFrame, **options: Any) -> None:
        import pyarrow as pa

        schema = pl.DataFrame(schema=frame.schema).to_arrow().schema
        batches = (batch for part in half() for batch in part.to_arrow().cast(schema).to_batches())
        stream = pa.RecordBatchReader.from_batches(schema, batches)
        small = WriterProperties(max_row_group_size=5_000)
        write_deltalake(stored, stream, target_file_size=10_000, writer_properties=small, **options)

    vars(commit)["write_deltalake"] = slowly
    Lake(root).overwrite(LOANS, rows, [JANUARY])


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["race", root, month]:
            race(root, int(month))
        case ["die", root]:
            die(root)
