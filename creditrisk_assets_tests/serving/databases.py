"""PostgreSQL for the tests: one server for all tests of a process, and a fresh database for every test."""

import itertools
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import sql
from pydantic import SecretStr

if TYPE_CHECKING:
    from creditrisk_assets.local.postgres.server import EmbeddedPostgres
    from creditrisk_assets.serving.connection import Connection, Role

# A process that is killed loses nothing without it; only a machine does.
QUICK = {"fsync": "off", "full_page_writes": "off"}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """A database with the serving tables of this version, empty."""

    server: "EmbeddedPostgres"
    name: str

    @property
    def url(self) -> SecretStr:
        return SecretStr(self.server.url(self.name))

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find it."""
        return {"CREDITRISK_POSTGRES_URL": self.url.get_secret_value()}

    def connect(self, role: "Role" = "writer") -> "Connection":
        from creditrisk_assets.serving.connection import connect

        return connect(role, self.url)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Answer to what the owner asks, or nothing to what they order."""
        with self.connect("owner") as connection:
            answer = connection.execute(query)  # type: ignore[arg-type]
            return [] if answer.description is None else answer.fetchall()

    def kill(self) -> None:
        """Kill -9 of the server."""
        os.kill(self.server.pid, signal.SIGKILL)
        self.server.stop()

    def stop(self) -> None:
        self.server.stop()

    def start(self) -> None:
        """Start the server again, on the same port."""
        self.server.start()


@pytest.fixture(scope="session")
def postgres_server() -> "Iterator[EmbeddedPostgres]":
    """A running server; `postgres` is what tests ask for."""
    from creditrisk_assets.local.postgres.server import EmbeddedPostgres, PostgresSettings

    with tempfile.TemporaryDirectory(prefix="creditrisk-postgres-") as folder:
        server = EmbeddedPostgres(PostgresSettings(Path(folder) / "postgres", 0, QUICK))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def postgres(postgres_server: "EmbeddedPostgres") -> Iterator[Database]:
    """A fresh database on a server that runs, whatever the test before did to it."""
    with fresh(postgres_server) as database:
        yield database


@contextmanager
def fresh(server: "EmbeddedPostgres") -> Iterator[Database]:
    """A database of its own for a while, with the serving tables of this version."""
    server.ensure()
    database = Database(server, f"test_{next(_numbers)}")
    _command(server, "CREATE DATABASE {} TEMPLATE creditrisk OWNER creditrisk", database.name)
    try:
        _close(database)
        yield database
    finally:
        server.ensure()
        _command(server, "DROP DATABASE {} WITH (FORCE)", database.name)


def _close(database: Database) -> None:
    """A copy has the tables of its template, and not who may enter it."""
    from creditrisk_assets.serving.doors import close

    with database.connect("owner") as connection:
        close(connection)


def _command(server: "EmbeddedPostgres", statement: str, name: str) -> None:
    with server.admin() as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))  # type: ignore[arg-type]
