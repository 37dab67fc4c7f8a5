"""Is every vintage carried through, in time and in order? Cases by hand, then the check over a lake."""

import os
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.contracts import FEATURES_LOANS, SCORES_LINEAGE, SERVING_DEFAULT_CURVES
from creditrisk_assets.monitoring.freshness import STEPS, Progress, freshness, remedy, spans
from creditrisk_assets.monitoring.progress import known_vintages
from creditrisk_assets_tests.raw.written import loan, text, write
from creditrisk_assets_tests.world import World, checked

NOW = datetime(2026, 11, 29, tzinfo=UTC)
JANUARY, FEBRUARY, MARCH = date(2015, 1, 1), date(2015, 2, 1), date(2015, 3, 1)
ALL_STEPS = tuple(STEPS)
THREE_DAYS = timedelta(days=3)
CHECK = ("carries_every_vintage_through", "serving/default_curves")


def frame(column: str, days_ago: dict[date, float]) -> pl.DataFrame:
    rows = [(month, NOW - timedelta(days=days)) for month, days in days_ago.items()]
    return pl.DataFrame(rows, schema={"vintage": pl.Date, column: pl.Datetime("us", "UTC")}, orient="row")


def judged(
    file: float | None, *steps: float, model: float | None = None, barren: bool = False
) -> tuple[str, str | None, str]:
    """Status, step and what is told of a vintage whose file and steps are so many days old."""
    progress = Progress(
        known=frame("known_at", {} if file is None else {JANUARY: file}),
        written={step: frame("written", {JANUARY: steps[at]} if at < len(steps) else {})
                 for at, step in enumerate(ALL_STEPS)},
        models=frame("trained", {} if model is None else {JANUARY: model}),
        barren=frozenset({JANUARY} if barren else ()),
    )  # fmt: skip
    ((vintage, status, step, told, _),) = freshness(progress, NOW, THREE_DAYS).rows()
    assert vintage == JANUARY
    return status, step, told


def test_a_vintage_that_is_carried_through_is_fresh() -> None:
    assert judged(9, 8, 7, 6, 5) == ("fresh", None, "")
    assert judged(None, 8, 7, 6, 5, model=6.5) == ("fresh", None, "")
    assert judged(9, 8, barren=True) == ("fresh", None, "")


@pytest.mark.parametrize("done", range(4))
def test_a_missing_step_is_young_for_three_days_and_overdue_after(done: int) -> None:
    step, since = ALL_STEPS[done], "days after its loans became known"
    assert judged(2.9, *[2.5, 2.4, 2.3][:done]) == ("young", step, f"not {step} 2.9 {since}")
    assert judged(3.1, *[2.5, 2.4, 2.3][:done]) == (
        "overdue",
        step,
        f"not {step} 3.1 {since}",
    )


def test_a_newer_file_may_wait_three_days_as_well() -> None:
    assert judged(2, 8, 7, 6, 5)[:2] == ("young", "closed")
    assert judged(4, 8, 7, 6, 5) == (
        "overdue",
        "closed",
        "newer records not closed 4.0 days after its loans became known",
    )


@pytest.mark.parametrize(
    ("steps", "step", "told"),
    [
        ((2, 3, 1, 0.5), "given features", "features/loans is older than raw/loans_ledger"),
        ((4, 1, 2, 0.5), "scored", "scores/lineage is older than features/loans"),
        ((4, 3, 1, 2), "added up", "serving/default_curves is older than scores/lineage"),
    ],
)
def test_a_table_that_is_older_than_its_source_is_stale_at_once(steps: tuple[float, ...], step: str, told: str) -> None:
    assert judged(5, *steps) == ("stale", step, told)


def test_scores_that_are_older_than_their_model_are_stale() -> None:
    told = "scores/lineage is older than the models/posterior it used"
    assert judged(9, 8, 7, 6, 5, model=5.5) == ("stale", "scored", told)


def test_no_vintages_are_no_trouble() -> None:
    nothing = Progress(frame("known_at", {}), {step: frame("written", {}) for step in STEPS}, frame("trained", {}))
    assert freshness(nothing, NOW, THREE_DAYS).is_empty()


