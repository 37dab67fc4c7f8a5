"""The sensor that tells people of failed checks, failed runs and sensors or daemons that stand still."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from creditrisk_assets.automation import FAILED_CHECK, RANGE_END, RANGE_START, drain_stream
from creditrisk_assets.monitoring.alert_cursor import LOOKED_BACK, Memory
from creditrisk_assets.monitoring.alerts import FAILING_PARTITIONS, Outcome
from creditrisk_assets.monitoring.channels import VARIABLE, channels
from creditrisk_assets.monitoring.telling import check_link, composed, figures
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.serving.runs import run_link

EVERY = 15
"""Seconds between two ticks at least; what is wrong is kept in one and sent in the next."""
OVERLAP = 300.0
"""Seconds that are looked at again: clocks differ, and an event is stored a moment after it happened."""
BUDGET = 30.0
"""Seconds of a tick in which messages are begun; Dagster gives a tick sixty."""
ASLEEP = 300.0
"""Seconds without a tick of this sensor after which the daemon was down, and silence says nothing of the others."""
SILENT = 600.0
"""Seconds without a tick or a heartbeat after which somebody stands still."""
IN_A_ROW = {"sensor": 3, "schedule": 1}
"""Failed ticks in a row that are told: a sensor looks again in a moment, a schedule does not."""
PAGE, PAGES, RUNS = 100, 20, 1000
ITSELF = "alerts"
PARTITION = "dagster/partition"
WILL_RETRY = "dagster/will_retry"
FINISHED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS]


@dg.sensor(minimum_interval_seconds=EVERY, default_status=dg.DefaultSensorStatus.RUNNING)
def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Send what is on its way, then look what is newly wrong or well again and write it up for the next tick."""
    values, now = settings(), time.time()
    if values.alert_urls is None:
        return dg.SkipReason(f"nobody is told of failed checks and runs: set {VARIABLE}")
    found, begin = channels(values), time.monotonic()
    memory = Memory.of(context.cursor, now)
    refused = memory.outbox.send(found, lambda: time.monotonic() - begin < BUDGET)
    if refused:
        context.log.warning(f"{VARIABLE}: URL {', '.join(str(at + 1) for at in refused)} did not take a message")
    link = values.dagster_link or values.dagster_url
    seen = [*_checks(context, memory, link), *_runs(context.instance, memory, link)]
    memory.awake = now if now - memory.ticked > ASLEEP else memory.awake
    memory.ticked = now
    memory.problems.take([*seen, *_ticks(context, memory, now), *_heartbeats(context.instance, memory, now)])
    memory.since = max([memory.since, *(one.at for one in seen)])
    reminder = values.alert_reminder_hours * 3600 if values.alert_reminder_hours is not None else None
    due = memory.problems.due(now, reminder) if memory.outbox.room(now) else []
    if due:
        memory.outbox.put(*composed(due), now=now, channels=len(found))
        memory.problems.tell(due, now)
    forgotten = memory.problems.tidy(now, reminder)
    if forgotten:
        context.log.warning(f"{forgotten} problems were forgotten, for there are too many: nobody is told of their end")
    failing = sum(one.failing for one in memory.problems.known.values())
    told = f"{failing} problems, {len(memory.outbox.messages)} messages on their way"
    return dg.SensorResult(cursor=memory.text(), skip_reason=dg.SkipReason(told))


def _checks(context: dg.SensorEvaluationContext, memory: Memory, url: str) -> list[Outcome]:
    """Evaluations since the last look; one query where there are none."""
    assert context.repository_def is not None
    storage, graph = context.instance.event_log_storage, context.repository_def.asset_graph
    keys = sorted(graph.asset_check_keys, key=lambda key: key.to_user_string())
    outcomes, after = [], memory.since - OVERLAP
    for key, latest in storage.get_latest_asset_check_execution_by_key(keys).items():
        name = key.to_user_string()
        if memory.settled.get(name) == latest.id:
            continue
        records = list(_records(storage, key, after))
        planned = {one.run_id for one in records if one.status.value == "PLANNED"}
        memory.settled.pop(name, None)
        if not _under_way(context.instance, planned):
            memory.settled[name] = latest.id
            if planned:  # one may have ended since it was read
                records = list(_records(storage, key, after))
        evaluated = [one for one in records if one.status.value != "PLANNED" and one.event.timestamp > after]
        partitioned = graph.get(key).partitions_def is not None
        outcomes += [_evaluation(context.instance, one, partitioned, url) for one in evaluated]
    return outcomes


def _under_way(instance: dg.DagsterInstance, runs: set[str]) -> bool:
    """Is one of these runs at work? A run over many partitions leaves each planned, and is evaluated as one."""
    found = instance.get_runs(dg.RunsFilter(run_ids=list(runs))) if runs else ()
    return any(not run.is_finished for run in found)


def _records(storage: Any, key: dg.AssetCheckKey, after: float) -> Iterator[Any]:
    """Executions of a check, newest first, that were planned late enough to have been evaluated since."""
    cursor = None
    for _ in range(PAGES):
        page = storage.get_asset_check_execution_history(key, limit=PAGE, cursor=cursor)
        late = [one for one in page if one.create_timestamp > after - LOOKED_BACK]
        yield from late
        if len(late) < PAGE:
            return
        cursor = page[-1].id


