"""The platform's processes with every secret set, in order and out of order, and what they leave behind."""

import contextlib
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import sql

from creditrisk_assets.contracts import TOPICS
from creditrisk_assets.local.instance import dagster_yaml
from creditrisk_assets.local.postgres.server import EmbeddedPostgres, PostgresSettings
from creditrisk_assets.serving.connection import Connection
from creditrisk_assets_tests.commands import BIN, environment
from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.doors import telltale
from creditrisk_assets_tests.doors.telltale import mark
from creditrisk_assets_tests.integration.sending import platform_topics
from creditrisk_assets_tests.serving.databases import QUICK
from creditrisk_assets_tests.streaming.brokers import DevelopmentBroker, eventually, free_ports
from creditrisk_assets_tests.streaming.clients import producer
from creditrisk_assets_tests.streaming.flowing import applied, did

HOLDERS = frozenset({"secrets.toml", "passwords"})
"""Files that hold secrets because that is what they are for."""
VERBOSE = {"log_statement": "all", "log_connections": "on", "log_min_error_statement": "debug5"}
MODULE = ("-m", "creditrisk_assets.definitions")
SASL = {"kafka_security_protocol": "SASL_PLAINTEXT", "kafka_sasl_mechanism": "PLAIN", "kafka_sasl_username": "risk"}
PLAINTEXT = {"kafka_sasl_password": "", "kafka_ssl_password": ""}


@dataclass
class Platform:
    """One installation in a folder."""

    folder: Path
    postgres: EmbeddedPostgres
    broker: DevelopmentBroker
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

        told = eventually(answer, seconds=180, every=0.2)
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


def well(platform: Platform) -> None:
    """Everything as it should be: the stream is drained by a daemon whose history is in PostgreSQL."""
    values = platform.values("well", **PLAINTEXT)
    assert platform.run("migrate", [str(BIN / "creditrisk"), "migrate"], values) == 0
    (port,) = free_ports(1)
    web = [str(BIN / "dagster-webserver"), "-p", str(port), "-w", "workspace.yaml"]
    with (
        platform.up("daemon", [str(BIN / "dagster-daemon"), "run", "-w", "workspace.yaml"], values),
        platform.up("webserver", web, values) as asked,
    ):
        eventually(lambda: _succeeded(platform), seconds=300, every=0.5)
        graph = f"http://127.0.0.1:{port}/graphql"
        query = "{ instance { info } runsOrError { ... on Runs { results { runConfigYaml tags { key value } } } } }"
        told = platform.ask("webserver", graph, json.dumps({"query": query}).encode(), Content_Type="application/json")
        assert "CREDITRISK_POSTGRES_URL" in told
        platform.ask("webserver", f"http://127.0.0.1:{port}/server_info")
        platform.listening["webserver"] = listening(asked.pid)
    platform.run("alerts", [str(BIN / "creditrisk"), "alerts", "test"], values)
    platform.run("instance", [str(BIN / "dagster"), "instance", "info"], values)


def _succeeded(platform: Platform) -> bool:
    """Is a run of the stream over? How everything was started is looked at meanwhile."""
    platform.keep("command-lines", telltale.command_lines())
    with platform.postgres.admin("creditrisk") as admin:
        if admin.execute("SELECT to_regclass('public.runs')").fetchone() == (None,):
            return False
        found = [status for (status,) in admin.execute("SELECT status FROM runs").fetchall()]
        assert "FAILURE" not in found, platform.log("daemon").read_text()[-4_000:]
        return "SUCCESS" in found


