"""One installation in a folder: PostgreSQL, a broker, a lake, and processes that are given every secret."""

import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import sql

from creditrisk_assets.contracts import TOPICS
from creditrisk_assets.local.instance import dagster_yaml
from creditrisk_assets.local.postgres.server import EmbeddedPostgres, PostgresSettings
from creditrisk_assets.serving.connection import Connection
from creditrisk_assets_tests.commands import environment
from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.doors import telltale
from creditrisk_assets_tests.doors.telltale import mark
from creditrisk_assets_tests.integration.sending import platform_topics
from creditrisk_assets_tests.serving.databases import QUICK
from creditrisk_assets_tests.streaming.brokers import DevelopmentBroker, eventually
from creditrisk_assets_tests.streaming.clients import producer
from creditrisk_assets_tests.streaming.flowing import applied, did

VERBOSE = {"log_statement": "all", "log_connections": "on", "log_min_error_statement": "debug5"}


@dataclass
class Platform:
    """One installation in a folder."""

    folder: Path
    postgres: EmbeddedPostgres
    broker: DevelopmentBroker
    command_lines: set[bytes] = field(default_factory=set)
    listening: dict[str, set[str]] = field(default_factory=dict)
    """Addresses on which processes were found to listen that were told none."""

    @property
    def lake(self) -> str:
        return str(self.folder / "lake")

    def url(self, password: str, user: str = "creditrisk") -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.postgres.port}/creditrisk"

    def values(self, home: str, **given: str) -> dict[str, str]:
        """The environment of a process; every secret is set that is not given otherwise."""
        known = {"postgres_url": self.url(mark("postgres_url")), "lake": self.lake, "drain_idle_seconds": "1",
                 "kafka_bootstrap": self.broker.bootstrap, "dagster_url": "http://127.0.0.1:9", **given}  # fmt: skip
        found = environment(self.folder / home) | telltale.values(**known)
        postgres = dagster_yaml(postgres=home == "well")
        (self.folder / home / "dagster" / "dagster.yaml").write_text(postgres)
        return found

    def log(self, name: str) -> Path:
        (self.folder / "logs").mkdir(exist_ok=True)
        return self.folder / "logs" / f"{name}.log"

    def run(self, name: str, command: list[str], values: Mapping[str, str]) -> int:
        """A command to its end."""
        with self.log(name).open("wb") as log:
            return subprocess.run(command, cwd=PROJECT, env=dict(values), stdin=subprocess.DEVNULL, stdout=log,
                                  stderr=log, timeout=300, check=False).returncode  # fmt: skip

    @contextlib.contextmanager
    def up(
        self, name: str, command: list[str], values: Mapping[str, str], folder: Path = PROJECT
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """A process while inside; asked to end afterwards."""
        with self.log(name).open("wb") as log:
            process = subprocess.Popen(command, cwd=folder, env=dict(values), stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log)  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            process.wait(90)

    def keep(self, name: str, content: bytes) -> None:
        """What was answered or seen, beside the logs."""
        with self.log(name).open("ab") as log:
            log.write(content + b"\n")

    def ask(self, name: str, url: str, body: bytes | None = None, **headers: str) -> str:
        """What a process answers, once it does, headers too."""
        request = urllib.request.Request(url, body, {key.replace("_", "-"): value for key, value in headers.items()})

        def answer() -> bytes | None:
            try:
                with urllib.request.urlopen(request, timeout=20) as found:
                    return bytes(str(found.headers), "utf-8") + found.read()
            except urllib.error.HTTPError as error:
                return bytes(str(error.headers), "utf-8") + error.read()
            except OSError:
                return None

        told = eventually(answer, seconds=300, every=0.2)
        assert told is not None
        self.keep(f"{name}.answers", told)
        return told.decode("utf-8", "replace")


@contextlib.contextmanager
def installed(folder: Path, lake: Path) -> Iterator[Platform]:
    """PostgreSQL, a broker with some messages and a copy of a lake."""
    shutil.copytree(lake, folder / "lake")
    settings = PostgresSettings(folder / "postgres", 0, QUICK | VERBOSE)
    broker = DevelopmentBroker(folder / "broker")
    with EmbeddedPostgres(settings) as postgres:
        with postgres.admin() as admin:
            _password(admin, "creditrisk", mark("postgres_url"))
        broker.start()
        try:
            platform_topics(broker.bootstrap)
            with producer(broker.bootstrap) as client:
                for topic, event in (applied(1, "c-1"), applied(2), did("c-1", "payment_made"), (TOPICS[0], {"a": 1})):
                    client.send(topic, value=json.dumps(event).encode())
                client.flush()
            yield Platform(folder, postgres, broker)
        finally:
            broker.end()


def _password(admin: Connection, role: str, password: str) -> None:
    """Only its verifier, as the platform itself does it."""
    verifier = admin.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))


def listening(pid: int) -> set[str]:
    """Addresses on which a process listens, as the kernel writes them."""
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            sockets.add(str(entry.readlink()))
    found = set()
    for family in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{family}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and f"socket:[{inode}]" in sockets:
                found.add(local.partition(":")[0])
    return found
