"""What each role of the platform may do with each serving table; whatever is not listed here must be refused."""

from creditrisk_assets.serving.connection import Role

LOOK = frozenset({"SELECT"})
ROLES: tuple[Role, ...] = ("writer", "reader", "officer")
EVERY = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"})
"""Rights that PostgreSQL knows of a table."""
WRITTEN = {
    "live_risk": {"INSERT", "UPDATE"},
    "stream": {"INSERT", "UPDATE"},
    "stream_offsets": {"INSERT", "UPDATE"},
    "stream_counters": {"INSERT", "UPDATE"},
    "stream_latency": {"INSERT", "UPDATE"},
    "decisions": {"INSERT"},
}
ADDED_BY_OFFICERS = "overrides"
"""INSERT of most columns, which is no right of the whole table."""


def rights(role: Role, table: str) -> frozenset[str]:
    """Rights of a role on a whole table of the schema serving."""
    return LOOK | frozenset(WRITTEN.get(table, ()) if role == "writer" else ())
