"""Overview and vintages in every state: full, empty, half a lake, and whatever a link may ask for."""

import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    SCORES_LINEAGE,
    SCORES_LOANS,
    SERVING_DEFAULT_CURVES,
    SERVING_LOSS_DRAWS,
    SERVING_SEGMENTS,
)
from creditrisk_assets_tests.dashboard.opened import Opening, written
from creditrisk_assets_tests.world import World

PAGES = ("overview", "vintages")
HOSTILE = [
    {"from": "../../etc", "to": "'; DROP TABLE loans; --", "term": "abc", "purpose": "<script>alert(1)</script>"},
    {"since": "9999-99", "until": "", "by": "century", "term": "-1"},
    {"from": "", "to": "", "since": "", "term": "", "purpose": "", "split": "", "by": ""},
    {"split": "loan_id", "from": "2016-04", "to": "2014-01", "term": "36" * 500},
]


def metrics(page: object) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}  # type: ignore[attr-defined]


def test_the_overview_shows_the_figures_of_the_scored_loans(opening: Opening, batched: World) -> None:
    page = opening("overview", Path(batched.lake.root))
    assert not page.exception
    months = batched.rows(SERVING_SEGMENTS)["vintage"].unique().sort()
    chosen = months[-(len(months) // 2) :]
    scored = batched.rows(SCORES_LOANS).filter(pl.col("vintage").is_in(chosen.implode()))
    shown = metrics(page)
    assert f"{scored.height:,} scored loans" in written(page)
    assert shown["Mean PD, 12 months"] == f"{100 * scored['pd'].mean():.2f} %"  # type: ignore[operator]
    approved = scored.filter(pl.col("decision") == "approve").height / scored.height
    assert shown["Approved"] == f"{100 * approved:.1f} %"
    assert written(page).count("90 % credible") == 2 + 4  # of the selection, and of the whole book below
    assert page.dataframe[0].value["loans"].sum() == scored.height


def test_a_link_selects_vintages_terms_and_purposes(opening: Opening, batched: World) -> None:
    asked = {"from": "2016-01", "to": "2016-02", "term": "36", "purpose": "Credit card", "split": "Term"}
    page = opening("overview", Path(batched.lake.root), asked=asked)
    features = batched.rows(FEATURES_LOANS).select("loan_id", "term_months", "purpose")
    mine = batched.rows(SCORES_LOANS).join(features, on="loan_id").filter(
        pl.col("vintage").is_between(date(2016, 1, 1), date(2016, 2, 1)),
        pl.col("term_months") == 36, pl.col("purpose") == "credit_card",
    )  # fmt: skip
    assert not page.exception
    assert f"{mine.height:,} scored loans" in written(page)
    assert page.dataframe[0].value["segment"].to_list() == ["36 months"]


def test_loans_without_a_score_are_named(opening: Opening, batched: World) -> None:
    page = opening("overview", Path(batched.lake.root), asked={"from": "2014-01"})
    missing = batched.rows(SCORES_LINEAGE)["unscored"].sum()
    assert f"{missing:,} loans" in written(page)
    assert "no good model is dated before them" in written(page)


def test_a_selection_without_a_scored_loan_says_so(opening: Opening, batched: World) -> None:
    page = opening("overview", Path(batched.lake.root), asked={"from": "2014-01", "to": "2014-02"})
    assert not page.exception
    assert "No scored loan is selected" in written(page)
    assert "Exposure" not in metrics(page)
    assert all(label.startswith(("Book:", "Allowance", "VaR")) for label in metrics(page))


def test_a_filter_changes_the_figures(opening: Opening, batched: World) -> None:
    page = opening("overview", Path(batched.lake.root))
    before = metrics(page)["Exposure"]
    page.multiselect(key="purpose").set_value(["car"]).run()
    assert not page.exception
    assert metrics(page)["Exposure"] != before


def test_vintages_are_told_by_year_and_by_quarter(opening: Opening, batched: World) -> None:
    page = opening("vintages", Path(batched.lake.root))
    assert not page.exception
    assert page.dataframe[0].value["cohort"].to_list() == ["2016", "2015", "2014"]
    page = opening("vintages", Path(batched.lake.root), asked={"by": "Quarter", "since": "2015-01"})
    assert page.dataframe[0].value["cohort"].to_list() == [f"2015 Q{n}" for n in (4, 3, 2, 1)] or (
        page.dataframe[0].value["cohort"].to_list()[0].startswith("2016")
    )
    assert "2014 Q4" not in page.dataframe[0].value["cohort"].to_list()


def test_without_a_stream_roll_rates_say_what_to_do(opening: Opening, batched: World) -> None:
    text = written(opening("vintages", Path(batched.lake.root)))
    assert "Roll rates" in text
    assert "stream" in text


@pytest.mark.parametrize("name", PAGES)
def test_no_lake_says_what_to_do(name: str, opening: Opening) -> None:
    page = opening(name)
    assert not page.exception
    assert "make demo" in written(page)
    assert not page.metric


@pytest.mark.parametrize("name", PAGES)
def test_a_lake_without_scores_says_what_to_do(name: str, opening: Opening, ingested: World) -> None:
    page = opening(name, Path(ingested.lake.root))
    assert not page.exception
    assert "materialize serving/" in written(page)


@pytest.mark.parametrize(
    ("name", "table"),
    [("overview", SERVING_LOSS_DRAWS), ("overview", SCORES_LINEAGE), ("vintages", SERVING_DEFAULT_CURVES)],
)
def test_one_table_missing_is_named(name: str, table: object, opening: Opening, batched: World, tmp_path: Path) -> None:
    world = batched.copy(tmp_path)
    shutil.rmtree(Path(world.lake.uri(table)))  # type: ignore[arg-type]
    page = opening(name, Path(world.lake.root))
    assert not page.exception
    assert f"materialize {table.name}" in written(page)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", PAGES)
def test_tables_without_rows_say_what_to_do(name: str, opening: Opening, tmp_path: Path) -> None:
    lake = World(tmp_path, None).lake
    for table in (SERVING_SEGMENTS, SERVING_LOSS_DRAWS, SERVING_DEFAULT_CURVES, SCORES_LINEAGE):
        lake.overwrite(table, pl.DataFrame(schema=table.schema), [date(2016, 1, 1)])
    page = opening(name, Path(lake.root))
    assert not page.exception
    assert "holds no row yet" in written(page)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("asked", HOSTILE)
def test_whatever_a_link_asks_for_the_page_stands(
    name: str, asked: dict[str, str], opening: Opening, batched: World
) -> None:
    page = opening(name, Path(batched.lake.root), asked=asked)
    assert not page.exception
    assert not page.error
    assert "<script>" not in written(page)
    assert page.dataframe
