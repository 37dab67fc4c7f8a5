"""Which offsets to take next: planned from what is committed and what the log holds. Pure; no Kafka, no lake."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import NamedTuple, TypeVar

from creditrisk_assets.streaming.errors import (
    AlreadyTakenError,
    LossError,
    PartitionsMissingError,
    RangeError,
    RetentionPassedError,
    TopicRestartedError,
)


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]"


@dataclass(frozen=True)
class Position:
    """How far a partition is committed: every offset of `epoch` below `next`, as far as it was not given up."""

    epoch: int
    next: int


@dataclass(frozen=True)
class Bounds:
    """What the log of a partition holds: offsets from `beginning` up to, not including, `end`."""

    beginning: int
    end: int


@dataclass(frozen=True, order=True)
class OffsetRange:
    """Offsets from `start` up to, not including, `end`; an empty one marks where a new partition begins."""

    topic: str
    epoch: int
    partition: int
    start: int
    end: int

    @property
    def place(self) -> Place:
        """Its partition."""
        return Place(self.topic, self.partition)

    def __len__(self) -> int:
        return self.end - self.start

    def __str__(self) -> str:
        return f"{self.place} {self.start} to {self.end - 1}" if len(self) else f"{self.place} nothing"


@dataclass(frozen=True)
class Caps:
    """The most one micro-batch takes: messages, and their bytes estimated by the mean size of a topic's messages."""

    rows: int = 500_000
    bytes: int = 128 * 2**20


Positions = Mapping[Place, Position]
Watermarks = Mapping[Place, Bounds]
Key = TypeVar("Key")
TYPICAL_SIZE = 1_000.0  # bytes of a message before the first was seen


def as_json(ranges: Iterable[OffsetRange]) -> str:
    """Ranges for the metadata of a commit or a run."""
    return json.dumps([asdict(one) for one in ranges])


def from_json(text: str) -> tuple[OffsetRange, ...]:
    """What `as_json` wrote."""
    return tuple(OffsetRange(**one) for one in json.loads(text))


def lag(positions: Positions, log: Watermarks) -> dict[Place, int]:
    """Offsets in the log that are not committed yet, per partition."""
    return {place: max(0, bounds.end - _begin(positions, place, bounds).next) for place, bounds in log.items()}


def _begin(positions: Positions, place: Place, bounds: Bounds) -> Position:
    """A partition that was never seen begins where its log begins."""
    return positions.get(place, Position(0, bounds.beginning))


def losses(positions: Positions, log: Watermarks, renewed: Collection[str] = ()) -> dict[str, LossError]:
    """Topics that must not be read on, each with the error that says why and what to do.

    `renewed` are topics of which the broker says that they are not those that were read before.
    """
    found: dict[str, LossError] = {}
    for topic in sorted({place.topic for place in positions}):
        anew = _renewed(topic) if topic in renewed else _restarted(topic, positions, log)
        error = _missing(topic, positions, log) or anew or _passed(topic, positions, log)
        if error is not None:
            found[topic] = error
    return found


def _remedy(topic: str) -> str:
    return f"creditrisk stream restart --topic {topic} --from beginning"


def _missing(topic: str, positions: Positions, log: Watermarks) -> LossError | None:
    # A position at 0 was never read from: a topic made anew with fewer partitions ends there after its restart.
    gone = [place for place, at in positions.items() if place.topic == topic and place not in log and at.next > 0]
    if not gone:
        return None
    return PartitionsMissingError(
        f"{_listed(gone)}: read before, and gone. If the broker shows less than it has, mend it; if {topic} was "
        f"deleted or made anew with fewer partitions, give up what was not read by {_remedy(topic)}"
    )


def _renewed(topic: str) -> LossError:
    return TopicRestartedError(
        f"{topic}: deleted and made anew since it was last read, as its identity tells. Give up what was not read "
        f"before, and begin a new epoch, by {_remedy(topic)}"
    )


def _restarted(topic: str, positions: Positions, log: Watermarks) -> LossError | None:
    ahead = [
        f"{place} ends at {bounds.end}, {positions[place].next} is committed"
        for place, bounds in log.items()
        if place.topic == topic and place in positions and positions[place].next > bounds.end
    ]
    if not ahead:
        return None
    return TopicRestartedError(
        f"{_listed(ahead)}: {topic} was made anew or its log was cut. If that was meant, begin a new epoch by "
        f"{_remedy(topic)}; if not, mend the broker first"
    )