def test_the_remedy_names_the_jobs_in_order_and_the_vintages() -> None:
    month = {JANUARY: 9.0, FEBRUARY: 9.0, MARCH: 9.0}
    written = {step: frame("written", {MARCH: 8.0 - at}) for at, step in enumerate(ALL_STEPS)}
    written["added up"] = frame("written", {MARCH: 8.5})
    found = freshness(Progress(frame("known_at", month), written, frame("trained", {})), NOW, THREE_DAYS)
    assert found["status"].to_list() == ["overdue", "overdue", "stale"]
    assert remedy(found) == (
        "run close_vintages, then score_vintages, then aggregate_vintages for 2015-01 to 2015-02; "
        "run aggregate_vintages for 2015-03"
    )
    assert spans([MARCH, JANUARY, date(2014, 12, 1)]) == "2014-12 to 2015-01, 2015-03"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A lake over a folder with one file of three vintages, a week old."""
    rows = [loan(number, issue_d=month) for number, month in enumerate(["Jan-2015", "Feb-2015", "Mar-2015"] * 2)]
    put(tmp_path / "landing" / "loans.csv", text(rows), days=7)
    return World(tmp_path, None)


def put(path: Path, content: str, days: float) -> None:
    path.parent.mkdir(exist_ok=True)
    write(path, content)
    stamp = time.time() - days * 86_400
    os.utime(path, (stamp, stamp))


def look(world: World) -> tuple[str, str] | None:
    """Vintages and remedy of the check, None when it passes."""
    found = checked(world, *CHECK, JANUARY, MARCH)
    return None if found is None else (str(found["vintages"]), str(found["remedy"]))


def carry(world: World, *months: date) -> None:
    """Score and add up some vintages, as far as the check can tell."""
    lineage = [{"vintage": month, "feature_set": "application", "features_version": 0, "scored": 0, "unscored": 2}
               for month in months]  # fmt: skip
    curves = [{"vintage": month, "term_months": 36, "month": 1, "loans": 2, "at_risk": 2, "defaults": 0}
              for month in months]  # fmt: skip
    for table, rows in ((SCORES_LINEAGE, lineage), (SERVING_DEFAULT_CURVES, curves)):
        lazy = pl.LazyFrame(rows).with_columns(
            pl.lit(None, dtype).alias(name) for name, dtype in table.schema.items() if name not in rows[0]
        )
        world.lake.overwrite(table, lazy, list(months))


def test_the_check_follows_every_vintage_from_the_files_to_the_sums(world: World) -> None:
    every = "2015-01 to 2015-03"
    assert look(world) == (every, f"run close_vintages, then score_vintages, then aggregate_vintages for {every}")
    world.run("group:raw or group:features", JANUARY, MARCH)
    assert look(world) == (every, f"run score_vintages, then aggregate_vintages for {every}")
    carry(world, JANUARY, FEBRUARY, MARCH)
    assert look(world) is None
    world.lake.overwrite(FEATURES_LOANS, world.lake.scan(FEATURES_LOANS, [FEBRUARY]), [FEBRUARY])
    assert look(world) == ("2015-02", "run score_vintages, then aggregate_vintages for 2015-02")
    carry(world, FEBRUARY)
    assert look(world) is None


def test_a_file_that_just_arrived_is_given_its_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run("group:raw or group:features", JANUARY, MARCH)
    carry(world, JANUARY, FEBRUARY, MARCH)
    put(world.landing / "more.csv", text([loan(90, issue_d="Apr-2015")]), days=2)
    assert look(world) is None
    monkeypatch.setenv("CREDITRISK_FRESH_WITHIN_DAYS", "1")
    found = look(world)
    assert found is not None
    assert found[0] == "2015-04"
    (world.landing / "more.csv").unlink()
    assert look(world) is None


def test_files_are_read_once_as_long_as_they_stay_as_they_are(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from creditrisk_assets.monitoring import progress

    files, book, read = sorted(world.landing.iterdir()), (JANUARY, FEBRUARY), []
    months_issued = progress.months_issued
    monkeypatch.setattr(progress, "months_issued", lambda paths: read.append(paths) or months_issued(paths))
    known, months = known_vintages(files, book)
    again, _ = known_vintages(files, book, months)
    assert known["vintage"].to_list() == [JANUARY, FEBRUARY]
    assert again.equals(known)
    assert len(read) == 1
    put(files[0], text([loan(1, issue_d="Feb-2015")]), days=1)
    newer, _ = known_vintages(files, book, months)
    assert newer["vintage"].to_list() == [FEBRUARY]
    assert len(read) == 2
