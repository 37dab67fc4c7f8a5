"""`creditrisk postgres`, as people run it: told where it is, kept through anything, loopback only."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from creditrisk_assets.local.lock import FolderInUseError
from creditrisk_assets.local.postgres.cluster import Cluster, PostgresError
from creditrisk_assets.local.postgres.server import EmbeddedPostgres, PostgresSettings
from creditrisk_assets.serving.connection import connect
from creditrisk_assets.serving.live import reached
from creditrisk_assets_tests.serving.databases import QUICK

COMMAND = [str(Path(sys.executable).parent / "creditrisk"), "postgres", "--port", "0"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Closed to others, as folders of root often are."""
    with tempfile.TemporaryDirectory(prefix="creditrisk-postgres-") as found:
        yield Path(found) / "my data"


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(PostgresSettings(folder, 0, QUICK)) as running:
        yield running


class Command:
    """The command in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "--data", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said: list[str] = []

    def url(self) -> str:
        """Where it says it is, when it says so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            found = re.match(r"CREDITRISK_POSTGRES_URL=(\S+)$", line)
            if found:
                return found[1]
        pytest.fail("".join(self.said))

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=60)
        self.said.append(rest)
        return self.process.returncode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_what_to_set_and_ends_with_its_server(folder: Path, number: signal.Signals) -> None:
    command = Command(folder)
    url = command.url()
    with connect("writer", SecretStr(url)) as connection:
        assert reached(connection) is None
    assert command.end(number) == 0
    assert command.said[-1] == "Stopped; everything committed is kept.\n"
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(url)
    passwords = re.findall(r":([^:\n]+)$", (folder / "passwords").read_text(), re.MULTILINE)
    logs = [path.read_text() for path in (folder / "cluster" / "log").iterdir()]
    assert len(passwords) == 2
    assert not any(password in text for password in passwords for text in (*command.said, *logs))
    assert not any("SCRAM-SHA-256" in text for text in logs)


def test_killed_with_its_server_alive_it_takes_over_and_keeps_everything(folder: Path) -> None:
    first = Command(folder)
    with psycopg.connect(first.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        first.end(signal.SIGKILL)
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    second = Command(folder)
    with psycopg.connect(second.url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert second.end(signal.SIGTERM) == 0


def test_a_killed_server_starts_again_at_once_on_its_port(server: EmbeddedPostgres) -> None:
    port = server.port
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(server.pid, signal.SIGKILL)
        server.ensure() if _ended(server) else pytest.fail("it lives")
    assert server.port == port
    with psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def _ended(server: EmbeddedPostgres) -> bool:
    try:
        while True:
            server.check()
    except PostgresError as error:
        return "ended with code -9" in str(error)


def test_the_command_ends_when_its_server_does(folder: Path) -> None:
    command = Command(folder)
    command.url()
    os.kill(int((folder / "cluster" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    assert command.process.wait(30) == 1
    assert command.process.stdout is not None
    assert "PostgreSQL ended with code -9" in command.process.stdout.read()


def test_an_end_while_the_cluster_is_made_leaves_no_half_of_it(folder: Path) -> None:
    (folder / "cluster.new").mkdir(parents=True)
    (folder / "cluster.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(PostgresSettings(folder, 0, QUICK)) as server, connect("owner", SecretStr(server.url())):
        assert not (folder / "cluster.new").exists()


def test_a_folder_serves_one_at_a_time(server: EmbeddedPostgres, folder: Path) -> None:
    with pytest.raises(FolderInUseError, match="another process uses"):
        EmbeddedPostgres(PostgresSettings(folder, 0)).start()
    server.check()


def test_a_port_in_use_is_told(server: EmbeddedPostgres, tmp_path: Path) -> None:
    with pytest.raises(PostgresError, match=f"port {server.port} is in use: name another with --port"):
        EmbeddedPostgres(PostgresSettings(tmp_path, server.port, QUICK)).start()


def test_an_option_it_does_not_know_is_told_at_once(folder: Path) -> None:
    with pytest.raises(PostgresError, match="unrecognized configuration parameter"):
        EmbeddedPostgres(PostgresSettings(folder, 0, {"nonsense": "1"})).start()


def test_it_listens_on_loopback_and_asks_for_passwords(server: EmbeddedPostgres) -> None:
    with server.admin() as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
        assert connection.execute("SHOW unix_socket_directories").fetchone() == ("",)
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert methods == [("scram-sha-256",)]
        version = connection.execute("SHOW server_version").fetchone()
        assert version is not None
        assert version[0].startswith("18.")
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(server.url().split("?")[0])
    assert oct(server.cluster.passwords.stat().st_mode)[-3:] == "600"
    assert oct(server.cluster.data.stat().st_mode)[-3:] == "700"


def test_passwords_that_are_lost_are_told(server: EmbeddedPostgres) -> None:
    server.cluster.passwords.write_text("")
    with pytest.raises(PostgresError, match=r"has no password of creditrisk: move .* away and start anew"):
        server.cluster.password("creditrisk")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as somebody else")
def test_of_root_it_runs_as_nobody_and_says_which_folders_were_opened(folder: Path) -> None:
    folder.parent.chmod(0o700)
    with EmbeddedPostgres(PostgresSettings(folder, 0, QUICK)) as server:
        assert server.opened == [folder.parent]
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0
        assert oct(folder.parent.stat().st_mode)[-3:] == "701"
    assert Cluster(folder).prepare() == []
