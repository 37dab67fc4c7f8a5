"""What the overview shows of the portfolio tables: figures against queries of their own, and every empty state."""

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    PORTFOLIO_EXPECTED_LOSS,
    PORTFOLIO_LOSS_DISTRIBUTION,
    PORTFOLIO_MOVEMENTS,
    PORTFOLIO_STAGES,
    PORTFOLIO_TOTALS,
)
from creditrisk_assets.serving import tables
from creditrisk_assets_tests.dashboard.opened import Opening, shown, written
from creditrisk_assets_tests.world import MODEL_DATES, World
from dashboard.sections import losses
from dashboard.wording import money

DAY = MODEL_DATES[-1]
TABLES = (PORTFOLIO_TOTALS, PORTFOLIO_MOVEMENTS, PORTFOLIO_LOSS_DISTRIBUTION)


def metrics(page: object) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}  # type: ignore[attr-defined]


def test_expected_losses_are_those_of_the_loans_on_book_with_intervals_of_their_sums(
    opening: Opening, batched: World
) -> None:
    page = opening("overview", Path(batched.lake.root))
    assert not page.exception
    loans = batched.rows(PORTFOLIO_EXPECTED_LOSS).filter(pl.col("model_date") == DAY)
    found = metrics(page)
    assert found["Book: loss, 12 months"] == money(loans["expected_loss_12m"].sum())
    assert found["Book: loss, lifetime"] == money(loans["expected_loss_lifetime"].sum())
    assert found["Book: defaults, 12 months"] == f"{loans['pd_12m'].sum():,.0f}"
    assert f"{loans.height:,} loans on book owe {money(loans['balance'].sum())}" in written(page)
    whole = batched.rows(PORTFOLIO_TOTALS).filter(model_date=DAY, term_months=0, purpose="all")
    low, high = np.quantile(whole["expected_loss_12m"][0].to_numpy(), [0.05, 0.95])
    assert f"90 % credible {money(low)} to {money(high)}" in written(page)


def test_the_section_says_which_book_date_and_posterior_whatever_is_selected(opening: Opening, batched: World) -> None:
    asked = {"from": "2016-01", "to": "2016-01", "term": "36", "purpose": "Car"}
    pages = [opening("overview", Path(batched.lake.root), asked=choice) for choice in ({}, asked)]
    whole, chosen = (metrics(page) for page in pages)
    assert whole["Exposure"] != chosen["Exposure"]
    for label in ("Book: loss, 12 months", "Allowance, IFRS 9", "VaR 99.9 %, 12 months"):
        assert whole[label] == chosen[label]
    posterior = batched.rows(PORTFOLIO_EXPECTED_LOSS).filter(model_date=DAY)["posterior_date"].unique().item()
    assert f"The whole book on the reporting date {DAY}, whatever the filters select" in written(pages[1])
    assert f"posterior of {posterior}" in written(pages[1])


def test_stages_are_those_of_the_loans(opening: Opening, batched: World) -> None:
    page = opening("overview", Path(batched.lake.root))
    found = shown(page, "gross", "coverage")
    loans = batched.rows(PORTFOLIO_STAGES).filter(model_date=DAY)
    sums = loans.group_by("stage").agg(pl.len().alias("loans"), pl.col("gross", "ecl").sum()).sort("stage")
    assert found["loans"].to_list() == [*sums["loans"], loans.height]
    assert found["gross"].to_list() == pytest.approx([*sums["gross"], loans["gross"].sum()])
    assert found["allowance"].to_list() == pytest.approx([*sums["ecl"], loans["ecl"].sum()])
    assert found["coverage"].to_list() == pytest.approx(
        [100 * ecl / gross for ecl, gross in [*sums.select("ecl", "gross").rows(),
                                              (loans["ecl"].sum(), loans["gross"].sum())]]
    )  # fmt: skip
    assert metrics(page)["Allowance, IFRS 9"] == money(loans["ecl"].sum())


def test_the_allowance_moves_from_the_date_before_to_this_one(opening: Opening, batched: World) -> None:
    page = opening("overview", Path(batched.lake.root))
    assert f"since {MODEL_DATES[-2]}" in written(page)
    rows = batched.rows(PORTFOLIO_MOVEMENTS).filter(model_date=DAY)
    found = {row["name"]: row for row in shown(page, "name", "all_stages").iter_rows(named=True)}
    for movement, name in (("opening", "Opening"), ("repaid", "Repaid"), ("closing", "Closing")):
        mine = rows.filter(movement=movement)
        assert found[name]["all_stages"] == pytest.approx(mine["allowance"].sum())
        for stage in (1, 2, 3):
            assert found[name][f"stage_{stage}"] == pytest.approx(mine.filter(stage=stage)["allowance"].item())
    moved = sum(row["all_stages"] for name, row in found.items() if name != "Closing")
    assert moved == pytest.approx(found["Closing"]["all_stages"], abs=0.01)


