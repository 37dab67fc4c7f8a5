"""What officers decided otherwise than the model: added with a reason, never changed, kept in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

import polars as pl
from psycopg import errors

from creditrisk_assets.contracts import DECISIONS
from creditrisk_assets.serving.connection import Connection
from creditrisk_assets.serving.errors import told

Kind = Literal["loan", "application", "behaviour"]

SHORTEST, LONGEST = 10, 2_000
"""Characters of a reason."""
_LONGEST_NAME = 200
OVERRIDES: dict[str, pl.DataType | type[pl.DataType]] = {
    "number": pl.Int64, "subject": pl.String, "kind": pl.String, "model_date": pl.Date,
    "topic": pl.String, "epoch": pl.Int32, "partition": pl.Int32, "offset": pl.Int64,
    "overridden": pl.String, "decision": pl.String, "reason": pl.String, "officer": pl.String,
    "made_at": pl.Datetime("us", "UTC"),
}  # fmt: skip
"""Columns of serving.overrides."""


class OverrideError(ValueError):
    """An override that cannot be recorded; the message says what to mend."""


@dataclass(frozen=True)
class Decided:
    """The decision of the model: of a loan by `model_date` alone, of the stream with its `place`.

    `place` is topic, epoch, partition, offset.
    """

    subject: str
    kind: Kind
    decision: str
    model_date: date
    place: tuple[str, int, int, int] | None = None


def record(connection: Connection, decided: Decided, decision: str, reason: str, officer: str) -> int:
    """Add an override (the role officer may); its number.

    OverrideError for a reason of fewer than 10 or more than 2,000 characters, an unknown decision, the one already
    in force, and an officer without a name. ServingError as `connect`, also where the role may not.
    """
    reason, officer = reason.strip(), officer.strip()
    _refuse_misfits(decided, decision, reason, officer)
    with told(), connection.transaction():
        # Two officers at once: the second one sees what the first has decided.
        connection.execute("SELECT pg_advisory_xact_lock(7301102, hashtext(%s))", (decided.subject,))
        before = in_force(of(connection, decided.subject), decided)
        if decision == before:
            raise OverrideError(f"The decision is {before} already: choose another, or leave it")
        try:
            row = connection.execute(_INSERT, _values(decided, decision, reason, officer)).fetchone()
        except (errors.CheckViolation, errors.NotNullViolation) as error:
            raise OverrideError(f"The override breaks a rule of its table: {error.diag.message_primary}") from error
    assert row is not None
    return int(row[0])


def of(connection: Connection, subject: str) -> pl.DataFrame:
    """All overrides of a subject, newest first."""
    return _answer(connection, "WHERE subject = %s ORDER BY number DESC", (subject,))


def newest(connection: Connection, limit: int = 100) -> pl.DataFrame:
    """The overrides made last, newest first."""
    return _answer(connection, "ORDER BY number DESC LIMIT %s", (limit,))


def newest_of(connection: Connection, subjects: Sequence[str]) -> pl.DataFrame:
    """The newest override of every subject and kind among `subjects`."""
    return _answer(connection, "WHERE subject = ANY(%s) ORDER BY subject, kind, number DESC", (list(subjects),),
                   "DISTINCT ON (subject, kind)")  # fmt: skip


def in_force(overrides: pl.DataFrame, decided: Decided) -> str:
    """What holds of a decision, given the overrides of its subject: the newest one, else what the model said."""
    topic, epoch, partition, offset = decided.place or (None, None, None, None)
    mine = overrides.filter(
        pl.col("kind") == decided.kind,
        pl.col("model_date") == decided.model_date,
        *(
            pl.col(name).eq_missing(pl.lit(value))
            for name, value in (("topic", topic), ("epoch", epoch), ("partition", partition), ("offset", offset))
        ),
    ).sort("number", descending=True)
    return str(mine["decision"][0]) if mine.height else decided.decision


_INSERT = """
    INSERT INTO serving.overrides
        (subject, kind, model_date, topic, epoch, partition, "offset", overridden, decision, reason, officer)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING number
"""


def _values(decided: Decided, decision: str, reason: str, officer: str) -> tuple[object, ...]:
    place = decided.place or (None,) * 4
    return (decided.subject, decided.kind, decided.model_date, *place, decided.decision, decision, reason, officer)


def _refuse_misfits(decided: Decided, decision: str, reason: str, officer: str) -> None:
    if decided.kind not in get_args(Kind) or (decided.kind == "loan") != (decided.place is None):
        raise OverrideError("A decision of the stream has a place, one of a booked loan has none")
    if decision not in DECISIONS:
        raise OverrideError(f"{decision!r} is no decision: choose one of {', '.join(DECISIONS)}")
    if not SHORTEST <= len(reason) <= LONGEST:
        raise OverrideError(f"The reason has {len(reason)} characters: write {SHORTEST} to {LONGEST:,}")
    if not 1 <= len(officer) <= _LONGEST_NAME:
        raise OverrideError("An override needs the name of its officer: log in, or set CREDITRISK_DASHBOARD_OFFICER")
    if "\0" in reason + officer + decided.subject:
        raise OverrideError("The text holds a sign that cannot be stored: write it anew, without pasting")


def _answer(connection: Connection, which: str, values: tuple[Any, ...], distinct: str = "") -> pl.DataFrame:
    names = ", ".join(f'"{name}"' for name in OVERRIDES)
    source = f"FROM serving.overrides {which}"
    with told():
        rows = connection.execute(f"SELECT {distinct} {names} {source}", values).fetchall()
    return pl.DataFrame(rows, schema=OVERRIDES, orient="row")
