"""Who may do what on the cluster: roles, tokens, network."""

import pytest

from creditrisk_assets_tests.deploy.manifests import OVERLAYS, Manifest, of_kind, rendered, workloads

CALLED = {
    ("batch", "jobs"): {"create", "get", "list", "delete"},
    ("batch", "jobs/status"): {"get"},
    ("", "pods"): {"get", "list", "delete"},
    ("", "pods/log"): {"get"},
    ("", "events"): {"list"},
}
"""What the client of dagster-k8s calls; a change of it shows in deploy/e2e."""
LAUNCHERS = {"dagster", "creditrisk-run"}
OPEN_TO_NOBODY = {"dagster-daemon", "migrate", "book"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_rights_end_at_the_namespace(overlay: str) -> None:
    objects = rendered(overlay)
    assert not [made for made in objects if made["kind"].startswith("Cluster")]
    assert {made["metadata"].get("namespace") for made in objects if made["kind"] != "Namespace"} == {"creditrisk"}


def test_those_who_launch_may_do_what_launching_takes_and_nobody_else_may_anything() -> None:
    (role,), (binding,) = (of_kind(rendered("base"), kind) for kind in ("Role", "RoleBinding"))
    granted = {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert granted == CALLED
    assert {one["name"] for one in binding["subjects"]} == LAUNCHERS
    assert {one["kind"] for one in binding["subjects"]} == {"ServiceAccount"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_pods_that_launch_carry_a_token(overlay: str) -> None:
    for account in of_kind(rendered(overlay), "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    for name, pod in workloads(rendered(overlay)):
        assert pod["automountServiceAccountToken"] is (pod["serviceAccountName"] == "dagster"), name
        assert pod["enableServiceLinks"] is False, name


def test_the_namespace_admits_restricted_pods_only() -> None:
    (namespace,) = of_kind(rendered("base"), "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def _policies(overlay: str) -> list[Manifest]:
    return [made["spec"] | {"name": made["metadata"]["name"]} for made in of_kind(rendered(overlay), "NetworkPolicy")]


@pytest.mark.parametrize("overlay", ["base", "overlays/ci", "overlays/production"])
def test_whatever_no_policy_allows_is_denied(overlay: str) -> None:
    (deny,) = [one for one in _policies(overlay) if one["name"] == "deny-all"]
    assert deny["podSelector"] == {}
    assert sorted(deny["policyTypes"]) == ["Egress", "Ingress"]
    assert not {"ingress", "egress"} & set(deny)


def _selects(policy: Manifest, labels: dict[str, str]) -> bool:
    selector = policy["podSelector"]
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for rule in selector.get("matchExpressions", ()):
        inside = labels.get(rule["key"]) in rule["values"]
        if inside is not (rule["operator"] == "In"):
            return False
    return True


def _open(overlay: str, labels: dict[str, str], way: str) -> set[int]:
    """Ports that some policy opens for pods of these labels."""
    return {
        port["port"]
        for policy in _policies(overlay)
        if _selects(policy, labels)
        for rule in policy.get(way, ())
        for port in rule["ports"]
    }


def test_every_port_is_open_to_somebody_and_no_other_port_is() -> None:
    for made in of_kind(rendered("overlays/ci"), "Deployment", "Job"):
        template = made["spec"]["template"]
        (container,) = template["spec"]["containers"]
        listens = {port["containerPort"] for port in container.get("ports", ())}
        opened = _open("overlays/ci", template["metadata"]["labels"], "ingress")
        name = made["metadata"]["name"]
        assert listens <= opened or name in OPEN_TO_NOBODY, name
        others = {8501, 8600} if name in ("dashboard", "api") else {8600, 9108} if name == "exporter" else set()
        assert opened <= listens | others | ({8600, 9108} if name == "api" else set()), name


def test_the_interface_of_kubernetes_is_open_to_those_who_launch_only() -> None:
    run = {"app.kubernetes.io/name": "dagster", "app.kubernetes.io/component": "run_worker"}
    step = run | {"app.kubernetes.io/component": "step_worker"}
    assert {443, 6443} <= _open("base", run, "egress")
    assert not {443, 6443} & _open("base", step, "egress")
    for name in ("dashboard", "api", "exporter", "migrate"):
        labels = {"app.kubernetes.io/name": "creditrisk", "app.kubernetes.io/component": name}
        assert 6443 not in _open("base", labels, "egress"), name


def test_the_lake_is_open_to_those_who_read_or_write_it() -> None:
    for component in ("run_worker", "step_worker", "dashboard", "api", "exporter"):
        assert 443 in _open("overlays/production", {"app.kubernetes.io/component": component}, "egress"), component
    for component in ("dagster-webserver", "dagster-daemon"):
        assert 9093 not in _open("overlays/production", {"component": component}, "egress")
