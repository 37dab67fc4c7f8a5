"""What the rules say, for people: of loans and applications, never of customers, and by the names as declared."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.contracts import SCORES_RULES, TIERS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.serving.applicant import Score
from creditrisk_assets.serving.flags import SAID, flags, listed, sentence
from creditrisk_assets.serving.tables import ServedTables
from creditrisk_assets.serving.watch_list import in_words
from creditrisk_assets_tests.serving.scored import NOW, Event, held_after, stream

FLAGGED = {"tier": "Watchlist", "watchlist": True, "rule_reasons": "DTI>=30,INQ_LAST_6MTHS>=2", "rules": "2026-01"}


def test_every_tier_is_told_with_version_and_conditions() -> None:
    assert tuple(SAID) == TIERS
    assert sentence(FLAGGED) == (
        "Rules `2026-01` put it on the watchlist. Conditions that hold: `DTI>=30`, `INQ_LAST_6MTHS>=2`."
    )
    assert sentence(FLAGGED | {"tier": "Low", "rule_reasons": None}) == "Rules `2026-01` see little risk."
    assert listed(None) == []


def test_a_name_cannot_leave_its_place_in_the_sentence() -> None:
    assert sentence(FLAGGED | {"tier": "Elevated", "rule_reasons": "a`b**c"}).endswith("hold: `a'b**c`.")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def loan(lake: Lake, loan_id: str) -> Score:
    month = date(2016, 1, 1)
    rows = [
        dict.fromkeys(SCORES_RULES.schema, "Low") | FLAGGED | {"loan_id": name, "vintage": month, "tier": tier}
        for name, tier in (("1", "Watchlist"), ("2", "Low"))
    ]
    lake.overwrite(SCORES_RULES, pl.DataFrame(rows, schema=SCORES_RULES.schema), [month])
    return Score("loan", {"loan_id": loan_id, "vintage": month})


def test_flags_of_a_loan_are_those_of_scores_rules(lake: Lake) -> None:
    found = flags(ServedTables(lake), loan(lake, "2"))
    assert found == FLAGGED | {"tier": "Low"}
    assert flags(ServedTables(lake), loan(lake, "unknown")) is None


def test_flags_of_an_application_are_its_own_and_customers_have_none(lake: Lake) -> None:
    served = ServedTables(lake)
    assert flags(served, Score("application", {"subject": "a"} | FLAGGED)) == FLAGGED
    assert flags(served, Score("application", {"subject": "before there were rules"})) is None
    assert flags(served, Score("behaviour", {"subject": "c", **dict.fromkeys(FLAGGED)})) is None
    assert flags(served, Score("loan", {"loan_id": "1", "vintage": None})) is None  # the table is not there


def test_the_watch_list_tells_tier_and_conditions_in_the_order_of_its_rows() -> None:
    live = held_after(stream([[Event(f"s{k}", k % 2 == 0, float(k)) for k in range(12)]])).live
    rows = pl.DataFrame(list(live.values()), infer_schema_length=None)
    none = {name: pl.String for name in ("subject", "kind", "overridden", "decision", "topic")}
    told = in_words(rows, pl.DataFrame(schema=none | {"offset": pl.Int64, "partition": pl.Int32}), NOW)
    assert told["tier"].to_list() == rows["tier"].to_list()
    expected = [reasons and reasons.replace(",", ", ") for reasons in rows["rule_reasons"].to_list()]
    assert told["conditions"].to_list() == expected
    assert any(expected)