def _passed(topic: str, positions: Positions, log: Watermarks) -> LossError | None:
    behind = [
        f"{place} offsets {positions[place].next} to {bounds.beginning - 1}"
        for place, bounds in log.items()
        if place.topic == topic and place in positions and positions[place].next < bounds.beginning
    ]
    if not behind:
        return None
    return RetentionPassedError(
        f"{_listed(behind)}: removed by the broker before they were taken. Restore them, or give them up by "
        f"{_remedy(topic)}; then lengthen the retention of {topic} or take it more often"
    )


def _listed(things: Iterable[object]) -> str:
    texts = sorted(str(thing) for thing in things)
    return ", ".join(texts[:8]) + (f" and {len(texts) - 8} more" if len(texts) > 8 else "")


def plan(
    positions: Positions, log: Watermarks, caps: Caps, sizes: Mapping[str, float] | None = None
) -> tuple[OffsetRange, ...]:
    """The ranges of the next micro-batch: oldest offsets first, fair over topics, then over their partitions.

    No topic and no partition gets more than another that is cut, but for what the other leaves over; of
    those that get nothing, none lags further behind than one that does. A partition never seen before gets
    an empty range at least, so that its beginning is on record. `sizes` are mean bytes of a message by
    topic; a single message may exceed the cap, else nothing would move. Topics among the `losses` are not
    for planning.
    """
    behind = lag(positions, log)
    rows = _rows_by_topic(behind, caps, sizes or {})
    ranges = []
    for topic in sorted({place.topic for place in log}):
        own = {place: behind[place] for place in sorted(log) if place.topic == topic}
        for place, share in shares(own, rows[topic]).items():
            begin = _begin(positions, place, log[place])
            if share or place not in positions:
                ranges.append(OffsetRange(topic, begin.epoch, place.partition, begin.next, begin.next + share))
    return tuple(sorted(ranges, key=lambda one: one.place))


def _rows_by_topic(behind: Mapping[Place, int], caps: Caps, sizes: Mapping[str, float]) -> dict[str, int]:
    wanted: dict[str, int] = {}
    for place, number in behind.items():
        wanted[place.topic] = wanted.get(place.topic, 0) + number
    size = {topic: max(1.0, sizes.get(topic, TYPICAL_SIZE)) for topic in wanted}
    heavy = {topic: ceil(number * size[topic]) for topic, number in wanted.items()}
    given = shares(heavy, caps.bytes)
    fitting = {
        topic: number if given[topic] == heavy[topic] else min(number, max(1, int(given[topic] / size[topic])))
        for topic, number in wanted.items()
    }
    return shares(fitting, caps.rows)


def shares(wanted: Mapping[Key, int], budget: int) -> dict[Key, int]:
    """The budget shared out: nobody gets more than they want, nor more than another who is cut short."""
    given: dict[Key, int] = {}
    for place, key in enumerate(sorted(wanted, key=lambda key: wanted[key])):
        given[key] = min(wanted[key], budget // (len(wanted) - place))
        budget -= given[key]
    return given


def remaining(ranges: Iterable[OffsetRange], positions: Positions) -> tuple[OffsetRange, ...]:
    """What of the ranges is not committed yet; a range run twice, or by two, is taken once.

    RangeError for a range that would leave a gap, AlreadyTakenError when nothing remains.
    """
    asked = tuple(ranges)
    left = tuple(rest for one in asked if (rest := _remaining(one, positions.get(one.place))) is not None)
    if asked and not left:
        raise AlreadyTakenError(f"{_listed(asked)}: already in the lake; there is nothing to do")
    return left


def _remaining(one: OffsetRange, at: Position | None) -> OffsetRange | None:
    if at is None:
        return one
    if one.epoch > at.epoch:
        raise RangeError(f"{one}: epoch {one.epoch} has not begun, {at.epoch} is the current one; correct the range")
    if one.epoch < at.epoch or one.end <= at.next:
        return None
    if one.start > at.next:
        raise RangeError(
            f"{one}: offsets {at.next} to {one.start - 1} are not committed and would be left out; "
            f"begin the range at {at.next}"
        )
    return replace(one, start=at.next)


def refuse_outside(ranges: Iterable[OffsetRange], log: Watermarks) -> None:
    """RangeError for a range that the log does not hold, whole."""
    for one in ranges:
        bounds = log.get(one.place)
        if bounds is None:
            raise RangeError(f"{one}: there is no such partition; correct the range")
        if one.start < bounds.beginning or one.end > bounds.end:
            raise RangeError(f"{one}: the log holds {bounds.beginning} to {bounds.end - 1}; correct the range")
