"""The challenger on the stream: the very offsets of the champion, by another model, beside the hot path."""

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import SCORES_CHALLENGER, SCORES_LIVE, SCORES_LOANS, SCORES_SHADOW
from creditrisk_assets.models.registry.promoting import Proposal, promote
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.scores.challenger import challenging
from creditrisk_assets.streaming.assembly import models_in_charge, models_in_shadow
from creditrisk_assets.streaming.deriving import OFFSETS, Deriver
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.rederiving import derived_again
from creditrisk_assets.streaming.remembering import remembered
from creditrisk_assets.streaming.shadow import shadowed
from creditrisk_assets.streaming.store import Store
from creditrisk_assets.streaming.table import StreamTable
from creditrisk_assets_tests.streaming.flowing import applied, did, settings_of, some_messages, take, with_behaviour
from creditrisk_assets_tests.world import MODEL_DATES, World

DAYS = [date(2026, 11, 21), date(2026, 11, 22)]
PRICED = Model("application_with_price", MODEL_DATES[1])


def clock() -> Iterator[datetime]:
    """Four micro-batches a day."""
    for number in itertools.count():
        yield datetime(2026, 11, 21 + number // 4, 23, 59, 50, tzinfo=UTC) + timedelta(seconds=number % 4)


class Streamed:
    """A lake with two days of scores/live: some of everything, and one customer who applies before acting."""

    def __init__(self, world: World) -> None:
        self.world, self.lake, ticks = world, with_behaviour(world.lake), clock()
        self.values = settings_of(self.lake)
        events, live = Events(self.lake, clock=lambda: next(ticks)), StreamTable(self.lake, SCORES_LIVE)
        live.create()
        deriver = Deriver(models_in_charge(self.lake, self.values), remembered(self.lake, events, live, None))
        messages = [*some_messages(5, 55), did("c-x", days=-3), *some_messages(6, 8)]
        messages.insert(0, applied(77, "c-x", -9))
        for number in range(8):
            batch = take(events, *messages[8 * number : 8 * number + 8])
            live.append(deriver.derive(batch.frame).scores, batch)

    def live(self, day: date) -> pl.DataFrame:
        return self.lake.scan(SCORES_LIVE, [day]).collect().sort(OFFSETS)

    def shadow(self, day: date) -> pl.DataFrame:
        return self.lake.scan(SCORES_SHADOW, [day]).collect().sort(OFFSETS)

    def run(self, first: date, last: date, monkeypatch: pytest.MonkeyPatch) -> dg.ExecuteInProcessResult:
        """Materialise scores/shadow of some days in one run."""
        monkeypatch.setenv("CREDITRISK_LAKE", self.lake.root)
        return self.world.run(dg.AssetSelection.assets(list(SCORES_SHADOW.key)), first, last)


@pytest.fixture
def streamed(batched: World, tmp_path: Path) -> Streamed:
    return Streamed(batched.copy(tmp_path))


def test_every_offset_of_the_champion_is_scored_once_by_the_challenger(
    streamed: Streamed, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = streamed.run(DAYS[0], DAYS[1], monkeypatch)
    assert [check.passed for check in result.get_asset_check_evaluations()] == [True]
    same = [*OFFSETS, "ingested_at", "subject", "kind", "customer_id", "event_id", "as_of"]
    for day in DAYS:
        mine, theirs = streamed.shadow(day), streamed.live(day)
        assert mine.height > 8
        assert_frame_equal(mine.select(same), theirs.select(same), check_exact=True)
        assert mine.select("feature_set", "model_date").unique().rows() == [(PRICED.feature_set, PRICED.model_date)]
        assert theirs["feature_set"].unique().to_list() == ["application"]
        # Of customers who never applied both models know as much as the model of behaviour.
        applied_for = (mine["kind"] == "application").to_list()
        assert any(applied_for)
        assert (mine.filter(applied_for)["pd"] != theirs.filter(applied_for)["pd"]).all()
    assert SCORES_SHADOW.violations(streamed.lake.scan(SCORES_SHADOW)) == {}


def test_the_same_model_in_shadow_says_what_it_said_in_charge(streamed: Streamed) -> None:
    """Priors included: nothing is left of one model in what the other says."""
    scoring = models_in_charge(streamed.lake, streamed.values)
    book = streamed.lake.scan(SCORES_LOANS).select(SCORES_CHALLENGER.schema.names()).collect()
    streamed.lake.overwrite(SCORES_CHALLENGER, book, book["vintage"].unique().to_list())
    for day in DAYS:
        found = shadowed(streamed.lake, scoring, day)
        expected = streamed.live(day).select(SCORES_SHADOW.schema.names())
        assert_frame_equal(found.sort(OFFSETS), expected, check_exact=True)
        streamed.lake.overwrite(SCORES_SHADOW, found, [day])


def test_behaviour_starts_from_what_the_challenger_said_the_day_before(streamed: Streamed) -> None:
    scoring = models_in_shadow(streamed.lake, streamed.values)
    acted = (pl.col("subject") == "c-x") & (pl.col("kind") == "behaviour")
    without = shadowed(streamed.lake, scoring, DAYS[1]).filter(acted)
    first = shadowed(streamed.lake, scoring, DAYS[0])
    streamed.lake.overwrite(SCORES_SHADOW, first, [DAYS[0]])
    after = shadowed(streamed.lake, scoring, DAYS[1]).filter(acted)
    asked = pl.col("customer_id") == "c-x"
    application = first.filter(asked, kind="application")
    assert application.height == without.height == after.height == 1
    theirs = streamed.live(DAYS[0]).filter(asked, kind="application")
    higher = application["pd"].item() > theirs["pd"].item()
    assert after["pd"].item() != without["pd"].item()
    assert (after["pd"].item() > without["pd"].item()) == higher


def test_offsets_the_champion_did_not_score_are_left_out(streamed: Streamed) -> None:
    scoring, kept = models_in_shadow(streamed.lake, streamed.values), streamed.live(DAYS[0]).head(5)
    streamed.lake.overwrite(SCORES_LIVE, kept, [DAYS[0]])
    found = shadowed(streamed.lake, scoring, DAYS[0]).sort(OFFSETS)
    assert found.select(OFFSETS).equals(kept.select(OFFSETS))


def test_without_a_challenger_the_day_is_empty(streamed: Streamed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_CHALLENGER", "none")
    streamed.run(DAYS[0], DAYS[0], monkeypatch)
    assert streamed.shadow(DAYS[0]).is_empty()
    assert models_in_shadow(streamed.lake, settings_of(streamed.lake)) is None


def test_a_promotion_is_taken_up_by_the_next_run_and_the_scores_say_so(streamed: Streamed) -> None:
    """A run puts its models together when it begins; so does the one that takes over."""
    proposal = Proposal(PRICED, "As the committee decided", "Ada")
    assert promote(streamed.lake, streamed.values, proposal, "run-1") is not None
    found = derived_again(streamed.lake, models_in_charge(streamed.lake, streamed.values), DAYS[0]).scores
    assert found.select("feature_set", "model_date").unique().rows() == [(PRICED.feature_set, PRICED.model_date)]
    assert challenging(streamed.lake, streamed.values) == Model("application", MODEL_DATES[1])
    assert np.isfinite(found["pd"].to_numpy()).all()


def test_the_memory_of_the_stream_itself_is_not_touched_by_the_shadow(streamed: Streamed) -> None:
    events, live = Events(streamed.lake), StreamTable(streamed.lake, SCORES_LIVE)
    reached = live.reached()
    before = remembered(streamed.lake, events, live, reached).known_of(pl.Series(["c-x"]))
    scoring = models_in_shadow(streamed.lake, streamed.values)
    streamed.lake.overwrite(SCORES_SHADOW, shadowed(streamed.lake, scoring, DAYS[0]), [DAYS[0]])
    after = remembered(streamed.lake, events, live, reached).known_of(pl.Series(["c-x"]))
    theirs = remembered(streamed.lake, events, live, reached, Store(streamed.lake, SCORES_SHADOW))
    assert np.concatenate(before).tolist() == np.concatenate(after).tolist()
    assert np.concatenate(theirs.known_of(pl.Series(["c-x"]))).tolist() != np.concatenate(after).tolist()
