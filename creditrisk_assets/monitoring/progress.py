"""How far the vintages came, read from the loan files and the logs of the tables."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from creditrisk_assets.contracts import MODELS_POSTERIOR, RAW_LOANS_LEDGER, SCORES_LINEAGE
from creditrisk_assets.monitoring.freshness import STEPS, Progress
from creditrisk_assets.monitoring.written import partitions_of, written
from creditrisk_assets.raw.intake import months_issued
from creditrisk_assets.raw.observed import without_strays
from creditrisk_assets.resources.delta import Lake

MEMORY = "monitoring/months_issued.json"
Months = dict[str, dict[str, int]]
"""Records by month of issue, by file as it was: path, time and size."""

INSTANT = pl.Datetime("us", "UTC")


def known_vintages(
    files: Sequence[Path], book: tuple[date, date], remembered: Months | None = None
) -> tuple[pl.DataFrame, Months]:
    """The vintages of the book that the files hold, and when the newest file that holds each arrived; and the months.

    Only the month of issue is read, and only of files that are not `remembered` as they are now: pass what the last
    call returned. A month that is a slip of the pen is no vintage. Raises SourceError for a file that cannot be read.
    """
    months: Months = {}
    parts = [pl.DataFrame(schema={"month": pl.Date, "records": pl.Int64, "known_at": INSTANT})]
    for path in files:
        stat = path.stat()
        stamp = f"{path}:{stat.st_mtime_ns}:{stat.st_size}"
        found = (remembered or {}).get(stamp)
        months[stamp] = found if found is not None else _months_of(path)
        issued = [(date.fromisoformat(month), records) for month, records in months[stamp].items()]
        arrived = pl.lit(datetime.fromtimestamp(stat.st_mtime, UTC), INSTANT)
        frame = pl.DataFrame(issued, schema={"month": pl.Date, "records": pl.Int64}, orient="row")
        parts.append(frame.with_columns(known_at=arrived))
    every = pl.concat(parts).group_by("month").agg(pl.col("records").sum(), pl.col("known_at").max())
    mine = pl.col("month").is_in(without_strays(every)) & pl.col("month").is_between(*book)
    return every.filter(mine).sort("month").select(vintage="month", known_at="known_at"), months


def _months_of(path: Path) -> dict[str, int]:
    return {month.isoformat(): records for month, records in months_issued([path]).iter_rows()}


def remembered_months(lake: Lake) -> Months:
    """What the last look at the loan files found; nothing where there was none."""
    try:
        kept: Months = json.loads(lake.get_bytes(MEMORY))
    except FileNotFoundError:
        return {}
    return kept


def remember_months(lake: Lake, months: Months) -> None:
    """Keep what a look at the loan files found for the next one."""
    lake.put_bytes(MEMORY, json.dumps(months).encode())


def progress(lake: Lake, known: pl.DataFrame) -> Progress:
    """How far each vintage came in this lake, `known` being those the loan files hold."""
    return Progress(
        known=known,
        written={step: written(lake, table) for step, (table, _) in STEPS.items()},
        models=_models(lake),
        barren=_barren(lake),
    )


def _models(lake: Lake) -> pl.DataFrame:
    """By vintage when the model that scored it was last trained."""
    if not (lake.exists(SCORES_LINEAGE) and lake.exists(MODELS_POSTERIOR)):
        return pl.DataFrame(schema={"vintage": pl.Date, "trained": INSTANT})
    trained = partitions_of(lake.open(MODELS_POSTERIOR), "model_date")
    used = lake.scan(SCORES_LINEAGE, columns=["vintage", "model_date"]).drop_nulls().collect()
    trained = trained.select(model_date="vintage", trained="written")
    return used.join(trained, on="model_date").select("vintage", "trained")


def _barren(lake: Lake) -> frozenset[date]:
    """Vintages that were read and of which nothing was kept."""
    if not lake.exists(RAW_LOANS_LEDGER):
        return frozenset()
    counts = lake.scan(RAW_LOANS_LEDGER, columns=["vintage", "clean"]).drop_nulls()
    kept = counts.group_by("vintage").agg(pl.col("clean").sum()).filter(pl.col("clean") == 0).collect()
    return frozenset(kept["vintage"].to_list())
