"""PostgreSQL ends, comes back, or was never there: said plainly, and nothing is lost or done twice."""

import threading

import pytest
from psycopg import errors
from pydantic import SecretStr

from creditrisk_assets.resources.environments import SettingsError
from creditrisk_assets.serving import reading
from creditrisk_assets.serving.connection import address, connect, sqlalchemy_url
from creditrisk_assets.serving.errors import LoginRefusedError, ServingError, ServingUnavailableError, told
from creditrisk_assets.serving.live import apply, reached
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.serving.scored import NOW, Event, Scored, held, held_after, same, stream

KILLS = 6


def many(batches: int) -> list[Scored]:
    return stream(
        [
            [Event(f"s{(number * 7 + k) % 50}", k % 2 == 0, float(number - k), good=k != 3) for k in range(20)]
            for number in range(batches)
        ]
    )


def test_killed_again_and_again_while_it_is_written_it_ends_where_a_recomputation_does(postgres: Database) -> None:
    made, done, cut_off = many(400), threading.Event(), 0
    up, progress = threading.Event(), threading.Semaphore(0)
    up.set()

    def write() -> None:
        nonlocal cut_off
        while not done.is_set():
            assert up.wait(60)
            try:
                with postgres.connect() as connection:
                    at = reached(connection)
                    for one in made:
                        if at is None or one.batch.ingested_at > at:
                            apply(connection, one.batch, one.scores, NOW)
                            progress.release()
                    done.set()
            except ServingUnavailableError as error:
                assert "connect again" in str(error)
                cut_off += 1

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(KILLS):
        for _ in range(len(made) // (2 * KILLS)):
            assert progress.acquire(timeout=60)
        up.clear()
        postgres.kill()
        postgres.start()
        up.set()
    writer.join(120)
    assert done.is_set()
    assert cut_off >= KILLS
    with postgres.connect("reader") as connection:
        same(held(connection), held_after(made))


def test_a_server_that_is_down_is_told_with_the_remedy_and_used_again_when_it_is_back(postgres: Database) -> None:
    (one,) = many(1)
    connection = postgres.connect()
    postgres.stop()
    with pytest.raises(ServingUnavailableError, match=r"does not answer .*creditrisk postgres.*connect again"):
        apply(connection, one.batch, one.scores)
    with pytest.raises(ServingUnavailableError, match="CREDITRISK_POSTGRES_URL"):
        postgres.connect()
    postgres.start()
    with pytest.raises(ServingUnavailableError):
        reading.worst(connection)
    with postgres.connect() as again:
        assert apply(again, one.batch, one.scores).events == 20


def test_a_session_that_an_administrator_ends_counts_as_unavailable(postgres: Database) -> None:
    (one,) = many(1)
    with postgres.connect() as connection:
        with postgres.server.admin() as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 10000)", (connection.info.backend_pid,))
        with pytest.raises(ServingUnavailableError):
            apply(connection, one.batch, one.scores)
    with postgres.connect() as again:
        assert reached(again) is None


def test_a_reader_can_look_and_nothing_else(postgres: Database) -> None:
    one, another = many(2)
    with postgres.connect() as connection:
        apply(connection, one.batch, one.scores, NOW)
    with postgres.connect("reader") as connection:
        assert reading.worst(connection).height > 0
        with pytest.raises(ServingError, match="creditrisk_writer for the stream"):
            apply(connection, another.batch, another.scores)
        assert connection.execute("SHOW statement_timeout").fetchone() == ("15s",)
        connection.execute("SET statement_timeout = 10")
        with pytest.raises(ServingError, match=r"statement timeout.*ask for less"), told():
            connection.execute("SELECT pg_sleep(5)")


def test_a_database_without_the_tables_names_the_command(postgres: Database) -> None:
    postgres.rows("DROP SCHEMA serving CASCADE")
    with postgres.connect() as connection, pytest.raises(ServingError, match="creditrisk migrate"):
        reached(connection)


def test_without_a_url_the_variable_is_named() -> None:
    with pytest.raises(SettingsError, match="CREDITRISK_POSTGRES_URL is not set: run `creditrisk postgres`"):
        connect()


def test_a_wrong_password_is_told_and_not_repeated(postgres: Database) -> None:
    url = postgres.url.get_secret_value().replace("creditrisk@", "creditrisk:told-to-nobody@")
    said = r"refuses the login of creditrisk \(.*password authentication failed.*\): mend .*CREDITRISK_POSTGRES_URL"
    with pytest.raises(LoginRefusedError, match=said) as error:
        connect("writer", SecretStr(url))
    assert "told-to-nobody" not in str(error.value)
    assert "start it" not in str(error.value)


def test_a_user_without_a_password_or_without_a_role_is_refused_as_well(postgres: Database) -> None:
    url = postgres.url.get_secret_value()
    without = url.partition("?")[0]
    for login in (f"{without}?passfile=/dev/null", url.replace("creditrisk@", "nobody:told-to-nobody@")):
        with pytest.raises(LoginRefusedError, match=r"refuses the login of (creditrisk|nobody)"):
            connect("writer", SecretStr(login))


def test_a_refused_login_once_connected_is_told_by_its_code() -> None:
    with pytest.raises(LoginRefusedError, match=r"refuses the login \(not today\)"), told():
        raise errors.InvalidAuthorizationSpecification("not today")


@pytest.mark.parametrize(
    "url",
    ["mysql://me:told%@host/risk", "postgresql://me:told%2@host/risk", "postgresql://me:told@host", "host=h user=told"],
)
def test_a_url_that_cannot_be_read_is_told_and_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match="write postgresql://user:password@host:port/database") as error:
        address(SecretStr(url))
    assert "told" not in str(error.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2", "POSTGRESQL+psycopg"])
def test_any_way_to_write_the_scheme_serves_us_and_sqlalchemy(scheme: str) -> None:
    url = SecretStr(f"{scheme}://me:p%40ss@host:5433/risk?sslmode=require")
    assert address(url) == "postgresql://me:p%40ss@host:5433/risk?sslmode=require"
    assert sqlalchemy_url(url) == "postgresql+psycopg2://me:p%40ss@host:5433/risk?sslmode=require"