def _evaluation(instance: dg.DagsterInstance, record: Any, partitioned: bool, url: str) -> Outcome:
    told = record.evaluation
    first = last = told.partition or ""
    if partitioned and told.partition is None:
        run = instance.get_run_by_id(record.run_id)
        first, last = _range(run.tags) if run is not None else ("", "")
    metadata = {name: value.value for name, value in told.metadata.items()}
    failing = metadata.pop(FAILING_PARTITIONS, None)
    asset = told.asset_key.to_user_string()
    words = f"{'an error' if told.severity is dg.AssetCheckSeverity.ERROR else 'a warning'}; {figures(metadata)}"
    link = check_link(url, asset, told.check_name)
    name = f"{told.check_name} of {asset}"
    listed = [str(part) for part in failing] if isinstance(failing, list) and (failing or told.passed) else None
    return Outcome("check", name, first, last, told.passed, record.event.timestamp, words, link, listed)


def _range(tags: Any) -> tuple[str, str]:
    if PARTITION in tags:
        return tags[PARTITION], tags[PARTITION]
    return tags.get(RANGE_START, ""), tags.get(RANGE_END, "")


def _runs(instance: dg.DagsterInstance, memory: Memory, url: str) -> list[Outcome]:
    """Runs that ended since the last look, apart from those that are tried again or failed by a check alone."""
    since = datetime.fromtimestamp(memory.since - OVERLAP, UTC)
    asked = dg.RunsFilter(statuses=FINISHED, updated_after=since)
    records = instance.get_run_records(asked, limit=RUNS, order_by="update_timestamp", ascending=True)
    outcomes = []
    for record in records:
        run = record.dagster_run
        passed, words = run.status is dg.DagsterRunStatus.SUCCESS, ""
        if not passed:
            words = _why(instance, run)
            if not words or run.tags.get(WILL_RETRY) == "true":
                continue
        chosen = sorted(key.to_user_string() for key in run.asset_selection or ())
        name = f"{run.job_name} ({', '.join(chosen[:3])})" if run.job_name.startswith("__") else run.job_name
        first, last = ("", "") if run.job_name == drain_stream.name else _range(run.tags)
        at = record.end_time or record.update_timestamp.timestamp()
        outcomes.append(Outcome("run", name, first, last, passed, at, words, run_link(url, run.run_id)))
    return outcomes


def _why(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """Steps and kinds of error, never their messages, which may quote a record; "" when only checks failed."""
    found = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=5).records
    told = []
    for record in found:
        event = record.event_log_entry.dagster_event
        error = event.step_failure_data.error if event is not None else None
        while error is not None and error.cause is not None:
            error = error.cause
        told.append((event.step_key if event is not None else None, error.cls_name if error is not None else None))
    if told and all(error == FAILED_CHECK for _, error in told):
        return ""
    steps = "; ".join(f"step {step} failed with {error}" for step, error in told if error != FAILED_CHECK)
    return f"{steps or 'it failed outside its steps'}; remedy: open the run, which says why, mend that and run it again"


def _ticks(context: dg.SensorEvaluationContext, memory: Memory, now: float) -> Iterator[Outcome]:
    """Sensors and schedules of this code that fail again and again, and sensors that stand still."""
    repository, instance = context.repository_def, context.instance
    assert repository is not None
    names = {one.name for one in repository.sensor_defs} | {one.name for one in repository.schedule_defs}
    for state in () if instance.is_ephemeral else instance.all_instigator_state():  # without daemons no ticks are kept
        kind = state.instigator_type.value.lower()
        if state.status.value == "STOPPED" or state.instigator_name not in names - {ITSELF} or kind not in IN_A_ROW:
            continue
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=IN_A_ROW[kind] + 1)
        ended = [tick for tick in ticks if tick.status.value != "STARTED"]
        wrong = [tick.status.value == "FAILURE" for tick in ended]
        patience = max(SILENT, 10 * (getattr(state.instigator_data, "min_interval", None) or 0))
        newest = max([tick.timestamp for tick in ticks], default=now)
        if kind == "sensor" and now - max(newest, memory.awake) > patience:
            words = f"no tick for {now - newest:.0f} s; remedy: look at the daemon and at the code server"
            yield Outcome(kind, state.instigator_name, "", "", False, now, words)
        elif len(wrong) >= IN_A_ROW[kind] and all(wrong[: IN_A_ROW[kind]]):
            words = f"{IN_A_ROW[kind]} ticks in a row failed; remedy: its page in the Dagster UI says why"
            yield Outcome(kind, state.instigator_name, "", "", False, ended[0].timestamp, words)
        elif wrong and not wrong[0]:
            yield Outcome(kind, state.instigator_name, "", "", True, ended[0].timestamp)


def _heartbeats(instance: dg.DagsterInstance, memory: Memory, now: float) -> Iterator[Outcome]:
    """Daemons that stand still; not the sensor daemon, whose end ends this sensor as well."""
    beats = instance.get_daemon_heartbeats()
    for kind in set(instance.get_required_daemon_types()) - {"SENSOR"}:
        beat = beats[kind].timestamp if kind in beats else 0.0
        if now - max(beat, memory.awake) > SILENT:
            words = "no heartbeat; remedy: start the Dagster daemon again"
            yield Outcome("daemon", kind.lower(), "", "", False, now, words)
        elif kind in beats and now - beat <= SILENT:
            yield Outcome("daemon", kind.lower(), "", "", True, beat)


SENSORS = [alerts]