def ill(platform: Platform) -> None:
    """Logins that are refused, brokers that do not answer, addresses that are none: one command after the other."""
    garbage = platform.folder / "garbage.pem"
    garbage.write_text("no certificate")
    refused, broken = {"postgres_url": platform.url(mark("old_password"))}, {"postgres_url": ""}
    tls = {"kafka_security_protocol": "SASL_SSL", "kafka_ssl_certfile": str(garbage), "kafka_sasl_username": "risk",
           "kafka_sasl_mechanism": "SCRAM-SHA-512"}  # fmt: skip
    day = time.strftime("%Y-%m-%d", time.gmtime())
    drain = [str(BIN / "dagster"), "asset", "materialize", *MODULE, "--select", 'key:"raw/events"', "--partition", day]
    broken["postgres_url"] = f"postgresql://creditrisk:{mark('postgres_url')}@127.0.0.1:no-port/creditrisk"
    odd = {"postgres_url": f"{mark('postgres_url')}"}
    commands = {
        "drain-refused": (drain, refused | PLAINTEXT),
        "drain-without-broker": (drain, SASL | {"kafka_ssl_password": ""}),
        "drain-without-certificate": (drain, tls),
        "drain-misfit": (drain, {}),  # secrets that the protocol makes no use of
        "migrate-refused": ([str(BIN / "creditrisk"), "migrate"], refused),
        "migrate-broken": ([str(BIN / "creditrisk"), "migrate"], broken),
        "migrate-odd": ([str(BIN / "creditrisk"), "migrate"], odd),
        "alerts-odd": ([str(BIN / "creditrisk"), "alerts", "test"], {"alert_urls": mark("alert_urls")}),
        "api-odd": ([str(BIN / "creditrisk"), "api", "--port", "1"], {"api_keys": mark("api_keys")}),
        "settings-odd": ([str(BIN / "dagster"), "job", "list", *MODULE], {"last_vintage": "1990-01"}),
        "lake-away": ([str(BIN / "creditrisk"), "quarantine", "list"], {"lake": "s3://away/lake"}),
    }

    def run(name: str) -> None:
        command, given = commands[name]
        store = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "nowhere", "AWS_ALLOW_HTTP": "true"}
        assert platform.run(name, command, platform.values("ill", **given) | store) != 0, name

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, commands))
    web = [str(BIN / "dagster-webserver"), "-p", "1", "-w", "workspace.yaml"]
    for name, given in (("web-refused", refused), ("web-broken", broken)):
        assert platform.run(name, web, platform.values("well", **given)) != 0


def served(platform: Platform) -> None:
    """API, exporter and dashboard, asked well and ill, over a database and a broker that refuse them."""
    ports = free_ports(3)
    refused = SASL | {"kafka_ssl_password": "", "postgres_url": platform.url(mark("old_password"))}
    values, login = platform.values("served", **refused), platform.folder / "login"
    (login / ".streamlit").mkdir(parents=True)
    auth = {
        "redirect_uri": f"http://127.0.0.1:{ports[2]}/oauth2callback", "cookie_secret": mark("cookie_secret"),
        "client_id": "dashboard", "client_secret": mark("client_secret"),
        "server_metadata_url": "http://127.0.0.1:9/.well-known/openid-configuration",
    }  # fmt: skip
    told = "".join(f'{name} = "{value}"\n' for name, value in auth.items())
    (login / ".streamlit" / "secrets.toml").write_text(f"[auth]\n{told}")
    commands = [[str(BIN / "creditrisk"), name, "--port", str(port)]
                for name, port in zip(("api", "exporter", "dashboard"), ports, strict=True)]  # fmt: skip
    with (
        platform.up("api", commands[0], values) as first,
        platform.up("exporter", commands[1], values) as second,
        platform.up("dashboard", commands[2], values, login) as third,
    ):
        api, exporter, dashboard = (f"http://127.0.0.1:{port}" for port in ports)
        for path in ("/readyz", "/metrics", "/openapi.json", "/v1/model", "/v1/loans/1"):
            platform.ask("api", f"{api}{path}", X_API_Key=mark("caller"))
            platform.ask("api", f"{api}{path}?key={mark('caller')}", Cookie=mark("caller"))
        platform.ask("api", f"{api}/v1/score", b"{", X_API_Key=mark("caller"))
        assert 'creditrisk_source_up{source="postgres"} 0' in platform.ask("exporter", f"{exporter}/metrics")
        for path in ("/", "/_stcore/health", "/oauth2callback?code=x&state=y", "/auth/login"):
            platform.ask("dashboard", f"{dashboard}{path}")
        for name, process in (("api", first), ("exporter", second), ("dashboard", third)):
            platform.listening[name] = listening(process.pid)


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


def rows(platform: Platform) -> bytes:
    """Everything that PostgreSQL keeps of the platform and of Dagster, unpacked."""
    parts = []
    with platform.postgres.admin("creditrisk") as admin:
        query = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('serving', 'public')"
        for names in admin.execute(query).fetchall():
            table = sql.SQL("SELECT * FROM {}.{}").format(*map(sql.Identifier, names))
            parts += [telltale.unpacked(cell) for row in admin.execute(table).fetchall() for cell in row]
    return b"\n".join(parts)
