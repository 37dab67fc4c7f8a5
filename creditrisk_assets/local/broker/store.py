"""What is not records: topics, starts of logs, committed offsets, counters; in SQLite."""

import json
import sqlite3
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SCHEMA = """
CREATE TABLE IF NOT EXISTS numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS texts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS topics (
    name TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL, config TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS starts (
    topic TEXT NOT NULL REFERENCES topics ON DELETE CASCADE, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)) STRICT;
CREATE TABLE IF NOT EXISTS committed (
    consumers TEXT NOT NULL, topic TEXT NOT NULL REFERENCES topics ON DELETE CASCADE, partition INTEGER NOT NULL,
    offset INTEGER NOT NULL, leader_epoch INTEGER NOT NULL, metadata TEXT NOT NULL, at_ms INTEGER NOT NULL,
    PRIMARY KEY (consumers, topic, partition)) STRICT;
"""


class TopicRow(NamedTuple):
    """A topic as it is kept."""

    name: str
    id: uuid.UUID
    partitions: int
    config: dict[str, str]


class Committed(NamedTuple):
    """How far a group has come in a partition."""

    topic: str
    partition: int
    offset: int
    leader_epoch: int
    metadata: str


class Store:
    """One SQLite file; every method is one transaction, on its way to disk when it returns."""

    def __init__(self, path: Path, fsync: bool = False) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(f"PRAGMA synchronous={'FULL' if fsync else 'NORMAL'}")
        self._db.execute("PRAGMA foreign_keys=ON")
        self._db.executescript(SCHEMA)

    def cluster_id(self) -> str:
        """The name this folder's cluster has for ever."""
        self._db.execute("INSERT OR IGNORE INTO texts VALUES ('cluster_id', ?)", (f"development-{uuid.uuid4().hex}",))
        found: str = self._db.execute("SELECT value FROM texts WHERE name = 'cluster_id'").fetchone()[0]
        return found

    def next_producer_id(self) -> int:
        """A producer id never given before."""
        row = self._db.execute(
            "INSERT INTO numbers VALUES ('producer_id', 1) ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value"
        ).fetchone()
        return int(row[0])

    def topics(self) -> Iterator[TopicRow]:
        """Every topic."""
        for name, topic_id, partitions, config in self._db.execute("SELECT * FROM topics").fetchall():
            yield TopicRow(name, uuid.UUID(topic_id), partitions, json.loads(config))

    def add_topic(self, topic: TopicRow) -> None:
        """Keep a topic; its logs must be there already."""
        row = (topic.name, str(topic.id), topic.partitions, json.dumps(topic.config))
        self._db.execute("INSERT INTO topics VALUES (?, ?, ?, ?)", row)

    def set_partitions(self, topic: str, partitions: int) -> None:
        """Keep a larger number of partitions."""
        self._db.execute("UPDATE topics SET partitions = ? WHERE name = ?", (partitions, topic))

    def delete_topic(self, topic: str) -> None:
        """Forget a topic, and what groups had committed for it."""
        self._db.execute("DELETE FROM topics WHERE name = ?", (topic,))

    def starts(self, topic: str) -> dict[int, int]:
        """First offsets of partitions whose first records were deleted."""
        return dict(self._db.execute("SELECT partition, offset FROM starts WHERE topic = ?", (topic,)).fetchall())

    def set_start(self, topic: str, partition: int, offset: int) -> None:
        """Keep where a log starts now."""
        self._db.execute("INSERT OR REPLACE INTO starts VALUES (?, ?, ?)", (topic, partition, offset))

    def commit(self, group: str, offsets: list[Committed]) -> None:
        """Keep how far a group has come: all of it or nothing."""
        now = int(time.time() * 1000)
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO committed VALUES (?, ?, ?, ?, ?, ?, ?)", [(group, *one, now) for one in offsets]
            )

    def committed(self, group: str) -> dict[tuple[str, int], Committed]:
        """How far a group has come, by topic and partition."""
        rows = self._db.execute(
            "SELECT topic, partition, offset, leader_epoch, metadata FROM committed WHERE consumers = ?", (group,)
        )
        return {(row[0], row[1]): Committed(*row) for row in rows.fetchall()}

    def close(self) -> None:
        """Give the file back."""
        self._db.close()
