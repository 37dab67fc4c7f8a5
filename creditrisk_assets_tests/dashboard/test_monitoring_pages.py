"""What Model health shows of the monitoring tables: figures against queries of their own, and every empty state."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    DECISIONS,
    MONITORING_CHALLENGER,
    MONITORING_DRIFT,
    MONITORING_MODEL_CARDS,
    MONITORING_PERFORMANCE,
    MONITORING_POPULATION,
    MONITORING_RULE_AGREEMENT,
)
from creditrisk_assets_tests.dashboard.opened import Opening, shown, written
from creditrisk_assets_tests.world import World

WATCHED = (MONITORING_DRIFT, MONITORING_PERFORMANCE, MONITORING_RULE_AGREEMENT)
SECTIONS = {
    "Drift": (MONITORING_DRIFT, MONITORING_POPULATION), "Calibration": (MONITORING_PERFORMANCE,),
    "Rules": (MONITORING_RULE_AGREEMENT,), "Challenger": (MONITORING_CHALLENGER,),
    "Performance": (MONITORING_MODEL_CARDS,),
}  # fmt: skip
PLACES = [(section, table) for section, tables in SECTIONS.items() for table in tables]


def section(name: str) -> dict[str, str]:
    return {"section": name}


def test_the_committee_reads_the_monitoring_tables(opening: Opening, batched: World) -> None:
    page = opening("model_health", Path(batched.lake.root))
    readings = dict(shown(page, "indicator", "reading").select("indicator", "reading").iter_rows())
    seen = batched.rows(MONITORING_PERFORMANCE)
    ratio = seen["observed"].sum() / seen["expected"].sum()
    assert readings["Defaults so far, observed over expected"].startswith(f"{ratio:.2f}, 90 %")
    told = readings["Vintages with an alarm of early defaults"]
    tried = seen.filter(pl.col("early_p_value").is_not_null()).sort("vintage").tail(12)
    assert told == f"{tried['alarm'].sum()} of {tried.height}, {tried['false_alarm_rate'].sum():.1f} by chance"
    rules = batched.rows(MONITORING_RULE_AGREEMENT).filter(pl.col("model_date").is_not_null())
    shares = [mine["events"].sum() / mine["loans"].sum()
              for mine in (rules.filter(measure=name) for name in ("posterior_recall", "recall"))]  # fmt: skip
    assert readings["Defaults caught beside the rules"] == f"{shares[0]:.1%} against {shares[1]:.1%} of the rules"


@pytest.mark.parametrize("missing", WATCHED)
def test_what_is_not_monitored_is_unknown_to_the_committee(
    missing: Table, opening: Opening, batched: World, tmp_path: Path
) -> None:
    world = batched.copy(tmp_path)
    shutil.rmtree(Path(world.lake.uri(missing)))
    page = opening("model_health", Path(world.lake.root))
    assert not page.exception
    unknown = shown(page, "indicator", "status")["status"].list.contains("unknown").sum()
    assert unknown == (2 if missing is MONITORING_PERFORMANCE else 1)


@pytest.mark.parametrize(("name", "missing"), PLACES)
def test_a_card_without_its_table_says_what_to_materialise(
    name: str, missing: Table, opening: Opening, batched: World, tmp_path: Path
) -> None:
    world = batched.copy(tmp_path)
    shutil.rmtree(Path(world.lake.uri(missing)))
    page = opening("model_health", Path(world.lake.root), asked=section(name))
    assert not page.exception
    assert f"materialize {missing.name}" in written(page)


@pytest.mark.parametrize(("name", "empty"), PLACES)
def test_a_card_over_an_empty_table_says_what_to_materialise(
    name: str, empty: Table, opening: Opening, batched: World, tmp_path: Path
) -> None:
    world = batched.copy(tmp_path)
    rows = world.rows(empty)
    world.lake.overwrite(empty, rows.clear(), rows[str(empty.partition)].unique().sort().to_list())
    page = opening("model_health", Path(world.lake.root), asked=section(name))
    assert not page.exception
    assert f"materialize {empty.name}" in written(page)


def test_drift_names_what_moved_lately(opening: Opening, batched: World, tmp_path: Path) -> None:
    world = batched.copy(tmp_path)
    rows = world.rows(MONITORING_DRIFT)
    newest = rows["vintage"].max()
    hit = (pl.col("vintage") == newest) & pl.col("feature").is_in(["fico", "score"])
    moved = rows.with_columns(
        psi=pl.when(hit).then(0.3).otherwise("psi"), significant=hit | pl.col("significant"),
        verdict=pl.when(hit).then(pl.lit("drifted")).otherwise("verdict"),
    )  # fmt: skip
    world.lake.overwrite(MONITORING_DRIFT, moved, rows["vintage"].unique().sort().to_list())
    page = opening("model_health", Path(world.lake.root), asked=section("Drift"))
    assert not page.exception
    recent = moved.filter(pl.col("vintage").is_in(moved["vintage"].unique().top_k(3).implode()))
    expected = recent.filter(pl.col("verdict") != "stable").group_by("feature").agg(pl.col("psi").max())
    found = shown(page, "name", "psi", "moved_now")
    assert found.height == expected.height >= 2
    assert sorted(found["psi"]) == pytest.approx(sorted(expected["psi"]))
    assert set(found["name"].head(2)) == {"FICO", "Score"}
    told = shown(page, "indicator", "reading").filter(pl.col("indicator").str.starts_with("Drift"))
    assert told["status"].item().to_list() == ["red"]


def test_the_test_of_the_whole_population_is_told(opening: Opening, batched: World) -> None:
    page = opening("model_health", Path(batched.lake.root), asked=section("Drift"))
    newest = batched.rows(MONITORING_POPULATION).filter(pl.col("auc").is_not_null()).row(-1, named=True)
    assert f"AUC {newest['auc']:.3f}" in written(page)
    assert f"p {newest['p_value']:.3f}" in written(page)


def test_every_vintage_shows_its_light_and_ratio_beside_resolved_loans(opening: Opening, batched: World) -> None:
    page = opening("model_health", Path(batched.lake.root), asked=section("Calibration"))
    assert not page.exception
    rows = batched.rows(MONITORING_PERFORMANCE).sort("vintage", descending=True)
    found = shown(page, "ratio", "resolved_ratio")
    assert found["label"].to_list() == rows["vintage"].dt.strftime("%Y-%m").to_list()
    assert found["light"].list.first().to_list() == rows["light"].to_list()
    assert found["alarm"].list.len().to_list() == rows["alarm"].cast(pl.Int8).to_list()
    for name in ("observed", "expected", "ratio", "ratio_low", "ratio_high", "resolved_ratio", "early_defaults"):
        assert found[name].to_list() == pytest.approx(rows[name].to_list()), name
    assert found["maturity_share"].to_list() == pytest.approx((100 * rows["maturity_share"]).to_list())
    resolved = rows["resolved_observed"].sum() / rows["resolved_expected"].sum()
    assert f"resolved loans alone would say {resolved:.2f}" in written(page)
    assert f"{rows['observed'].sum():,} observed, {rows['expected'].sum():,.1f} expected" in written(page)


def test_rules_and_posterior_are_told_of_all_vintages(opening: Opening, batched: World) -> None:
    page = opening("model_health", Path(batched.lake.root), asked=section("Rules"))
    assert not page.exception
    rows = batched.rows(MONITORING_RULE_AGREEMENT).filter(pl.col("model_date").is_not_null())
    found = {row["name"]: row for row in shown(page, "name", "events").iter_rows(named=True)}
    for measure, name in (("flagged_share", "Loans on the watchlist"), ("recall", "Defaults on the watchlist"),
                          ("posterior_recall", "Defaults among as many riskiest by the posterior")):  # fmt: skip
        mine = rows.filter(measure=measure)
        assert found[name]["events"] == mine["events"].sum()
        assert found[name]["value"] == pytest.approx(mine["events"].sum() / mine["loans"].sum())
        assert found[name]["low"] <= found[name]["value"] <= found[name]["high"]
    area = rows.filter(measure="posterior_auc").with_columns(
        weight=pl.col("events") * (pl.col("loans") - pl.col("events"))
    )
    expected = area.select((pl.col("value") * pl.col("weight")).sum() / pl.col("weight").sum()).item()
    assert found["AUC of the posterior"]["value"] == pytest.approx(expected)


def test_champion_and_challenger_are_told_of_all_vintages(opening: Opening, batched: World) -> None:
    page = opening("model_health", Path(batched.lake.root), asked=section("Challenger"))
    assert not page.exception
    rows = batched.rows(MONITORING_CHALLENGER).filter(pl.col("loans") > 0)
    assert rows["challenger_feature_set"].n_unique() == 1
    found = shown(page, "name", "difference").filter(name="Brier score")
    known = rows.filter(pl.col("brier_difference").is_not_null())
    mean = known.select((pl.col("brier_difference") * pl.col("matured")).sum() / pl.col("matured").sum()).item()
    assert found["difference"].item() == pytest.approx(mean)
    decided = shown(page, *DECISIONS)
    assert decided["decline"].to_list() == [rows[f"{name}_decline"].sum() for name in DECISIONS]
    assert f"{rows['loans'].sum():,} loans" in written(page)


def test_the_card_of_the_newest_model_can_be_taken_along(opening: Opening, batched: World) -> None:
    from dashboard import reading

    page = opening("model_health", Path(batched.lake.root))
    cards = batched.rows(MONITORING_MODEL_CARDS).filter(feature_set="application")
    newest = cards.filter(pl.col("model_date") == pl.col("model_date").max()).row(0, named=True)
    labels = [button.label for button in page.get("download_button")]
    assert f"Model card {newest['model_date']:%Y-%m}" in labels
    told = reading.card("application")
    assert told is not None
    assert reading.card_html(told) == newest["html"]
    assert f"owner {newest['owner']}" in written(page)
