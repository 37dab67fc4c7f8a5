"""Which stages a book needs, and what ends a batch."""

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from creditrisk_assets.automation import Stage, StageError, batch_stages, run_stage
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets_tests.raw.written import loan, text, write
from creditrisk_assets_tests.world import World


def months(first: date, count: int) -> list[date]:
    return [add_months(first, month) for month in range(count)]


def told(stages: list[Stage]) -> list[tuple[str, str, str]]:
    return [(stage.name, stage.first[:7], stage.last[:7]) for stage in stages]


def test_a_book_is_read_modelled_at_every_date_that_has_matured_vintages_and_scored() -> None:
    assert told(batch_stages(months(date(2014, 1, 1), 28))) == [
        ("ingest", "2014-01", "2016-04"),
        ("rules", "2014-01", "2016-04"),
        ("references", "2016-01", "2016-04"),
        ("evidence", "2014-01", "2016-04"),
        ("models", "2016-01", "2016-01"),
        ("models", "2016-04", "2016-04"),
        ("scores", "2014-01", "2016-04"),
        ("monitoring", "2014-01", "2016-04"),
        ("portfolio", "2016-01", "2016-04"),
        ("reports", "2016-01", "2016-04"),
        ("serving", "2014-01", "2016-04"),
    ]


@pytest.mark.parametrize(("count", "dates"), [(1, 0), (23, 0), (24, 1), (26, 1), (27, 2)])
def test_model_dates_start_two_years_after_the_first_vintage(count: int, dates: int) -> None:
    stages = batch_stages(months(date(2014, 1, 1), count))
    after = ["scores", "monitoring", "portfolio", "reports", "serving"]
    assert [stage.name for stage in stages[2:]] == (
        ["references", "evidence", *["models"] * dates, *after] if dates else ["serving"]
    )


def test_a_first_model_date_that_is_set_is_used_though_the_book_is_young(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_FIRST_MODEL_DATE", "2009-07")
    assert told(batch_stages(months(date(2008, 1, 1), 21)))[2:] == [
        ("references", "2009-07", "2009-10"), ("evidence", "2008-01", "2009-09"),
        ("models", "2009-07", "2009-07"), ("models", "2009-10", "2009-10"), ("scores", "2008-01", "2009-09"),
        ("monitoring", "2008-01", "2009-09"), ("portfolio", "2009-07", "2009-10"), ("reports", "2009-07", "2009-10"),
        ("serving", "2008-01", "2009-09"),
    ]  # fmt: skip


def test_a_gap_in_the_book_is_run_over() -> None:
    stage, *_ = batch_stages([date(2014, 1, 1), date(2014, 6, 1)])
    assert (stage.first, stage.last, stage.partitions) == ("2014-01-01", "2014-06-01", 6)


def test_months_outside_the_book_are_left_out() -> None:
    stage, *_ = batch_stages([date(2001, 1, 1), date(2014, 6, 1), date(2030, 1, 1)])
    assert (stage.first, stage.last) == ("2014-06-01", "2014-06-01")


@pytest.mark.parametrize("found", [[], [date(2001, 1, 1)]])
def test_a_book_of_no_configured_vintage_names_the_settings(found: list[date]) -> None:
    with pytest.raises(ValueError, match="set CREDITRISK_FIRST_VINTAGE and CREDITRISK_LAST_VINTAGE"):
        batch_stages(found)


def test_a_step_that_fails_ends_the_batch_with_its_reason(tmp_path: Path) -> None:
    world = World(tmp_path, str(tmp_path / "missing.csv"))
    stage = Stage("ingest", "close_vintages", "2014-01-01", "2014-02-01", 2)
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(StageError) as error:
        run_stage(stage, world.definitions, instance, print)
    assert str(error.value).startswith("ingest 2014-01-01 to 2014-02-01: raw_loans: ")
    assert "missing.csv: no such file" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_the_batch_of_a_young_book_reads_it_and_adds_it_up(tmp_path: Path) -> None:
    rows = [loan(0, issue_d="Mar-2015"), loan(1, issue_d="May-2015")]
    world = World(tmp_path, str(write(tmp_path / "loans.csv", text(rows))))
    with dg.DagsterInstance.ephemeral() as instance:
        assert world.definitions.resolve_job_def("batch").execute_in_process(instance=instance).success
        ran = sorted(run.job_name for run in instance.get_runs())
        assert ran == ["aggregate_vintages", "apply_rules", "batch", "close_vintages"]
        keys = instance.get_materialized_partitions(dg.AssetKey(["features", "loans"]))
    assert keys == {"2015-03-01", "2015-04-01", "2015-05-01"}


def test_the_batch_fails_when_there_is_nothing_to_read(tmp_path: Path) -> None:
    world = World(tmp_path, None)
    with dg.DagsterInstance.ephemeral() as instance:
        result = world.definitions.resolve_job_def("batch").execute_in_process(instance=instance, raise_on_error=False)
    (failure,) = result.get_step_failure_events()
    assert "no loan files" in failure.step_failure_data.error.cause.message  # type: ignore[union-attr]
