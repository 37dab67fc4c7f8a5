"""Stages, allowances and movements of a simulated book, as the assets make them."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.contracts import FEATURES_LOANS, PORTFOLIO_MOVEMENTS, PORTFOLIO_STAGES
from creditrisk_assets.portfolio.movements import imbalances
from creditrisk_assets_tests.world import MODEL_DATES, World, assert_same_tables, checked, failures

BEFORE = date(2015, 10, 1)
DATES = (*MODEL_DATES, date(2016, 7, 1), date(2016, 10, 1))
PROVISIONS = "key:portfolio/stages or key:portfolio/movements"


@pytest.fixture(scope="module")
def provided(batched: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Four reporting dates, and one before any model."""
    world = batched.copy(tmp_path_factory.mktemp("provided"))
    world.run(PROVISIONS, BEFORE, DATES[-1])
    yield world


@pytest.fixture
def world(provided: World, tmp_path: Path) -> World:
    return provided.copy(tmp_path)


def test_every_loan_on_the_books_has_a_stage_a_reason_and_an_allowance(provided: World) -> None:
    stages, features = provided.rows(PORTFOLIO_STAGES), provided.rows(FEATURES_LOANS)
    for day in DATES:
        mine = stages.filter(model_date=day)
        past = pl.lit(day)
        gone = (pl.col("repaid_month") < past).fill_null(False)
        bad = (pl.col("default_month") < past).fill_null(False)
        issued = features.filter(pl.col("vintage") < past)
        expected = set(issued.filter(~gone, ~bad)["loan_id"])
        assert expected <= set(mine["loan_id"])
        beside = issued.filter(pl.col("loan_id").is_in(set(mine["loan_id"]) - expected))
        assert beside.filter(bad).height == beside.height > 0
        assert beside["default_month"].min() == beside["default_month"].max(), "defaulted the month before"
        assert mine.filter(pl.col("loan_id").is_in(beside["loan_id"].implode()))["reason"].unique().to_list() == [
            "default"
        ]
    assert stages["stage"].unique().sort().to_list() == [1, 2, 3]
    assert stages.select((pl.col("ecl_low") <= pl.col("ecl") * (1 + 1e-9)).all(), pl.col("gross").min() > 0).row(0) == (
        True,
        True,
    )


def test_backstops_hold_on_the_book(provided: World) -> None:
    stages = provided.rows(PORTFOLIO_STAGES)
    assert stages.filter(pl.col("days_past_due") >= 31)["stage"].min() == 2
    assert stages.filter(pl.col("days_past_due") >= 91)["stage"].min() == 3
    assert stages.filter(pl.col("reason") == "none")["days_past_due"].max() <= 30  # type: ignore[operator]
    counts = stages.group_by("reason").len()
    assert counts.filter(pl.col("reason").is_in(["30 days past due", "90 days past due", "default"]))["len"].min() > 20  # type: ignore[operator]


def test_coverage_rises_from_stage_to_stage_and_stage_3_is_certain(provided: World) -> None:
    stages = provided.rows(PORTFOLIO_STAGES)
    by_stage = stages.group_by("stage").agg(pl.col("ecl").sum() / pl.col("gross").sum()).sort("stage")["ecl"].to_list()
    assert by_stage == sorted(by_stage)
    assert by_stage[0] < 0.12
    assert 0.5 < by_stage[2] <= 1
    lost = stages.filter(stage=3)
    assert lost.select(pl.col("pd_12m", "pd_lifetime").min()).row(0) == (1.0, 1.0)
    live = stages.filter(pl.col("stage") < 3)
    assert live.filter(pl.col("pd_12m") > pl.col("pd_lifetime") * (1 + 1e-9)).is_empty()
    assert live["pd_at_origination"].null_count() == 0


def test_origination_is_told_by_the_latest_model_before_the_vintage_or_the_first(provided: World) -> None:
    stages = provided.rows(PORTFOLIO_STAGES)
    first, second = MODEL_DATES
    expected = pl.when(pl.col("vintage") >= second).then(pl.lit(second)).otherwise(pl.lit(first))
    assert stages.filter(pl.col("origination_date") != expected).is_empty()
    assert stages.filter(model_date=DATES[0])["posterior_date"].unique().to_list() == [first]
    assert stages.filter(model_date=DATES[3])["posterior_date"].unique().to_list() == [second]


