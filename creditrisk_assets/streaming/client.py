"""The Kafka client as the intake needs it: exact, patient for a while, and speaking of its failures by our names."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import (
    CorruptRecordError,
    KafkaError,
    KafkaTimeoutError,
    LogTruncationError,
    RetriableError,
    UnsupportedCodecError,
)

from creditrisk_assets.streaming import columnar
from creditrisk_assets.streaming.connection import remedy
from creditrisk_assets.streaming.errors import KafkaUnavailableError, StreamError, TopicRestartedError
from creditrisk_assets.streaming.offsets import Place

METADATA_AGE = 5.0  # seconds after which topics are looked at again
EXACT = {
    "group_id": None,
    "enable_auto_commit": False,
    "auto_offset_reset": "none",  # anything else jumps over lost messages without a word
    "isolation_level": "read_committed",
    "allow_auto_create_topics": False,
    "max_partition_fetch_bytes": 8 * 2**20,
    "fetch_max_bytes": 64 * 2**20,
    "fetch_max_wait_ms": 100,  # a question on its way holds up one about other partitions
    "max_poll_records": 100_000,
    "metadata_max_age_ms": int(METADATA_AGE * 1000),
    "metrics_enabled": False,
}


@dataclass(frozen=True)
class Topics:
    """What the broker said of its topics at `seen` (seconds of the monotonic clock).

    `identities` holds a number of 63 bits for each topic, another one once it was made anew, of brokers
    that tell (Kafka 2.8 and later).
    """

    beginnings: Mapping[Place, int]
    identities: Mapping[str, int]
    seen: float

    @property
    def fresh(self) -> bool:
        """Is it still to be believed?"""
        return time.monotonic() - self.seen < METADATA_AGE


@dataclass
class Client:
    """A consumer and what it needs to know of its topics; connects when first used, and anew after a failure."""

    arguments: Mapping[str, Any]
    topics: Sequence[str]
    in_columns: bool
    patience: float
    columnar: bool = field(default=False, init=False)
    _consumer: KafkaConsumer | None = field(default=None, init=False, repr=False)
    _admin: KafkaAdminClient | None = field(default=None, init=False, repr=False)
    _known: Topics | None = field(default=None, init=False, repr=False)

    @property
    def timeout(self) -> int:
        """Patience in milliseconds."""
        return int(self.patience * 1000)

    def close(self) -> None:
        """Leave the broker."""
        consumer, admin, self._consumer, self._admin = self._consumer, self._admin, None, None
        self.forget()
        if consumer is not None:
            consumer.close(autocommit=False, timeout_ms=1000)
        if admin is not None:
            admin.close()

    def forget(self) -> None:
        """Look at the topics again before they are next spoken of."""
        self._known = None

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Failures of the client, by the names of this package."""
        try:
            yield
        except (CorruptRecordError, UnsupportedCodecError) as error:
            self.close()
            raise StreamError(
                f"{error}: mend the broker's log, or pass over it with creditrisk stream restart --from OFFSET"
            ) from error
        except LogTruncationError as error:
            self.close()
            raise TopicRestartedError(
                f"{error}: the log was cut after it was read; mend the broker, or begin a new epoch with "
                "creditrisk stream restart"
            ) from error
        except (RetriableError, OSError) as error:
            self.close()
            raise self.unavailable() from error
        except KafkaError as error:
            self.close()
            raise StreamError(
                f"the broker at {self._where} refuses: {error}. Correct its rights or settings"
            ) from error

    def unavailable(self) -> KafkaUnavailableError:
        """What to say when nobody answers."""
        return KafkaUnavailableError(
            f"no answer from the broker at {self._where} within {self.patience:g} s: {remedy(self.arguments)}; "
            "nothing is lost, the stream goes on from its last commit"
        )

    @property
    def _where(self) -> str:
        servers = self.arguments.get("bootstrap_servers")
        return servers if isinstance(servers, str) else ", ".join(servers or ["localhost"])

    @property
    def consumer(self) -> KafkaConsumer:
        """One that reads exact ranges, and fails rather than skips."""
        if self._consumer is None:
            self._consumer = KafkaConsumer(**EXACT, **self.arguments, bootstrap_timeout_ms=self.timeout)
            self.columnar = self.in_columns and columnar.install(self._consumer)
        return self._consumer

    @property
    def known(self) -> bool:
        """Were the topics looked at a moment ago?"""
        return self._known is not None and self._known.fresh

    def describe(self) -> Topics:
        """Topics that exist, at most seconds old; one that does not exist is left out."""
        if self._known is None or not self._known.fresh:
            self._known = self._described()
        return self._known

    def _described(self) -> Topics:
        if self._admin is None:
            self._admin = KafkaAdminClient(
                **self.arguments, bootstrap_timeout_ms=self.timeout, request_timeout_ms=self.timeout
            )
        found = [topic for topic in self._admin.describe_topics(list(self.topics)) if not topic["error_code"]]
        places = [Place(topic["name"], one["partition_index"]) for topic in found for one in topic["partitions"]]
        numbers = {topic["name"]: UUID(str(topic["topic_id"])).int >> 65 for topic in found if topic["topic_id"]}
        return Topics(
            self.beginnings(places), {name: number for name, number in numbers.items() if number}, time.monotonic()
        )

    def beginnings(self, places: Sequence[Place]) -> dict[Place, int]:
        """First offsets of logs."""
        return self._offsets(self.consumer.beginning_offsets, places)

    def ends(self, places: Sequence[Place]) -> dict[Place, int]:
        """Offsets after the last that may be read, which is where the first open transaction begins."""
        return self._offsets(self.consumer.end_offsets, places)

    def _offsets(self, ask: Callable[..., Mapping[TopicPartition, int]], places: Sequence[Place]) -> dict[Place, int]:
        if not places:
            return {}
        wanted = [TopicPartition(*place) for place in places]
        try:
            found = ask(wanted, timeout_ms=self.timeout)
        except KeyError:  # client 3.0.12 misses partitions that were made or deleted since it last looked
            self.consumer.topics()
            try:
                found = ask(wanted, timeout_ms=self.timeout)
            except KeyError as error:
                raise KafkaTimeoutError(f"no answer for {error}") from error
        return {Place(*where): offset for where, offset in found.items()}
