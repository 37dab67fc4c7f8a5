"""Days of a stream for the tests of the archive, and where each of them is kept."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from creditrisk_assets.archive.restoring import ORDER
from creditrisk_assets.archive.storage import Archive
from creditrisk_assets.contracts import RAW_EVENTS, TOPICS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.objects import Objects
from creditrisk_assets.streaming.decoding import decode
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.quarantine import REPLAYS, replay
from creditrisk_assets.streaming.table import MICRO_BATCH, epoch_app, offset_app, topic_app
from creditrisk_assets_tests.streaming.flowing import did, poison, take

MONDAY, TUESDAY, WEDNESDAY = (date(2026, 2, day) for day in (2, 3, 4))


@dataclass
class Clock:
    """A clock that tests move."""

    moment: datetime = datetime(2026, 2, 2, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=5)
        return self.moment

    def on(self, day: date, hour: int = 9) -> None:
        self.moment = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


@dataclass
class Kept:
    """A lake with a stream in it, its clock, and an archive."""

    lake: Lake
    archive: Archive
    clock: Clock

    @property
    def events(self) -> Events:
        return Events(self.lake, clock=self.clock)

    def take(self, day: date, *names: str, bad: int = 0, hour: int = 9) -> None:
        """One micro-batch of a day: a message for each name, and some poison."""
        self.clock.on(day, hour)
        take(self.events, *(did(name) for name in names), *[poison(TOPICS[number % 2]) for number in range(bad)])

    def replay(self, day: date) -> int:
        """Decode the quarantine anew on a day, as if what begins a poisoned message were good now."""
        self.clock.on(day, 12)
        return replay(self.events, forgiving).good


def forgiving(topic: str, values: "list[bytes | None]", times: pl.Series) -> object:  # type: ignore[misc]
    """The decoder after a fix: whatever came is good."""
    found = decode(topic, values, times)
    mended = [None if value is None else value.decode() for value in values]
    return _Mended(
        found.events.with_columns(
            pl.lit(None, pl.String).alias("error"), pl.lit(None, pl.Binary).alias("raw"), pl.Series("value", mended)
        )
    )


@dataclass(frozen=True)
class _Mended:
    events: pl.DataFrame


def kept(folder: Path, at: Callable[[str], None] = lambda point: None) -> Kept:
    """An empty lake and an empty archive in a folder."""
    return Kept(Lake(str(folder / "lake")), Archive(Objects(str(folder / "archive")), at), Clock())


def rows(lake: Lake) -> pl.DataFrame:
    """raw/events in one order."""
    return lake.scan(RAW_EVENTS).collect().sort(*ORDER)


def transactions(lake: Lake) -> dict[str, int]:
    """What raw/events says of the stream."""
    events = Events(lake)
    names = [MICRO_BATCH, REPLAYS, *(topic_app(topic) for topic in TOPICS)]
    for place in events.places([*TOPICS, "topic"]):
        names += [offset_app(place), epoch_app(place)]
    found = {name: events.transaction(name) for name in names}
    return {name: version for name, version in found.items() if version is not None}


def a_busy_week(kept: Kept) -> None:
    """Three days: two micro-batches each, poison, and a replay of Monday's quarantine on Tuesday."""
    for day in (MONDAY, TUESDAY, WEDNESDAY):
        kept.take(day, f"{day} a", f"{day} b", bad=2)
        kept.take(day, f"{day} c", hour=10)
        if day == TUESDAY:
            assert kept.replay(day) > 0
