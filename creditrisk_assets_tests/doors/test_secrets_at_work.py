"""Real processes with every secret set, at work and failing: nothing they write, store or answer holds one of them."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from creditrisk_assets.cli import main
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets_tests.doors import processes
from creditrisk_assets_tests.doors.installation import Platform, installed
from creditrisk_assets_tests.doors.processes import HOLDERS
from creditrisk_assets_tests.doors.telltale import everything, mark, marks, tellers, wordings


@dataclass(frozen=True)
class Left:
    """What the processes left behind, by where it stands."""

    platform: Platform
    found: dict[str, bytes]

    def log(self, name: str) -> str:
        return self.platform.log(name).read_text()


@pytest.fixture(scope="module")
def left(api_lake: Lake) -> Iterator[Left]:
    # Not below the folder of pytest, which the next one to start closes to the user of PostgreSQL.
    with (
        tempfile.TemporaryDirectory(prefix="creditrisk-secrets-") as place,
        installed(folder := Path(place), Path(api_lake.root)) as platform,
    ):
        processes.well(platform)
        processes.ill(platform)
        processes.served(platform)
        found = everything(folder, HOLDERS) | {"rows of PostgreSQL": processes.rows(platform)}
        yield Left(platform, found)


@pytest.mark.parametrize("name", marks())
def test_no_secret_is_left_anywhere(left: Left, name: str) -> None:
    assert tellers(left.found, mark(name)) == []


def test_the_secrets_were_in_use(left: Left) -> None:
    for role in ("writer", "reader", "officer"):
        password = mark(f"postgres_{role}_password")
        psycopg.connect(left.platform.url(password, f"creditrisk_{role}")).close()
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            psycopg.connect(left.platform.url(f"{password}x", f"creditrisk_{role}"))
    with left.platform.postgres.admin("creditrisk") as admin:
        assert admin.execute("SELECT sum(events) FROM serving.stream").fetchone() == (4,)
        assert admin.execute("SELECT count(*) FROM serving.decisions").fetchone() != (0,)
        (configured,) = admin.execute("SELECT count(*) FROM runs WHERE run_body LIKE '%idle_seconds%'").fetchone() or (
            0,
        )
    assert configured
    assert b"migrate" in left.found["logs/command-lines.log"] or b"dagster" in left.found["logs/command-lines.log"]


def test_the_failures_were_those_that_were_meant(left: Left) -> None:
    for name, told in {
        "drain-refused": "PostgreSQL refuses the login of creditrisk",
        "drain-without-broker": "Correct its rights or settings",
        "drain-misfit": "CREDITRISK_KAFKA_SECURITY_PROTOCOL=PLAINTEXT makes no use of",
        "migrate-refused": "PostgreSQL refuses the login of creditrisk",
        "migrate-broken": "CREDITRISK_POSTGRES_URL cannot be used",
        "migrate-odd": "CREDITRISK_POSTGRES_URL cannot be used",
        "alerts-odd": "CREDITRISK_ALERT_URLS: URL 1 of 1",
        "api-odd": "CREDITRISK_API_KEYS: entry 1 of 1",
        "settings-odd": "CREDITRISK_LAST_VINTAGE lies before CREDITRISK_FIRST_VINTAGE",
        "exporter": "PostgreSQL refuses the login of creditrisk",
        "web-refused": "password authentication failed",
        "alerts": "CREDITRISK_ALERT_URLS: URL 1 of 1 did not take the message",
    }.items():
        assert told in left.log(name), (name, left.log(name)[-2_000:])


def test_without_being_told_everything_listens_on_this_machine_alone(left: Left) -> None:
    loopback = {"0100007F"}  # 127.0.0.1 in the order of the kernel
    assert left.platform.listening == dict.fromkeys(("webserver", "api", "exporter", "dashboard"), loopback)


def test_every_command_that_listens_does_so_on_loopback_by_default() -> None:
    hosts = {
        name: option.default
        for name, command in main.commands.items()
        for option in command.params
        if option.name == "host"
    }
    assert set(hosts) >= {"api", "broker", "dashboard", "exporter"}
    assert set(hosts.values()) == {"127.0.0.1"}


def test_a_secret_would_be_found_however_it_is_written() -> None:
    secret = mark("postgres_url")
    for one in wordings(secret):
        assert tellers({"a": b"x" + one + b"y"}, secret) == ["a"]
    assert tellers({"a": mark("api_keys").encode()}, secret) == []
