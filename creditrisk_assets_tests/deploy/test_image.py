"""The image: two stages, hashed versions of the lock, no rights, and whatever of the package is no code."""

import re
import subprocess
import tomllib
from fnmatch import fnmatch

import pytest

from creditrisk_assets_tests.conftest import PROJECT

DEPLOY = PROJECT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
PROJECT_FILE = tomllib.loads((PROJECT / "pyproject.toml").read_text())


def locked(name: str) -> dict[str, str]:
    """Every package of a lock with its version and hashes, by name."""
    text = (PROJECT / name).read_text()
    return {re.split(r"==|\[", block)[0]: block for block in re.split(r"\n(?=\S)", text.strip())}


def test_the_image_is_built_in_two_stages_upon_a_base_that_can_be_named() -> None:
    stages = re.findall(r"^FROM (\S+)(?: AS (\w+))?$", DOCKERFILE, re.MULTILINE)
    assert stages == [("${PYTHON_IMAGE}", "build"), ("${PYTHON_IMAGE}", "")]
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.11\.\d+-slim-bookworm$", DOCKERFILE, re.MULTILINE)
    assert not DOCKERFILE.startswith("# syntax"), "it fetches a front end from a registry"


def test_the_image_runs_as_a_number_other_than_root() -> None:
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]


def test_only_hashed_packages_are_installed_by_the_uv_of_the_project() -> None:
    for line in re.findall(r"uv pip install (.*?)(?: \\)?$", DOCKERFILE, re.MULTILINE):
        assert "--require-hashes" in line or "--no-index" in line, line
    (ours,) = re.findall(r"^ARG UV_VERSION=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert f"UV_VERSION := {ours}\n" in (PROJECT / "Makefile").read_text()


@pytest.mark.parametrize("name", ["deploy/requirements.lock", "deploy/build.lock"])
def test_the_image_holds_the_versions_that_were_tested(name: str) -> None:
    everything = locked("requirements.lock")
    for package, block in locked(name).items():
        assert everything[package].split(";")[0].split()[0] == block.split(";")[0].split()[0], "run make lock"
        assert set(re.findall(r"sha256:\w+", block)) <= set(re.findall(r"sha256:\w+", everything[package])), package


def test_the_image_holds_nothing_that_only_tests_need() -> None:
    found = locked("deploy/requirements.lock")
    assert not {"pytest", "mypy", "ruff", "playwright", "hypothesis", "grafana-foundation-sdk"} & set(found)
    needed = {re.split(r"[\[<>=~! ]", one)[0].lower() for one in PROJECT_FILE["project"]["dependencies"]}
    assert needed <= set(found)


def test_every_file_that_is_no_code_is_packaged() -> None:
    kept = subprocess.check_output(["git", "ls-files", "creditrisk_assets", "dashboard"], cwd=PROJECT, text=True)
    packaged = PROJECT_FILE["tool"]["setuptools"]["package-data"]
    patterns = [f"{package.replace('.', '/')}/{pattern}" for package, found in packaged.items() for pattern in found]
    for path in kept.splitlines():
        assert path.endswith((".py", ".md")) or any(fnmatch(path, pattern) for pattern in patterns), path


def test_the_builder_is_shown_nothing_but_what_the_image_is_made_of() -> None:
    shown = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert shown[1] == "*"
    copied = {part for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
              for part in line.split()[:-1]}  # fmt: skip
    assert {line[1:] for line in shown if line.startswith("!")} == copied
