"""What a model may know, where it is tested and what it may score is declared lineage, for every date."""

import importlib.util
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from types import ModuleType

import dagster as dg
import pytest

from creditrisk_assets import partitions
from creditrisk_assets.models.exposure import training_window
from creditrisk_assets.resources.environments import add_months

EVERY = (1, 2, 3, 4, 6, 12)


def axis(monkeypatch: pytest.MonkeyPatch, **values: object) -> ModuleType:
    """The module `partitions` as another environment would load it."""
    for name, value in values.items():
        monkeypatch.setenv(f"CREDITRISK_{name.upper()}", str(value))
    spec = importlib.util.spec_from_file_location("partitions_elsewhere", str(partitions.__file__))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def days(definition: dg.PartitionsDefinition) -> list[date]:
    return [date.fromisoformat(key) for key in definition.get_partition_keys()]


def upstream(
    mapping: dg.PartitionMapping, of: date, mine: dg.PartitionsDefinition, theirs: dg.PartitionsDefinition
) -> list[date]:
    """The upstream partitions that one downstream partition depends on."""
    subset = mine.empty_subset().with_partition_keys([of.isoformat()])
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, mine, theirs)
    return sorted(date.fromisoformat(key) for key in found.partitions_subset.get_partition_keys())


@pytest.mark.parametrize("every", EVERY)
def test_a_model_date_depends_on_exactly_the_vintages_before_it(every: int, monkeypatch: pytest.MonkeyPatch) -> None:
    here = axis(monkeypatch, model_every_months=every, last_vintage="2012-12")
    vintages = days(here.vintages)
    for day in days(here.model_dates):
        known = upstream(here.what_a_model_may_know, day, here.model_dates, here.vintages)
        assert known == [vintage for vintage in vintages if vintage < day]


WINDOWS = (24, "expanding")


def window_of(day: date, window: object, vintages: list[date]) -> list[date]:
    """The vintages a model of `day` learns from, whatever their age."""
    first, last = training_window(day, window)  # type: ignore[arg-type]
    return [vintage for vintage in vintages if first <= vintage <= last]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("every", EVERY)
