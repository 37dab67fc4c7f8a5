"""Tables of the stream, in the order in which a micro-batch writes them."""

from dataclasses import replace

import polars as pl

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts.parts import Day, Flag, Real, Text, Whole, instant
from creditrisk_assets.contracts.rules import LIVE_FLAGS
from creditrisk_assets.contracts.scores import COMPACT, SCORES_LOANS
from creditrisk_assets.contracts.words import BEHAVIOUR, EVENT_TYPES, NOT_ALWAYS_TOLD

RAW_EVENTS = Table(
    ("raw", "events"),
    "Every message of the stream, exactly once: good ones decoded, bad ones kept with the reason and their bytes.",
    (
        Column("ingest_day", Day, "day on which the micro-batch was committed", "day", "key", nullable=False),
        instant("ingested_at", meaning="when the micro-batch was committed; one instant per micro-batch", known="key",
                 nullable=False),
        Column("topic", Text, "Kafka topic", "", "key", nullable=False),
        Column("epoch", Whole, "how often the topic was started anew", "", "key", nullable=False, low=0),
        Column("partition", Whole, "partition of the topic", "", "key", nullable=False, low=0),
        Column("offset", pl.Int64, "offset in the partition", "", "key", nullable=False, low=0),
        Column("replayed", Flag, "decoded anew out of quarantine, after a fix; the row in quarantine stays", "", "key",
               nullable=False),
        instant("broker_time", meaning="timestamp of the message", known="key"),
        Column("key", pl.Binary, "key of the message", "", "key"),
        Column("event_id", Text, "identifier of the event; repeats are one event", "", "key"),
        Column("event_type", Text, "what happened", "", "application", allowed=EVENT_TYPES),
        instant("event_time", meaning="when it happened", known="application"),
        Column("customer_id", Text, "whom it concerns", "", "application"),
        Column("application_id", Text, "which application it is", "", "application"),
        Column("amount", Real, "amount paid, or due and not paid", "USD", "application", low=0),
        Column("days_past_due", Whole, "days past due after the event", "days", "application", low=0, high=10_000),
        Column("utilisation", Real, "revolving balance over limit", "share", "application", low=0, high=10),
        Column("credit_line", Real, "credit line after the event", "USD", "application", low=0),
        Column("value", Text, "the message as received, where it is good", "", "application"),
        Column("error", Text, "why the message is in quarantine; empty: it is good", "", "application"),
        Column("raw", pl.Binary, "the message as received, where it is bad; empty also for a tombstone", "",
               "application"),
    ),
    primary=("topic", "epoch", "partition", "offset", "replayed"),
    partition="ingest_day",
)  # fmt: skip

_place = (
    Column("ingest_day", Day, "day on which the micro-batch was committed", "day", "key", nullable=False),
    instant("ingested_at", meaning="micro-batch of raw/events it follows from", known="key", nullable=False),
    Column("topic", Text, "topic of the event that decided it", "", "key", nullable=False),
    Column("epoch", Whole, "epoch of that topic", "", "key", nullable=False, low=0),
    Column("partition", Whole, "partition of that event", "", "key", nullable=False, low=0),
    Column("offset", pl.Int64, "offset of that event", "", "key", nullable=False, low=0),
)

FEATURES_BEHAVIOUR = Table(
    ("features", "behaviour"),
    "What a customer did in trailing windows, as of the newest of their events; one row per micro-batch.",
    (
        *_place,
        Column("customer_id", Text, "whom it concerns", "", "key", nullable=False),
        instant("as_of", meaning="time of the newest event known", known="key", nullable=False),
        *(
            Column(name, Whole, meaning, unit, nullable=name in NOT_ALWAYS_TOLD, low=0)
            for name, meaning, unit in BEHAVIOUR
        ),
    ),
    primary=("topic", "epoch", "partition", "offset"),
    partition="ingest_day",
)

SCORES_LIVE = Table(
    ("scores", "live"),
    "Risk as of each micro-batch: applications scored and decided, customers updated by what they did.",
    (
        *_place,
        Column("subject", Text, "application or customer", "", "key", nullable=False),
        Column("kind", Text, "what was scored", "", "key", nullable=False, allowed=("application", "behaviour")),
        Column("customer_id", Text, "whom it concerns, where the event says so", "", "key"),
        Column("event_id", Text, "the event that decided it", "", "key", nullable=False),
        instant("as_of", meaning="time up to which events are known", known="key", nullable=False),
        *(column for column in SCORES_LOANS.columns if column.name not in ("loan_id", "vintage", "pd_term",
                                                                          "pd_term_low", "pd_term_high")),
        *(replace(SCORES_LOANS.column(name), nullable=True) for name in ("pd_term", "pd_term_low", "pd_term_high")),
        *LIVE_FLAGS,
    ),
    primary=("topic", "epoch", "partition", "offset"),
    partition="ingest_day",
)  # fmt: skip

SCORES_SHADOW = Table(
    ("scores", "shadow"),
    "What the challenger says at the very offsets of the stream at which the champion decided; nobody is told.",
    (
        *_place,
        *(SCORES_LIVE.column(name) for name in ("subject", "kind", "customer_id", "event_id", "as_of", *COMPACT)),
    ),
    primary=SCORES_LIVE.primary,
    partition=SCORES_LIVE.partition,
)
