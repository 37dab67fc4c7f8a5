"""Files beside the tables (posterior draws as netCDF, reports), local or on S3, through one file system. No Dagster."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

# Outside every table: a vacuum deletes files of a table directory that its log does not know.
FOLDER = "artifacts"

_S3_NAMES = {
    "access_key_id": "access_key",
    "secret_access_key": "secret_key",
    "session_token": "session_token",
    "token": "session_token",
    "region": "region",
    "default_region": "region",
    "endpoint": "endpoint_override",
    "endpoint_url": "endpoint_override",
}


def s3_arguments(options: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of `pyarrow.fs.S3FileSystem` for the storage options Delta understands."""
    plain = {name.lower().removeprefix("aws_"): value for name, value in options.items()}
    arguments: dict[str, Any] = {_S3_NAMES[name]: value for name, value in plain.items() if name in _S3_NAMES}
    endpoint = str(arguments.get("endpoint_override", ""))
    if "://" in endpoint:
        arguments["scheme"], arguments["endpoint_override"] = endpoint.split("://", 1)
    if plain.get("virtual_hosted_style_request", "").lower() == "true":
        arguments["force_virtual_addressing"] = True
    return arguments


def located(root: str, name: str, options: Mapping[str, str]) -> "tuple[FileSystem, str]":
    """File system and path of the artifact `name` under the lake `root`.

    ValueError when the name is empty, absolute or climbs out of the lake.
    """
    from pyarrow import fs

    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts:
        raise ValueError(f"an artifact is named by a path relative to the lake, not {name!r}")
    if root.startswith("s3://"):
        bucket = root.removeprefix("s3://").rstrip("/")
        return fs.S3FileSystem(**s3_arguments(options)), "/".join((bucket, FOLDER, *parts))
    return fs.LocalFileSystem(), str(Path(root, FOLDER, *parts))


def put(root: str, name: str, data: bytes, options: Mapping[str, str]) -> None:
    """Store `data` under `name`; a reader sees the old bytes or the new ones, never a part."""
    filesystem, path = located(root, name, options)
    if filesystem.type_name != "local":
        with filesystem.open_output_stream(path) as stream:
            stream.write(data)
        return
    part = f"{path}.{uuid4().hex}.part"
    filesystem.create_dir(str(Path(path).parent), recursive=True)
    with filesystem.open_output_stream(part) as stream:
        stream.write(data)
    filesystem.move(part, path)


def get(root: str, name: str, options: Mapping[str, str]) -> bytes:
    """The bytes stored under `name`; FileNotFoundError when there are none."""
    filesystem, path = located(root, name, options)
    with filesystem.open_input_stream(path) as stream:
        return bytes(stream.read())
