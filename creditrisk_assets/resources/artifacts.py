"""Files beside the tables (posterior draws as netCDF, reports), local or on S3. No Dagster here."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from creditrisk_assets.resources.objects import Objects

# Outside every table: a vacuum deletes files of a table directory that its log does not know.
FOLDER = "artifacts"


def put(root: str, name: str, data: bytes, options: Mapping[str, str]) -> None:
    """Store `data` under `name`; a reader sees the old bytes or the new ones, never a part.

    ValueError when the name is empty, absolute or climbs out of the lake.
    """
    Objects(root, options).put(_located(name), data)


def get(root: str, name: str, options: Mapping[str, str]) -> bytes:
    """The bytes stored under `name`; FileNotFoundError when there are none."""
    return Objects(root, options).get(_located(name))


def _located(name: str) -> str:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts:
        raise ValueError(f"an artifact is named by a path relative to the lake, not {name!r}")
    return "/".join((FOLDER, *parts))
