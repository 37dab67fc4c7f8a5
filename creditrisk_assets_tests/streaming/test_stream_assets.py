"""The job drain_stream as Dagster runs it: what it materialises, tells and refuses, and the checks of its days."""

import logging
from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import polars as pl
import pytest
from kafka import TopicPartition

from creditrisk_assets.automation import QUIET, close_stream_day, close_vintages, drain_stream, score_vintages
from creditrisk_assets.contracts import (
    ACTIVITY,
    FEATURES_BEHAVIOUR,
    MODELS_DIAGNOSTICS,
    MODELS_POSTERIOR,
    RAW_EVENTS,
    SCORES_LIVE,
)
from creditrisk_assets.partitions import ingest_days
from creditrisk_assets.resources.delta import LakeError
from creditrisk_assets.serving.errors import ServingUnavailableError
from creditrisk_assets.streaming.errors import RangeError, RetentionPassedError
from creditrisk_assets.streaming.offsets import OffsetRange, as_json
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.streaming.clients import admin
from creditrisk_assets_tests.streaming.flowing import Platform, applied, did, partition_of, poison
from creditrisk_assets_tests.world import World, checked

REMOVED = "offsets 1 to 1: removed by the broker before they were taken"
TABLES = (RAW_EVENTS, FEATURES_BEHAVIOUR, SCORES_LIVE)
MESSAGES = [applied(1, "c-1"), did("c-1"), did("c-2"), poison(), applied(2), applied(1, "c-1")]
NUMBERS = ("good", "bad", "rows", "repeats", "unscored", "lag", "latency_p50", "latency_p95", "latency_max",
           "events_per_second", "batches", "new_rows", "seconds_commit", "seconds_derive", "seconds_lake")  # fmt: skip


class Job:
    """Runs of the platform's jobs over a platform, on an instance of its own."""

    def __init__(self, platform: Platform, world: World, instance: dg.DagsterInstance) -> None:
        self.platform, self.world, self.instance = platform, world, instance

    def drain(self, **config: object) -> dg.ExecuteInProcessResult:
        job = self.world.definitions.resolve_job_def(drain_stream.name)
        wanted = {"seconds": 60.0, "idle_seconds": 0.2, "pace_seconds": 0.0} | config
        run_config = QUIET | {"ops": {"stream": {"config": wanted}}}
        return job.execute_in_process(run_config, self.instance, partition_key=ingest_days.get_partition_keys()[-1])

    def rows(self) -> list[int]:
        return [self.platform.lake.scan(table).collect().height for table in TABLES]


