"""Tables kept by version: read once, never stale for longer than a moment, and what follows from them too."""

import os
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest
from deltalake import DeltaTable

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import RAW_EVENTS, SERVING_QUARANTINE, SERVING_ROLL_RATES
from creditrisk_assets.resources.delta import Lake, LakeError
from creditrisk_assets.serving import tables
from creditrisk_assets.serving.tables import EmptyTableError, ServedTables
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.upkeep import upkeep
from creditrisk_assets_tests.streaming.test_stream_tables import span, take

calls: list[int] = []


def counted(frame: pl.DataFrame, more: int) -> int:
    """Rows and some more; notes that it was called."""
    calls.append(more)
    return frame.height + more


def rolls(count: int) -> pl.DataFrame:
    rows = [(date(2026, month + 1, 1), "current", "current", 5) for month in range(count)]
    return pl.DataFrame(rows, schema=SERVING_ROLL_RATES.schema, orient="row")


class Watched(Lake):
    """A lake that notes how often a table of it is opened."""

    opened: ClassVar[list[str]] = []

    def open(self, table: Table, version: int | None = None) -> DeltaTable:
        self.opened.append(table.name)
        return super().open(table, version)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def served(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> ServedTables:
    """Tables that are looked at anew every time."""
    monkeypatch.setattr(tables, "AGE", -1.0)
    calls.clear()
    return ServedTables(lake)


def test_a_table_never_written_is_told(served: ServedTables) -> None:
    assert not served.exists(SERVING_ROLL_RATES)
    for ask in (served.frame, served.version, served.facts, served.as_of):
        with pytest.raises(LakeError, match="materialize serving/roll_rates"):
            ask(SERVING_ROLL_RATES)


def test_a_frame_is_read_once_per_version(served: ServedTables, lake: Lake) -> None:
    lake.overwrite(SERVING_ROLL_RATES, rolls(2))
    first = served.frame(SERVING_ROLL_RATES)
    assert served.frame(SERVING_ROLL_RATES) is first
    lake.overwrite(SERVING_ROLL_RATES, rolls(3))
    assert served.frame(SERVING_ROLL_RATES).height == 3


def test_a_table_made_anew_under_its_name_is_noticed(served: ServedTables, lake: Lake, tmp_path: Path) -> None:
    import shutil

    lake.overwrite(SERVING_ROLL_RATES, rolls(2))
    assert served.frame(SERVING_ROLL_RATES).height == 2
    shutil.rmtree(tmp_path / "lake")
    lake.overwrite(SERVING_ROLL_RATES, rolls(4))
    assert served.version(SERVING_ROLL_RATES) == 0
    assert served.frame(SERVING_ROLL_RATES).height == 4


def test_a_table_is_opened_again_only_when_its_log_has_changed(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import os

    monkeypatch.setattr(tables, "AGE", -1.0)
    lake.overwrite(SERVING_ROLL_RATES, rolls(2))
    os.utime(Path(lake.uri(SERVING_ROLL_RATES), "_delta_log"), (1, 1))  # as if written long ago
    watched = Watched(lake.root)
    served = ServedTables(watched)
    assert [served.version(SERVING_ROLL_RATES) for _ in range(5)] == [0] * 5
    assert len(Watched.opened) == 1
    lake.overwrite(SERVING_ROLL_RATES, rolls(3))
    assert served.version(SERVING_ROLL_RATES) == 1
    assert len(Watched.opened) == 2


def test_a_folder_that_changed_just_now_tells_nothing(lake: Lake) -> None:
    import os

    assert lake.stamp(SERVING_ROLL_RATES) is None
    lake.overwrite(SERVING_ROLL_RATES, rolls(2))
    assert lake.stamp(SERVING_ROLL_RATES) is None
    os.utime(Path(lake.uri(SERVING_ROLL_RATES), "_delta_log"), (1, 1))
    assert lake.stamp(SERVING_ROLL_RATES) is not None
    assert Lake("s3://bucket/lake").stamp(SERVING_ROLL_RATES) is None


def test_what_follows_of_a_table_never_written_is_made_once_where_it_counts_as_empty(
    served: ServedTables, lake: Lake
) -> None:
    with pytest.raises(LakeError, match="materialize serving/roll_rates"):
        served.derived(counted, (SERVING_ROLL_RATES,), 1)
    assert [served.derived(counted, (SERVING_ROLL_RATES,), 1, or_empty=True) for _ in range(3)] == [1, 1, 1]
    assert calls == [1]
    lake.overwrite(SERVING_ROLL_RATES, rolls(2))
    assert served.derived(counted, (SERVING_ROLL_RATES,), 1, or_empty=True) == 3


def test_what_follows_is_made_once_for_a_version_and_arguments(served: ServedTables, lake: Lake) -> None:
    lake.overwrite(SERVING_ROLL_RATES, rolls(2))
    made = [served.derived(counted, (SERVING_ROLL_RATES,), more) for more in (1, 1, 7, 1)]
    assert made == [3, 3, 9, 3]
    assert calls == [1, 7]
    lake.overwrite(SERVING_ROLL_RATES, rolls(5))
    assert served.derived(counted, (SERVING_ROLL_RATES,), 1) == 6
    assert calls == [1, 7, 1]


def test_results_unused_for_longest_are_forgotten(
    served: ServedTables, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "KEPT", 2)
    lake.overwrite(SERVING_ROLL_RATES, rolls(1))
    for more in (1, 2, 1, 3, 1, 2):
        served.derived(counted, (SERVING_ROLL_RATES,), more)
    assert calls == [1, 2, 3, 2]


def test_facts_are_those_of_the_log(served: ServedTables, lake: Lake) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    lake.overwrite(SERVING_ROLL_RATES, rolls(2))
    lake.overwrite(SERVING_ROLL_RATES, rolls(6))
    facts = served.facts(SERVING_ROLL_RATES)
    assert (facts.version, facts.rows) == (1, 6)
    assert before < facts.changed < datetime.now(UTC) + timedelta(seconds=1)
    assert served.as_of(SERVING_ROLL_RATES) == facts.changed


def test_upkeep_of_files_changes_no_rows(served: ServedTables, lake: Lake) -> None:
    for count in (2, 3):
        lake.overwrite(SERVING_ROLL_RATES, rolls(count))
    changed = served.as_of(SERVING_ROLL_RATES)
    lake.open(SERVING_ROLL_RATES).vacuum(0, dry_run=False, enforce_retention_duration=False)
    assert served.version(SERVING_ROLL_RATES) > 1
    assert served.as_of(SERVING_ROLL_RATES) == changed


def test_merging_files_of_the_stream_and_shortening_its_log_change_no_rows(served: ServedTables, lake: Lake) -> None:
    events = Events(lake)
    for number in range(12):
        last = take(events, span(number, number + 1))
    log = Path(lake.uri(RAW_EVENTS), "_delta_log")
    for path in log.glob("0*"):
        os.utime(path, (time.time() - 600, time.time() - 600))
    assert upkeep(events).merged == 12
    assert len(list(log.glob("0*.json"))) < 3
    assert served.facts(RAW_EVENTS).rows == 12
    assert served.as_of(RAW_EVENTS) == last.ingested_at


def test_an_empty_table_is_told_apart_from_one_that_is_missing(served: ServedTables, lake: Lake) -> None:
    lake.overwrite(SERVING_QUARANTINE, pl.DataFrame(schema=SERVING_QUARANTINE.schema))
    assert served.exists(SERVING_QUARANTINE)
    assert served.facts(SERVING_QUARANTINE).rows == 0
    with pytest.raises(EmptyTableError, match="holds no row yet"):
        served.filled(SERVING_QUARANTINE)


def test_rows_of_a_large_table_are_looked_up(served: ServedTables, lake: Lake) -> None:
    lake.overwrite(SERVING_ROLL_RATES, rolls(4))
    found = served.rows(SERVING_ROLL_RATES, pl.col("month") == date(2026, 2, 1), ["month"])
    assert found.rows() == [(date(2026, 2, 1),)]
