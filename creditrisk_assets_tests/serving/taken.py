"""Messages in raw/events without a broker."""

from collections.abc import Sequence

import polars as pl

from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.decoding import decode
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.offsets import OffsetRange
from creditrisk_assets_tests.streaming.enveloped import RECEIVED


def taken(lake: Lake, topic: str, values: Sequence[bytes | None]) -> Events:
    """The messages as the stream takes them, in one micro-batch."""
    times = pl.Series([RECEIVED] * len(values), dtype=RAW_EVENTS.schema["broker_time"])
    own = {"topic": topic, "epoch": 0, "partition": 0, "offset": list(range(len(values))), "replayed": False,
           "broker_time": times, "key": [None] * len(values)}  # fmt: skip
    places = pl.DataFrame(own, schema_overrides={name: RAW_EVENTS.schema[name] for name in own})
    events = Events(lake)
    events.create()
    decoded = decode(topic, values, times).events
    events.take(pl.concat([places, decoded], how="horizontal"), [OffsetRange(topic, 0, 0, 0, len(values))])
    return events
