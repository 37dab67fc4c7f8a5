"""Topics and their logs on disk."""

import re
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from creditrisk_assets.local.broker.errors import BrokerError, Code
from creditrisk_assets.local.broker.log import Limits, PartitionLog
from creditrisk_assets.local.broker.store import Store, TopicRow

NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
MAX_PARTITIONS = 10_000
SETTINGS = {field.name.replace("_", "."): field.name for field in fields(Limits)}


@dataclass
class Topic:
    """A topic with a log for every partition."""

    name: str
    id: uuid.UUID
    logs: list[PartitionLog]


class Topics:
    """All topics of a data folder, opened."""

    def __init__(self, folder: Path, store: Store, defaults: Limits, fsync: bool) -> None:
        self._folder = folder
        self._store = store
        self._defaults = defaults
        self._fsync = fsync
        self._topics: dict[str, Topic] = {}
        for row in store.topics():
            self._topics[row.name] = self._opened(row)
        self._remove_left_over()

    def __iter__(self) -> Iterator[Topic]:
        return iter(list(self._topics.values()))

    def get(self, name: str) -> Topic | None:
        """The topic of that name."""
        return self._topics.get(name)

    def by_id(self, topic_id: uuid.UUID) -> Topic | None:
        """The topic of that id."""
        return next((topic for topic in self._topics.values() if topic.id == topic_id), None)

    def log(self, topic: str, partition: int) -> PartitionLog:
        """The log of a partition; BrokerError when there is none."""
        found = self._topics.get(topic)
        if found is None or not 0 <= partition < len(found.logs):
            raise BrokerError(Code.UNKNOWN_TOPIC_OR_PARTITION, f"no partition {partition} of topic {topic!r}")
        return found.logs[partition]

    def create(self, name: str, partitions: int, config: dict[str, str], only_check: bool = False) -> Topic | None:
        """Make a topic; BrokerError when it cannot be made."""
        if not NAME.fullmatch(name) or name in {".", ".."}:
            raise BrokerError(Code.INVALID_TOPIC_EXCEPTION, f"{name!r} is no name for a topic")
        if name in self._topics:
            raise BrokerError(Code.TOPIC_ALREADY_EXISTS, f"topic {name!r} exists")
        if not 1 <= partitions <= MAX_PARTITIONS:
            raise BrokerError(Code.INVALID_PARTITIONS, f"a topic has 1 to {MAX_PARTITIONS} partitions")
        limited(self._defaults, config)
        if only_check:
            return None
        row = TopicRow(name, uuid.uuid4(), partitions, config)
        topic = self._opened(row)
        self._store.add_topic(row)  # from here on it exists; before, a crash leaves a folder that is removed at start
        self._topics[name] = topic
        return topic

    def grow(self, name: str, partitions: int, only_check: bool = False) -> None:
        """Add partitions until there are that many."""
        topic = self._topics.get(name)
        if topic is None:
            raise BrokerError(Code.UNKNOWN_TOPIC_OR_PARTITION, f"no topic {name!r}")
        if not len(topic.logs) < partitions <= MAX_PARTITIONS:
            raise BrokerError(Code.INVALID_PARTITIONS, f"topic {name!r} has {len(topic.logs)} partitions already")
        if only_check:
            return
        limits = topic.logs[0].limits
        added = [self._log(topic.id, number, limits) for number in range(len(topic.logs), partitions)]
        self._store.set_partitions(name, partitions)
        topic.logs.extend(added)

    def delete(self, name: str) -> None:
        """Forget a topic, then remove its folder."""
        topic = self._topics.get(name)
        if topic is None:
            raise BrokerError(Code.UNKNOWN_TOPIC_OR_PARTITION, f"no topic {name!r}")
        self._store.delete_topic(name)
        del self._topics[name]
        for log in topic.logs:
            log.close(checkpoint=False)
        shutil.rmtree(self._folder / topic.id.hex)

    def delete_records(self, name: str, partition: int, before: int) -> int:
        """Let a partition start at an offset (-1: at its end); the offset it starts at now."""
        log = self.log(name, partition)
        offset = log.end if before == -1 else before
        if not 0 <= offset <= log.end:
            raise BrokerError(Code.OFFSET_OUT_OF_RANGE, f"the log holds {log.start} to {log.end}")
        if offset > log.start:
            self._store.set_start(name, partition, offset)
            log.delete_before(offset)
        return log.start

    def expire(self, now_ms: int) -> None:
        """Remove what is older or more than topics may hold."""
        for topic in self:
            for log in topic.logs:
                log.expire(now_ms)

    def close(self) -> None:
        """Checkpoint and close every log."""
        for topic in self:
            for log in topic.logs:
                log.close()

    def _opened(self, row: TopicRow) -> Topic:
        limits, starts = limited(self._defaults, row.config), self._store.starts(row.name)
        logs = [self._log(row.id, number, limits, starts.get(number, 0)) for number in range(row.partitions)]
        return Topic(row.name, row.id, logs)

    def _log(self, topic_id: uuid.UUID, partition: int, limits: Limits, start: int = 0) -> PartitionLog:
        return PartitionLog(self._folder / topic_id.hex / str(partition), limits, start, self._fsync)

    def _remove_left_over(self) -> None:
        """Folders of topics that were being made or deleted when the broker ended."""
        known = {topic.id.hex for topic in self}
        for folder in self._folder.glob("*"):
            if folder.name not in known:
                shutil.rmtree(folder)


def limited(defaults: Limits, config: dict[str, str]) -> Limits:
    """Limits of a topic from its configuration; BrokerError names what the broker does not do."""
    values = dict(config)
    if values.pop("cleanup.policy", "delete") != "delete":
        raise BrokerError(Code.INVALID_CONFIG, "the development broker has no compaction: cleanup.policy=delete only")
    unknown = values.keys() - SETTINGS
    if unknown:
        known = ", ".join(sorted(SETTINGS))
        raise BrokerError(Code.INVALID_CONFIG, f"{', '.join(sorted(unknown))}: the development broker knows {known}")
    try:
        numbers = {SETTINGS[name]: int(value) for name, value in values.items()}
    except (TypeError, ValueError) as error:
        raise BrokerError(Code.INVALID_CONFIG, f"not a number: {error}") from error
    if numbers.get("segment_bytes", 1) < 1 or numbers.get("max_message_bytes", 0) < 0:
        raise BrokerError(Code.INVALID_CONFIG, "segment.bytes must be above 0, max.message.bytes not below")
    return Limits(**(vars(defaults) | numbers))
