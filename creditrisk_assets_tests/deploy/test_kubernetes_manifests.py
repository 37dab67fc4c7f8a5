"""Manifests for Kubernetes: valid, confined, without a secret, and nothing they name is missing."""

import json
import re

import pytest
from pydantic import SecretStr

from creditrisk_assets.resources.environments import Settings
from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.deploy.manifests import (
    FOLDER,
    OVERLAYS,
    Manifest,
    by_kubectl,
    of_kind,
    rendered,
    texts,
    workloads,
)

WHOLE = ("overlays/ci", "overlays/production")
FIRST_RELEASES = ("1.25", "1.30")
LOGIN_FILE, OF_CI = "creditrisk-dashboard-login", "creditrisk-postgres"
CREDENTIALS = re.compile(r"://[^/\s:@\"']+:[^/\s@\"']+@")
NAMED_AS_SECRET = re.compile(r"(?i)(password|secret|token|api_?key|access_?key)")


def releases() -> list[str]:
    """The oldest release of Kubernetes that the manifests are for, one between, and the newest whose schema is here."""
    from kubernetes_validate import latest_version

    return [*FIRST_RELEASES, latest_version()]


@pytest.mark.parametrize("release", range(3), ids=["oldest", "between", "newest"])
def test_every_object_fits_the_schema_of_kubernetes_and_says_nothing_else(release: int) -> None:
    import kubernetes_validate

    distinct = {json.dumps(made, sort_keys=True) for overlay in OVERLAYS for made in rendered(overlay)}
    assert len(distinct) > 40
    for made in distinct:
        kubernetes_validate.validate(json.loads(made), releases()[release], strict=True)


def test_a_word_that_kubernetes_does_not_know_is_noticed() -> None:
    import kubernetes_validate

    (job,) = of_kind(rendered("base"), "Job")
    job["spec"]["ttlSecondAfterFinished"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, releases()[-1], strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubectl_renders_what_these_tests_look_at(overlay: str) -> None:
    found = by_kubectl(overlay)
    if found is None:
        pytest.skip("no kubectl here: the tests read the files themselves")

    def key(made: Manifest) -> tuple[str, str]:
        return made["kind"], made["metadata"]["name"]

    assert sorted(found, key=key) == sorted(rendered(overlay), key=key)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_confined(overlay: str) -> None:
    for name, pod in workloads(rendered(overlay)):
        assert pod["securityContext"] == {
            "runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        }, name  # fmt: skip
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), name
        assert not [volume for volume in pod["volumes"] if "hostPath" in volume], name
        for container in pod["containers"]:
            confined = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]}}  # fmt: skip
            assert container["securityContext"] == confined, name
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}, name
            assert set(container["resources"]["limits"]) == {"memory"}, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whatever_stays_up_is_looked_after(overlay: str) -> None:
    for made in of_kind(rendered(overlay), "Deployment"):
        (container,) = made["spec"]["template"]["spec"]["containers"]
        name = made["metadata"]["name"]
        assert "readinessProbe" in container or name == "dagster-daemon", name
        assert "livenessProbe" in container or name == "postgres", name


def _wanted(objects: list[Manifest]) -> dict[str, set[str]]:
    """What the pods name: accounts, ConfigMaps, Secrets, claims."""
    found: dict[str, set[str]] = {"ServiceAccount": set(), "ConfigMap": set(), "Secret": set(),
                                  "PersistentVolumeClaim": set()}  # fmt: skip
    for _, pod in workloads(objects):
        found["ServiceAccount"].add(pod["serviceAccountName"])
        for volume in pod["volumes"]:
            found["ConfigMap"] |= {volume["configMap"]["name"]} if "configMap" in volume else set()
            found["Secret"] |= {volume["secret"]["secretName"]} if "secret" in volume else set()
            if "persistentVolumeClaim" in volume:
                found["PersistentVolumeClaim"].add(volume["persistentVolumeClaim"]["claimName"])
        for container in pod["containers"]:
            for source in container.get("envFrom", ()):
                found["ConfigMap"] |= {source["configMapRef"]["name"]} if "configMapRef" in source else set()
                found["Secret"] |= {source["secretRef"]["name"]} if "secretRef" in source else set()
            for variable in container.get("env", ()):
                if "valueFrom" in variable:
                    found["Secret"].add(variable["valueFrom"]["secretKeyRef"]["name"])
    return found


