"""How to reach the serving database, and as whom."""

import re
from collections.abc import Mapping
from typing import Any, Literal

import psycopg
from psycopg import conninfo, sql
from pydantic import SecretStr

from creditrisk_assets.resources.environments import SettingsError, settings
from creditrisk_assets.serving.errors import told

VARIABLE = "CREDITRISK_POSTGRES_URL"
WRITER, READER, OFFICER = "creditrisk_writer", "creditrisk_reader", "creditrisk_officer"
ROLES = {"writer": WRITER, "reader": READER, "officer": OFFICER}
READER_TIMEOUT = "15s"
CONNECT_SECONDS = 5

Role = Literal["owner", "writer", "reader", "officer"]
Connection = psycopg.Connection[tuple[Any, ...]]

_HOST = re.compile(r"[\w.:%/-]*")
_SCHEME = re.compile(r"\Apostgres(?:ql)?(?:\+[a-z0-9]+)?://", re.IGNORECASE)


def connect(role: Role = "writer", url: SecretStr | None = None) -> Connection:
    """A connection of its own, committing by itself, with the rights of `role` and no more.

    `url` is CREDITRISK_POSTGRES_URL unless given. SettingsError when it cannot be used,
    ServingUnavailableError when nobody answers, the LoginRefusedError among them when the server does not
    let the user in; ServingError when the login may not take the role.
    """
    place = address(url or wanted_url())
    user = conninfo.conninfo_to_dict(place).get("user")
    with told(None if user is None else str(user)):
        connection = psycopg.connect(
            place,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name=f"creditrisk {role}",
            keepalives_idle=30,
            tcp_user_timeout=60_000,
        )
        try:
            _become(connection, role)
        except BaseException:
            connection.close()
            raise
    return connection


def wanted_url() -> SecretStr:
    """CREDITRISK_POSTGRES_URL; SettingsError when it is not set."""
    url = settings().postgres_url
    if url is None:
        raise SettingsError(
            f"{VARIABLE} is not set: run `creditrisk postgres`, which tells what to set, or name another "
            "PostgreSQL as postgresql://user:password@host:port/database"
        )
    return url


def role_passwords() -> dict[str, SecretStr]:
    """Passwords of the roles that should be able to log in, by role."""
    values = settings()
    found = {
        WRITER: values.postgres_writer_password,
        READER: values.postgres_reader_password,
        OFFICER: values.postgres_officer_password,
    }
    return {role: password for role, password in found.items() if password is not None}


def address(url: SecretStr) -> str:
    """The URL without the driver that SQLAlchemy wants named; what is wrong is told without the password."""
    text, count = _SCHEME.subn("postgresql://", url.get_secret_value())
    try:
        parts = conninfo.conninfo_to_dict(text) if count else {}
    except psycopg.ProgrammingError:  # its message repeats the part that it could not read, be it the password
        parts = {}
    if not parts.get("dbname") or _is_misread(parts):
        raise SettingsError(
            f"{VARIABLE} cannot be used: write postgresql://user:password@host:port/database, and "
            "other signs than letters and digits in the password as %40 and the like"
        )
    return text


def _is_misread(parts: Mapping[str, Any]) -> bool:
    """Does a sign of the password part the URL elsewhere than meant? Then the client would tell what follows it."""
    hosts, ports = (str(parts.get(name) or "").split(",") for name in ("host", "port"))
    readable = all(_HOST.fullmatch(host) for host in hosts) and all(not port or port.isdecimal() for port in ports)
    return not readable or "@" in str(parts["dbname"])


def sqlalchemy_url(url: SecretStr) -> str:
    """The URL for Dagster's storage; the driver is named because newer SQLAlchemy takes another by default."""
    return "postgresql+psycopg2://" + address(url).removeprefix("postgresql://")


def _become(connection: Connection, role: Role) -> None:
    # Plans are short and rows many: compiling queries costs more than it saves.
    wishes = ["SET timezone = 'UTC'", "SET jit = off"]
    # A login may be a member of its role, and then it is not told what the role is told.
    if role in ("reader", "officer"):
        wishes += [f"SET statement_timeout = '{READER_TIMEOUT}'"]
        wishes += [f"SET default_transaction_read_only = {'on' if role == 'reader' else 'off'}"]
    if role != "owner":
        wishes += [f"SET ROLE {ROLES[role]}"]
    connection.execute(sql.SQL("; ".join(wishes)))
