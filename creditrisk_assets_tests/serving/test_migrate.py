"""The schema of a database follows the numbered files: once each, in order, all or nothing."""

import threading

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql
from pydantic import SecretStr

from creditrisk_assets.cli import main
from creditrisk_assets.serving.connection import connect
from creditrisk_assets.serving.errors import MigrationError, ServingUnavailableError
from creditrisk_assets.serving.migrate import Migration, in_order, migrate, migrations
from creditrisk_assets_tests.serving.databases import Database

OURS = tuple(one.name for one in migrations())


def emptied(postgres: Database) -> Database:
    postgres.rows("DROP SCHEMA serving CASCADE")
    return postgres


def test_what_is_missing_is_applied_once(postgres: Database) -> None:
    with emptied(postgres).connect("owner") as connection:
        assert migrate(connection, wanted=migrations()[:1]) == OURS[:1]
        assert migrate(connection) == OURS[1:]
        assert migrate(connection) == ()
    assert [row[0] for row in postgres.rows("SELECT name FROM serving.migrations ORDER BY number")] == list(OURS)


def test_many_at_once_apply_everything_once(postgres: Database) -> None:
    emptied(postgres)
    applied: list[tuple[str, ...]] = []

    def run() -> None:
        with postgres.connect("owner") as connection:
            applied.append(migrate(connection))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(applied) == [(), (), (), OURS]


def test_a_file_that_fails_is_named_and_nothing_is_changed(postgres: Database) -> None:
    wrong = Migration(
        len(OURS) + 2, "999_wrong.sql", "CREATE TABLE serving.b (a integer); SELECT * FROM serving.nowhere"
    )
    right = Migration(len(OURS) + 1, "998_right.sql", "CREATE TABLE serving.a (a integer)")
    with postgres.connect("owner") as connection:
        with pytest.raises(
            MigrationError, match=r"(?s)999_wrong.sql failed and nothing was changed: .*serving.nowhere"
        ):
            migrate(connection, wanted=(*migrations(), right, wrong))
        assert migrate(connection, wanted=(*migrations(), right)) == ("998_right.sql",)


def test_a_file_that_changed_after_it_was_applied_is_refused(postgres: Database) -> None:
    first, *others = migrations()
    changed = Migration(first.number, first.name, first.statements + "\n-- better")
    with postgres.connect("owner") as connection, pytest.raises(MigrationError, match=f"{first.name} is not what was"):
        migrate(connection, wanted=(changed, *others))


def test_line_ends_do_not_count_as_a_change() -> None:
    assert Migration(1, "a", "a\r\nb\r\n").checksum == Migration(1, "a", "a\nb").checksum


def test_a_database_that_is_ahead_is_refused(postgres: Database) -> None:
    with postgres.connect("owner") as connection, pytest.raises(MigrationError, match=f"{OURS[-1]}, unknown to this"):
        migrate(connection, wanted=migrations()[:-1])


@pytest.mark.parametrize(
    "names", [("002_a.sql",), ("001_a.sql", "003_b.sql"), ("001_a.sql", "001_b.sql"), ("one.sql",)]
)
def test_files_without_their_number_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(MigrationError, match=r"named 001_what.sql, 002_what.sql"):
        in_order(dict.fromkeys(names, ""))


def test_the_command_says_what_it_did(postgres: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_POSTGRES_URL", emptied(postgres).url.get_secret_value())
    done = CliRunner().invoke(main, ["migrate"])
    assert done.output.splitlines() == [f"{name} applied" for name in OURS]
    assert CliRunner().invoke(main, ["migrate"]).output == "Nothing to do: the tables are of this version.\n"


def test_the_command_without_a_database_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for url, told in (
        (None, "CREDITRISK_POSTGRES_URL is not set"),
        ("postgresql://127.0.0.1:1/risk", "does not answer"),
    ):
        if url is not None:
            monkeypatch.setenv("CREDITRISK_POSTGRES_URL", url)
        done = CliRunner().invoke(main, ["migrate"])
        assert done.exit_code == 1
        assert told in done.output


def test_roles_log_in_with_the_passwords_of_the_environment(
    postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDITRISK_POSTGRES_URL", postgres.url.get_secret_value())
    monkeypatch.setenv("CREDITRISK_POSTGRES_WRITER_PASSWORD", "write'it")
    monkeypatch.setenv("CREDITRISK_POSTGRES_READER_PASSWORD", "read it")
    try:
        assert CliRunner().invoke(main, ["migrate"]).exit_code == 0
        for role, password, timeout in (("writer", "write%27it", "0"), ("reader", "read%20it", "15s")):
            url = f"postgresql://creditrisk_{role}:{password}@127.0.0.1:{postgres.server.port}/{postgres.name}"
            with psycopg.connect(url) as connection:
                assert connection.execute("SHOW statement_timeout").fetchone() == (timeout,)
            with connect("reader" if role == "reader" else "writer", SecretStr(url)) as connection:
                assert connection.execute("SELECT count(*) FROM serving.live_risk").fetchone() == (0,)
        reader = SecretStr(url)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), psycopg.connect(url) as connection:
            connection.execute("DELETE FROM serving.decisions")
        with pytest.raises(Exception, match="creditrisk_writer"):
            connect("writer", reader)
    finally:
        postgres.rows("ALTER ROLE creditrisk_writer NOLOGIN; ALTER ROLE creditrisk_reader NOLOGIN")
    with pytest.raises(ServingUnavailableError):
        connect("reader", reader)


def test_an_owner_who_may_not_make_roles_is_told_what_an_administrator_must_run(postgres: Database) -> None:
    with postgres.server.admin(postgres.name) as admin:
        admin.execute("CREATE ROLE plain LOGIN PASSWORD 'plain'; DROP SCHEMA serving CASCADE")
        admin.execute(sql.SQL("GRANT CREATE, CONNECT ON DATABASE {} TO plain").format(sql.Identifier(postgres.name)))
        try:
            url = SecretStr(f"postgresql://plain:plain@127.0.0.1:{postgres.server.port}/{postgres.name}")
            with connect("owner", url) as connection:
                with pytest.raises(MigrationError, match="Let an administrator run: CREATE ROLE creditrisk_writer"):
                    migrate(connection)
                admin.execute("GRANT creditrisk_writer, creditrisk_reader, creditrisk_officer TO plain")
                assert migrate(connection) == OURS
            admin.execute("DROP SCHEMA serving CASCADE")
        finally:
            admin.execute("DROP OWNED BY plain; DROP ROLE plain")