def documented() -> dict[str, list[str]]:
    """Secrets that an operator is told to make, with their keys."""
    return {
        path.name.removesuffix(".env.example"): [
            line.removesuffix("=") for line in path.read_text().splitlines() if not line.startswith("#")
        ]
        for path in (FOLDER / "secrets").glob("*.env.example")
    }


@pytest.mark.parametrize("overlay", WHOLE)
def test_whatever_a_pod_names_exists(overlay: str) -> None:
    objects = rendered(overlay)
    there = {kind: {made["metadata"]["name"] for made in of_kind(objects, kind)} for kind in _wanted(objects)}
    for kind, names in _wanted(objects).items():
        known = there[kind] | ({*documented(), LOGIN_FILE, OF_CI} if kind == "Secret" else set())
        assert names <= known, kind


def test_every_secret_setting_is_in_a_secret_and_every_key_of_a_secret_is_read() -> None:
    keys = {key for names in documented().values() for key in names}
    secret = {f"CREDITRISK_{name.upper()}" for name, field in Settings.model_fields.items()
              if SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))}  # fmt: skip
    assert secret <= keys
    settings = {f"CREDITRISK_{name.upper()}" for name in Settings.model_fields}
    assert {key for key in keys if key.startswith("CREDITRISK_")} <= settings
    assert {key for key in keys if not key.startswith("CREDITRISK_")} == {
        "postgresql-password", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
    }  # fmt: skip


@pytest.mark.parametrize("overlay", WHOLE)
def test_settings_are_ones_that_the_platform_reads(overlay: str) -> None:
    (settings,) = [made for made in of_kind(rendered(overlay), "ConfigMap")
                   if made["metadata"]["name"] == "creditrisk-settings"]  # fmt: skip
    for name in settings["data"]:
        prefix, _, field = name.partition("_")
        assert (
            field.lower() in Settings.model_fields if prefix == "CREDITRISK" else prefix in ("OMP", "OPENBLAS", "AWS")
        )
    Settings.model_validate(
        {name.removeprefix("CREDITRISK_").lower(): value for name, value in settings["data"].items()}
    )


def test_no_secret_is_written_down() -> None:
    for place, text in texts().items():
        assert not CREDENTIALS.search(text), place
    for overlay in OVERLAYS:
        objects = rendered(overlay)
        assert not of_kind(objects, "Secret")
        for name, pod in workloads(objects):
            for container in pod["containers"]:
                for variable in container.get("env", ()):
                    assert "valueFrom" in variable or not NAMED_AS_SECRET.search(variable["name"]), name
        for made in of_kind(objects, "ConfigMap"):
            assert not [name for name in made["data"] if NAMED_AS_SECRET.search(name)], made["metadata"]["name"]
    for path in (FOLDER / "secrets").iterdir():
        assert all(line.startswith("#") or line.endswith("=") for line in path.read_text().splitlines()), path


def test_production_names_its_images_by_version() -> None:
    for name, pod in workloads(rendered("overlays/production")):
        for container in pod["containers"]:
            version = container["image"].rpartition(":")[2]
            assert re.fullmatch(r"\d+\.\d+\.\d+", version), name


def test_the_map_of_the_folder_names_what_is_there() -> None:
    said = (FOLDER / "README.md").read_text()
    for folder in ("base", "dagster", "overlays/production", "overlays/ci", "secrets"):
        assert (FOLDER / folder).is_dir()
        assert f"`{folder}/`" in said
    assert (PROJECT / "deploy" / "helm" / "values.yaml").exists()
