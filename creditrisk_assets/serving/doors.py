"""Who may enter a database: PostgreSQL lets every login of a server into every one unless it is told otherwise."""

from psycopg import sql

from creditrisk_assets.serving.connection import OFFICER, READER, WRITER, Connection
from creditrisk_assets.serving.errors import told

OURS = (WRITER, READER, OFFICER)
LARGE_OBJECTS = "lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea)"
"""Functions of the server that write, and that everyone may call by default."""

_OWNED = "SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()"
_CLOSE = sql.SQL("""
    REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC;
    GRANT CONNECT ON DATABASE {database} TO {ours};
    GRANT TEMPORARY ON DATABASE {database} TO {writer}
""")
_OPEN = """
    SELECT format('%I', datname), datname = current_database()
    FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS granted
    WHERE datallowconn AND granted.grantee = 0 AND granted.privilege_type = 'CONNECT' ORDER BY datname
"""
_WRITABLE = "SELECT 1 WHERE has_function_privilege(%s, 'lo_create(oid)', 'EXECUTE')"


def close(connection: Connection) -> None:
    """Leave this database to its owner and to the roles of the platform; those let in by name stay so.

    Done at every migration, because a backup does not hold it. Nothing where the login does not own the database:
    `gaps` tells that.
    """
    with told():
        if connection.execute(_OWNED).fetchone() != (True,):
            return
        named = {
            "database": sql.Identifier(connection.info.dbname),
            "ours": sql.SQL(", ").join(map(sql.Identifier, OURS)),
            "writer": sql.Identifier(WRITER),
        }
        connection.execute(_CLOSE.format(**named))


def gaps(connection: Connection) -> tuple[str, ...]:
    """What stays open because only somebody else may close it, each with the statement that does."""
    found = []
    with told():
        rows = connection.execute(_OPEN).fetchall()
        found += [
            f"every login of this server may enter the database {name}: let its owner run "
            f"REVOKE CONNECT, TEMPORARY ON DATABASE {name} FROM PUBLIC, then migrate once more"
            for name, is_ours in rows if is_ours
        ]  # fmt: skip
        if others := ", ".join(name for name, is_ours in rows if not is_ours):
            found.append(
                f"the roles of the platform may enter other databases as well, which are open to everyone ({others}): "
                f"let an administrator run REVOKE CONNECT ON DATABASE {others} FROM PUBLIC"
            )
        if connection.execute(_WRITABLE, (READER,)).fetchone() is not None:
            found.append(
                f"{READER} may store large objects: let an administrator run, in this database, "
                f"REVOKE EXECUTE ON FUNCTION {LARGE_OBJECTS} FROM PUBLIC"
            )
    return tuple(found)
