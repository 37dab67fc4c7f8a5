"""What is archived, as far as the lake needs to know; the manifests of the archive itself are what counts."""

import polars as pl

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts.parts import Day, Flag, Text, Whole, instant, rows

_object = (
    Column("object", Text, "name of the object under the root of the archive", "", "key", nullable=False),
    Column("sha256", Text, "checksum of its bytes, in hexadecimal", nullable=False),
    Column("bytes", pl.Int64, "its size", "bytes", nullable=False, low=0),
    rows("rows", meaning="rows it holds; of a document one"),
    instant("archived_at", meaning="when it was put", nullable=False),
    Column("manifest", Whole, "newest manifest that lists it", nullable=False, low=1),
)

ARCHIVE_EVENTS = Table(
    ("archive", "events"),
    "Objects of the archive that hold the raw events of a day, with the offsets in each.",
    (
        Column("ingest_day", Day, "day on which the micro-batches were committed", "day", "key", nullable=False),
        *_object,
        Column("topic", Text, "Kafka topic", nullable=False),
        Column("epoch", Whole, "epoch of the topic", nullable=False, low=0),
        Column("partition", Whole, "partition of the topic", nullable=False, low=0),
        Column("start", pl.Int64, "first offset", nullable=False, low=0),
        Column("end", pl.Int64, "the offset after the last one", nullable=False, low=1),
        Column("replayed", Flag, "rows decoded anew out of quarantine", nullable=False),
    ),
    primary=("object",),
    partition="ingest_day",
)

ARCHIVE_REPORTS = Table(
    ("archive", "reports"),
    "Objects of the archive that hold drift tables, monitoring and model cards, as they were when archived.",
    (
        *_object,
        Column("report", Text, "table that was archived, or the card of a feature set", nullable=False),
        Column("day", Day, "vintage or model date it is about", "day", nullable=False),
        Column("content", Text, "digest of what it says; the same is archived once", nullable=False),
    ),
    primary=("object",),
)
