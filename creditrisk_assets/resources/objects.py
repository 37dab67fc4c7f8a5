"""Objects by name under one root, a folder or `s3://bucket/prefix`, through one client. No Dagster here.

The client is obstore, which is the object_store library that Delta itself writes through: `AWS_*` variables and
storage options mean the same to both. It can put an object only where there is none, as no file system of pyarrow can.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from creditrisk_assets.resources.errors import ObjectStoreError

if TYPE_CHECKING:
    from obstore.store import LocalStore, S3Store

S3 = "s3://"
PATIENT = timedelta(minutes=5)
QUICK = timedelta(seconds=10)
DELTAS_OWN = ("aws_s3_", "delta_", "mount_", "allow_unsafe_rename")
"""Options that only Delta knows begin so."""


@dataclass(frozen=True)
class Stored:
    """One object as a listing tells it."""

    name: str
    bytes: int


@dataclass(frozen=True)
class Objects:
    """What lies under `root`; `options` are the storage options of Delta, completed by the `AWS_*` variables.

    `patience` is how long one request may take and be tried again. Every method raises ObjectStoreError when the
    store does not answer or refuses.
    """

    root: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    patience: timedelta = PATIENT

    @property
    def base(self) -> str:
        """The root without a trailing slash, absolute when local."""
        return self.root.rstrip("/") if "://" in self.root else str(Path(self.root).expanduser().absolute())

    def put(self, name: str, data: bytes) -> None:
        """Store `data` under `name`; a reader sees the old bytes or the new ones, never a part."""
        store, path = self._located(name)
        with self._told():
            store.put(path, data)

    def create(self, name: str, data: bytes) -> bool:
        """Store `data` under `name` unless an object has the name; False, and nothing changed, when one has."""
        from obstore.exceptions import AlreadyExistsError

        store, path = self._located(name)
        with self._told():
            try:
                store.put(path, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
        return True

    def get(self, name: str) -> bytes:
        """The bytes stored under `name`; FileNotFoundError when there are none."""
        store, path = self._located(name)
        with self._told():
            return bytes(store.get(path).bytes())

    def size(self, name: str) -> int | None:
        """Bytes of the object, None when there is none."""
        store, path = self._located(name)
        with self._told():
            try:
                return int(store.head(path)["size"])
            except FileNotFoundError:
                return None

    def listed(self, folder: str) -> list[Stored]:
        """Everything in a folder and the folders in it, by name."""
        store, path = self._located(folder)
        with self._told():
            found = [meta for chunk in store.list(prefix=path, chunk_size=1000) for meta in chunk]
        inside = len(path) - len(folder)
        return sorted((Stored(one["path"][inside:], one["size"]) for one in found), key=lambda one: one.name)

    def folders(self, folder: str) -> list[str]:
        """Names of the folders in a folder, without its own."""
        store, path = self._located(folder)
        with self._told():
            found = store.list_with_delimiter(prefix=path)["common_prefixes"]
        return sorted(str(one).rstrip("/").rsplit("/", 1)[-1] for one in found)

    def _located(self, name: str) -> "tuple[S3Store | LocalStore, str]":
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts:
            raise ValueError(f"an object is named by a path relative to {self.base}, not {name!r}")
        own = "/".join(parts)
        if not self.base.startswith(S3):
            return _local(), f"{self.base}/{own}".lstrip("/")
        bucket, _, prefix = self.base.removeprefix(S3).partition("/")
        with self._told():
            return _s3(bucket, self.options, self.patience), "/".join(part for part in (prefix, own) if part)

    @contextmanager
    def _told(self) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except BaseError as error:
            raise ObjectStoreError(f"{self.base}: {said(error)}") from error


def said(error: BaseException) -> str:
    """What a store said, on one line and without the client's own notes below it."""
    return " ".join(str(error).split("Debug source:")[0].split())


def _local() -> "LocalStore":
    from obstore.store import LocalStore

    return LocalStore()


def _s3(bucket: str, options: Mapping[str, str], patience: timedelta) -> "S3Store":
    from obstore.store import S3Store

    given = {name: value for name, value in options.items() if not name.lower().startswith(DELTAS_OWN)}
    # As configuration and not as options of the client: those would hide what the environment says of it.
    limits = {"timeout": seconds(patience), "connect_timeout": seconds(min(patience, timedelta(seconds=5)))}
    config: Any = limits | given
    return S3Store(bucket, config=config, retry_config={"max_retries": 3, "retry_timeout": patience})


def seconds(span: timedelta) -> str:
    """A time span as the client reads it."""
    return f"{span.total_seconds():g}s" if span >= timedelta(seconds=1) else f"{span / timedelta(milliseconds=1):.0f}ms"
