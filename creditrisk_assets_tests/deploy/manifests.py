"""The manifests of deploy/kubernetes as kustomize renders them: by kubectl, and without it as far as ours go."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from creditrisk_assets_tests.conftest import PROJECT

FOLDER = PROJECT / "deploy" / "kubernetes"
OVERLAYS = ("base", "dagster", "overlays/ci", "overlays/production")
WITHOUT_NAMESPACE = ("Namespace",)

Manifest = dict[str, Any]


def by_kubectl(overlay: str) -> list[Manifest] | None:
    """What kubectl makes of an overlay; None where there is no kubectl."""
    if shutil.which("kubectl") is None:
        return None
    done = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / overlay)], capture_output=True, text=True, check=True, timeout=120
    )
    return list(yaml.safe_load_all(done.stdout))


def rendered(overlay: str) -> list[Manifest]:
    """The objects of an overlay."""
    return built(FOLDER / overlay)


def built(folder: Path) -> list[Manifest]:
    """The objects of a kustomization that uses what ours use: in the order of kustomize, without its sorting."""
    spec = yaml.safe_load((folder / "kustomization.yaml").read_text())
    known = {"apiVersion", "kind", "namespace", "resources", "configMapGenerator", "patches", "images", "replicas",
             "replacements"}  # fmt: skip
    assert set(spec) <= known, f"{folder}: teach this loader {set(spec) - known}"
    objects: list[Manifest] = []
    for name in spec["resources"]:
        path = folder / name
        objects += built(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))
    for wanted in spec.get("configMapGenerator", ()):
        _generate(objects, folder, wanted)
    for patch in spec.get("patches", ()):
        _patch(_one(objects, **patch["target"]), yaml.safe_load((folder / patch["path"]).read_text()))
    for made in objects:
        if made["kind"] not in WITHOUT_NAMESPACE:
            made["metadata"]["namespace"] = spec["namespace"]
        _tag(made, spec.get("images", ()))
    for wanted in spec.get("replicas", ()):
        _one(objects, kind="Deployment", name=wanted["name"])["spec"]["replicas"] = wanted["count"]
    for wanted in spec.get("replacements", ()):
        _replace(objects, **wanted)
    return objects


def workloads(objects: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Pods that the objects ask for, with the name of what asks."""
    for made in objects:
        for pod in _pods(made):
            yield f"{made['kind']}/{made['metadata']['name']}", pod


def of_kind(objects: list[Manifest], *kinds: str) -> list[Manifest]:
    return [made for made in objects if made["kind"] in kinds]


def texts() -> dict[str, str]:
    """Everything that is rendered or handed to Helm, as text, and every file it is made from."""
    found = {overlay: json.dumps(rendered(overlay), indent=1) for overlay in OVERLAYS}
    files = [path for path in (PROJECT / "deploy").rglob("*") if path.suffix in (".yaml", ".env", ".sh", ".example")]
    return found | {str(path.relative_to(PROJECT)): path.read_text() for path in files}


def _pods(made: Manifest) -> list[Manifest]:
    return [made["spec"]["template"]["spec"]] if made["kind"] in ("Deployment", "Job") else []


def _one(objects: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [made for made in objects if (made["kind"], made["metadata"]["name"]) == (kind, name)]
    return found


def _generate(objects: list[Manifest], folder: Path, wanted: Manifest) -> None:
    data = {name: (folder / name).read_text() for name in wanted.get("files", ())}
    for name in wanted.get("envs", ()):
        lines = (folder / name).read_text().splitlines()
        data |= dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    if wanted.get("behavior") == "merge":
        _one(objects, "ConfigMap", wanted["name"])["data"].update(data)
    else:
        objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": wanted["name"]}, "data": data})


def _patch(made: Manifest, operations: list[Manifest]) -> None:
    for operation in operations:
        assert operation["op"] == "add", "teach this loader the others"
        *steps, end = operation["path"].strip("/").split("/")
        place: Any = made
        for step in steps:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if end == "-":
            place.append(operation["value"])
        else:
            place[end] = operation["value"]


def _tag(made: Manifest, images: Any) -> None:
    for container in (one for pod in _pods(made) for one in pod["containers"]):
        for image in images:
            if container["image"].partition(":")[0] == image["name"]:
                container["image"] = f"{image['newName']}:{image['newTag']}"


def _replace(objects: list[Manifest], source: Manifest, targets: list[Manifest]) -> None:
    *_, found = _places(_one(objects, source["kind"], source["name"]), source["fieldPath"])
    for target in targets:
        for path in target["fieldPaths"]:
            holder, key, _ = _places(_one(objects, **target["select"]), path)
            holder[key] = found


def _places(made: Any, path: str) -> tuple[Any, str, Any]:
    """Holder, key and value at a path of kustomize such as `spec.containers.[name=one].image`."""
    *steps, key = path.split(".")
    for step in steps:
        if step.startswith("["):
            name, _, value = step.strip("[]").partition("=")
            (made,) = [one for one in made if one[name] == value]
        else:
            made = made[step]
    return made, key, made[key]
