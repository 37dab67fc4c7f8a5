"""Checks of the monitoring stage and of what it looks at."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MODELS_POSTERIOR,
    MONITORING_CALIBRATION,
    MONITORING_DRIFT,
    MONITORING_INVENTORY,
    MONITORING_MODEL_CARDS,
    MONITORING_PERFORMANCE,
    RAW_LOANS,
    SERVING_DEFAULT_CURVES,
)
from creditrisk_assets.monitoring import completeness as completeness_of
from creditrisk_assets.monitoring import duplicates as duplicates_of
from creditrisk_assets.monitoring import freshness as freshness_of
from creditrisk_assets.monitoring.alerts import FAILING_PARTITIONS
from creditrisk_assets.monitoring.card_check import problems
from creditrisk_assets.monitoring.progress import known_vintages, progress, remember_months, remembered_months
from creditrisk_assets.monitoring.volume import volume
from creditrisk_assets.monitoring.written import written
from creditrisk_assets.partitions import KEY_FORMAT, vintages
from creditrisk_assets.raw.sources import SourceError, find_files
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.resources.lake import DeltaLakeIOManager, check_days
from creditrisk_assets.resources.loan_files import LoanFiles

Delta = dg.ResourceParam[DeltaLakeIOManager]
SHOWN = 50
"""Rows of a table that a check shows at most."""


def _result(failed: Sequence[date], found: pl.DataFrame, remedy: str, **figures: Any) -> dg.AssetCheckResult:
    """A warning that names the vintages and the remedy, with the rows that say why."""
    months = sorted(set(failed))
    return dg.AssetCheckResult(
        passed=not months,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            FAILING_PARTITIONS: [month.strftime(KEY_FORMAT) for month in months],
            "vintages": freshness_of.spans(months) or "none",
            "remedy": remedy if months else "none needed",
            **figures,
            "found": dg.MetadataValue.md(_markdown(found.head(SHOWN))),
        },
    )


def _markdown(frame: pl.DataFrame) -> str:
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + "---|" * frame.width]
    shown = (("" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row)
             for row in frame.iter_rows())  # fmt: skip
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in shown)])


def _mine(context: dg.AssetCheckExecutionContext, frame: pl.DataFrame) -> pl.DataFrame:
    days = check_days(context)
    return frame if days is None else frame.filter(pl.col("vintage").is_in(days))


@dg.asset_check(
    asset=dg.AssetKey(list(FEATURES_LOANS.key)),
    blocking=False,
    partitions_def=vintages,
    description="Is every feature missing as often as in the twelve vintages before, within binomial noise?",
)
def is_complete(context: dg.AssetCheckExecutionContext, lake: Delta) -> dg.AssetCheckResult:
    """Warn of features whose share of missing values moved by an amount that matters."""
    features = lake.lake.scan(FEATURES_LOANS, columns=["vintage", *completeness_of.FEATURES])
    found = _mine(context, completeness_of.completeness(completeness_of.missing_counts(features)))
    failed = found.filter("failed").sort("vintage", "feature")
    names = ", ".join(failed["feature"].unique().sort())
    remedy = f"ask the lender why {names} changed, mend the file and close the vintages again, or train without them"
    return _result(failed["vintage"].to_list(), failed.drop("failed"), remedy, features=names or "none",
                   compared=found["vintage"].n_unique())  # fmt: skip


@dg.asset_check(
    asset=dg.AssetKey(list(RAW_LOANS.key)),
    blocking=False,
    partitions_def=vintages,
    description="Does the vintage hold as many loans as the trend of the twelve before it says, within its noise?",
)
def has_its_usual_volume(context: dg.AssetCheckExecutionContext, lake: Delta) -> dg.AssetCheckResult:
    """Warn of vintages that shrank or exploded; the log of the table is enough to tell."""
    found = _mine(context, volume(written(lake.lake, RAW_LOANS)))
    failed = found.filter(pl.col("status").is_in(["shrunk", "exploded"]))
    remedy = "look whether the loan file is whole, and whether it was booked twice; then close the vintages again"
    counts = {word: int((found["status"] == word).sum()) for word in ("shrunk", "exploded")}
    return _result(failed["vintage"].to_list(), failed, remedy, **counts, too_young=int(found["z"].is_null().sum()))


@dg.asset_check(
    asset=dg.AssetKey(list(RAW_LOANS.key)),
    blocking=False,
    partitions_def=vintages,
    description="Is no application booked twice under different loan identifiers, in this vintage or another?",
)
def books_every_application_once(context: dg.AssetCheckExecutionContext, lake: Delta) -> dg.AssetCheckResult:
    """Warn of loans that agree with another one in everything but identifier and month of issue."""
    found = _mine(context, duplicates_of.duplicates(lake.lake.scan(RAW_LOANS, columns=duplicates_of.COLUMNS)))
    failed = found.filter(pl.col("repeated") > 0)
    remedy = (
        "ask the lender which identifier is right, take the other records out of the file, close the vintages again"
    )
    counts = {name: int(found[name].sum()) for name in ("loans", "repeated", "elsewhere")}
    return _result(failed["vintage"].to_list(), failed, remedy, **counts)


@dg.asset_check(
    asset=dg.AssetKey(list(SERVING_DEFAULT_CURVES.key)),
    blocking=False,
    description="Is every vintage of the loan files closed, scored and added up in time, and nothing older than its "
    "source?",
)
def carries_every_vintage_through(lake: Delta, loan_files: LoanFiles) -> dg.AssetCheckResult:
    """Warn of vintages that wait too long, or of which a table is older than what it was made from."""
    source = "as they lie there"
    try:
        files = find_files(loan_files.loans, Path(loan_files.landing))
    except SourceError as error:  # they may be gone once they are read: what was read is followed all the same
        files, source = [], str(error)
    known, months = known_vintages(files, loan_files.book, remembered_months(lake.lake))
    remember_months(lake.lake, months)
    within = timedelta(days=settings().fresh_within_days)
    found = freshness_of.freshness(progress(lake.lake, known), datetime.now(UTC), within)
    counts = {word: int((found["status"] == word).sum()) for word in ("fresh", "young", *freshness_of.FAILING)}
    shown = found.filter(pl.col("status").is_in(freshness_of.FAILING)).drop("job")
    return _result(freshness_of.failing(found), shown, freshness_of.remedy(found), **counts, files=source)


@dg.asset_check(
    asset=dg.AssetKey(list(MONITORING_CALIBRATION.key)),
    blocking=False,
    partitions_def=vintages,
    description="Are observed defaults within 10 % of the expected ones, or not significantly off, in all and by band?",
)
def is_calibrated(context: dg.AssetCheckExecutionContext, lake: Delta) -> dg.AssetCheckResult:
    """Warn of vintages with a red light; deciles are left to the table, bands are what decisions are made by."""
    found = lake.lake.scan(MONITORING_CALIBRATION, check_days(context)).collect()
    judged = found.filter(pl.col("light").is_not_null())
    whole = judged.filter(split="all")
    red = judged.filter(pl.col("split") != "decile", light="red").sort("vintage", "split", "group")
    remedy = "look at monitoring/performance and the drift of these vintages, then train on newer loans or recalibrate"
    expected = float(whole["expected"].sum())
    figures = {
        "judged": whole.height,
        "amber": judged.filter(pl.col("split") != "decile", light="amber")["vintage"].n_unique(),
        "observed_over_expected": float(whole["observed"].sum()) / expected if expected else "nothing expected yet",
    }
    shown = ("vintage", "split", "group", "tried", "observed", "expected", "ratio", "p_value")
    return _result(red["vintage"].to_list(), red.select(shown), remedy, **figures)


@dg.asset_check(
    asset=dg.AssetKey(list(MONITORING_PERFORMANCE.key)),
    blocking=False,
    partitions_def=vintages,
    description="Are early defaults no more than the posterior, its forecast of the vintage included, can account for?",
)
def no_early_alarm(context: dg.AssetCheckExecutionContext, lake: Delta) -> dg.AssetCheckResult:
    """Warn of vintages that default early; one in twenty does so by chance, which the figures say."""
    found = lake.lake.scan(MONITORING_PERFORMANCE, check_days(context)).collect()
    failed = found.filter("alarm").sort("vintage")
    remedy = "look at the applications of these vintages and at drift; if it goes on, train a model that has seen them"
    watched = found.filter(pl.col("early_p_value").is_not_null())
    false_alarms = float(watched["false_alarm_rate"].sum())
    shown = [name for name in found.columns if name.startswith("early")]
    figures = {"watched": watched.height, "alarms": failed.height, "alarms_by_chance": false_alarms}
    return _result(failed["vintage"].to_list(), failed.select("vintage", *shown), remedy, **figures)


@dg.asset_check(
    asset=dg.AssetKey(list(MONITORING_DRIFT.key)),
    blocking=False,
    partitions_def=vintages,
    description="Has no feature, nor the score, drifted from the training window beyond what chance brings about?",
)
def population_is_stable(context: dg.AssetCheckExecutionContext, lake: Delta) -> dg.AssetCheckResult:
    """Warn of vintages with a drifted feature, by name; chance alone makes one in twenty vintages warn at most."""
    found = lake.lake.scan(MONITORING_DRIFT, check_days(context)).collect()
    drifted = found.filter(verdict="drifted").sort("vintage", "psi", descending=[False, True])
    remedy = "look at where these applications come from; a model whose training window holds them knows them"
    named = {name: drifted.filter(feature=name).height for name in drifted["feature"].unique(maintain_order=True)}
    figures = {"vintages_compared": found["vintage"].n_unique(), "drifted": dg.MetadataValue.json(named),
               "watched": found.filter(verdict="watch").height}  # fmt: skip
    shown = drifted.select("vintage", "feature", "psi", "psi_high", "moved", "moved_then", "moved_now", "remark")
    return _result(drifted["vintage"].to_list(), shown, remedy, **figures)


@dg.asset_check(
    asset=dg.AssetKey(list(MONITORING_INVENTORY.key)),
    blocking=True,
    additional_deps=[dg.AssetKey(list(MONITORING_MODEL_CARDS.key)), dg.AssetKey(list(MODELS_POSTERIOR.key))],
    description="Has every posterior that passed its gates a card, and does the card describe this very posterior?",
)
def every_model_has_a_card(lake: Delta) -> dg.AssetCheckResult:
    """No model without its documentation; a card of an older posterior is none."""
    found = problems(lake.lake)
    told = "; ".join(f"{name}: {wrong}" for name, wrong in found.items())
    return dg.AssetCheckResult(passed=not found, metadata={"models": len(found), "failed": told or "none"})


CHECKS: list[dg.AssetChecksDefinition] = [
    is_complete,
    has_its_usual_volume,
    books_every_application_once,
    carries_every_vintage_through,
    is_calibrated,
    no_early_alarm,
    population_is_stable,
    every_model_has_a_card,
]