def test_values_at_risk_are_told_with_and_without_the_factor(opening: Opening, batched: World) -> None:
    page = opening("overview", Path(batched.lake.root))
    rows = {
        row["factor"]: row
        for row in batched.rows(PORTFOLIO_LOSS_DISTRIBUTION).filter(model_date=DAY).iter_rows(named=True)
    }
    found = {row["name"]: row for row in shown(page, "with", "without").iter_rows(named=True)}
    for name, column in (("Expected", "expected_loss"), ("VaR 95 %", "value_at_risk_95"),
                         ("VaR 99 %", "value_at_risk_99"), ("VaR 99.9 %", "value_at_risk_999")):  # fmt: skip
        assert (found[name]["with"], found[name]["without"]) == (rows["with"][column], rows["without"][column])
        assert (found[name]["with_low"], found[name]["with_high"]) == (
            rows["with"][f"{column}_low"], rows["with"][f"{column}_high"]
        )  # fmt: skip
    assert metrics(page)["VaR 99.9 %, 12 months"] == money(rows["with"]["value_at_risk_999"])


def test_the_section_is_drawn_once_for_all_until_one_of_its_tables_changes(
    opening: Opening, batched: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[date] = []
    draw = losses._stages
    monkeypatch.setattr(tables, "AGE", -1.0)
    monkeypatch.setattr(losses, "_stages", lambda day: (drawn.append(day), draw(day)))
    world = batched.copy(tmp_path)
    page = opening("overview", Path(world.lake.root))
    first = shown(page, "gross", "coverage")
    page.multiselect(key="purpose").set_value(["car"]).run()
    assert not page.exception
    assert drawn == [DAY]
    assert shown(page, "gross", "coverage").equals(first)
    closing = world.only(PORTFOLIO_MOVEMENTS, DAY).with_columns(allowance=2 * pl.col("allowance"))
    world.lake.overwrite(PORTFOLIO_MOVEMENTS, closing, [DAY])
    page.run()
    assert drawn == [DAY, DAY]
    assert shown(page, "gross", "coverage")["allowance"].to_list() == pytest.approx((2 * first["allowance"]).to_list())


@pytest.mark.parametrize("missing", TABLES)
def test_a_card_without_its_table_says_what_to_materialise_and_the_rest_is_shown(
    missing: Table, opening: Opening, batched: World, tmp_path: Path
) -> None:
    world = batched.copy(tmp_path)
    shutil.rmtree(Path(world.lake.uri(missing)))
    page = opening("overview", Path(world.lake.root))
    assert not page.exception
    assert f"materialize {missing.name}" in written(page)
    assert "Exposure" in metrics(page)
    assert ("Book: loss, 12 months" in metrics(page)) == (missing is not PORTFOLIO_TOTALS)


def test_a_book_that_was_never_valued_says_what_to_do(opening: Opening, batched: World, tmp_path: Path) -> None:
    world = batched.copy(tmp_path)
    for table in (*TABLES, PORTFOLIO_EXPECTED_LOSS):
        shutil.rmtree(Path(world.lake.uri(table)))
    page = opening("overview", Path(world.lake.root))
    assert not page.exception
    assert "The book was never valued" in written(page)
    assert f"materialize {' and '.join(table.name for table in TABLES)}" in written(page)


def test_a_date_that_is_valued_in_part_says_what_is_missing_of_it(
    opening: Opening, batched: World, tmp_path: Path
) -> None:
    world = batched.copy(tmp_path)
    for table in (PORTFOLIO_MOVEMENTS, PORTFOLIO_LOSS_DISTRIBUTION):
        world.lake.overwrite(table, pl.DataFrame(schema=table.schema), [DAY])
    page = opening("overview", Path(world.lake.root))
    assert not page.exception
    assert written(page).count(f"Not reckoned for {DAY} yet.") == 3  # stages, allowance, distribution
    assert metrics(page)["Allowance, IFRS 9"] == metrics(page)["VaR 99.9 %, 12 months"] == "-"


def test_a_reporting_date_without_one_before_it_says_so(opening: Opening, batched: World, tmp_path: Path) -> None:
    world = batched.copy(tmp_path)
    first = world.only(PORTFOLIO_MOVEMENTS, DAY).with_columns(previous_date=pl.lit(None, pl.Date))
    world.lake.overwrite(PORTFOLIO_MOVEMENTS, first, [DAY])
    page = opening("overview", Path(world.lake.root))
    assert not page.exception
    assert "**Movement of the allowance** as of the first reporting date" in written(page)
