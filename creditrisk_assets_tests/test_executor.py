"""Laptop and cluster run the same definitions: where steps run, what a pod is given, how a backfill is cut."""

import json
import os
import subprocess
import sys

import dagster as dg
import pytest

from creditrisk_assets.definitions import build_defs
from creditrisk_assets.workloads import CLASSES, TAG
from creditrisk_assets_tests.conftest import PROJECT

SIZES = {work.name: work for work in CLASSES}
IN_ONE_POD = {"drain_stream": "stream", "close_stream_day": "light", "gather_evidence": "vintage",
              "score_vintages": "vintage", "close_vintages": "book", "aggregate_vintages": "book",
              "aggregate_stream": "vintage"}  # fmt: skip


@pytest.fixture
def on_kubernetes(monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    """The definitions of a cluster."""
    monkeypatch.setenv("CREDITRISK_EXECUTOR", "kubernetes")
    return build_defs()


def test_on_a_laptop_every_job_runs_in_the_process_of_its_run() -> None:
    definitions = build_defs()
    for job in definitions.resolve_all_job_defs():
        assert job.executor_def.name == "in_process", job.name


def test_on_a_cluster_steps_get_pods_but_where_a_run_is_one_process(on_kubernetes: dg.Definitions) -> None:
    found = {job.name: job for job in on_kubernetes.resolve_all_job_defs()}
    assert {name for name, job in found.items() if job.executor_def.name == "in_process"} == set(IN_ONE_POD)
    for name in ("train_models", "learn_behaviour", "set_references", "value_portfolio", "batch"):
        assert found[name].executor_def.name == "kubernetes", name


def test_a_run_that_is_one_process_has_a_pod_for_its_work() -> None:
    definitions = build_defs()
    for name, work in IN_ONE_POD.items():
        assert json.loads(definitions.resolve_job_def(name).tags[TAG]) == SIZES[work].pod, name


def test_a_cluster_refuses_runs_within_a_run_and_says_what_to_launch(on_kubernetes: dg.Definitions) -> None:
    done = on_kubernetes.resolve_job_def("batch").execute_in_process(raise_on_error=False)
    (event,) = done.get_step_failure_events()
    assert "launch its jobs one by one" in event.step_failure_data.user_failure_data.description


def test_nobody_retries_a_run_of_the_stream_beside_its_sensor() -> None:
    assert build_defs().resolve_job_def("drain_stream").tags["dagster/max_retries"] == "0"


def test_every_asset_with_partitions_says_how_much_room_it_takes() -> None:
    graph = build_defs().resolve_asset_graph()
    for definition in graph.assets_defs:
        if definition.keys and definition.is_executable and definition.partitions_def is not None:
            assert json.loads(definition.op.tags[TAG]) in [work.pod for work in CLASSES], definition.keys


def test_the_sampler_gets_the_room_of_samplers() -> None:
    graph = build_defs().resolve_asset_graph()
    for key in (["models", "posterior"], ["models", "behaviour"]):
        tags = graph.get(dg.AssetKey(key)).assets_def.op.tags
        assert json.loads(tags[TAG]) == SIZES["sampling"].pod


def test_a_launchpad_cannot_say_what_pods_of_steps_are(on_kubernetes: dg.Definitions) -> None:
    job = on_kubernetes.resolve_job_def("train_models")
    assert dg.validate_run_config(job, {}) is not None
    for config in ({"step_k8s_config": {"pod_spec_config": {"service_account_name": "dagster"}}}, {"job_image": "x"}):
        with pytest.raises(dg.DagsterInvalidConfigError):
            dg.validate_run_config(job, {"execution": {"config": config}})


CUT = """
from creditrisk_assets.definitions import defs
for name in ("gather_evidence", "score_vintages", "close_vintages"):
    print(name, defs.resolve_job_def(name).backfill_policy.max_partitions_per_run)
"""


@pytest.mark.parametrize(("given", "most"), [("", "None"), ("6", "6")], ids=["unset", "six"])
def test_a_backfill_of_vintages_is_cut_as_the_setting_says(given: str, most: str) -> None:
    environment = os.environ | {"CREDITRISK_VINTAGES_PER_RUN": given}  # an empty one counts as unset
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CUT], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [f"gather_evidence {most}", f"score_vintages {most}", "close_vintages None"]


def test_the_runbook_tells_the_room_of_every_class() -> None:
    told = (PROJECT / "docs" / "operations.md").read_text()
    for work in CLASSES:
        (row,) = [line for line in told.splitlines() if line.startswith(f"| `{work.name}` |")]
        assert f" {work.memory.replace('Gi', ' GiB').replace('Mi', ' MiB')} |" in row, work.name
        assert f" {work.most.replace('Gi', ' GiB')} |" in row, work.name
