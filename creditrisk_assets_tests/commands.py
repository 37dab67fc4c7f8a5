"""The commands of the README as processes of their own, with their data in a folder of the test."""

import os
import subprocess
import sys
from pathlib import Path

from creditrisk_assets.local.instance import dagster_yaml
from creditrisk_assets_tests.conftest import PROJECT

BIN = Path(sys.executable).parent


def environment(data: Path, **values: object) -> dict[str, str]:
    """This environment with the platform's data, and Dagster's, in `data`."""
    home = data / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(dagster_yaml(postgres=False))
    ours = {"CREDITRISK_DATA": data, "DAGSTER_HOME": home, "PYTHONWARNINGS": "ignore", **values}
    return os.environ | {name: str(value) for name, value in ours.items()}


def command(name: str, *arguments: object, data: Path, **values: object) -> subprocess.CompletedProcess[str]:
    """Run one of the environment's commands to its end."""
    return subprocess.run(
        [str(BIN / name), *(str(argument) for argument in arguments)],
        cwd=PROJECT, env=environment(data, **values), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