def test_a_posterior_depends_on_exactly_the_vintages_of_its_training_window(
    every: int, window: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = axis(monkeypatch, model_every_months=every, training_window=window, last_vintage="2012-12")
    vintages = days(here.vintages)
    for day in days(here.model_dates):
        learnt = upstream(here.window_of_a_model, day, here.model_dates, here.vintages)
        assert learnt == window_of(day, window, vintages)
        assert learnt


@pytest.mark.parametrize("months", [1, 7, 25])
@pytest.mark.parametrize("every", EVERY)
def test_a_window_that_is_no_multiple_of_the_grid_is_covered(
    every: int, months: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = axis(monkeypatch, model_every_months=every, training_window=months, last_vintage="2012-12")
    vintages = days(here.vintages)
    for day in days(here.model_dates):
        learnt = upstream(here.window_of_a_model, day, here.model_dates, here.vintages)
        assert set(window_of(day, months, vintages)) <= set(learnt)
        assert all(add_months(day, -months - every) < vintage < day for vintage in learnt)


@pytest.mark.parametrize("window", [*WINDOWS, 1, 7])
@pytest.mark.parametrize("every", EVERY)
def test_the_evidence_of_a_vintage_depends_on_every_model_that_learns_from_it(
    every: int, window: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = axis(monkeypatch, model_every_months=every, training_window=window, last_vintage="2012-12")
    vintages, model_dates = days(here.vintages), days(here.model_dates)
    for vintage in vintages:
        found = upstream(here.models_that_learn_from_a_vintage, vintage, here.vintages, here.model_dates)
        learning = [day for day in model_dates if vintage in window_of(day, window, [vintage])]
        assert set(learning) <= set(found)
        # Beside them at most the date whose quarter the vintage was issued in.
        assert all(day <= vintage < add_months(day, every) for day in set(found) - set(learning))


@pytest.mark.parametrize("every", EVERY)
def test_a_comparison_reads_only_the_twelve_vintages_after_its_model_date(
    every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = axis(monkeypatch, model_every_months=every, last_vintage="2012-12")
    vintages = days(here.vintages)
    for day in days(here.model_dates):
        tested = upstream(here.vintages_after_a_model_date, day, here.model_dates, here.vintages)
        assert tested == [vintage for vintage in vintages if day <= vintage < add_months(day, 12)]


@pytest.mark.parametrize("every", EVERY)
def test_a_vintage_depends_on_the_models_dated_at_its_start_or_before(
    every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = axis(monkeypatch, model_every_months=every, last_vintage="2012-12")
    model_dates = days(here.model_dates)
    for vintage in days(here.vintages):
        models = upstream(here.models_before_a_vintage, vintage, here.vintages, here.model_dates)
        assert models == [day for day in model_dates if day <= vintage]


def test_vintages_run_from_the_first_to_the_last_of_the_book() -> None:
    found = days(partitions.vintages)
    assert (found[0], found[-1], len(found)) == (date(2007, 6, 1), date(2020, 12, 1), 163)


def test_model_dates_run_from_two_years_on_to_the_month_after_the_last_vintage() -> None:
    found = days(partitions.model_dates)
    assert (found[0], found[-1]) == (date(2009, 7, 1), date(2021, 1, 1))
    assert {day.month for day in found} == {1, 4, 7, 10}


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("first", ["2013-11", "2014-01", "2014-02"])
def test_model_dates_keep_to_their_grid_whatever_the_first_vintage(
    first: str, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = axis(monkeypatch, first_vintage=first, model_every_months=every)
    found = days(here.model_dates)
    start = add_months(date.fromisoformat(f"{first}-01"), 24)
    assert 0 <= (found[0].year - start.year) * 12 + found[0].month - start.month < every
    assert all((day.month - 1) % every == 0 for day in found)
    assert all(add_months(one, every) == other for one, other in pairwise(found))


def test_a_first_model_date_that_is_set_counts() -> None:
    with pytest.MonkeyPatch.context() as patch:
        here = axis(patch, first_model_date="2011-02", model_every_months=1)
        assert days(here.model_dates)[0] == date(2011, 2, 1)


def test_the_axis_of_this_process_is_not_touched_by_another_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    axis(monkeypatch, first_vintage="2014-01")
    assert sys.modules["creditrisk_assets.partitions"] is partitions
    assert partitions.vintages.get_first_partition_key() == "2007-06-01"


def test_ingest_days_run_from_the_first_of_the_stream_to_today(monkeypatch: pytest.MonkeyPatch) -> None:
    today = datetime.now(UTC).date()
    here = axis(monkeypatch, first_stream_day=today - timedelta(days=3))
    assert days(here.ingest_days)[:4] == [today - timedelta(days=number) for number in (3, 2, 1, 0)]
    assert days(here.ingest_days)[-1] in (today, datetime.now(UTC).date())


def test_live_scores_of_a_day_depend_on_their_day_of_the_stream_and_on_every_model() -> None:
    from creditrisk_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    live = dg.AssetKey(["scores", "live"])
    for parent in ("raw/events", "features/behaviour"):
        mapping = graph.get_partition_mapping(live, dg.AssetKey(parent.split("/")))
        assert isinstance(mapping, dg.TimeWindowPartitionMapping)
        assert (mapping.start_offset, mapping.end_offset) == (0, 0)
    for parent in ("models/posterior", "models/moments", "models/diagnostics", "scores/loans"):
        assert graph.get_partition_mapping(live, dg.AssetKey(parent.split("/"))) == dg.AllPartitionMapping()


def test_assets_declare_these_mappings() -> None:
    from creditrisk_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    features, evidence, reference = (
        dg.AssetKey(name) for name in (["features", "loans"], ["models", "evidence"], ["models", "reference"])
    )
    of_a_window = ("binning", "reference", "posterior", "parameters", "moments", "diagnostics", "backtest")
    expected = {
        **{(f"models/{name}", features): partitions.window_of_a_model for name in of_a_window},
        **{(f"models/{name}", evidence): partitions.window_of_a_model for name in of_a_window[2:]},
        ("models/evidence", reference): partitions.models_that_learn_from_a_vintage,
        ("models/logistic", features): partitions.what_a_model_may_know,
        ("models/boosting", features): partitions.what_a_model_may_know,
        ("models/comparison", features): partitions.vintages_after_a_model_date,
        ("scores/loans", dg.AssetKey(["models", "posterior"])): partitions.models_before_a_vintage,
        ("scores/loans", dg.AssetKey(["models", "moments"])): partitions.models_before_a_vintage,
        ("scores/lineage", dg.AssetKey(["models", "diagnostics"])): partitions.models_before_a_vintage,
    }
    for (name, parent), mapping in expected.items():
        assert graph.get_partition_mapping(dg.AssetKey(name.split("/")), parent) == mapping, name
