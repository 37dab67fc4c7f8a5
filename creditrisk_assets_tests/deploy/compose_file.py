"""deploy/compose.yaml as the tests read it, and Compose itself, which checks and renders it without an engine."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.needed import lacking

DEPLOY = PROJECT / "deploy"
FILE = DEPLOY / "compose.yaml"
ONE_SHOTS = ("migrate", "buckets", "producer")
"""They end by themselves: whoever waits for them waits for their end."""
CORE = {"postgres", "kafka", "migrate", "code", "webserver", "webserver-read-only", "daemon", "dashboard", "api",
        "exporter"}  # fmt: skip
SECRETS = (
    "POSTGRES_PASSWORD",
    "DAGSTER_POSTGRES_PASSWORD",
    *(f"CREDITRISK_POSTGRES_{role}_PASSWORD" for role in ("OWNER", "WRITER", "READER", "OFFICER")),
    "CREDITRISK_API_KEYS",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "GRAFANA_ADMIN_PASSWORD",
    "OIDC_METADATA_URL",
    "OIDC_CLIENT_SECRET",
    "OIDC_COOKIE_PASSPHRASE",
)
GIVEN = {name: f"told-to-nobody-{number:02}" for number, name in enumerate(SECRETS)}
"""A value for each, to be found again."""


def services() -> dict[str, dict[str, Any]]:
    """The services as they stand in the file, by name."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
    return found


@cache
def compose() -> tuple[str, ...]:
    """How Compose 2 is called; skips, or fails where it is required, when the machine has none."""
    found = next(filter(_is_of_version_2, (("docker-compose",), ("docker", "compose"))), None)
    if found is None:
        lacking("COMPOSE", "needs Compose 2 (make compose, as root on Debian, else apt install docker-compose)")
    return found


def _is_of_version_2(command: tuple[str, ...]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    done = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.lstrip("v")[:1] >= "2"


def rendered(folder: Path, *arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    """`compose config` with these variables alone, and no .env; JSON on its output."""
    (folder / "empty.env").touch()
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **given}
    command = [*compose(), "--env-file", str(folder / "empty.env"), "-f", str(FILE), *arguments]
    return subprocess.run(
        [*command, "config", "--format", "json"], env=environment, capture_output=True, text=True, check=False
    )
