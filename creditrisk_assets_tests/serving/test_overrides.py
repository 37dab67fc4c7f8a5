"""Overrides are added with a reason, by officers only, and nobody changes one: neither writer, reader, nor owner."""

import threading
from datetime import date
from itertools import pairwise

import psycopg
import pytest

from creditrisk_assets.serving import overrides
from creditrisk_assets.serving.connection import Connection, Role
from creditrisk_assets.serving.errors import ServingError
from creditrisk_assets.serving.overrides import Decided, OverrideError, in_force, newest, newest_of, of, record
from creditrisk_assets_tests.serving.databases import Database

MODEL = date(2026, 10, 1)
LOAN = Decided("2016100000001", "loan", "decline", MODEL)
APPLICATION = Decided("A1", "application", "refer", MODEL, ("loan-applications", 0, 3, 17))
WHY = "Payslips of twelve months seen, the income is right."


def officer(postgres: Database) -> Connection:
    return postgres.connect("officer")


def test_an_override_is_kept_with_all_that_it_tells(postgres: Database) -> None:
    with officer(postgres) as connection:
        first = record(connection, APPLICATION, "approve", f"  {WHY}\n", "ann")
        second = record(connection, LOAN, "refer", "x" * 2_000, "bob")
    assert second > first
    with postgres.connect("reader") as connection:
        (row,) = of(connection, "A1").rows(named=True)
        assert newest(connection)["subject"].to_list() == [LOAN.subject, "A1"]
        assert newest(connection, 1)["number"].to_list() == [second]
        assert of(connection, "nobody").schema == newest(connection).schema
    assert (row["reason"], row["officer"], row["overridden"], row["decision"]) == (WHY, "ann", "refer", "approve")
    assert tuple(row[name] for name in ("topic", "epoch", "partition", "offset")) == APPLICATION.place
    assert row["made_at"].tzinfo is not None


def test_the_newest_override_of_a_decision_is_in_force_and_may_be_taken_back(postgres: Database) -> None:
    later = Decided("A1", "application", "decline", MODEL, ("loan-applications", 0, 3, 18))
    with officer(postgres) as connection:
        assert in_force(of(connection, "A1"), APPLICATION) == "refer"
        record(connection, APPLICATION, "approve", WHY, "ann")
        with pytest.raises(OverrideError, match="The decision is approve already"):
            record(connection, APPLICATION, "approve", WHY, "bob")
        record(connection, APPLICATION, "refer", "Payslips were forged.", "bob")
        told = of(connection, "A1")
        assert in_force(told, APPLICATION) == "refer"
        assert in_force(told, later) == "decline"
        assert newest_of(connection, ["A1", "A2"])["officer"].to_list() == ["bob"]


@pytest.mark.parametrize(
    ("decided", "decision", "reason", "name", "told"),
    [
        (LOAN, "approve", "too short", "ann", "has 9 characters: write 10 to 2,000"),
        (LOAN, "approve", " " * 50, "ann", "has 0 characters"),
        (LOAN, "approve", "x" * 2_001, "ann", "has 2001 characters"),
        (LOAN, "perhaps", WHY, "ann", "choose one of approve, refer, decline"),
        (LOAN, "decline", WHY, "ann", "is decline already"),
        (LOAN, "approve", WHY, "  ", "needs the name of its officer"),
        (LOAN, "approve", f"{WHY}\0", "ann", "cannot be stored"),
        (Decided("A1", "application", "refer", MODEL), "approve", WHY, "ann", "has a place"),
        (Decided("", "loan", "refer", MODEL), "approve", WHY, "ann", "breaks a rule"),
    ],
)
def test_what_cannot_be_recorded_is_told(
    postgres: Database, decided: Decided, decision: str, reason: str, name: str, told: str
) -> None:
    with officer(postgres) as connection:
        with pytest.raises(OverrideError, match=told):
            record(connection, decided, decision, reason, name)
        assert newest(connection).is_empty()


@pytest.mark.parametrize("role", ["writer", "reader"])
def test_others_than_officers_may_look_and_nothing_else(postgres: Database, role: Role) -> None:
    with postgres.connect(role) as connection:
        assert newest(connection).is_empty()
        with pytest.raises(ServingError, match="creditrisk_officer"):
            record(connection, LOAN, "approve", WHY, "ann")


CHANGES = (
    "UPDATE serving.overrides SET reason = 'another reason'",
    "UPDATE serving.overrides SET decision = 'decline' WHERE false",
    "DELETE FROM serving.overrides",
    "TRUNCATE serving.overrides",
    "INSERT INTO serving.overrides OVERRIDING SYSTEM VALUE SELECT * FROM serving.overrides "
    "ON CONFLICT (number) DO UPDATE SET officer = 'eve'",
    "MERGE INTO serving.overrides AS o USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", ["owner", "writer", "reader", "officer"])
def test_no_role_changes_an_override(postgres: Database, role: Role, change: str) -> None:
    with officer(postgres) as connection:
        record(connection, LOAN, "approve", WHY, "ann")
        before = newest(connection)
    with postgres.connect(role) as connection, pytest.raises(psycopg.Error) as error:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(change)
    assert ("append-only" if role == "owner" else "permission denied") in str(error.value)
    with postgres.connect("reader") as connection:
        assert newest(connection).equals(before)


def test_the_owner_cannot_change_one_while_replicating(postgres: Database) -> None:
    with officer(postgres) as connection:
        record(connection, LOAN, "approve", WHY, "ann")
    with postgres.server.admin(postgres.name) as admin:
        admin.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.RestrictViolation):
            admin.execute("DELETE FROM serving.overrides")


@pytest.mark.parametrize("column", ["number", "made_at"])
def test_neither_number_nor_time_is_the_officers_to_choose(postgres: Database, column: str) -> None:
    refused = (psycopg.errors.InsufficientPrivilege, psycopg.errors.GeneratedAlways)
    with officer(postgres) as connection, pytest.raises(refused):
        connection.execute(f"INSERT INTO serving.overrides ({column}) VALUES (NULL)")


def test_an_officer_changes_nothing_else(postgres: Database) -> None:
    with officer(postgres) as connection:
        for statement in ("DELETE FROM serving.decisions", "UPDATE serving.live_risk SET decision = 'approve'"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        assert connection.execute("SHOW statement_timeout").fetchone() == ("15s",)


def test_two_officers_at_once_do_not_both_decide_the_same(postgres: Database) -> None:
    said: list[str] = []
    ready = threading.Barrier(4)

    def decide(name: str) -> None:
        with officer(postgres) as connection:
            ready.wait(30)
            try:
                record(connection, LOAN, "approve", WHY, name)
                said.append("recorded")
            except OverrideError:
                said.append("refused")

    threads = [threading.Thread(target=decide, args=(f"officer {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(said) == ["recorded", "refused", "refused", "refused"]


def test_numbers_rise_with_time(postgres: Database) -> None:
    with officer(postgres) as connection:
        for decision in ("approve", "refer", "approve", "decline"):
            record(connection, LOAN, decision, WHY, "ann")
        told = of(connection, LOAN.subject).sort("number")
    assert all(one < another for one, another in pairwise(told["made_at"].to_list()))
    assert told.columns == list(overrides.OVERRIDES)
