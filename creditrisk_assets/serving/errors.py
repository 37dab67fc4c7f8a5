"""What can go wrong between the platform and PostgreSQL; every message names the remedy."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

MIGRATE = "run `creditrisk migrate` as the owner of the database"

# While a connection is made, the client passes on what the server says, and not its code.
_REFUSED = re.compile(
    r"authentication failed|no password supplied|pg_hba\.conf|permission denied for database"
    r"|role \".*\" (?:does not exist|is not permitted to log in)"
)


class ServingError(RuntimeError):
    """PostgreSQL answered, and what was asked cannot be done."""


class ServingUnavailableError(ServingError):
    """PostgreSQL does not answer, or broke off: connect again and repeat, which changes nothing twice."""


class LoginRefusedError(ServingUnavailableError):
    """PostgreSQL answers, and lets nobody in who comes like this; as with one that is down, it is tried again."""


class GapError(ServingError):
    """A micro-batch starts after the end of what is applied: the ranges between would be lost."""


class MigrationError(ServingError):
    """The schema of the database and the migrations of this version do not belong together."""


@contextmanager
def told(login: str | None = None) -> Iterator[None]:
    """Errors of the client inside, as errors that say what to do; `login` is who wants to be let in."""
    import psycopg
    from psycopg import errors

    try:
        yield
    except (errors.UndefinedTable, errors.InvalidSchemaName, errors.UndefinedColumn, errors.UndefinedFunction) as error:
        raise ServingError(
            f"the serving tables are missing or of another version ({_first(error)}): {MIGRATE}"
        ) from error
    except (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction) as error:
        raise ServingError(
            f"PostgreSQL does not allow it ({_first(error)}): CREDITRISK_POSTGRES_URL must name the owner, or a member "
            "of creditrisk_writer for the stream, of creditrisk_officer for those who override decisions and of "
            "creditrisk_reader for those who only look"
        ) from error
    except errors.QueryCanceled as error:
        raise ServingError(f"PostgreSQL gave up ({_first(error)}): ask for less") from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        if _is_refused(error):
            raise LoginRefusedError(
                f"PostgreSQL refuses the login{f' of {login}' if login else ''} ({_first(error)}): mend user and "
                "password in CREDITRISK_POSTGRES_URL, or have the server let them in; what was not committed is "
                "applied then"
            ) from error
        raise ServingUnavailableError(
            f"PostgreSQL does not answer ({_first(error)}): start it (`creditrisk postgres`) or mend "
            "CREDITRISK_POSTGRES_URL, then connect again; what was not committed is applied then"
        ) from error


def _is_refused(error: "psycopg.Error") -> bool:
    return (error.sqlstate or "").startswith("28") or bool(_REFUSED.search(str(error)))


def _first(error: "psycopg.Error") -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
