"""Flags of the rules: of every loan of a vintage, of applications of the stream, and in lakes older than the rules."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import FEATURES_LOANS, MODELS_RULES, SCORES_LIVE, SCORES_RULES
from creditrisk_assets.contracts.rules import LIVE_FLAGS
from creditrisk_assets.models.rules.evaluation import evaluate
from creditrisk_assets.models.rules.reading import PACKAGED, RulesError, load_rules
from creditrisk_assets.scores.live import FLAGS, LiveScoring
from creditrisk_assets.streaming.applications import applications
from creditrisk_assets.streaming.assembly import models_in_charge
from creditrisk_assets.streaming.deriving import Deriver, Memory
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.rederiving import derived_again
from creditrisk_assets.streaming.remembering import remembered
from creditrisk_assets.streaming.table import StreamTable
from creditrisk_assets_tests.streaming.flowing import Flow, applied, did, models, settings_of, take
from creditrisk_assets_tests.world import FIRST, VINTAGES, World

LAST = VINTAGES[2]
STRAINED: dict[str, Any] = {"dti": "31.5", "revol_util": "92.3%", "delinq_2yrs": "1", "inq_last_6mths": "3"}
EASY: dict[str, Any] = {"dti": "5", "revol_util": "10%", "delinq_2yrs": "0", "inq_last_6mths": "0"}


@pytest.fixture(scope="module")
def scoring(batched: World) -> LiveScoring:
    return models(batched)


@pytest.fixture
def flagged(ingested: World, tmp_path: Path) -> World:
    """A lake without any model in which three vintages were flagged in one run."""
    world = ingested.copy(tmp_path)
    world.run('key:"models/rules"', FIRST)
    assert world.run('key:"scores/rules"', FIRST, LAST).success
    return world


def test_every_loan_of_the_vintages_asked_for_is_flagged_without_any_model(flagged: World) -> None:
    loans = flagged.lake.scan(FEATURES_LOANS, VINTAGES[:3]).collect().sort("loan_id")
    expected = loans.select("loan_id", "vintage").hstack(evaluate(load_rules(), loans))
    assert loans.height > 500
    assert_frame_equal(flagged.rows(SCORES_RULES), expected)
    assert set(expected["tier"]) == {"Low", "Elevated", "Watchlist"}
    assert flagged.rows(MODELS_RULES)["version"].unique().to_list() == expected["rules"].unique().to_list()


def test_other_rules_are_those_of_the_setting(flagged: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(PACKAGED.read_text().replace('"2026-01"', '"ours"').replace('">=", value: 30', '">=", value: 1'))
    monkeypatch.setenv("CREDITRISK_RULES", str(path))
    before = flagged.only(SCORES_RULES, FIRST)
    flagged.run('key:"scores/rules"', FIRST)
    after = flagged.only(SCORES_RULES, FIRST)
    assert after["rules"].unique().to_list() == ["ours"]
    assert after["watchlist"].sum() > before["watchlist"].sum()
    path.write_text(path.read_text().replace("up_to: 20}", "up_to: 25}"))
    with pytest.raises(
        RulesError, match=r"other\.yaml, line \d+: bands of debt_to_income: Moderate starts above 20 and"
    ):
        models_in_charge(flagged.lake, settings_of(flagged.lake).model_copy(update={"rules": path})) or load_rules(path)


def test_an_application_of_the_stream_has_the_flags_of_the_loan_in_a_batch(scoring: LiveScoring) -> None:
    batch = Flow().batch(applied(1, "c-1", **STRAINED), applied(2, **EASY), did("c-1"))
    rows = Deriver(scoring, Memory()).derive(batch.frame).scores
    asked = rows.filter(kind="application").sort("subject")
    loans = applications(batch.frame.filter(pl.col("application_id").is_not_null())).loans.sort("loan_id")
    assert asked["subject"].to_list() == loans["loan_id"].to_list()
    assert_frame_equal(asked.select(FLAGS), evaluate(load_rules(), loans).select(FLAGS))
    assert asked.select("tier", "watchlist", "rule_reasons").rows() == [
        ("Watchlist", True, "DTI>=30,REVOL_UTIL>=80,DELINQ_2YRS>0,INQ_LAST_6MTHS>=2"),
        ("Low", False, None),
    ]
    assert rows.filter(kind="behaviour").select(pl.col(FLAGS).is_null().all()).row(0) == (True,) * len(FLAGS)
    assert [column.name for column in LIVE_FLAGS] == list(FLAGS)


def test_an_older_lake_takes_the_columns_with_its_next_micro_batch(batched: World, tmp_path: Path) -> None:
    """What was scored before there were rules stays as it was, without flags."""
    lake = batched.copy(tmp_path).lake
    days = iter([datetime(2026, 11, day, 9, tzinfo=UTC) for day in (21, 22)])
    events = Events(lake, clock=lambda: next(days))
    older = replace(SCORES_LIVE, columns=tuple(one for one in SCORES_LIVE.columns if one.name not in FLAGS))
    scoring = models_in_charge(lake, settings_of(lake))
    for number, contract in enumerate((older, SCORES_LIVE)):
        live = StreamTable(lake, contract)
        live.create()
        events.create()
        deriver = Deriver(scoring, remembered(lake, events, live, live.reached()))
        batch = take(events, applied(number, f"c-{number}", **STRAINED))
        live.append(deriver.derive(batch.frame).scores.select(contract.schema.names()), batch)
        assert set(lake.columns(SCORES_LIVE)) == set(contract.schema)
    stored = lake.scan(SCORES_LIVE).collect().sort("ingest_day")
    assert stored["tier"].to_list() == [None, "Watchlist"]
    assert SCORES_LIVE.violations(stored.lazy()) == {}
    assert StreamTable(lake, SCORES_LIVE).scan(live.files(pl.lit(True))).collect().sort("ingest_day").equals(stored)
    again = derived_again(lake, scoring, date(2026, 11, 22)).scores
    assert_frame_equal(again, stored.filter(ingest_day=date(2026, 11, 22)), check_column_order=False)
    assert derived_again(lake, scoring, date(2026, 11, 21)).scores["tier"].to_list() == ["Watchlist"]
