"""The platform on a real cluster: installed, run by pods, backfilled over pods, killed and ended.

    KUBECONFIG=… CREDITRISK_IMAGE=registry/creditrisk:tag pytest deploy/e2e -n0 --no-cov

The cluster must be able to pull the image and to provide a volume of 2 GiB. Tests build on each other, in this order.
"""

from datetime import date

import pytest

from creditrisk_assets.resources.environments import add_months
from creditrisk_assets.workloads import BOOK
from deploy.e2e.cluster import ENDED, NAMESPACE, Dagster, eventually, in_pod, kubectl, listed, pods_of

RANGE = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
BOOKED = "2014-01-01", "2016-04-01"
MODEL_DATE = "2016-04-01"
TWELVE = [add_months(date(2015, 1, 1), months).isoformat() for months in range(12)]
OURS = ("creditrisk", "dagster-webserver", "dagster-daemon", "exporter", "dashboard", "postgres")
SAME = """
import sys
from creditrisk_assets.contracts import MODELS_EVIDENCE
from creditrisk_assets.resources.delta import Lake
lake = Lake("/data/lake")
table = MODELS_EVIDENCE
one, other = (lake.scan(table, version=int(it)).collect().sort(table.primary) for it in sys.argv[1:])
print(one.height, one.equals(other))
"""
VERSION = """
from creditrisk_assets.contracts import MODELS_EVIDENCE
from creditrisk_assets.resources.delta import Lake
print(Lake("/data/lake").version(MODELS_EVIDENCE))
"""


def over(first: str, last: str) -> dict[str, str]:
    """Tags of one run over a range of partitions."""
    return dict(zip(RANGE, (first, last), strict=True))


def may(account: str, verb: str, resource: str, namespace: str = NAMESPACE) -> bool:
    who = f"--as=system:serviceaccount:{NAMESPACE}:{account}"
    said = kubectl("auth", "can-i", verb, resource, who, "--namespace", namespace, check=False)
    return said.strip() == "yes"


@pytest.mark.parametrize("name", OURS)
def test_pods_are_nobody_and_cannot_write(installed: None, name: str) -> None:
    assert in_pod(name, "id", "-u") == "10001"
    in_pod(name, "sh", "-c", "touch /tmp/here")
    assert in_pod(name, "sh", "-c", "touch /opt/there 2>/dev/null || echo refused", check=False) == "refused"


def test_rights_are_what_launching_takes(installed: None) -> None:
    for account in ("dagster", "creditrisk-run"):
        assert may(account, "create", "jobs.batch")
        assert may(account, "delete", "pods")
        for verb, resource in (("get", "secrets"), ("create", "pods"), ("create", "pods/exec"), ("create", "roles"),
                               ("update", "deployments.apps"), ("get", "configmaps")):  # fmt: skip
            assert not may(account, verb, resource), f"{account} may {verb} {resource}"
        assert not may(account, "get", "pods", "kube-system")
    for account in ("creditrisk-app", "creditrisk-code", "creditrisk-step"):
        for verb, resource in (("get", "pods"), ("create", "jobs.batch"), ("get", "secrets")):
            assert not may(account, verb, resource), f"{account} may {verb} {resource}"


def test_a_run_is_a_pod(dagster: Dagster) -> None:
    run = dagster.launch("close_vintages", **over(*BOOKED))
    dagster.reached(run, "SUCCESS", seconds=300)
    (pod,) = pods_of(run, "run_worker")
    assert not pods_of(run, "step_worker")
    assert pod["spec"]["serviceAccountName"] == "creditrisk-run"
    (container,) = pod["spec"]["containers"]
    assert container["resources"]["limits"]["memory"] == BOOK.most
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_a_step_is_a_pod_with_room_for_its_work_and_without_rights(dagster: Dagster) -> None:
    run = dagster.launch("set_references", **{"dagster/partition": MODEL_DATE})
    dagster.reached(run, "SUCCESS", seconds=600)
    assert len(pods_of(run, "run_worker")) == 1
    steps = {pod["metadata"]["labels"]["dagster/op"]: pod for pod in pods_of(run, "step_worker")}
    assert len(steps) == 3, sorted(steps)
    (reference,) = [pod for op, pod in steps.items() if op == "models_reference"]
    assert reference["metadata"]["labels"]["creditrisk/work"] == BOOK.name
    assert reference["spec"]["containers"][0]["resources"]["requests"] == {"cpu": BOOK.processor, "memory": BOOK.memory}
    assert reference["metadata"].get("ownerReferences")
    for pod in steps.values():
        assert pod["spec"]["serviceAccountName"] == "creditrisk-step"
        assert not pod["spec"].get("automountServiceAccountToken")


def test_twelve_vintages_are_backfilled_by_twelve_pods_and_give_what_one_gives(dagster: Dagster) -> None:
    backfill = dagster.backfill("gather_evidence", TWELVE)

    def all_ended() -> dict[str, str] | None:
        runs = dagster.runs(dagster__backfill=backfill)
        return runs if len(runs) == len(TWELVE) and set(runs.values()) <= ENDED else None

    runs = eventually(all_ended, 900, "twelve runs have ended")
    assert set(runs.values()) == {"SUCCESS"}
    pods = {pod["metadata"]["name"] for run in runs for pod in pods_of(run, "run_worker")}
    assert len(pods) == len(TWELVE)
    by_pods = in_pod("creditrisk", "python", "-c", VERSION)
    again = dagster.launch("gather_evidence", **over(TWELVE[0], TWELVE[-1]))
    dagster.reached(again, "SUCCESS", seconds=300)
    by_one = in_pod("creditrisk", "python", "-c", VERSION)
    assert int(by_one) == int(by_pods) + 1
    rows, same = in_pod("creditrisk", "python", "-c", SAME, by_pods, by_one).split()
    assert int(rows) >= len(TWELVE)
    assert same == "True"


def test_a_run_whose_pod_is_killed_fails_and_is_tried_again_and_ends_when_told(dagster: Dagster) -> None:
    run = dagster.launch("set_references", **{"dagster/partition": MODEL_DATE})
    dagster.reached(run, "STARTED", seconds=120)
    (pod,) = pods_of(run, "run_worker")
    kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
    dagster.reached(run, "FAILURE", seconds=120)
    retry = eventually(lambda: [it for it in dagster.runs(dagster__parent_run_id=run)], 120, "the run is tried again")
    dagster.reached(retry[0], "STARTED", seconds=120)
    dagster.terminate(retry[0])
    dagster.reached(retry[0], "CANCELED", seconds=120)
    labels = {"dagster/run-id": retry[0]}
    eventually(lambda: not listed("jobs", **labels) and not listed("pods", **labels), 180, "its pods are gone")
