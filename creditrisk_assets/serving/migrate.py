"""Brings the schema `serving` of a database to the version of this code, one numbered file at a time."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import psycopg
from psycopg import sql
from pydantic import SecretStr

from creditrisk_assets.serving.connection import Connection
from creditrisk_assets.serving.doors import close
from creditrisk_assets.serving.errors import MigrationError, told
from creditrisk_assets.serving.roles import ensure_roles

LOCK = 7_301_100
"""Advisory lock of those who migrate: the second one waits, and finds nothing to do."""

_NAME = re.compile(r"(\d{3})_[a-z0-9_]+\.sql")
_LEDGER = """
    CREATE SCHEMA IF NOT EXISTS serving;
    CREATE TABLE IF NOT EXISTS serving.migrations (
        number integer PRIMARY KEY,
        name text NOT NULL,
        checksum text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""


@dataclass(frozen=True)
class Migration:
    """One file of SQL."""

    number: int
    name: str
    statements: str

    @property
    def checksum(self) -> str:
        """Of the statements, however the lines end."""
        return hashlib.sha256("\n".join(self.statements.splitlines()).encode()).hexdigest()


def migrations() -> tuple[Migration, ...]:
    """The migrations of this version, in their order."""
    folder = resources.files("creditrisk_assets.serving.migrations")
    return in_order({file.name: file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".sql")})


def in_order(files: Mapping[str, str]) -> tuple[Migration, ...]:
    """Files by name as migrations; MigrationError when they are not numbered 001, 002, ... without a hole."""
    found: list[Migration] = []
    for name, statements in sorted(files.items()):
        match = _NAME.fullmatch(name)
        if match is None or int(match[1]) != len(found) + 1:
            raise MigrationError(f"{name}: migrations are named 001_what.sql, 002_what.sql, ... without a hole")
        found.append(Migration(int(match[1]), name, statements))
    return tuple(found)


def migrate(
    connection: Connection,
    passwords: Mapping[str, SecretStr] | None = None,
    wanted: Sequence[Migration] | None = None,
) -> tuple[str, ...]:
    """Apply what is missing, all or nothing; the names of the files applied.

    `passwords` by role let roles log in. MigrationError when a file changed after it was applied, when
    the database is ahead of this code, or when a file fails (the message names it).
    """
    wanted = migrations() if wanted is None else wanted
    with told(), connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        ensure_roles(connection, passwords or {})
        connection.execute(_LEDGER)
        missing = _missing(connection, wanted)
        for migration in missing:
            _apply(connection, migration)
        close(connection)
    return tuple(migration.name for migration in missing)


def _missing(connection: Connection, wanted: Sequence[Migration]) -> Sequence[Migration]:
    applied = connection.execute("SELECT name, checksum FROM serving.migrations ORDER BY number").fetchall()
    for (name, checksum), migration in zip(applied, wanted, strict=False):
        if name != migration.name or checksum != migration.checksum:
            raise MigrationError(
                f"{migration.name} is not what was applied to this database as {name}: restore the file, and write "
                "what should change into a new one"
            )
    if len(applied) > len(wanted):
        raise MigrationError(f"the database has {applied[-1][0]}, unknown to this version: run a newer one")
    return wanted[len(applied) :]


def _apply(connection: Connection, migration: Migration) -> None:
    try:
        connection.execute(sql.SQL(migration.statements))
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise MigrationError(f"{migration.name} failed and nothing was changed: {error}") from error
    connection.execute(
        "INSERT INTO serving.migrations (number, name, checksum) VALUES (%s, %s, %s)",
        (migration.number, migration.name, migration.checksum),
    )
