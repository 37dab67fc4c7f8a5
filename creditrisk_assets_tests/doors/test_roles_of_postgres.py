"""Roles of the serving tables on a real PostgreSQL: statement by statement, whatever a session SETs before."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from creditrisk_assets.serving.connection import ROLES as NAMES
from creditrisk_assets.serving.connection import Connection, Role
from creditrisk_assets_tests.doors.rights import ADDED_BY_OFFICERS, EVERY, ROLES, rights
from creditrisk_assets_tests.serving.databases import Database

REFUSED = (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)
FREED = "SET default_transaction_read_only = off; SET transaction_read_only = off; SET statement_timeout = 0"
"""What anybody may say who is let in."""
EVERYWHERE = {
    "INSERT": "INSERT INTO {table} DEFAULT VALUES",
    "UPDATE": "UPDATE {table} SET {column} = {column}",
    "DELETE": "DELETE FROM {table}",
    "TRUNCATE": "TRUNCATE {table}",
    "lock": "DO $$ BEGIN LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; END $$",
    "lock of rows": "SELECT * FROM {table} FOR UPDATE",
    "COPY FROM": "COPY {table} FROM STDIN",
    "ALTER": "ALTER TABLE {table} ADD COLUMN more integer",
    "DROP": "DROP TABLE {table}",
    "own": "ALTER TABLE {table} OWNER TO CURRENT_USER",
    "index": "CREATE INDEX ON {table} ({column})",
    "trigger off": "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "trigger": "CREATE TRIGGER mine BEFORE INSERT ON {table} EXECUTE FUNCTION serving.refuse_change()",
    "rule": "CREATE RULE mine AS ON INSERT TO {table} DO INSTEAD NOTHING",
    "policy": "CREATE POLICY mine ON {table}",
    "comment": "COMMENT ON TABLE {table} IS 'mine'",
    "vacuum": "REINDEX TABLE {table}",
}
BEYOND = {
    "a table": "CREATE TABLE public.mine (a integer)",
    "a table among ours": "CREATE TABLE serving.mine (a integer)",
    "a schema": "CREATE SCHEMA mine",
    "a function": "CREATE FUNCTION serving.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "a view": "CREATE VIEW public.mine AS SELECT 1",
    "an extension": "CREATE EXTENSION vector",
    "a language": "CREATE LANGUAGE mine HANDLER plpgsql_call_handler",
    "a database": "CREATE DATABASE mine",
    "a role": "CREATE ROLE mine SUPERUSER",
    "a way to another server": "CREATE FOREIGN DATA WRAPPER mine",
    "a publication": "CREATE PUBLICATION mine FOR ALL TABLES",
    "a program's output": "COPY (SELECT 1) TO PROGRAM 'true'",
    "a program": "DO $$ BEGIN EXECUTE 'CREATE TEMPORARY TABLE mine (a text)'; COPY mine FROM PROGRAM 'id'; END $$",
    "a file written": "COPY (SELECT 1) TO '/tmp/creditrisk-mine'",
    "a file read": "SELECT pg_read_file('/etc/passwd')",
    "a file of the server": "SELECT pg_read_file('postgresql.conf')",
    "a folder read": "SELECT pg_ls_dir('/')",
    "a file as a large object": "SELECT lo_import('/etc/passwd')",
    "a large object": "SELECT lo_from_bytea(0, 'mine')",
    "another large object": "SELECT lo_create(0)",
    "and another": "SELECT lo_creat(-1)",
    "the passwords": "SELECT rolpassword FROM pg_authid",
    "the user mappings": "SELECT * FROM pg_user_mapping",
    "a setting of the server": "ALTER SYSTEM SET fsync = off",
    "a setting of the database": "ALTER DATABASE {database} SET default_transaction_read_only = off",
    "a setting of the session that only administrators have": "SET session_replication_role = replica",
    "log settings": "SET log_statement = 'none'",
    "another limit of the owner": "ALTER ROLE creditrisk SET statement_timeout = 1",
    "another password of the owner": "ALTER ROLE creditrisk PASSWORD 'mine'",
    "membership": "GRANT creditrisk TO CURRENT_USER",
    "every file": "GRANT pg_read_server_files TO CURRENT_USER",
    "the owner": "SET ROLE creditrisk",
    "the administrator": "SET SESSION AUTHORIZATION postgres",
    "the end of another session": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
    "another configuration": "SELECT pg_reload_conf()",
    "another log": "SELECT pg_rotate_logfile()",
    "a checkpoint": "CHECKPOINT",
    "a number of an override": "SELECT nextval('serving.overrides_number_seq')",
    "the functions of an administrator": "SELECT lo_export(1, '/tmp/creditrisk-mine')",
}
Session = Callable[[Role], Connection]


@pytest.fixture
def session(postgres: Database) -> Iterator[Session]:
    """Log in as a role itself, as a login of production does: nobody can fall back to the owner."""
    opened: list[Any] = []

    def log_in(role: Role) -> Connection:
        postgres.rows(f"ALTER ROLE {NAMES[role]} LOGIN PASSWORD 'for a test'")
        url = f"postgresql://{NAMES[role]}:for%20a%20test@127.0.0.1:{postgres.server.port}/{postgres.name}"
        opened.append(psycopg.connect(url, autocommit=True))
        found: Connection = opened[-1]
        return found

    yield log_in
    for connection in opened:
        connection.close()
    for role in ROLES:
        postgres.rows(f"ALTER ROLE {NAMES[role]} NOLOGIN PASSWORD NULL")


@pytest.fixture
def tables(postgres: Database) -> dict[str, str]:
    """A column of every table of the schema, so that a new table is tried as well."""
    found = postgres.rows(
        "SELECT table_name, min(column_name) FROM information_schema.columns WHERE table_schema = 'serving' "
        "AND is_generated = 'NEVER' GROUP BY table_name"
    )
    assert len(found) >= 8
    return dict(found)


def refused(connection: Connection, statement: str, **names: str) -> bool:
    """Does PostgreSQL refuse it for want of a right? Anything else than that and success is a mistake of the test."""
    text = sql.SQL(statement).format(**{name: sql.SQL(value) for name, value in names.items()})  # type: ignore[arg-type]
    try:
        connection.execute(text)
    except REFUSED:
        return True
    return False


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_the_rights_that_are_listed_and_no_other(
    postgres: Database, tables: dict[str, str], role: Role
) -> None:
    for table in tables:
        query = "SELECT privilege FROM unnest(%s::text[]) AS privilege WHERE has_table_privilege(%s, %s, privilege)"
        with postgres.connect("owner") as connection:
            given = connection.execute(query, (sorted(EVERY), NAMES[role], f"serving.{table}")).fetchall()
            passed_on = [f"{right} WITH GRANT OPTION" for right in sorted(EVERY)]
            assert connection.execute(query, (passed_on, NAMES[role], f"serving.{table}")).fetchall() == []
        assert {name for (name,) in given} == rights(role, table), table


def test_an_officer_fills_all_columns_of_an_override_but_its_number_and_time(postgres: Database) -> None:
    query = """
        SELECT attname FROM pg_attribute WHERE attrelid = 'serving.overrides'::regclass AND attnum > 0
        AND NOT has_column_privilege('creditrisk_officer', attrelid, attnum, 'INSERT')
    """
    assert {name for (name,) in postgres.rows(query)} == {"number", "made_at"}
    query = "SELECT has_any_column_privilege('creditrisk_officer', 'serving.overrides', %s)"
    with postgres.connect("owner") as connection:
        answers = [connection.execute(query, (right,)).fetchone() for right in ("UPDATE", "REFERENCES")]
    assert answers == [(False,), (False,)]


@pytest.mark.parametrize("kind", EVERYWHERE)
def test_the_reader_changes_no_table_whatever_it_sets_before(
    session: Session, tables: dict[str, str], kind: str
) -> None:
    for before in ("", FREED):
        with session("reader") as connection:
            connection.execute(before)  # type: ignore[arg-type]
            for table, column in tables.items():
                assert refused(connection, EVERYWHERE[kind], table=f"serving.{table}", column=f'"{column}"'), table


@pytest.mark.parametrize("role", ["writer", "officer"])
def test_who_may_write_changes_nothing_else(session: Session, tables: dict[str, str], role: Role) -> None:
    with session(role) as connection:
        connection.execute(FREED)
        for table, column in tables.items():
            may = {*rights(role, table)} | ({"INSERT"} if (role, table) == ("officer", ADDED_BY_OFFICERS) else set())
            may |= {"lock", "lock of rows", "COPY FROM"} if may & {"INSERT", "UPDATE"} else set()
            for kind in EVERYWHERE.keys() - may:
                assert refused(connection, EVERYWHERE[kind], table=f"serving.{table}", column=f'"{column}"'), (
                    kind, table,
                )  # fmt: skip


@pytest.mark.parametrize("what", BEYOND)
def test_nobody_reaches_beyond_the_tables(postgres: Database, session: Session, what: str) -> None:
    for role in ROLES:
        with session(role) as connection:
            connection.execute(FREED)
            assert refused(connection, BEYOND[what], database=postgres.name), role


def test_only_the_writer_has_temporary_tables_which_it_needs(session: Session) -> None:
    for role in ROLES:
        with session(role) as connection:
            connection.execute(FREED)
            assert refused(connection, "CREATE TEMPORARY TABLE mine (a integer)") is (role != "writer")


def test_the_reader_is_stopped_after_its_time_and_reads_only_by_default(session: Session) -> None:
    with session("reader") as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("15s",)
        assert connection.execute("SHOW transaction_read_only").fetchone() == ("on",)
        connection.execute("SET statement_timeout = '50ms'")
        with pytest.raises(errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(30)")
    with session("officer") as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("15s",)


def test_limits_that_a_role_has_changed_of_itself_are_set_again_by_the_next_migration(
    postgres: Database, session: Session
) -> None:
    from creditrisk_assets.serving.migrate import migrate

    with session("reader") as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("ALTER ROLE creditrisk_reader SET statement_timeout = 0")
        connection.execute("ALTER ROLE creditrisk_reader SET default_transaction_read_only = off")
    with postgres.connect("owner") as connection:
        migrate(connection)
    with session("reader") as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("15s",)
        assert connection.execute("SHOW transaction_read_only").fetchone() == ("on",)


def test_the_writer_forgets_old_decisions_by_the_function_and_never_those_of_a_day(
    postgres: Database, session: Session
) -> None:
    postgres.rows("""
        INSERT INTO serving.decisions (topic, epoch, partition, "offset", kind, subject, pd, pd_low, pd_high, points,
            band, decision, decision_probability, reasons, contributions, policy, model_date, feature_set, as_of,
            event_id, ingested_at)
        SELECT 't', 0, 0, age, 'application', 's', 0, 0, 0, 0, 1, 'refer', 1, '{}', '{}', 'p', now(), 'f', now(), 'e',
            now() - age * interval '1 hour'
        FROM unnest(ARRAY[1, 23, 25, 800]) AS age
    """)
    with session("writer") as connection:
        assert refused(connection, 'DELETE FROM serving.decisions WHERE "offset" = 800')
        assert connection.execute("SELECT serving.forget_decisions('30 days')").fetchone() == (1,)
        assert connection.execute("SELECT serving.forget_decisions('-100 days')").fetchone() == (1,)
    assert postgres.rows('SELECT "offset" FROM serving.decisions ORDER BY 1') == [(1,), (23,)]
    for role in ("reader", "officer"):
        with session(role) as connection:  # type: ignore[arg-type]
            connection.execute(FREED)
            assert refused(connection, "SELECT serving.forget_decisions('30 days')")
