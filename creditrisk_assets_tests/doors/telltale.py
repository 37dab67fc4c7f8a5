"""Secrets that would be known again wherever they turn up, and where to look for them."""

import base64
import contextlib
import hashlib
import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr

from creditrisk_assets.resources.environments import Settings

OTHERS = ("aws_secret_access_key", "aws_session_token", "client_secret", "cookie_secret", "caller", "old_password")
"""Secrets that are no settings: of the lake's store, of the login, of whoever calls the API, of a login refused."""


def fields() -> tuple[str, ...]:
    """Every secret setting, so that a new one is looked for as well."""
    return tuple(name for name, one in Settings.model_fields.items() if "SecretStr" in str(one.annotation))


def mark(name: str) -> str:
    """What stands for a secret; an API key's digest must be hexadecimal."""
    digest = hashlib.sha256(f"told to nobody: {name}".encode()).hexdigest()
    return digest if name == "api_keys" else f"told-to-nobody-{name.replace('_', '-')}-{digest[:16]}"


def marks() -> dict[str, str]:
    """All secrets by name."""
    return {name: mark(name) for name in (*fields(), *OTHERS)}


def wordings(secret: str) -> Iterator[bytes]:
    """A secret as it is, as half of it, and as it is often written."""
    yield secret.encode()
    yield secret[: len(secret) // 2 + 8].encode()
    yield quote(secret, safe="").replace("-", "%2D").encode()
    for start in range(3):  # wherever it begins among other text
        coded = base64.b64encode(b" " * start + secret.encode())
        yield coded[4 * ((start + 2) // 3) : -4]
    yield secret.encode("utf-16-le")
    yield secret.encode().hex().encode()


def values(**given: str) -> dict[str, str]:
    """Every secret setting as a variable of the environment; those without a form of their own are just the secret."""
    forms = {"api_keys": f"portal:{mark('api_keys')}", "alert_urls": f"json://risk:{mark('alert_urls')}@127.0.0.1:9/x"}
    forms |= {"postgres_url": f"postgresql://creditrisk:{mark('postgres_url')}@127.0.0.1:9/creditrisk"}
    told = {name: forms.get(name, mark(name)) for name in fields()} | given
    found = {f"CREDITRISK_{name.upper()}": value for name, value in told.items() if value}
    return found | {"AWS_SECRET_ACCESS_KEY": mark("aws_secret_access_key"), "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                    "AWS_SESSION_TOKEN": mark("aws_session_token")}  # fmt: skip


def secret(name: str) -> SecretStr:
    return SecretStr(values()[f"CREDITRISK_{name.upper()}"])


def everything(folder: Path, besides: frozenset[str]) -> dict[str, bytes]:
    """What every file below a folder holds, tables of SQLite unpacked; `besides` are names that hold secrets."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in besides:
            content = path.read_bytes()
            found[str(path.relative_to(folder))] = content
            if content.startswith(b"SQLite format 3"):
                found[f"{path.relative_to(folder)} (rows)"] = _rows(path)
    return found


def _rows(path: Path) -> bytes:
    parts = []
    with sqlite3.connect(path) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            parts += [cell for row in connection.execute(f'SELECT * FROM "{name}"') for cell in row]
    return b"\n".join(unpacked(cell) for cell in parts)


def unpacked(cell: object) -> bytes:
    """A cell as bytes; Dagster packs its snapshots."""
    content = bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode()
    try:
        return zlib.decompress(content)
    except zlib.error:
        return content


def command_lines() -> set[bytes]:
    """How every process of this machine that may be looked at was started."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):  # ended, or not ours
                found.add((entry / "cmdline").read_bytes())
    return found


def tellers(found: Mapping[str, bytes], secret: str) -> list[str]:
    """Where a secret stands."""
    return [name for name, content in found.items() if any(one in content for one in wordings(secret))]
