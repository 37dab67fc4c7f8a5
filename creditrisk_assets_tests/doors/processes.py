"""The platform's processes with every secret set, in order and out of order, and what they leave behind."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

from psycopg import sql

from creditrisk_assets_tests.commands import BIN
from creditrisk_assets_tests.doors import telltale
from creditrisk_assets_tests.doors.installation import Platform, listening
from creditrisk_assets_tests.doors.telltale import mark
from creditrisk_assets_tests.streaming.brokers import eventually, free_ports

HOLDERS = frozenset({"secrets.toml", "passwords"})
"""Files that hold secrets because that is what they are for."""
MODULE = ("-m", "creditrisk_assets.definitions")
SASL = {"kafka_security_protocol": "SASL_PLAINTEXT", "kafka_sasl_mechanism": "PLAIN", "kafka_sasl_username": "risk"}
PLAINTEXT = {"kafka_sasl_password": "", "kafka_ssl_password": ""}


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
        eventually(lambda: _succeeded(platform), seconds=600, every=0.5)
        graph = f"http://127.0.0.1:{port}/graphql"
        query = "{ instance { info } runsOrError { ... on Runs { results { runConfigYaml tags { key value } } } } }"
        told = platform.ask("webserver", graph, json.dumps({"query": query}).encode(), Content_Type="application/json")
        assert "idle_seconds" in told
        platform.ask("webserver", f"http://127.0.0.1:{port}/server_info")
        platform.listening["webserver"] = listening(asked.pid)
    platform.run("alerts", [str(BIN / "creditrisk"), "alerts", "test"], values)
    platform.run("instance", [str(BIN / "dagster"), "instance", "info"], values)


def _succeeded(platform: Platform) -> bool:
    """Is a run of the stream over? How everything was started is looked at meanwhile."""
    new = telltale.command_lines() - platform.command_lines
    platform.command_lines |= new
    platform.keep("command-lines", b"\n".join(new))
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

    first, *others = commands
    run(first)  # alone: two at once in a new home would both make Dagster's tables, and one of them fails
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, others))
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


def rows(platform: Platform) -> bytes:
    """Everything that PostgreSQL keeps of the platform and of Dagster, unpacked."""
    parts = []
    with platform.postgres.admin("creditrisk") as admin:
        query = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('serving', 'public')"
        for names in admin.execute(query).fetchall():
            table = sql.SQL("SELECT * FROM {}.{}").format(*map(sql.Identifier, names))
            parts += [telltale.unpacked(cell) for row in admin.execute(table).fetchall() for cell in row]
    return b"\n".join(parts)
