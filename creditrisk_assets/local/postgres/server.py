"""The running local PostgreSQL: started, made ready for the platform, stopped."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import psycopg
from psycopg import sql
from pydantic import SecretStr

from creditrisk_assets.local.lock import locked
from creditrisk_assets.local.postgres.cluster import ADMIN, HOST, OWNER, Cluster, PostgresError, environment, programs
from creditrisk_assets.serving.connection import Connection, connect
from creditrisk_assets.serving.doors import LARGE_OBJECTS
from creditrisk_assets.serving.migrate import migrate

DATABASE = "creditrisk"
START_SECONDS = 60.0
OPTIONS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgres-%a.log",
    "log_truncate_on_rotation": "on",
    "timezone": "UTC",
    "shared_buffers": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
"""Loopback only; what is hot of half a million rows stays in memory; nobody is there to send its log to."""


@dataclass(frozen=True)
class PostgresSettings:
    """Where the server keeps its data and where it listens; port 0 takes any free one, and stays with it."""

    data: Path
    port: int = 5433
    options: Mapping[str, str] = field(default_factory=dict)


class EmbeddedPostgres:
    """One server of one data folder, and a child of this process.

    When this process is killed the server lives on, and the next start ends it before it starts its own.
    """

    def __init__(self, settings: PostgresSettings) -> None:
        self.settings = settings
        self.cluster = Cluster(settings.data.absolute())
        self.port = settings.port
        self.opened: list[Path] = []
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "EmbeddedPostgres":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def url(self, database: str = DATABASE, user: str = OWNER) -> str:
        """Where a database is found; clients read the password from a file, so that this can be shown."""
        return self._address(self.port, database, user)

    def _address(self, port: int | str, database: str, user: str) -> str:
        return f"postgresql://{user}@{HOST}:{port}/{database}?passfile={quote(str(self.cluster.passwords), safe='/')}"

    @property
    def pid(self) -> int:
        """Of the server; PostgresError when it does not run."""
        if self._process is None:
            raise PostgresError("the local PostgreSQL is not started")
        return self._process.pid

    def start(self) -> None:
        """Return when the database of the platform is there and its schema is this version's.

        FolderInUseError when another process runs it; PostgresError when the port is in use, or nothing comes up.
        """
        self.cluster.folder.mkdir(parents=True, exist_ok=True)
        self._lock = locked(self.cluster.folder)
        try:
            self.opened = self.cluster.prepare()
            self._end_orphan()
            self._launch()
            self._make_database()
            with connect("owner", SecretStr(self.url())) as connection:
                migrate(connection)
        except BaseException:
            self.stop()
            raise

    def ensure(self) -> None:
        """Start it again when it has ended or was stopped."""
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self.start()

    def check(self) -> None:
        """PostgresError when the server has ended."""
        if self._process is not None and self._process.poll() is not None:
            raise PostgresError(
                f"the local PostgreSQL ended with code {self._process.returncode}; see {self.cluster.log}"
            )

    def stop(self) -> None:
        """End the server: clients are cut off, what they committed is kept."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # a fast shutdown
            self._process.wait()
            self._process = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def admin(self, database: str = "postgres") -> Connection:
        """A connection of the administrator."""
        return psycopg.connect(self.url(database, ADMIN), autocommit=True, connect_timeout=5)

    def _launch(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._came_up(deadline):
            # Sessions of a server that was killed notice it a moment later, and only then is its memory free.
            said = self._said.read_text(errors="replace").strip()
            if "shared memory block" not in said or time.monotonic() > deadline:
                raise PostgresError(f"the local PostgreSQL does not start: {said or 'see'} {self.cluster.log}")
            time.sleep(0.2)

    @property
    def _said(self) -> Path:
        return self.cluster.folder / "start.log"

    def _came_up(self, deadline: float) -> bool:
        self.port = self.port or _free_port()
        _refuse_used(self.port)
        options = OPTIONS | dict(self.settings.options) | {"port": str(self.port)}
        command = [str(programs() / "postgres"), "-D", str(self.cluster.data)]
        command += [f"--{name}={value}" for name, value in options.items()]
        with self._said.open("wb") as said:
            # In a session of its own: Ctrl-C reaches this process, which ends the server in good order.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", env=environment(),
                start_new_session=True, **self.cluster.user.arguments,
            )  # fmt: skip
        while self._process.poll() is None:
            try:
                self.admin().close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise PostgresError(
                        f"the local PostgreSQL does not answer ({error}); see {self.cluster.log}"
                    ) from error
                time.sleep(0.02)
            else:
                return True
        self._process = None
        return False

    def _end_orphan(self) -> None:
        """End a server that outlived the process that started it; any other is left alone."""
        try:
            _, _, _, port, *_ = (self.cluster.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, ValueError):
            return
        try:
            with psycopg.connect(self._address(port, "postgres", ADMIN), connect_timeout=5) as connection:
                answer = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return  # dead, or not ours
        if answer is not None and Path(answer[0]).resolve() == self.cluster.data.resolve():
            self.cluster.run("pg_ctl", "stop", "--pgdata", str(self.cluster.data), "--mode", "fast", "--wait")

    def _make_database(self) -> None:
        with self.admin() as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (OWNER,)).fetchone() is None:
                verifier = connection.pgconn.encrypt_password(
                    self.cluster.password(OWNER).encode(), OWNER.encode(), b"scram-sha-256"
                )
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {}").format(
                        sql.Identifier(OWNER), sql.Literal(verifier.decode())
                    )
                )
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
                )
            connection.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
        with self.admin(DATABASE) as connection:
            connection.execute(sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(sql.SQL(LARGE_OBJECTS)))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _refuse_used(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PostgresError(f"port {port} is in use: name another with --port, or 0 for any free one") from error
