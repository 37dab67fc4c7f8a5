"""Dagster on a cluster: a configuration that Dagster takes, the same by Helm and without; pods come out confined."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from creditrisk_assets.workloads import CLASSES, TAG
from creditrisk_assets_tests.deploy import chart
from creditrisk_assets_tests.deploy.manifests import FOLDER

KUBECONFIG = {
    "apiVersion": "v1", "kind": "Config", "current-context": "nowhere",
    "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": "nobody"}}],
    "clusters": [{"name": "nowhere", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "nobody", "user": {}}],
}  # fmt: skip


def written() -> dict[str, Any]:
    """dagster.yaml without Helm."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / "dagster" / "dagster.yaml").read_text())
    return found


def test_helm_and_kustomize_configure_the_same_dagster() -> None:
    by_helm, without = chart.instance_of(chart.values()), written()
    host = without["storage"]["postgres"]["postgres_db"].pop("hostname")
    assert by_helm["storage"]["postgres"]["postgres_db"].pop("hostname") == f"{host}.example"
    assert by_helm == without


def test_the_values_say_only_what_the_chart_reads() -> None:
    given = chart.values()
    flat = {"rbacEnabled", "generatePostgresqlPasswordSecret", "additionalInstanceConfig"}
    assert set(given) == set(chart.KEYS) | flat
    for section, keys in chart.KEYS.items():
        assert set(given[section]) <= keys, section
    (deployment,) = given["dagster-user-deployments"]["deployments"]
    assert set(deployment) <= chart.DEPLOYMENT_KEYS


def test_helm_brings_no_account_of_its_own_and_no_database_with_a_known_password() -> None:
    given = chart.values()
    assert given["rbacEnabled"] is given["serviceAccount"]["create"] is False
    assert given["dagster-user-deployments"]["rbacEnabled"] is False
    assert given["postgresql"]["enabled"] is given["generatePostgresqlPasswordSecret"] is False
    assert "postgresqlPassword" not in given["postgresql"]


def test_helm_confines_its_pods_as_ours_are() -> None:
    given = chart.values()
    (code,) = given["dagster-user-deployments"]["deployments"]
    for pod in (given["dagsterWebserver"], given["dagsterDaemon"], code):
        assert pod["podSecurityContext"]["runAsNonRoot"] is True
        assert pod["podSecurityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["securityContext"]["readOnlyRootFilesystem"] is True
        assert pod["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert pod["resources"]["limits"]["memory"]
        assert pod["image"]["tag"] not in (None, "", "latest")


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance of dagster.yaml on this machine: its history in a file, its cluster nowhere."""
    config = written()
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(KUBECONFIG))
    config["storage"] = {"sqlite": {"base_dir": str(tmp_path)}}
    config["run_launcher"]["config"] |= {
        "load_incluster_config": False, "kubeconfig_file": str(tmp_path / "kubeconfig")
    }  # fmt: skip
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))
    with dg.DagsterInstance.from_config(str(tmp_path)) as found:
        yield found


def test_dagster_takes_the_configuration(instance: dg.DagsterInstance) -> None:
    assert type(instance.run_launcher).__name__ == "K8sRunLauncher"
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_max_runtime_seconds == 6 * 3600
    assert instance.run_retries_enabled
    assert instance.run_retries_max_retries == 2
    assert instance.run_retries_retry_on_asset_or_op_failure is False
    queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert queue.max_concurrent_runs == 30
    assert queue.tag_concurrency_limits == [{"key": "dagster/backfill", "limit": 24}]
    pools = instance.get_concurrency_config().pool_config
    assert pools.default_pool_limit == 2
    assert pools.pool_granularity is not None
    assert pools.pool_granularity.value == "op"


def test_dagster_takes_the_storage_of_a_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from dagster._core.instance.ref import InstanceRef

    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "of the test")
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(written()))
    reference = InstanceRef.from_dir(str(tmp_path))
    assert reference.storage_data is not None
    config = reference.storage_data.config_dict
    assert config["postgres_db"]["password"] == {"env": "DAGSTER_PG_PASSWORD"}


def _context(instance: dg.DagsterInstance, tags: dict[str, str]) -> Any:
    from dagster_k8s.container_context import K8sContainerContext

    run = dg.DagsterRun(job_name="some", tags=tags)
    return K8sContainerContext.create_for_run(run, instance.run_launcher, include_run_tags=True)  # type: ignore[arg-type]


def _job(instance: dg.DagsterInstance, tags: dict[str, str]) -> dict[str, Any]:
    """The Job of a run with these tags, as the cluster is sent it."""
    from dagster_k8s.job import construct_dagster_k8s_job
    from kubernetes.client import ApiClient

    context = _context(instance, tags)
    config = context.get_k8s_job_config("registry.example/creditrisk:0.1.0", instance.run_launcher)
    job = construct_dagster_k8s_job(config, ["dagster", "api", "execute_run"], "dagster-run-1", context.run_k8s_config)
    found: dict[str, Any] = ApiClient().sanitize_for_serialization(job)
    return found


def _tags(pod: dict[str, Any]) -> dict[str, str]:
    return {TAG: json.dumps(pod)}


@pytest.mark.parametrize("work", CLASSES, ids=[work.name for work in CLASSES])
def test_the_pod_of_a_run_is_confined_valid_and_as_large_as_its_work(instance: dg.DagsterInstance, work: Any) -> None:
    import kubernetes_validate

    job = _job(instance, _tags(work.pod))
    kubernetes_validate.validate(job, "1.30", strict=True)
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["resources"]["limits"]["memory"] == work.most
    assert container["resources"]["requests"] == {"cpu": work.processor, "memory": work.memory}
    assert job["spec"]["template"]["metadata"]["labels"]["creditrisk/work"] == work.name
    assert pod["serviceAccountName"] == "creditrisk-run"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}
    }  # fmt: skip
    assert [source["secretRef"]["name"] for source in container["envFrom"] if "secretRef" in source] == [
        "creditrisk-runs"
    ]


@pytest.mark.parametrize(
    "wish",
    [
        {"pod_spec_config": {"service_account_name": "dagster"}},
        {"pod_spec_config": {"host_network": True}},
        {"pod_spec_config": {"volumes": [{"name": "node", "host_path": {"path": "/"}}]}},
        {"pod_spec_config": {"security_context": {"run_as_user": 0}}},
        {"container_config": {"image": "registry.example/other"}},
        {"container_config": {"command": ["sh"]}},
        {"container_config": {"security_context": {"privileged": True}}},
        {"container_config": {"env_from": [{"secret_ref": {"name": "creditrisk-migrate"}}]}},
        {"job_spec_config": {"ttl_seconds_after_finished": 1}},
    ],
    ids=lambda wish: "-".join(f"{key}-{field}" for key, value in wish.items() for field in value),
)
def test_a_run_may_wish_for_room_and_nothing_else(instance: dg.DagsterInstance, wish: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="violated the allowed list"):
        _context(instance, _tags(wish))


def test_a_variable_that_a_run_wishes_for_is_refused(instance: dg.DagsterInstance) -> None:
    with pytest.raises(Exception, match=r"violated the allowed list: container_config\.env"):
        _context(instance, _tags({"container_config": {"env": [{"name": "LD_PRELOAD", "value": "x"}]}}))
