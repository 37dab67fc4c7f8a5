"""Is every vintage carried through, in time and in order? Dagster's freshness policies know no partitions.

Dagster looks at the last materialization of an asset, so a backfill of one old vintage turns the whole
asset green. Here every vintage is followed by itself from the loan files to what the dashboard shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import polars as pl

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MODELS_POSTERIOR,
    RAW_LOANS_LEDGER,
    SCORES_LINEAGE,
    SERVING_DEFAULT_CURVES,
)

STEPS: dict[str, tuple[Table, str]] = {
    "closed": (RAW_LOANS_LEDGER, "close_vintages"),
    "given features": (FEATURES_LOANS, "close_vintages"),
    "scored": (SCORES_LINEAGE, "score_vintages"),
    "added up": (SERVING_DEFAULT_CURVES, "aggregate_vintages"),
}
"""Way of a vintage: a table that holds rows of every vintage that came so far, and the job that takes it there."""

JOBS = tuple(dict.fromkeys(job for _, job in STEPS.values()))
FAILING = ("overdue", "stale")
FRESHNESS = pl.Schema({"vintage": pl.Date, "status": pl.String, "step": pl.String, "told": pl.String, "job": pl.String})

Row = dict[str, datetime | None]


@dataclass(frozen=True)
class Progress:
    """What is known of the vintages; every instant is UTC.

    known: vintage, known_at, when the newest loan file that holds it arrived. written: by name of a
    step, vintage and when its partition was written. models: vintage, and `trained`, when the model that
    scored it was trained. barren: vintages of which no record is clean, which end once they are closed.
    """

    known: pl.DataFrame
    written: Mapping[str, pl.DataFrame]
    models: pl.DataFrame
    barren: frozenset[date] = field(default_factory=frozenset)


def freshness(progress: Progress, now: datetime, within: timedelta) -> pl.DataFrame:
    """How each vintage stands at `now`: vintage, status, step, told, job; one row a vintage, in order.

    fresh: carried through, every step newer than what it was made from. young: the next step is missing,
    but its loans, or newer records of them, arrived less than `within` ago. overdue: the same for longer.
    stale: a step is older than a table it was made from, which is wrong at once. The first step that
    falls short decides; `told` says how, `job` is the first to run.
    """
    table = pl.concat([progress.known, *progress.written.values()], how="diagonal_relaxed")
    table = table.select("vintage").unique().sort("vintage")
    parts = {"file": progress.known.select("vintage", file="known_at"),
             "model": progress.models.select("vintage", model="trained"),
             **{step: frame.select("vintage", pl.col("written").alias(step))
                for step, frame in progress.written.items()}}  # fmt: skip
    for part in parts.values():
        table = table.join(part, on="vintage", how="left")
    rows = []
    for row in table.iter_rows(named=True):  # some hundred months, however many loans
        steps = dict(list(STEPS.items())[: 1 if row["vintage"] in progress.barren else None])
        rows.append((row["vintage"], *_judged(row, steps, now, within)))
    return pl.DataFrame(rows, schema=FRESHNESS, orient="row")


def _judged(
    row: Row, steps: Mapping[str, tuple[Table, str]], now: datetime, within: timedelta
) -> tuple[str, str | None, str, str | None]:
    """Status, step, told and job of one vintage."""
    source, made_at = "the loan file", row["file"]
    arrived = row["file"] or min(at for step in steps if (at := row[step]) is not None)
    late = now - arrived > within
    waited = f"{(now - arrived) / timedelta(days=1):.1f} days after its loans became known"
    for step, (table, job) in steps.items():
        at = row[step]
        if at is None:
            return ("overdue" if late else "young"), step, f"not {step} {waited}", job
        if made_at is not None and at < made_at:
            if source != "the loan file":
                return "stale", step, f"{table.name} is older than {source}", job
            return ("overdue" if late else "young"), step, f"newer records not {step} {waited}", job
        if step == "scored" and row["model"] is not None and at < row["model"]:
            return "stale", step, f"{table.name} is older than the {MODELS_POSTERIOR.name} it used", job
        source, made_at = table.name, at
    return "fresh", None, "", None


def failing(found: pl.DataFrame) -> list[date]:
    """The vintages that are overdue or stale, in order."""
    return found.filter(pl.col("status").is_in(FAILING))["vintage"].sort().to_list()


def remedy(found: pl.DataFrame) -> str:
    """Which jobs to run for which vintages, the first step that falls short first; empty when none does."""
    told = []
    wrong = found.filter(pl.col("status").is_in(FAILING))
    for number, job in enumerate(JOBS):
        months = wrong.filter(pl.col("job") == job)["vintage"].to_list()
        if months:
            told.append(f"run {', then '.join(JOBS[number:])} for {spans(months)}")
    return "; ".join(told)


def spans(months: list[date]) -> str:
    """Months as runs: 2015-01 to 2015-03, 2015-07."""
    runs: list[list[date]] = []
    for month in sorted(set(months)):
        if runs and _index(month) == _index(runs[-1][-1]) + 1:
            runs[-1].append(month)
        else:
            runs.append([month])
    return ", ".join(f"{run[0]:%Y-%m}" + (f" to {run[-1]:%Y-%m}" if len(run) > 1 else "") for run in runs)


def _index(month: date) -> int:
    return month.year * 12 + month.month
