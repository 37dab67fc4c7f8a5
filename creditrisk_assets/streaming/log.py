"""The broker's side of the intake: what the logs hold, exactly the records of a range, and a wait for news."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError, OffsetOutOfRangeError

from creditrisk_assets.streaming.client import METADATA_AGE, Client
from creditrisk_assets.streaming.columnar import Records, from_objects
from creditrisk_assets.streaming.errors import RangeError, StreamError
from creditrisk_assets.streaming.offsets import Bounds, OffsetRange, Place, Position, Positions, losses
from creditrisk_assets.streaming.reading import UNLIMITED, Deadline, Fetched, Reading

PATIENCE = 10.0  # seconds without any progress before a broker counts as unavailable
POLL = 500  # milliseconds of one poll; a poll returns as soon as there are records
BATCHES = 64  # of one poll in columns
Answer = TypeVar("Answer")


@dataclass
class Log:
    """The logs of some topics. `arguments` are those of the Kafka client (`connection.client_arguments`).

    Connects when first used, and anew after a failure. `in_columns` False reads record by record, as the
    client would. Not for several threads.
    """

    arguments: Mapping[str, Any]
    topics: Sequence[str]
    in_columns: bool = True
    patience: float = PATIENCE

    def __post_init__(self) -> None:
        self._client = Client(self.arguments, self.topics, self.in_columns, self.patience)

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the broker; the next use connects again."""
        self._client.close()

    def identities(self) -> dict[str, int]:
        """A number of 63 bits for each topic, another one once it was made anew; none from brokers before 2.8.

        KafkaUnavailableError when no broker answers.
        """
        with self._client.speaking():
            return dict(self._client.describe().identities)

    def watermarks(self, fresh: bool = False) -> dict[Place, Bounds]:
        """What every partition holds that may be read: up to the first open transaction.

        New partitions and what retention removed show within seconds, or at once in a `fresh` look.
        KafkaUnavailableError when no broker answers.
        """
        if fresh:
            self._client.forget()
        with self._client.speaking():
            return self._again_if_stale(self._watermarks)

    def _watermarks(self) -> dict[Place, Bounds]:
        beginnings = self._client.describe().beginnings
        ends = self._client.ends(list(beginnings))
        # A beginning may be some seconds old and lie before what the log holds, but never beyond its end.
        return {place: Bounds(min(beginning, ends[place]), ends[place]) for place, beginning in beginnings.items()}

    def _again_if_stale(self, ask: Callable[[], Answer]) -> Answer:
        """A topic may have been deleted since it was described; one fresh look tells that from a silent broker."""
        if self._client.known:
            try:
                return ask()
            except KafkaTimeoutError:
                self._client.forget()
        return ask()

    def fetch(self, ranges: Iterable[OffsetRange], max_bytes: int = UNLIMITED) -> list[Fetched]:
        """Exactly the records of the ranges, in order; those of aborted transactions are not among them.

        Reading stops once `max_bytes` of keys and values are there: the ranges returned end where it did.
        RetentionPassedError or TopicRestartedError when the log does not hold a range, StreamError for a
        damaged record, KafkaUnavailableError when nothing comes for a while.
        """
        asked = list(ranges)
        with self._client.speaking():
            try:
                return self._fetch(asked, max_bytes)
            except OffsetOutOfRangeError as error:
                outside = RangeError(f"{error}: the broker does not hold these offsets; plan anew")
                raise self._explained(asked, outside) from error

    def _explained(self, asked: Sequence[OffsetRange], otherwise: StreamError) -> StreamError:
        """Why ranges cannot be read, as the log is now."""
        self._client.forget()
        positions = {one.place: Position(one.epoch, one.start) for one in asked if len(one)}
        return next(iter(losses(positions, self._watermarks()).values()), otherwise)

    def _fetch(self, asked: Sequence[OffsetRange], max_bytes: int) -> list[Fetched]:
        wanted = {TopicPartition(*one.place): one for one in asked if len(one)}
        self._place({where: one.start for where, one in wanted.items()})
        reading = Reading(wanted, max_bytes)
        waiting = Deadline(self.patience)
        consumer, limit = self._client.consumer, BATCHES if self._client.columnar else None
        while open_ones := reading.open:
            for where, records in consumer.poll(POLL, max_records=limit).items():
                reading.accept(where, self._columns(records))
            if reading.moved({where: self._position(where) for where in open_ones}):
                waiting = Deadline(self.patience)
            elif waiting.over:
                # The topic may be gone, or the broker.
                raise self._explained(asked, self._client.unavailable())
            # Not paused: client 3.0.12 never returns to a partition that it paused with records at hand.
            if reading.open and reading.open != open_ones:
                consumer.assign(reading.open)
        return [reading.result(one) for one in asked]

    def _columns(self, records: Sequence[Any]) -> list[Records]:
        if self._client.columnar:
            return [one.value if isinstance(one.value, Records) else from_objects([one]) for one in records]
        return [from_objects(records)]

    def _position(self, where: TopicPartition) -> int | None:
        offset: int | None = self._client.consumer.position(where, timeout_ms=self._client.timeout)
        return offset

    def _place(self, starts: Mapping[TopicPartition, int]) -> None:
        """Stand at these offsets, and read nothing else."""
        consumer = self._client.consumer
        before = consumer.assignment()
        there = {where for where in before & set(starts) if self._position(where) == starts[where]}
        if before != set(starts):
            consumer.assign(sorted(starts))
        for where in set(starts) - there:
            consumer.seek(where, starts[where])

    def wait_for_news(self, positions: Positions, seconds: float) -> bool:
        """Wait until the log goes beyond any of the positions; False when it did not within `seconds`.

        The broker holds the question until there is an answer: no busy loop, no delay. A partition without a
        position is news. KafkaUnavailableError when no broker answers.
        """
        waiting = Deadline(seconds)
        with self._client.speaking():
            while True:
                places = self._client.describe().beginnings
                if not set(places) <= set(positions):
                    return True
                starts = {TopicPartition(*place): positions[place].next for place in places}
                if self._moved(starts, min(waiting.left, METADATA_AGE)):
                    return True
                if waiting.over:
                    return False

    def _moved(self, starts: Mapping[TopicPartition, int], seconds: float) -> bool:
        self._place(starts)
        try:
            if self._client.consumer.poll(int(seconds * 1000), max_records=1):
                return True
        except OffsetOutOfRangeError:
            return True  # planning tells what happened
        return any((self._position(where) or 0) > start for where, start in starts.items())
