"""What runs together: closing vintages, training models, scoring, and the whole batch in one go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import dagster as dg

from creditrisk_assets.contracts import (
    FEATURES_BEHAVIOUR,
    MODELS_BEHAVIOUR,
    MODELS_BINNING,
    MODELS_EVIDENCE,
    MODELS_REFERENCE,
    RAW_EVENTS,
    SCORES_LIVE,
    SCORES_SHADOW,
    SERVING_QUARANTINE,
    SERVING_ROLL_RATES,
)
from creditrisk_assets.models.outcomes import NothingToLearnError, training_vintages
from creditrisk_assets.models.registry.automation import PROMOTIONS
from creditrisk_assets.models.rules.automation import RULES, apply_rules
from creditrisk_assets.monitoring.automation import follow_vintages, monitor_vintages, report_models
from creditrisk_assets.partitions import KEY_FORMAT, model_dates, vintages
from creditrisk_assets.portfolio.automation import value_portfolio
from creditrisk_assets.resources.environments import add_months, settings
from creditrisk_assets.resources.lake import DeltaLakeIOManager
from creditrisk_assets.resources.loan_files import LoanFiles
from creditrisk_assets.shell import in_one_pod
from creditrisk_assets.workloads import BOOK, LIGHT, STREAM, VINTAGE

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
MAX_RETRIES = "dagster/max_retries"
ONE_MACHINE = "batch is for one machine: a cluster takes the runs within it for lost"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
FAILED_CHECK, NOTHING_TO_LEARN = "DagsterAssetCheckFailedError", NothingToLearnError.__name__
TOLERATED = "sampled_well"
"""The one blocking check that may fail: whatever builds on a posterior asks for it."""

MONTHS_BEFORE_FIRST_MODEL = 24
"""Twelve for outcomes to mature, twelve more so that a year of vintages has matured."""

_stream = dg.AssetSelection.assets(*(list(table.key) for table in (RAW_EVENTS, FEATURES_BEHAVIOUR, SCORES_LIVE)))
_shadow = dg.AssetSelection.assets(list(SCORES_SHADOW.key))
_stream_checks = _stream - _stream.without_checks()
drain_stream = in_one_pod(STREAM, **{MAX_RETRIES: "0"})(
    "drain_stream",
    selection=_stream.without_checks(),
    description="Carry events from Kafka to live scores until the stream is idle or a successor takes over.",
)
close_stream_day = in_one_pod(LIGHT)(
    "close_stream_day",
    selection=_stream_checks,
    description="Check a day of the stream against its contracts.",
)
close_vintages = in_one_pod(BOOK)(
    "close_vintages",
    selection=dg.AssetSelection.groups("raw", "features") - _stream,
    description="Read the loan files and rebuild the features of some vintages.",
)
_references = dg.AssetSelection.assets(list(MODELS_BINNING.key), list(MODELS_REFERENCE.key))
_evidence = dg.AssetSelection.assets(list(MODELS_EVIDENCE.key))

set_references = dg.define_asset_job(
    "set_references",
    selection=_references,
    description="Bin the features at some model dates and choose the point at which their evidence is expanded.",
)
gather_evidence = in_one_pod(VINTAGE)(
    "gather_evidence",
    selection=_evidence,
    description="Summarise some vintages for every model that learns from them.",
)
_behaviour = dg.AssetSelection.assets(list(MODELS_BEHAVIOUR.key))
learn_behaviour = dg.define_asset_job(
    "learn_behaviour",
    selection=_behaviour,
    description="Learn from a history what customers do before they default.",
)
train_models = dg.define_asset_job(
    "train_models",
    selection=dg.AssetSelection.groups("models") - _references - _evidence - _behaviour - RULES - PROMOTIONS,
    description="Fit posterior, logistic benchmark and boosting at some model dates and compare them out of time.",
)
score_vintages = in_one_pod(VINTAGE)(
    "score_vintages",
    selection=dg.AssetSelection.groups("scores") - _stream - RULES - _shadow,
    description="Score some vintages by the latest good model dated before them, and by its challenger.",
)
_roll_rates = dg.AssetSelection.assets(list(SERVING_ROLL_RATES.key))
aggregate_vintages = in_one_pod(BOOK)(
    "aggregate_vintages",
    selection=dg.AssetSelection.groups("serving") - _roll_rates,
    description="Add up some vintages for the dashboard, and what was rejected.",
)
aggregate_stream = in_one_pod(VINTAGE)(
    "aggregate_stream",
    selection=_roll_rates | dg.AssetSelection.assets(list(SERVING_QUARANTINE.key)),
    description="Add up for the dashboard how customers of the stream fare, and what was rejected.",
)


@dataclass(frozen=True)
class Stage:
    """One step of the batch: a job over a range of partitions, run once."""

    name: str
    job: str
    first: str
    last: str
    partitions: int


def batch_stages(found: Sequence[date]) -> list[Stage]:
    """The batch over a book whose loans were issued in the months `found`.

    Model dates start when a year of vintages has matured; a book too young for any has no models
    and no scores. Raises ValueError when no month belongs to the configured vintages.
    """
    months = [month for month in vintages.get_partition_keys() if date.fromisoformat(month) in set(found)]
    if not months:
        raise ValueError(
            "no loan was issued in the configured vintages: set CREDITRISK_FIRST_VINTAGE and CREDITRISK_LAST_VINTAGE"
        )
    first, last = months[0], months[-1]
    span = [month for month in vintages.get_partition_keys() if first <= month <= last]
    book = partial(Stage, first=first, last=last, partitions=len(span))
    stages = [book("ingest", close_vintages.name), book("rules", apply_rules.name)]
    earliest = add_months(date.fromisoformat(first), MONTHS_BEFORE_FIRST_MODEL).strftime(KEY_FORMAT)
    latest = add_months(date.fromisoformat(last), 1).strftime(KEY_FORMAT)
    wanted = [key for key in model_dates.get_partition_keys() if earliest <= key <= latest]
    if settings().first_model_date is not None:
        wanted = [key for key in model_dates.get_partition_keys() if key <= latest]
    wanted = [day for day in wanted if _matured(date.fromisoformat(day), found)]
    if not wanted:
        return [*stages, book("serving", aggregate_vintages.name)]
    models = partial(Stage, first=wanted[0], last=wanted[-1], partitions=len(wanted))
    return [
        *stages,
        models("references", set_references.name),
        book("evidence", gather_evidence.name),
        *(Stage("models", train_models.name, day, day, 1) for day in wanted),
        book("scores", score_vintages.name),
        book("monitoring", monitor_vintages.name),
        models("portfolio", value_portfolio.name),
        models("reports", report_models.name),
        book("serving", aggregate_vintages.name),
    ]


def _matured(model_date: date, found: Sequence[date]) -> bool:
    """Has any vintage of the book matured inside the training window of the model date?"""
    first, last = training_vintages(model_date, "as_known", settings().training_window)
    return any(first <= month <= last for month in found)


class StageError(RuntimeError):
    """A stage of the batch did not succeed; the message names what failed and why."""


def run_stage(
    stage: Stage, definitions: dg.Definitions, instance: dg.DagsterInstance, say: Callable[[str], None]
) -> None:
    """Materialize the stage's range in one run in this process.

    Neither a posterior that fails its gates (it is kept, and no score uses it), nor a check that only
    warns, nor a training window with nothing to learn ends the batch; `say` is told. Raises StageError
    when a step or any other check fails.
    """
    result = definitions.resolve_job_def(stage.job).execute_in_process(
        instance=instance, run_config=QUIET, tags={RANGE_START: stage.first, RANGE_END: stage.last},
        raise_on_error=False,
    )  # fmt: skip
    broken = []
    for event in result.get_step_failure_events():
        why = _why(event)
        if NOTHING_TO_LEARN in why:
            say(f"no model: {why}")
        elif FAILED_CHECK not in why:
            broken.append(f"{event.step_key}: {why}")
    for check in result.get_asset_check_evaluations():
        if check.passed:
            continue
        told = f"check failed: {check.asset_key.to_user_string()} {check.check_name} ({_shown(check)})"
        if check.check_name == TOLERATED or check.severity is dg.AssetCheckSeverity.WARN:
            say(f"{told}, {stage.first} to {stage.last}")
        else:
            broken.append(told)
    if broken:
        raise StageError(f"{stage.name} {stage.first} to {stage.last}: " + "; ".join(broken))


def _shown(check: dg.AssetCheckEvaluation) -> str:
    return ", ".join(f"{name}: {one.value}" for name, one in check.metadata.items() if "\n" not in str(one.value))


def _why(event: dg.DagsterEvent) -> str:
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else "unknown"


@dg.op(description="Find out which vintages the loan files hold, and materialize each stage over its partitions.",
       tags=BOOK.tags)  # fmt: skip
def materialize_everything(
    context: dg.OpExecutionContext, loan_files: LoanFiles, lake: dg.ResourceParam[DeltaLakeIOManager]
) -> None:
    """Run the stages one after the other; each shows as a run of its own, with its partitions and checks."""
    from creditrisk_assets.definitions import build_defs
    from creditrisk_assets.raw.intake import months_issued
    from creditrisk_assets.raw.observed import without_strays
    from creditrisk_assets.raw.sources import find_files

    if settings().executor == "kubernetes":  # no pod stands behind a run within a run
        raise dg.Failure(f"{ONE_MACHINE}: launch its jobs one by one (docs/operations.md)", allow_retries=False)
    definitions = build_defs(resource_overrides={"loan_files": loan_files, "lake": lake, "io_manager": lake})
    found = without_strays(months_issued(find_files(loan_files.loans, Path(loan_files.landing))))
    for stage in batch_stages(found):
        context.log.info(f"{stage.name}: {stage.partitions} partitions, {stage.first} to {stage.last}")
        run_stage(stage, definitions, context.instance, context.log.warning)


@dg.job(description="Ingest, clean, train, compare and score everything the loan files hold.")
def batch() -> None:
    """The whole pipeline without naming a partition."""
    materialize_everything()


JOBS = (
    close_vintages,
    set_references,
    gather_evidence,
    train_models,
    learn_behaviour,
    apply_rules,
    score_vintages,
    monitor_vintages,
    value_portfolio,
    report_models,
    follow_vintages,
    aggregate_vintages,
    aggregate_stream,
    batch,
    drain_stream,
    close_stream_day,
)
