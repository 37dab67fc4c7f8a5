"""Who may do what: the stream writes as creditrisk_writer, an officer adds overrides, everyone else only reads."""

from collections.abc import Mapping

from psycopg import errors, sql
from pydantic import SecretStr

from creditrisk_assets.serving.connection import OFFICER, READER, READER_TIMEOUT, WRITER, Connection
from creditrisk_assets.serving.errors import MigrationError

_CREATE = sql.SQL("""
    DO $$ BEGIN
        CREATE ROLE {role};
    EXCEPTION WHEN duplicate_object OR unique_violation THEN  -- another database of this server has made it
        NULL;
    END $$
""")
_GRANT = sql.SQL("GRANT {role} TO CURRENT_USER")
_LIMITS = {
    READER: {"default_transaction_read_only": "on", "statement_timeout": READER_TIMEOUT},
    OFFICER: {"statement_timeout": READER_TIMEOUT},
}
_MEMBER = "SELECT 1 FROM pg_roles WHERE rolname = %s AND pg_has_role(current_user, oid, 'MEMBER')"
_LIMITED = """
    SELECT coalesce(role.rolconfig, '{}') FROM pg_roles AS role, pg_roles AS own
    WHERE role.rolname = %s AND own.rolname = current_user
        AND (own.rolsuper OR own.rolcreaterole) AND pg_has_role(role.oid, 'MEMBER WITH ADMIN OPTION')
"""


def ensure_roles(connection: Connection, passwords: Mapping[str, SecretStr]) -> None:
    """Make the roles that are missing; those with a password may log in from now on.

    MigrationError with the statements for an administrator when the owner may not make roles.
    """
    try:
        for role in (WRITER, READER, OFFICER):
            if connection.execute(_MEMBER, (role,)).fetchone() is None:
                _make(connection, role)
            _limit(connection, role)
            if role in passwords:
                _let_in(connection, role, passwords[role])
    except errors.InsufficientPrivilege as error:
        raise MigrationError(
            f"this login may not make roles ({error.diag.message_primary}). Let an administrator run: "
            f"CREATE ROLE {WRITER}; CREATE ROLE {READER}; CREATE ROLE {OFFICER}; GRANT {READER} TO {OFFICER}; "
            f"GRANT {WRITER}, {READER}, {OFFICER} TO the owner; "
            f"ALTER ROLE {READER} SET default_transaction_read_only = on; then migrate without their passwords"
        ) from error


def _make(connection: Connection, role: str) -> None:
    named = {"role": sql.Identifier(role), "reader": sql.Identifier(READER)}
    # Who decides also looks, and may then do so as those who only look.
    more = (sql.SQL("GRANT {reader} TO {role}"),) if role == OFFICER else ()
    for statement in (_CREATE, _GRANT, *more):
        connection.execute(statement.format(**named))


def _limit(connection: Connection, role: str) -> None:
    """At every migration, because a role may change its own limits; only who made a role can."""
    row = connection.execute(_LIMITED, (role,)).fetchone()
    for name, value in _LIMITS.get(role, {}).items():
        # Not twice the same: two migrations of two databases would be in each other's way.
        if row is not None and f"{name}={value}" not in row[0]:
            connection.execute(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(
                    sql.Identifier(role), sql.Identifier(name), sql.Literal(value)
                )
            )


def _let_in(connection: Connection, role: str, password: SecretStr) -> None:
    """Only the verifier goes over the wire, so that no log of statements ever holds the password."""
    verifier = connection.pgconn.encrypt_password(password.get_secret_value().encode(), role.encode(), b"scram-sha-256")
    connection.execute(
        sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier.decode()))
    )
