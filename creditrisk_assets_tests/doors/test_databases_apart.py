"""The platform's logins enter the platform's database, Dagster's enters Dagster's, and nobody the other one."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from creditrisk_assets.serving.connection import ROLES as NAMES
from creditrisk_assets.serving.connection import Role, connect
from creditrisk_assets.serving.doors import close, gaps
from creditrisk_assets.serving.errors import LoginRefusedError
from creditrisk_assets.serving.migrate import migrate
from creditrisk_assets_tests.doors.rights import ROLES
from creditrisk_assets_tests.serving.databases import Database

DENIED = "permission denied for database"
PASSWORD = "for-a-test"


def url(postgres: Database, user: str, database: str) -> str:
    return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{postgres.server.port}/{database}"


@pytest.fixture
def logins(postgres: Database) -> Iterator[None]:
    """The roles of the platform may log in for a while."""
    passwords = {name: SecretStr(PASSWORD) for name in NAMES.values()}
    with postgres.connect("owner") as connection:
        migrate(connection, passwords)
    yield
    for name in NAMES.values():
        postgres.rows(f"ALTER ROLE {name} NOLOGIN PASSWORD NULL")


@contextmanager
def dagster_beside(postgres: Database) -> Iterator[str]:
    """A database of Dagster's own on the same server, made as deploy/ says; yields its name and login."""
    name = f"dagster_{postgres.name}"
    with postgres.server.admin() as admin:
        for statement in (
            "CREATE ROLE {0} LOGIN PASSWORD {1}",
            "CREATE DATABASE {0} OWNER {0}",
            "REVOKE CONNECT, TEMPORARY ON DATABASE {0} FROM PUBLIC",
        ):
            admin.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Literal(PASSWORD)))  # type: ignore[arg-type]
        try:
            yield name
        finally:
            for statement in ("DROP DATABASE {} WITH (FORCE)", "DROP ROLE {}"):
                admin.execute(sql.SQL(statement).format(sql.Identifier(name)))  # type: ignore[arg-type]


@pytest.mark.usefixtures("logins")
@pytest.mark.parametrize("role", ROLES)
def test_a_role_of_the_platform_enters_no_other_database(postgres: Database, role: Role) -> None:
    with psycopg.connect(url(postgres, NAMES[role], postgres.name)) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == (postgres.name,)
    with dagster_beside(postgres) as dagster:
        for database in (dagster, "postgres", "template1"):
            with pytest.raises(psycopg.OperationalError, match=DENIED):
                psycopg.connect(url(postgres, NAMES[role], database))
            with pytest.raises(LoginRefusedError, match=f"refuses the login of {NAMES[role]} .*{DENIED}"):
                connect(role, SecretStr(url(postgres, NAMES[role], database)))


def test_the_login_of_dagster_enters_its_own_database_alone(postgres: Database) -> None:
    with dagster_beside(postgres) as dagster:
        with psycopg.connect(url(postgres, dagster, dagster)) as connection:
            connection.execute("CREATE TABLE runs (run_id text)")
        for database in (postgres.name, "creditrisk", "postgres", "template1"):
            with pytest.raises(psycopg.OperationalError, match=DENIED):
                psycopg.connect(url(postgres, dagster, database))
            with pytest.raises(LoginRefusedError, match=DENIED):
                connect("writer", SecretStr(url(postgres, dagster, database)))


def test_the_owner_of_the_serving_tables_does_not_enter_that_of_dagster(postgres: Database) -> None:
    with dagster_beside(postgres) as dagster, pytest.raises(psycopg.OperationalError, match=DENIED):
        psycopg.connect(postgres.server.url(dagster))


def test_a_database_that_was_open_is_closed_by_the_next_migration(postgres: Database) -> None:
    with postgres.server.admin() as admin:
        name = sql.Identifier(postgres.name)
        admin.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO PUBLIC").format(name))
        admin.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM creditrisk_writer").format(name))
    with postgres.connect("owner") as connection:
        assert [gap.partition(": let its owner run REVOKE CONNECT")[0] for gap in gaps(connection)] == [
            f"every login of this server may enter the database {postgres.name}"
        ]
        assert migrate(connection) == ()
        assert gaps(connection) == ()
        query = "SELECT has_database_privilege('creditrisk_writer', current_database(), 'CONNECT')"
        assert connection.execute(query).fetchone() == (True,)


def test_somebody_let_in_by_name_stays_so(postgres: Database) -> None:
    with dagster_beside(postgres) as dagster:
        with postgres.connect("owner") as connection:
            names = (sql.Identifier(postgres.name), sql.Identifier(dagster))
            connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(*names))
            close(connection)
        psycopg.connect(url(postgres, dagster, postgres.name)).close()
        with postgres.connect("owner") as connection:
            connection.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM {}").format(*names))


def test_what_only_an_administrator_may_close_is_told_with_its_statement(postgres: Database) -> None:
    with postgres.server.admin() as admin, postgres.connect("owner") as owner:
        assert gaps(owner) == ()
        admin.execute("GRANT CONNECT ON DATABASE postgres TO PUBLIC")
        try:
            (gap,) = gaps(owner)
        finally:
            admin.execute("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
        assert gap.endswith("let an administrator run REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
    with postgres.server.admin(postgres.name) as admin, postgres.connect("owner") as owner:
        admin.execute("GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC")
        (gap,) = gaps(owner)
        assert gap.startswith("creditrisk_reader may store large objects")
        admin.execute(gap.partition("in this database, ")[2])  # type: ignore[arg-type]
        assert gaps(owner) == ()


def test_the_command_tells_what_stays_open(postgres: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from creditrisk_assets.cli import main

    monkeypatch.setenv("CREDITRISK_POSTGRES_URL", postgres.url.get_secret_value())
    with postgres.server.admin() as admin:
        admin.execute("GRANT CONNECT ON DATABASE template1 TO PUBLIC")
        try:
            done = CliRunner().invoke(main, ["migrate"])
        finally:
            admin.execute("REVOKE CONNECT ON DATABASE template1 FROM PUBLIC")
    assert done.exit_code == 0
    assert done.stdout == "Nothing to do: the tables are of this version.\n"
    assert done.stderr.startswith("Warning: the roles of the platform may enter other databases as well")


def test_a_server_that_was_stopped_is_as_closed_as_before(postgres: Database) -> None:
    postgres.stop()
    postgres.start()
    with postgres.connect("owner") as connection:
        assert gaps(connection) == ()
