"""The sensor of the stream: long-polls Kafka, and keeps one drain run at work while there is news."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from creditrisk_assets.automation import drain_stream
from creditrisk_assets.contracts import TOPICS
from creditrisk_assets.partitions import KEY_FORMAT
from creditrisk_assets.resources.environments import Settings, settings
from creditrisk_assets.resources.lake import DeltaLakeIOManager
from creditrisk_assets.streaming.errors import KafkaUnavailableError, LakeUnavailableError, TopicMissingError
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.launching import Plan, Run, planned
from creditrisk_assets.streaming.offsets import Place, Positions, lag, losses

if TYPE_CHECKING:
    from creditrisk_assets.streaming.log import Log

LOOKED_AT = 10
"""Latest drain runs that decide."""
PATIENCE = 5.0
LONGEST_REASON = 600
"""Characters of what a failed run said."""
POLL = 24.0
"""Seconds of one look: the daemon looks at its sensors every 5 s, so that the next begins a second after."""
WATCH, LOOK = 9.0, 1.0
"""Seconds of one look at the run at work, for the same reason, and between two: its end must not wait for a round."""


@dg.sensor(job=drain_stream, minimum_interval_seconds=5, default_status=dg.DefaultSensorStatus.RUNNING)
def events(
    context: dg.SensorEvaluationContext, lake: dg.ResourceParam[DeltaLakeIOManager]
) -> dg.RunRequest | dg.SkipReason:
    """Start a drain run when Kafka has news, and its successor before its time is over."""
    values, begin = settings(), time.monotonic()
    plan = planned(_runs(context.instance), values.drain_seconds)
    while plan.wish == "wait" and time.monotonic() + LOOK < begin + min(WATCH, POLL):
        time.sleep(LOOK)
        plan = planned(_runs(context.instance), values.drain_seconds)
    # The client of Kafka costs every process that loads the platform .3 s.
    from creditrisk_assets.streaming.connection import client_arguments
    from creditrisk_assets.streaming.log import Log

    table = Events(lake.lake, patience=PATIENCE)
    why = [plan.why, *_failure(context.instance)] if plan.wish == "wait" else []
    try:
        table.create()
        with Log(client_arguments(values), TOPICS, patience=PATIENCE) as log:
            if plan.wish == "wait":
                return dg.SkipReason("; ".join([*why, _behind(table, log)]))
            return _looked(table, log, values, plan, begin + POLL)
    except (KafkaUnavailableError, LakeUnavailableError, TopicMissingError) as error:
        return dg.SkipReason("; ".join([*why, str(error)]))


def _behind(table: Events, log: "Log") -> str:
    """Where the run at work is, what is left for it, and which topics it leaves alone for what they lost."""
    positions, marks = _positions(table, log), log.watermarks()
    behind = lag(positions, marks)
    told = [f"{place} at {positions[place].next if place in positions else 'its beginning'}, lag {count}"
            for place, count in sorted(behind.items())]  # fmt: skip
    lost = losses(positions, marks, _renewed(table, log)).values()
    return "; ".join([", ".join(told) or "the broker has none of the topics", *map(str, lost)])


def _looked(table: Events, log: "Log", values: Settings, plan: Plan, until: float) -> dg.RunRequest | dg.SkipReason:
    """Ask for a run on news; a LossError fails the tick, and names the remedy, until an operator acts.

    Topics that lost nothing go on meanwhile.
    """
    positions = _positions(table, log)
    missing = _missing({place.topic for place in (*positions, *log.watermarks())})
    if plan.wish == "watch":
        log.wait_for_news(positions, until - time.monotonic())
    marks = log.watermarks()
    lost = losses(positions, marks, _renewed(table, log))
    behind = {place: count for place, count in lag(positions, marks).items() if place.topic not in lost}
    if any(behind.values()) or not set(behind) <= set(positions):
        return _request(values, behind, positions, plan)
    for error in lost.values():
        raise error
    if plan.wish == "watch":
        return dg.SkipReason("; ".join([f"no news: {_told(positions)}", *missing]))
    return _request(values, behind, positions, plan)


def _missing(found: set[str]) -> list[str]:
    """What to do about topics that are not there; TopicMissingError when none ever was."""
    told = [f"{topic}: the broker has no such topic. Make it, or correct its name" for topic in TOPICS
            if topic not in found]  # fmt: skip
    if not found:
        raise TopicMissingError("; ".join(told))
    return told


def _renewed(table: Events, log: "Log") -> set[str]:
    """Topics that were made anew since they were read, as their identities tell."""
    known = table.patiently(lambda: table.identities(TOPICS))
    return {topic for topic, number in log.identities().items() if known.get(topic, number) != number}


def _positions(table: Events, log: "Log") -> Positions:
    there = set(log.watermarks())
    return table.patiently(lambda: table.positions(table.places(TOPICS) | there))


def _told(positions: Positions) -> str:
    return ", ".join(f"{place} at {at.next}" for place, at in sorted(positions.items())) or "nothing was read yet"


def _request(values: Settings, behind: dict[Place, int], positions: Positions, plan: Plan) -> dg.RunRequest:
    ranges = {
        str(place): f"from {positions[place].next if place in positions else 'its beginning'}, lag {count}"
        for place, count in sorted(behind.items())
        if count
    }
    config = {"seconds": values.drain_seconds, "idle_seconds": values.drain_idle_seconds}
    return dg.RunRequest(
        partition_key=datetime.now(UTC).strftime(KEY_FORMAT),
        run_config={"ops": {"stream": {"config": config}}},
        tags={
            "creditrisk/why": plan.why,
            "creditrisk/lag": str(sum(behind.values())),
            "creditrisk/ranges": json.dumps(ranges)[:4000],
        },
    )


def _runs(instance: dg.DagsterInstance) -> Sequence[Run]:
    now = datetime.now(UTC).timestamp()
    found = []
    for record in instance.get_run_records(dg.RunsFilter(job_name=drain_stream.name), limit=LOOKED_AT):
        finished = record.dagster_run.is_finished
        ended = now - (record.end_time or record.update_timestamp.timestamp()) if finished else None
        age = now - record.create_timestamp.timestamp()
        found.append(Run(age, ended, record.dagster_run.status == dg.DagsterRunStatus.FAILURE))
    return found


def _failure(instance: dg.DagsterInstance) -> list[str]:
    """Why the latest drain run failed, as far as it could say so; nothing when it did not."""
    (latest,) = instance.get_run_records(dg.RunsFilter(job_name=drain_stream.name), limit=1)
    if latest.dagster_run.status != dg.DagsterRunStatus.FAILURE:
        return []
    found = instance.get_records_for_run(latest.dagster_run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1)
    events = [record.event_log_entry.dagster_event for record in found.records]
    errors = [event.step_failure_data.error for event in events if event is not None]
    # Dagster's own error says only that a step failed; what it was caused by names the remedy.
    return [(error.cause or error).message.strip()[:LONGEST_REASON] for error in errors if error is not None]
