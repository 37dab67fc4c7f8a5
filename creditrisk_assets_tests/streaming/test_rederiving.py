"""Stream = batch: a day derived again from raw/events is the day that the stream wrote, row for row."""

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import FEATURES_BEHAVIOUR, RAW_EVENTS, SCORES_LIVE
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.scores.live import LiveScoring
from creditrisk_assets.streaming import rederiving
from creditrisk_assets.streaming.assembly import models_in_charge
from creditrisk_assets.streaming.deriving import Deriver
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.rederiving import derived_again, replaced
from creditrisk_assets.streaming.remembering import remembered
from creditrisk_assets.streaming.table import MICRO_BATCH, StreamTable
from creditrisk_assets.streaming.upkeep import upkeep
from creditrisk_assets_tests.streaming.flowing import applied, did, settings_of, some_messages, take, with_behaviour
from creditrisk_assets_tests.world import World

DERIVED = (FEATURES_BEHAVIOUR, SCORES_LIVE)
DAYS = [date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 23)]


def clock() -> Iterator[datetime]:
    """Four micro-batches a day."""
    for number in itertools.count():
        yield datetime(2026, 11, 21 + number // 4, 23, 59, 50, 7_000, tzinfo=UTC) + timedelta(seconds=number % 4)


class Streamed:
    """A lake into which twelve micro-batches of three days have flown, and more may flow."""

    def __init__(self, world: World) -> None:
        self.world, self.lake = world, with_behaviour(world.lake)
        ticks = clock()
        self.events = Events(self.lake, clock=lambda: next(ticks))
        self.tables = [StreamTable(self.lake, table) for table in DERIVED]
        for table in (self.events, *self.tables):
            table.create()
        self.scoring = models_in_charge(self.lake, settings_of(self.lake))
        self.deriver = Deriver(self.scoring, remembered(self.lake, self.events, self.tables[1], None))

    def flow(self, count: int, seed: int = 5) -> None:
        messages = some_messages(seed, 8 * count)
        for number in range(count):
            batch = take(self.events, *messages[8 * number : 8 * number + 8])
            found = self.deriver.derive(batch.frame)
            for table, rows in zip(self.tables, (found.features, found.scores), strict=True):
                table.append(rows, batch)

    def rows(self, table: Table) -> pl.DataFrame:
        return self.lake.scan(table).collect().sort(table.primary)

    def again(self, day: date, scoring: LiveScoring | None = None) -> None:
        derived = derived_again(self.lake, scoring or self.scoring, day)
        for table in DERIVED:
            replaced(self.lake, table, derived, {})


@pytest.fixture
def streamed(batched: World, tmp_path: Path) -> Streamed:
    found = Streamed(batched.copy(tmp_path))
    found.flow(12)
    return found


@pytest.mark.parametrize("day", DAYS)
def test_a_day_derived_again_is_the_day_the_stream_wrote(streamed: Streamed, day: date) -> None:
    derived = derived_again(streamed.lake, streamed.scoring, day)
    assert (derived.day, derived.batches, derived.unscored) == (day, 4, 0)
    for table, rows in zip(DERIVED, (derived.features, derived.scores), strict=True):
        mine = streamed.rows(table).filter(ingest_day=day)
        assert mine.height > 8
        assert_frame_equal(rows.sort(table.primary), mine, check_exact=True)
    flagged = derived.scores.group_by("kind").agg(pl.col("tier", "watchlist", "rules").is_not_null().all())
    assert sorted(flagged.rows()) == [("application", True, True, True), ("behaviour", False, False, False)]


def test_done_twice_it_is_the_same_and_other_days_are_not_touched(streamed: Streamed) -> None:
    before = {table.name: streamed.rows(table) for table in DERIVED}
    for _ in range(2):
        streamed.again(DAYS[1])
        for table in DERIVED:
            assert_frame_equal(streamed.rows(table), before[table.name], check_exact=True)


def test_the_stream_goes_on_where_it_was(streamed: Streamed) -> None:
    reached = streamed.tables[1].reached()
    for day in DAYS:
        streamed.again(day)
    for table in DERIVED:
        fresh = StreamTable(streamed.lake, table)
        assert fresh.reached() == reached
        assert fresh.transaction(MICRO_BATCH) is not None
    streamed.flow(3, seed=6)
    assert streamed.rows(RAW_EVENTS)["ingested_at"].n_unique() == 15


def test_rows_that_somebody_broke_are_mended(streamed: Streamed) -> None:
    before = {table.name: streamed.rows(table) for table in DERIVED}
    for table in DERIVED:
        mine = before[table.name].filter(ingest_day=DAYS[1])
        streamed.lake.overwrite(table, mine.head(5), [DAYS[1]])
    streamed.again(DAYS[1])
    for table in DERIVED:
        assert_frame_equal(streamed.rows(table), before[table.name], check_exact=True)


@pytest.mark.parametrize("merged", [False, True])
def test_what_the_stream_adds_meanwhile_is_kept(
    streamed: Streamed, merged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The day is not over: micro-batches come after it was derived and before it is written."""
    streamed.flow(1, seed=7)
    today = DAYS[-1] + timedelta(days=1)
    derived = derived_again(streamed.lake, streamed.scoring, today)
    assert derived.batches == 1
    streamed.flow(1, seed=8)
    if merged:
        for table in streamed.tables:
            upkeep(table, fewest=2)
    before = {table.name: streamed.rows(table) for table in DERIVED}
    commit = rederiving.commit
    flows = iter([4, 5])

    def late(work: object) -> object:
        streamed.flow(1, seed=next(flows))
        return commit(work)  # type: ignore[arg-type]

    monkeypatch.setattr(rederiving, "commit", late)
    for table in DERIVED:
        replaced(streamed.lake, table, derived, {})
    instants = streamed.rows(RAW_EVENTS).filter(ingest_day=today)["ingested_at"].n_unique()
    assert instants == 4
    for table in DERIVED:
        now = streamed.rows(table)
        earlier = now.filter(pl.col("ingested_at") <= before[table.name]["ingested_at"].max())
        assert_frame_equal(earlier, before[table.name], check_exact=True)
        fresh = streamed.rows(RAW_EVENTS)["ingested_at"].max()
        assert StreamTable(streamed.lake, table).reached() == fresh


def test_a_day_of_which_the_stream_knows_nothing_is_empty(streamed: Streamed, tmp_path: Path) -> None:
    derived = derived_again(streamed.lake, streamed.scoring, date(2026, 12, 24))
    assert (derived.features.height, derived.scores.height, derived.batches) == (0, 0, 0)
    nothing = Lake(str(tmp_path / "nothing"))
    derived = derived_again(nothing, None, DAYS[0])
    assert derived.batches == 0
    for table in DERIVED:
        assert replaced(nothing, table, derived, {}).table_rows == 0


def test_micro_batches_the_stream_has_not_come_to_are_left_to_it(streamed: Streamed) -> None:
    take(streamed.events, applied(999), did("c-1"))
    derived = derived_again(streamed.lake, streamed.scoring, DAYS[-1] + timedelta(days=1))
    assert derived.batches == 0


def test_without_a_model_first_a_day_is_scored_once_there_is_one(batched: World, tmp_path: Path) -> None:
    late = Streamed(batched.copy(tmp_path / "late"))
    late.deriver = Deriver(None, late.deriver.memory)
    late.flow(4)
    assert late.rows(SCORES_LIVE).is_empty()
    late.again(DAYS[0])
    same = Streamed(batched.copy(tmp_path / "same"))
    same.flow(4)
    assert_frame_equal(late.rows(SCORES_LIVE), same.rows(SCORES_LIVE), check_exact=True)


def materialized(
    streamed: Streamed, selection: dg.AssetSelection, days: list[date], monkeypatch: pytest.MonkeyPatch
) -> dict[tuple[str, str | None], dict[str, object]]:
    """Metadata of what a run materialised, by asset and partition."""
    monkeypatch.setenv("CREDITRISK_LAKE", streamed.lake.root)
    with dg.DagsterInstance.ephemeral() as instance:
        result = streamed.world.run(selection, days[0], days[-1], instance=instance)
    found = {}
    for event in result.all_events:
        if event.is_step_materialization:
            one = event.step_materialization_data.materialization
            told = {name: value.value for name, value in one.metadata.items()}
            found[one.asset_key.to_user_string(), one.partition] = told
    return found


def test_materialising_live_scores_without_raw_events_derives_their_days_again(
    streamed: Streamed, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {table.name: streamed.rows(table) for table in DERIVED}
    versions = {table.name: streamed.lake.version(table) for table in DERIVED}
    both = dg.AssetSelection.assets(*(list(table.key) for table in DERIVED))
    found = materialized(streamed, both, DAYS[:2], monkeypatch)
    assert set(found) == {(table.name, day.isoformat()) for table in DERIVED for day in DAYS[:2]}
    for (name, partition), told in found.items():
        mine = before[name].filter(ingest_day=date.fromisoformat(str(partition)))
        assert (told["dagster/partition_row_count"], told["batches"], told["unscored"]) == (mine.height, 4, 0)
    for table in DERIVED:
        assert_frame_equal(streamed.rows(table), before[table.name], check_exact=True)
        assert streamed.lake.version(table) == versions[table.name] + 2


def test_only_what_is_selected_is_written(streamed: Streamed, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {table.name: streamed.lake.version(table) for table in (RAW_EVENTS, *DERIVED)}
    found = materialized(streamed, dg.AssetSelection.assets(list(SCORES_LIVE.key)), DAYS[:1], monkeypatch)
    assert set(found) == {("scores/live", "2026-11-21")}
    moved = {table.name: streamed.lake.version(table) - versions[table.name] for table in (RAW_EVENTS, *DERIVED)}
    assert moved == {"raw/events": 0, "features/behaviour": 0, "scores/live": 1}
