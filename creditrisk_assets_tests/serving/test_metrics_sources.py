"""What the exporter tells of a small platform, figure by figure, and of one whose parts are down."""

import asyncio
import urllib.request
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from prometheus_client.metrics_core import Metric as Family

from creditrisk_assets.contracts import APPLICATIONS
from creditrisk_assets.resources.delta import Lake, LakeError
from creditrisk_assets.serving.errors import ServingError
from creditrisk_assets.serving.metrics.catalogue import ALL
from creditrisk_assets.serving.metrics.exporter import serving
from creditrisk_assets.serving.metrics.lake import LakeMetrics
from creditrisk_assets.serving.metrics.orchestration import QUERY, DagsterMetrics, understood
from creditrisk_assets.serving.metrics.postgres import ServingMetrics
from creditrisk_assets.serving.runs import DagsterUnavailableError
from creditrisk_assets.serving.tables import ServedTables
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.serving.measured import Measured, answer, flow

Samples = dict[tuple[str, tuple[str, ...]], float]


def samples(families: list[Family]) -> Samples:
    """Values by name without prefix, and by labels in the order in which they are declared."""
    found = {}
    for family in families:
        metric = ALL.get(family.name) or ALL[f"{family.name}_total"]
        for one in family.samples:
            labels = tuple(one.labels[label] for label in (*metric.labels, "le") if label in one.labels)
            found[one.name.removeprefix("creditrisk_"), labels] = one.value
    return found


def test_the_stream_is_told_from_postgresql(postgres: Database) -> None:
    flow(postgres)
    found = samples(ServingMetrics(postgres.url)())
    assert found["events_total", (APPLICATIONS, "good")] == 10
    assert found["events_total", ("customer-activity", "bad")] == 2
    assert found["micro_batches_total", ()] == 2
    assert found["decisions_total", ()] == sum(
        value for (name, _), value in found.items() if name == "recent_decisions"
    )
    assert found["recent_rule_flags", ("REVOL_UTIL>=80",)] > 0
    assert found["serving_applied_offset", (APPLICATIONS, "0")] == 10
    assert found["newest_score_timestamp_seconds", ()] > 1.7e9


def test_the_histogram_is_cumulated_and_ends_with_all_events(postgres: Database) -> None:
    flow(postgres)
    found = samples(ServingMetrics(postgres.url)())
    buckets = [value for (name, labels), value in found.items()
               if name == "event_to_score_seconds_bucket" and labels[0] == APPLICATIONS]  # fmt: skip
    assert buckets == sorted(buckets)
    assert buckets[-1] == found["event_to_score_seconds_count", (APPLICATIONS,)] == 10
    assert found["event_to_score_seconds_bucket", (APPLICATIONS, "30.0")] == 0
    assert found["event_to_score_seconds_bucket", (APPLICATIONS, "60.0")] == 10
    assert found["event_to_score_seconds_sum", (APPLICATIONS,)] == pytest.approx(2 * (60 + 58 + 56 + 54 + 52))


def test_before_the_first_micro_batch_counters_stand_at_nothing(postgres: Database) -> None:
    found = samples(ServingMetrics(postgres.url)())
    assert found["micro_batches_total", ()] == found["decisions_total", ()] == 0
    assert ("newest_score_timestamp_seconds", ()) not in found


def test_postgresql_is_read_again_once_it_is_back(postgres: Database) -> None:
    read = ServingMetrics(postgres.url)
    read()
    postgres.stop()
    with pytest.raises(ServingError):
        read()
    postgres.start()
    assert samples(read())["micro_batches_total", ()] == 0
    read.close()


def test_a_lake_without_any_table_is_down(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="CREDITRISK_LAKE"):
        LakeMetrics(ServedTables(Lake(str(tmp_path / "lake"))))()


def test_everything_that_is_declared_is_told_over_http_and_nothing_else(measured: Measured) -> None:
    found = scraped(measured.sources())
    assert {name for name, _ in found if not name.endswith(("_bucket", "_count", "_sum"))} == {
        name.removeprefix("creditrisk_") for name in ALL if name != "creditrisk_event_to_score_seconds"
    }
    assert {labels[0]: value for (name, labels), value in found.items() if name == "source_up"} == {
        "postgres": 1, "lake": 1, "kafka": 1, "dagster": 1,
    }  # fmt: skip
    assert found["kafka_consumer_lag", (APPLICATIONS, "0")] == 3
    assert found["kafka_consumer_lag", (APPLICATIONS, "1")] == 0
    assert found["kafka_log_end_offset", (APPLICATIONS, "0")] == 3
    assert found["table_rows", ("serving/quarantine",)] == 4
    assert found["feature_psi", ("annual_income",)] == 0.5
    assert found["drift_features", ("watch",)] == 1
    assert found["calibration_vintages", ("red",)] == found["early_default_alarms", ()] == 1
    assert found["calibration_observed_expected_ratio", ()] == pytest.approx((0 + 10 + 20 + 30) / 80)
    assert found["portfolio_allowance_usd", ("2",)] == 200
    assert found["portfolio_expected_loss_usd", ("12_months",)] == 15


def test_parts_that_are_down_are_told_and_the_lake_all_the_same(measured: Measured) -> None:
    measured.broker.kill()
    measured.database.stop()
    read = measured.sources() | {"dagster": DagsterMetrics("http://127.0.0.1:9")}
    found = scraped(read)
    assert {labels[0]: value for (name, labels), value in found.items() if name == "source_up"} == {
        "postgres": 0, "lake": 1, "kafka": 0, "dagster": 0,
    }  # fmt: skip
    assert not {name for name, _ in found} & {"events_total", "kafka_consumer_lag", "dagster_runs"}
    assert found["portfolio_balance_usd", ()] == 900


def scraped(read: Any) -> Samples:
    from prometheus_client.parser import text_string_to_metric_families

    with serving(read, "127.0.0.1", 0) as port:
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30).read().decode()
    return samples(list(text_string_to_metric_families(text)))


def test_runs_sensors_and_daemons_are_told() -> None:
    found = samples(understood(answer(1e9)))
    assert found["dagster_runs", ("SUCCESS",)] == 7
    assert found["dagster_runs", ("QUEUED",)] == 0
    assert found["dagster_daemon_last_heartbeat_timestamp_seconds", ("SENSOR",)] == 1e9
    assert found["dagster_daemon_last_heartbeat_timestamp_seconds", ("SCHEDULER",)] == 0
    assert {labels[0] for name, labels in found if name == "dagster_sensor_failed"} == {"stream_news", "alerts"}
    assert found["dagster_sensor_failed", ("alerts",)] == 1


def test_a_real_dagster_understands_the_question(tmp_path: Path) -> None:
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import EmptyWorkspaceTarget
    from dagster_graphql.schema import create_schema

    @dg.op
    def done() -> None: ...

    @dg.job
    def batch() -> None:
        done()

    with (
        dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
        WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as process,
    ):
        batch.execute_in_process(instance=instance)
        asked = create_schema().execute_async(QUERY, context_value=process.create_request_context())
        result = asyncio.run(asked)
    assert not result.errors
    found = samples(understood({"data": result.data}))
    assert found["dagster_runs", ("SUCCESS",)] == 1
    assert found["dagster_daemon_last_heartbeat_timestamp_seconds", ("SENSOR",)] == 0


@pytest.mark.parametrize("data", [None, {}, {"instance": None}, answer(workspaceOrError={})["data"]])
def test_whatever_else_answers_is_no_dagster(data: Any) -> None:
    with pytest.raises(DagsterUnavailableError, match="CREDITRISK_DAGSTER_URL"):
        understood({"data": data})
