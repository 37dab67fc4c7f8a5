"""The state of a running broker: its data folder, opened and locked."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from creditrisk_assets.local.broker.errors import BrokerError, Code
from creditrisk_assets.local.broker.groups import Groups
from creditrisk_assets.local.broker.log import Limits
from creditrisk_assets.local.broker.store import Store
from creditrisk_assets.local.broker.topics import Topics
from creditrisk_assets.local.lock import locked

NODE_ID = 1
LEADER_EPOCH = 0


@dataclass(frozen=True)
class BrokerSettings:
    """Where the broker keeps its data and where it listens."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 9092
    fsync: bool = False
    limits: Limits = field(default_factory=Limits)


class Node:
    """Topics, groups and counters of one broker."""

    def __init__(self, settings: BrokerSettings) -> None:
        self.settings = settings
        self.port = settings.port
        settings.data.mkdir(parents=True, exist_ok=True)
        self._lock = locked(settings.data)
        self.store = Store(settings.data / "broker.sqlite", settings.fsync)
        self.cluster_id = self.store.cluster_id()
        self.topics = Topics(settings.data / "topics", self.store, settings.limits, settings.fsync)
        self.groups = Groups()

    def ensure_topic(self, name: str, partitions: int) -> None:
        """Make the topic, or add the partitions it lacks; BrokerError when it has more."""
        topic = self.topics.get(name)
        if topic is None:
            self.topics.create(name, partitions, {})
        elif len(topic.logs) > partitions:
            raise BrokerError(
                Code.INVALID_PARTITIONS, f"topic {name!r} has {len(topic.logs)} partitions, and none can be taken away"
            )
        elif len(topic.logs) < partitions:
            self.topics.grow(name, partitions)

    def expire(self) -> None:
        """Remove what is older or more than topics may hold."""
        self.topics.expire(int(time.time() * 1000))

    def close(self) -> None:
        """Bring everything to disk and give the folder back."""
        self.topics.close()
        self.store.close()
        os.close(self._lock)
