"""Giving up offsets: an operator's act, on record in raw/events, after which a topic is read on."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import polars as pl

from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.streaming.errors import AlreadyTakenError, RangeError
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.log import Log
from creditrisk_assets.streaming.offsets import Bounds, OffsetRange, Place, Position, Positions, Watermarks
from creditrisk_assets.streaming.table import Committed, epoch_app, offset_app, topic_app

Start = Literal["beginning", "end"] | int


@dataclass(frozen=True)
class Step:
    """What happens to one partition: it goes on at `after`, and raw/events gets a row that says why at `row`.

    The row stands where nothing else ever will: at the first offset that was given up, or at the end of an
    epoch that is over.
    """

    place: Place
    after: Position
    row: Position
    said: str


def restart(events: Events, log: Log, topic: str, start: Start, partition: int | None = None) -> tuple[Step, ...]:
    """Go on with a topic, or one of its partitions, from `start`, in one commit; what happened, by partition.

    Forward in the same log the epoch stays: the offsets passed over are lost, and their first is the place of
    the row that says so. Backward, or in a log that was made anew or cut, a new epoch begins, so that no
    offset occurs twice in an epoch. Nothing happens where the partition stands at `start` already.
    RangeError for an offset that the log does not hold; errors of the broker and the lake.
    """
    watermarks, identity = log.watermarks(fresh=True), log.identities().get(topic)
    bounds = {place: one for place, one in watermarks.items() if place.topic == topic}
    events.create()
    done: list[tuple[Step, ...]] = []

    def prepare() -> Committed:
        positions = events.positions(events.places([topic]) | set(bounds))
        known = events.identities([topic]).get(topic)
        renewed = None not in (known, identity) and known != identity
        done[:] = [steps(topic, positions, bounds, start, partition, renewed)]
        if not done[0] and not renewed:
            raise AlreadyTakenError(f"{topic} stands where it should; there is nothing to do")
        transactions = _moved(done[0]) | ({} if identity is None else {topic_app(topic): identity})
        rows = _rows(done[0])
        return events.stamped(rows, tuple(_row_range(step) for step in done[0]), transactions)

    with contextlib.suppress(AlreadyTakenError):
        events.commit(prepare)
    return done[0]


def steps(
    topic: str, positions: Positions, log: Watermarks, start: Start, partition: int | None, renewed: bool
) -> tuple[Step, ...]:
    """What has to happen to each partition of a topic; `renewed` when the log is another than was read."""
    if renewed and partition is not None:
        raise RangeError(f"{topic} was made anew: restart all of it, without --partition")
    places = sorted({place for place in (*positions, *log) if place.topic == topic})
    chosen = [place for place in places if partition in (None, place.partition)]
    if not chosen:
        raise RangeError(
            f"{topic}: there is no partition {partition}" if places else f"{topic}: there is no such topic"
        )
    found = (_step(place, positions.get(place), log.get(place), start, renewed) for place in chosen)
    return tuple(step for step in found if step is not None)


def _step(place: Place, at: Position | None, log: Bounds | None, start: Start, renewed: bool) -> Step | None:
    if log is None:
        assert at is not None
        return _over(place, at, 0, "the partition is gone") if at.next > 0 else None
    target = start if isinstance(start, int) else log.beginning if start == "beginning" else log.end
    if not log.beginning <= target <= log.end:
        raise RangeError(f"{place} holds offsets {log.beginning} to {log.end - 1}, not {target}; correct the offset")
    if at is None:
        at = Position(0, log.beginning)
    if renewed or at.next > log.end:
        return _over(place, at, target, "the topic was made anew, or its log was cut")
    if target < at.next:
        said = f"restarted: nothing is lost, offsets from {target} on are taken once more, in epoch {at.epoch + 1}"
        return Step(place, Position(at.epoch + 1, target), at, said)
    return _ahead(place, at, target, log) if target > at.next else None


def _over(place: Place, at: Position, target: int, why: str) -> Step:
    said = (
        f"restarted: offsets from {at.next} on of epoch {at.epoch} are lost, as far as there were any, for {why}; "
        f"epoch {at.epoch + 1} begins at {target}"
    )
    return Step(place, Position(at.epoch + 1, target), at, said)


def _ahead(place: Place, at: Position, target: int, log: Bounds) -> Step:
    removed = min(target, log.beginning)
    parts = [
        f"offsets {first} to {last - 1} are lost, {why}"
        for first, last, why in (
            (at.next, removed, "for the broker had removed them before they were taken"),
            (max(at.next, removed), target, "for an operator passed over them"),
        )
        if first < last
    ]
    return Step(place, Position(at.epoch, target), at, f"restarted: {'; '.join(parts)}")


def _moved(found: Iterable[Step]) -> dict[str, int]:
    moved: dict[str, int] = {}
    for step in found:
        moved |= {offset_app(step.place): step.after.next, epoch_app(step.place): step.after.epoch}
    return moved


def _row_range(step: Step) -> OffsetRange:
    end = step.after.next if step.after.epoch == step.row.epoch else step.row.next + 1
    return OffsetRange(step.place.topic, step.row.epoch, step.place.partition, step.row.next, end)


def _rows(found: Iterable[Step]) -> pl.DataFrame:
    schema = {name: dtype for name, dtype in RAW_EVENTS.schema.items() if name not in ("ingest_day", "ingested_at")}
    rows = [
        {
            "topic": step.place.topic, "epoch": step.row.epoch, "partition": step.place.partition,
            "offset": step.row.next, "replayed": False, "error": step.said,
        }
        for step in found
    ]  # fmt: skip
    return pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema)