@pytest.fixture
def job(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    from pathlib import Path

    monkeypatch.setenv("CREDITRISK_LAKE", platform.lake.root)
    monkeypatch.setenv("CREDITRISK_KAFKA_BOOTSTRAP", platform.broker.bootstrap)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Job(platform, World(Path(platform.lake.root).parent, None), instance)


def materialised(result: dg.ExecuteInProcessResult) -> dict[str, list[tuple[str | None, dict[str, Any]]]]:
    """Partition and metadata of what a run materialised, by asset, as told."""
    found: dict[str, list[tuple[str | None, dict[str, Any]]]] = {}
    for event in result.all_events:
        if event.is_step_materialization:
            one = event.step_materialization_data.materialization
            told = {name: value.value for name, value in one.metadata.items()}
            found.setdefault(one.asset_key.to_user_string(), []).append((one.partition, told))
    return found


def test_a_run_materialises_the_day_of_three_tables_with_figures(job: Job) -> None:
    job.platform.send(*MESSAGES)
    result = job.drain()
    assert result.success
    assert job.rows() == [6, 2, 4]
    found = materialised(result)
    (day,) = {str(one) for one in job.platform.lake.scan(RAW_EVENTS).collect()["ingest_day"]}
    assert set(found) == {table.name for table in TABLES}
    for name, rows in zip(("raw/events", "features/behaviour", "scores/live"), (6, 2, 4), strict=True):
        assert {partition for partition, _ in found[name]} == {day}
        assert sum(told["new_rows"] for _, told in found[name]) == rows
        for _, told in found[name]:
            assert all(isinstance(told[number], int | float) for number in NUMBERS)
    told = [one for _, one in found["raw/events"]]
    assert sum(one["bad"] for one in told) == 1
    assert "- loan-applications[" in "".join(one["ranges"] for one in told)
    assert told[-1]["lag"] == 0
    keys = job.instance.get_materialized_partitions(dg.AssetKey(list(SCORES_LIVE.key)))
    assert keys == {day}


def test_a_run_without_news_materialises_nothing_and_succeeds(job: Job) -> None:
    result = job.drain()
    assert result.success
    assert materialised(result) == {}


def test_exact_offsets_are_run_by_run_config_and_again_they_change_nothing(job: Job) -> None:
    job.platform.send(*(did("c-1", days=-number) for number in range(9)))
    partition = partition_of(job.platform.broker.bootstrap, ACTIVITY)
    ranges = as_json([OffsetRange(ACTIVITY, 0, partition, 0, 4)])
    found = materialised(job.drain(ranges=ranges))
    (told,) = found["raw/events"]
    assert told[1]["ranges"] == f"- customer-activity[{partition}] 0 to 3"
    assert told[1]["rows"] == 4
    assert materialised(job.drain(ranges=ranges)) == {}
    assert job.rows() == [4, 1, 1]
    with pytest.raises(RangeError, match="offsets 4 to 5 are not committed and would be left out"):
        job.drain(ranges=as_json([OffsetRange(ACTIVITY, 0, partition, 6, 8)]))
    with pytest.raises(RangeError, match="ranges: JSON is malformed"):
        job.drain(ranges="offsets 0 to 3")
    assert job.drain().success
    assert job.rows()[0] == 9


def test_postgresql_is_served_and_while_it_is_down_the_run_fails_once_the_lake_has_it_all(
    job: Job, postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDITRISK_POSTGRES_URL", postgres.url.get_secret_value())
    job.platform.send(did("c-1"))
    assert job.drain().success
    assert postgres.rows("SELECT subject FROM serving.live_risk") == [("c-1",)]
    postgres.stop()
    job.platform.send(did("c-2"), did("c-3"))
    with pytest.raises(ServingUnavailableError):
        job.drain()
    assert job.rows()[0] == 3
    postgres.start()
    assert job.drain().success
    assert sorted(postgres.rows("SELECT subject FROM serving.live_risk")) == [("c-1",), ("c-2",), ("c-3",)]


def test_without_a_model_the_run_says_how_many_events_have_no_score(job: Job) -> None:
    import shutil

    shutil.rmtree(job.platform.lake.uri(MODELS_POSTERIOR))
    job.platform.send(*MESSAGES)
    result = job.drain()
    assert job.rows() == [6, 2, 0]
    assert sum(told["unscored"] for _, told in materialised(result)["scores/live"]) == 4
    logged = [entry.user_message for entry in job.instance.all_logs(result.run_id) if entry.level >= 30]
    assert any("4 events have no score: either no posterior has passed its gates" in message for message in logged)
    assert job.platform.lake.exists(MODELS_DIAGNOSTICS)


def test_a_run_that_takes_one_topic_says_what_the_other_has_lost(job: Job) -> None:
    job.platform.send(did("c-1"))
    assert job.drain().success
    job.platform.send(did("c-1", days=-1), applied(1))
    bootstrap = job.platform.broker.bootstrap
    with admin(bootstrap) as client:
        client.delete_records({TopicPartition(ACTIVITY, partition_of(bootstrap, ACTIVITY)): 2})
    with pytest.raises(RetentionPassedError):  # once nothing else is left to take
        job.drain()
    assert job.rows()[0] == 2
    (run, *_) = job.instance.get_runs(limit=1)
    errors = [entry.user_message for entry in job.instance.all_logs(run.run_id) if entry.level == logging.ERROR]
    assert any(REMOVED in message for message in errors)


def day_of(job: Job) -> date:
    found: date = job.platform.lake.scan(RAW_EVENTS).collect()["ingest_day"][0]
    return found


def test_what_the_stream_wrote_keeps_its_contracts(job: Job) -> None:
    job.platform.send(*MESSAGES)
    job.drain()
    closing = job.world.definitions.resolve_job_def(close_stream_day.name)
    tags = {"dagster/partition": day_of(job).isoformat()}
    result = closing.execute_in_process(QUIET, job.instance, tags=tags)
    evaluated = result.get_asset_check_evaluations()
    assert {(one.asset_key.to_user_string(), one.check_name) for one in evaluated} == {
        (table.name, "keeps_its_contract") for table in TABLES
    }
    assert all(one.passed for one in evaluated)


@pytest.mark.parametrize(
    ("table", "broken"),
    [
        (RAW_EVENTS, {"days_past_due": -1}),
        (FEATURES_BEHAVIOUR, {"missed_3m": -1}),
        (SCORES_LIVE, {"pd": 1.5}),
        (SCORES_LIVE, {"kind": "guess"}),
    ],
)
def test_a_broken_row_is_found(job: Job, table: Any, broken: dict[str, object]) -> None:
    job.platform.send(*MESSAGES)
    job.drain()
    day, rows = day_of(job), job.platform.lake.scan(table).collect()
    first = pl.int_range(pl.len()) == 0
    changed = [
        pl.when(first).then(pl.lit(value, table.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in broken.items()
    ]
    job.platform.lake.overwrite(table, rows.with_columns(changed), [day])
    told = checked(job.world, "keeps_its_contract", table.name, day)
    assert told is not None
    (name,) = broken
    assert name in str(told["broken_rows"])
    job.platform.lake.overwrite(table, pl.concat([rows, rows.head(1)]), [day])
    told = checked(job.world, "keeps_its_contract", table.name, day)
    assert told is not None
    assert told["repeated_keys"] == 1


def test_a_day_that_never_came_keeps_its_contracts(job: Job) -> None:
    job.platform.send(did("c-1"))
    job.drain()
    for table in TABLES:
        assert checked(job.world, "keeps_its_contract", table.name, date(2026, 1, 1)) is None


def test_jobs_of_the_batch_leave_the_stream_alone_and_the_other_way_round() -> None:
    from creditrisk_assets.definitions import defs

    stream = {dg.AssetKey(list(table.key)) for table in TABLES}
    for job in (close_vintages, score_vintages):
        assert not stream & defs.resolve_job_def(job.name).asset_layer.executable_asset_keys
    assert defs.resolve_job_def(drain_stream.name).asset_layer.executable_asset_keys == stream


@pytest.mark.parametrize("selection", ["group:raw or group:features", "group:models", "group:scores"])
def test_selections_by_stage_do_not_pull_in_the_stream(selection: str) -> None:
    from creditrisk_assets.definitions import defs

    chosen = dg.AssetSelection.from_string(selection).resolve(defs.resolve_asset_graph())
    assert not {dg.AssetKey(list(table.key)) for table in TABLES} & chosen


def test_a_table_of_the_stream_that_is_not_there_is_named_with_the_remedy(job: Job) -> None:
    with pytest.raises(LakeError, match="materialize raw/events first"):
        job.platform.lake.scan(RAW_EVENTS)