def test_movements_reconcile_and_follow_from_date_to_date(provided: World) -> None:
    table = provided.rows(PORTFOLIO_MOVEMENTS)
    assert imbalances(table) == []
    stages = provided.rows(PORTFOLIO_STAGES)
    for day in DATES:
        mine, loans = table.filter(model_date=day), stages.filter(model_date=day)
        closing = mine.filter(movement="closing")
        assert closing["loans"].sum() == loans.height
        assert closing["allowance"].sum() == pytest.approx(loans["ecl"].sum(), abs=0.01)
        assert (closing["allowance_low"] <= closing["allowance"]).all()
        assert (closing["allowance"] <= closing["allowance_high"]).all()
    moved = table.group_by("movement").agg(pl.col("loans").abs().sum())
    busy = set(moved.filter(pl.col("loans") > 0)["movement"])
    assert {"opening", "new", "repaid", "written off", "1 to 2", "1 to 3", "2 to 3", "closing"} <= busy
    assert checked(provided, "movements_reconcile", "portfolio/movements", BEFORE, DATES[-1]) is None


def test_a_date_before_any_model_has_no_stages_and_the_next_opens_with_nothing(provided: World) -> None:
    assert provided.only(PORTFOLIO_STAGES, BEFORE).is_empty()
    table = provided.rows(PORTFOLIO_MOVEMENTS)
    assert table.filter(model_date=BEFORE).select(pl.col("loans", "gross", "allowance").abs().sum()).row(0) == (0, 0, 0)
    first = table.filter(model_date=DATES[0])
    assert first.filter(movement="opening")["loans"].sum() == 0
    assert first.filter(movement="new")["loans"].sum() == first.filter(movement="closing")["loans"].sum() > 0


def test_a_date_alone_gives_the_same_rows_as_in_a_range(provided: World, world: World) -> None:
    world.run(PROVISIONS, DATES[2])
    assert_same_tables(world, provided, PORTFOLIO_STAGES, PORTFOLIO_MOVEMENTS)


def test_one_cent_too_many_fails_the_check_and_names_the_stage(world: World) -> None:
    day = DATES[1]
    rows = world.only(PORTFOLIO_MOVEMENTS, day)
    off = (pl.col("stage") == 1) & (pl.col("movement") == "opening")
    wrong = rows.with_columns(gross=pl.when(off).then(pl.col("gross") + 0.02).otherwise("gross"))
    world.lake.overwrite(PORTFOLIO_MOVEMENTS, wrong, [day])
    said = checked(world, "movements_reconcile", "portfolio/movements", day)
    assert said is not None
    assert f"{day} opens otherwise than {DATES[0]} closed: gross of stage 1" in str(said["imbalances"])
    assert f"{day} closes otherwise than its movements say: gross of stage 1" in str(said["imbalances"])


def test_the_choices_in_force_are_those_of_the_setting(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from creditrisk_assets.portfolio.ifrs9 import PACKAGED

    file = tmp_path / "ifrs9.yaml"
    text = (
        PACKAGED.read_text()
        .replace('"2026-01"', '"severe"')
        .replace("weight: 0.5", "weight: 0")
        .replace("weight: 0.3", "weight: 0.8")
    )
    file.write_text(text)
    monkeypatch.setenv("CREDITRISK_IFRS9", str(file))
    before = world.only(PORTFOLIO_STAGES, DATES[1])
    alone = world.run(PROVISIONS, DATES[1], fails=True)
    said = str(failures(alone)["portfolio/movements", "movements_reconcile"]["imbalances"])
    assert f"{DATES[1]} opens otherwise than {DATES[0]} closed: allowance of stage 1" in said
    assert f"materialise {DATES[0]} again" in said
    assert world.run(PROVISIONS, DATES[0], DATES[1]).success
    after = world.only(PORTFOLIO_STAGES, DATES[1])
    assert after["choices"].unique().to_list() == ["severe"]
    assert after["ecl"].sum() > 1.05 * before["ecl"].sum()
    file.write_text(text.replace("weight: 0.8", "weight: 0.9"))
    failed = world.run(PROVISIONS, DATES[1], fails=True)
    assert not failed.success
    assert "weights that sum to 1.1" in str(failed.all_events)


def test_an_empty_lake_has_empty_tables(tmp_path: Path) -> None:
    world = World(tmp_path, None)
    world.run(PROVISIONS, DATES[0])
    assert world.rows(PORTFOLIO_STAGES).is_empty()
    assert world.rows(PORTFOLIO_MOVEMENTS).select(pl.col("loans", "gross", "allowance").abs().sum()).row(0) == (0, 0, 0)


def test_a_book_without_loans_closes_with_nothing(world: World) -> None:
    features = world.rows(FEATURES_LOANS)
    world.lake.overwrite(FEATURES_LOANS, features[:0], features["vintage"].unique().to_list())
    world.run(PROVISIONS, DATES[0], DATES[1])
    assert world.only(PORTFOLIO_STAGES, *DATES[:2]).is_empty()
    closing = world.only(PORTFOLIO_MOVEMENTS, DATES[1]).filter(movement="closing")
    assert closing.select("loans", "gross", "allowance_high").rows() == [(0, 0.0, 0.0)] * 3
