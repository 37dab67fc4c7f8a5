"""A lake that the stream runs into, and what must be true of it and of PostgreSQL afterwards, however it came there."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import FEATURES_BEHAVIOUR, MODELS_BEHAVIOUR, RAW_EVENTS, SCORES_LIVE, SCORES_LOANS
from creditrisk_assets.models.behaviour import BehaviourModel
from creditrisk_assets.models.histories import rows_of
from creditrisk_assets.models.steps import Steps
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.serving.frames import newest
from creditrisk_assets.serving.reading import latency, stream
from creditrisk_assets.streaming.assembly import models_in_charge
from creditrisk_assets.streaming.deriving import Derived, Deriver
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.offsets import Place
from creditrisk_assets.streaming.remembering import remembered
from creditrisk_assets.streaming.table import MicroBatch, StreamTable
from creditrisk_assets_tests.integration.mixed_messages import Mixture
from creditrisk_assets_tests.integration.sending import Sent
from creditrisk_assets_tests.serving.databases import Database
from creditrisk_assets_tests.serving.scored import Scored, held, held_after
from creditrisk_assets_tests.world import World

TABLES = (RAW_EVENTS, FEATURES_BEHAVIOUR, SCORES_LIVE)


def lake_with_models(root: Path, batched: World) -> Lake:
    """A copy of a lake with a posterior, and a behaviour model in it that nobody learned but everything moves."""
    lake = batched.copy(root).lake
    steps = (("days_past_due", (1, 31)), ("missed_12m", (1, 3)), ("spikes_3m", (1, 2)), ("paid_12m", (2, 5)),
             ("utilisation", (0, 80)), ("inquiries_12m", (1,)))  # fmt: skip
    factors = tuple(Steps(name, edges, (0.7, *[0.3 / len(edges)] * len(edges))) for name, edges in steps)
    p = 2 + sum(factor.size - 1 for factor in factors)
    mean = np.append([-2.0, 0.8], np.linspace(-0.4, 0.9, p - 2))
    gates = {"passed": True, "customers": 1, "defaults": 1, "cells": 1, "r_hat_max": 1.0, "ess_bulk_min": 1e3,
             "ess_tail_min": 1e3, "divergences": 0, "bfmi_min": 1.0}  # fmt: skip
    model = BehaviourModel(factors, mean, np.eye(p) * 0.01, -2.0, (-2.0, 0.4), gates)
    lake.overwrite(MODELS_BEHAVIOUR, rows_of(model, root))
    return lake


def a_mixture(lake: Lake, seed: int = 1) -> Mixture:
    """Messages about the customers of that lake, and others."""
    return Mixture(seed, lake.scan(SCORES_LOANS, columns=["loan_id"]).collect()["loan_id"].sort().to_list())


def rows_of_table(lake: Lake, table: StreamTable) -> pl.DataFrame:
    return lake.scan(table.contract).collect().sort(table.contract.primary)


def micro_batches(lake: Lake) -> list[MicroBatch]:
    return list(Events(lake).after(None))


def everything_sent_is_there_once(lake: Lake, sent: Sent, left: Mapping[tuple[str, int], set[int]] = {}) -> None:
    """Offsets without a repeat, and without a hole where the log has none; poison, and nothing else, in quarantine.

    `left`: what compaction has left of partitions by now; what it removed may have been taken before, or not.
    """
    rows = rows_of_table(lake, Events(lake))
    assert RAW_EVENTS.violations(rows.lazy()) == {}
    assert rows["epoch"].unique().to_list() == [0]
    assert not rows["replayed"].any()
    found = {place: part["offset"].to_list() for place, part in rows.group_by("topic", "partition")}
    assert set(found) == set(sent.offsets())
    for place, offsets in sent.offsets().items():
        assert len(found[place]) == len(set(found[place]))
        if place in left:
            assert left[place] <= set(found[place]) <= set(offsets)
        else:
            assert found[place] == offsets
    places = rows.select("topic", "partition", "offset").rows()
    bad = rows["error"].is_not_null().to_list()
    poison = {place: value for place, value, wrong in zip(places, rows["raw"].to_list(), bad, strict=True) if wrong}
    assert poison == {place: value for place, value in sent.poison().items() if place in set(places)}
    for place, value, wrong in zip(places, rows["value"].to_list(), bad, strict=True):
        assert wrong or sent.messages[place].value == value.encode()


def derived_afresh(lake: Lake, values: Settings) -> tuple[list[MicroBatch], list[Derived]]:
    """All micro-batches of raw/events, and what follows from each, reckoned in one go by one deriver."""
    deriver = Deriver(models_in_charge(lake, values), remembered(lake, Events(lake), _live(lake), None))
    batches = micro_batches(lake)
    return batches, [deriver.derive(batch.frame) for batch in batches]


def _live(lake: Lake) -> StreamTable:
    return StreamTable(lake, SCORES_LIVE)


def everything_agrees(lake: Lake, values: Settings, database: Database) -> None:
    """Features and live scores are those of a recomputation, and PostgreSQL holds what follows, row by row."""
    batches, derived = derived_afresh(lake, values)
    for table, parts in (
        (FEATURES_BEHAVIOUR, [one.features for one in derived]),
        (SCORES_LIVE, [one.scores for one in derived]),
    ):
        stored = rows_of_table(lake, StreamTable(lake, table))
        assert table.violations(stored.lazy()) == {}
        assert_frame_equal(stored, pl.concat(parts).sort(table.primary), check_exact=True)
    expected = held_after([Scored(batch, one.scores) for batch, one in zip(batches, derived, strict=True)])
    with database.connect("reader") as connection:
        found, told, waits = held(connection), stream(connection), latency(connection)
    for one, other in ((found.live, expected.live), (found.decisions, expected.decisions)):
        kept = list(next(iter(one.values())))
        assert one == {key: {name: row[name] for name in kept} for key, row in other.items()}
    scores = pl.concat([one.scores for one in derived])
    assert set(found.live) == set(newest(scores).select("kind", "subject").rows())
    assert found.counters == expected.counters
    good = sum(batch.frame["error"].null_count() for batch in batches)
    assert waits["events"].sum() == good
    events = sum(batch.frame.height for batch in batches)
    assert told.select("ingested_at", "micro_batches", "events", "decisions").rows() == [
        (batches[-1].ingested_at, len(batches), events, scores.height)
    ]
    table = Events(lake)
    committed = table.positions(table.places({topic for topic, _ in expected.ends}))
    for place, end in expected.ends.items():  # offsets without a message may lie behind the last one
        assert end <= found.ends[place] <= committed[Place(*place)].next
