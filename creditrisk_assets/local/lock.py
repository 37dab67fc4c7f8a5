"""One process per data folder."""

import fcntl
import os
from pathlib import Path


class FolderInUseError(RuntimeError):
    """Another process has the data folder open."""


def locked(folder: Path) -> int:
    """A lock on the folder that the system takes back when this process ends, however it ends; FolderInUseError."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise FolderInUseError(f"another process uses {folder}: stop it, or name another folder with --data") from error
    return lock
