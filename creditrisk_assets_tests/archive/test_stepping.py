"""Where the stream stood after a day, reckoned back from a later moment, is where it stood then."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pytest

from creditrisk_assets.archive.events import archive_day
from creditrisk_assets.contracts import ACTIVITY
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.offsets import Bounds, OffsetRange, Place
from creditrisk_assets.streaming.restart import Start, restart
from creditrisk_assets.streaming.table import MICRO_BATCH, offset_app, topic_app
from creditrisk_assets_tests.archive.days import MONDAY, TUESDAY, WEDNESDAY, Kept, transactions
from creditrisk_assets_tests.streaming.test_stream_tables import messages

IDENTITY = 77


@dataclass(frozen=True)
class Broker:
    """What a restart asks the broker for: bounds of one partition, and the identity of its topic."""

    beginning: int
    end: int
    identity: int = IDENTITY

    def watermarks(self, fresh: bool = False) -> dict[Place, Bounds]:
        return {Place(ACTIVITY, 0): Bounds(self.beginning, self.end)}

    def identities(self) -> dict[str, int]:
        return {ACTIVITY: self.identity}


def events_on(kept: Kept, day: date) -> Events:
    kept.clock.on(day)
    return kept.events


def taken(kept: Kept, day: date, start: int, end: int, epoch: int = 0, partition: int = 0) -> None:
    one = OffsetRange(ACTIVITY, epoch, partition, start, end)
    events_on(kept, day).take(messages(one), [one], {ACTIVITY: IDENTITY})


def restarted(kept: Kept, day: date, broker: Broker, start: Start) -> None:
    assert restart(events_on(kept, day), broker, ACTIVITY, start)  # type: ignore[arg-type]


def passed_over(kept: Kept, day: date, start: int, end: int, first: int) -> None:
    """Offsets that held markers of transactions only, up to the `first` message, if there is any."""
    rows = messages(OffsetRange(ACTIVITY, 0, 0, first, end))
    events_on(kept, day).take(rows, [OffsetRange(ACTIVITY, 0, 0, start, end)])


Happening = Callable[[Kept], None]
LATER: dict[str, tuple[Happening, ...]] = {
    "nothing": (),
    "more messages": (lambda kept: taken(kept, TUESDAY, 10, 20),),
    "another partition": (lambda kept: taken(kept, TUESDAY, 0, 5, partition=1),),
    "a restart ahead": (lambda kept: restarted(kept, TUESDAY, Broker(0, 50), 30),),
    "a restart ahead and more": (
        lambda kept: restarted(kept, TUESDAY, Broker(0, 50), 30),
        lambda kept: taken(kept, WEDNESDAY, 30, 35),
    ),
    "a restart back": (lambda kept: restarted(kept, TUESDAY, Broker(0, 50), 4),),
    "a restart back and more": (
        lambda kept: restarted(kept, TUESDAY, Broker(0, 50), 4),
        lambda kept: taken(kept, WEDNESDAY, 4, 8, epoch=1),
    ),
    "messages after a gap": (lambda kept: passed_over(kept, TUESDAY, 10, 20, first=12),),
    "a gap alone": (lambda kept: passed_over(kept, TUESDAY, 10, 14, first=14),),
}
GAPS = {"messages after a gap": 12, "a gap alone": 14}
"""Where no message is, it is as good to have passed."""


@pytest.mark.parametrize("name", list(LATER))
def test_what_came_later_does_not_move_where_the_stream_stood(kept: Kept, name: str) -> None:
    taken(kept, MONDAY, 0, 10)
    then = transactions(kept.lake)
    for happening in LATER[name]:
        happening(kept)
    manifest = archive_day(kept.events, kept.archive, MONDAY).manifest
    assert manifest is not None
    found = dict(manifest.parts[-1].transactions)
    known = {name: value for name, value in found.items() if name in then}
    expected = dict(then)
    if "restart" in name:  # the topic may have been another one: it is noted again with the next message
        assert topic_app(ACTIVITY) not in found
        del expected[topic_app(ACTIVITY)]
    expected[offset_app(Place(ACTIVITY, 0))] = GAPS.get(name, 10)
    assert known == expected
    others = {name: value for name, value in found.items() if name not in then and not name.startswith("kafka-epoch")}
    assert others in ({}, {offset_app(Place(ACTIVITY, 1)): 0})


def test_every_part_of_a_day_tells_where_the_stream_stood_after_it(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    from creditrisk_assets.streaming import events as events_module

    stood = []
    for start in range(0, 12, 3):
        taken(kept, MONDAY, start, start + 3)
        stood.append(transactions(kept.lake))
    restarted(kept, MONDAY, Broker(0, 50), 4)
    stood.append(transactions(kept.lake))
    taken(kept, MONDAY, 4, 8, epoch=1)
    stood.append(transactions(kept.lake))
    monkeypatch.setattr(events_module, "ROWS_AT_ONCE", 1)
    manifest = archive_day(kept.events, kept.archive, MONDAY).manifest
    assert manifest is not None
    found = [dict(part.transactions) for part in manifest.parts]
    identity = topic_app(ACTIVITY)
    for number, (told, then) in enumerate(zip(found, stood, strict=True)):
        assert (identity in told) == (number >= 4), "before the restart the topic may have been another"
        assert told == {name: value for name, value in then.items() if name != identity or number >= 4}
        assert told[MICRO_BATCH] == then[MICRO_BATCH]
