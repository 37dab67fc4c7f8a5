"""What the rules say of plain values is what they say of frames."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.models.rules.evaluation import evaluate
from creditrisk_assets.models.rules.flagging import Flagging
from creditrisk_assets.models.rules.reading import PACKAGED, load_rules
from creditrisk_assets.models.rules.rule_set import RuleSet

NUMBERS = st.none() | st.sampled_from([-0.0, 0.0, 1.0, 2.0, 20.0, 30.0, 40.0, 60.0, 80.0, math.nan]) | st.floats(0, 99)
TEXTS = st.none() | st.sampled_from(["RENT", "OWN", ""])
OTHER = """
  - {name: "not rented", feature: home_ownership, operator: "!=", value: RENT}
  - {name: "not one inquiry", feature: inquiries_6m, operator: "!=", value: 1}
  - {name: rented, feature: home_ownership, operator: "=", value: RENT}
  - {name: young, feature: credit_history_months, operator: "<=", value: 20}
"""
WATCHLIST = """
watchlist:
  or:
    - {band_of: debt_to_income, operator: "=", value: Missing}
    - and: [{reason: rented}, {band_of: interest_rate, operator: "<=", value: Moderate}, {reason: young}]
    - and: [{reason: "not rented"}, {band_of: debt_to_income, operator: "=", value: High}]
"""


@pytest.fixture(scope="module")
def rule_sets(tmp_path_factory: pytest.TempPathFactory) -> list[RuleSet]:
    """The packaged rules, and some of every kind of condition."""
    text = PACKAGED.read_text()
    start, end = text.index("# When a loan is on the watchlist"), text.index("# When a loan that is not on the")
    file = Path(tmp_path_factory.mktemp("rules"), "rules.yaml")
    file.write_text(text[:start].rstrip() + OTHER + WATCHLIST + text[end:])
    return [load_rules(), load_rules(file)]


@given(rows=st.lists(st.tuples(*[NUMBERS] * 6, TEXTS), min_size=1, max_size=20))
def test_flags_of_plain_values_are_those_of_frames(rule_sets: list[RuleSet], rows: list[tuple[Any, ...]]) -> None:
    names = ("debt_to_income", "revolving_utilisation", "interest_rate", "delinquencies_2y", "inquiries_6m",
             "credit_history_months")  # fmt: skip
    schema = {**dict.fromkeys(names, pl.Float64), "home_ownership": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    columns = {name: np.array(frame[name].to_list(), np.float64) for name in names}
    columns["home_ownership"] = np.array(frame["home_ownership"].to_list(), object)
    for rules in rule_sets:
        flagging = Flagging(rules)
        held = flagging.many(columns)
        assert [
            flagging.one({name: column[row] for name, column in columns.items()}) for row in range(len(rows))
        ] == held
        found = evaluate(rules, frame).select("tier", "watchlist", "rule_reasons").rows()
        assert [(tier, listed, ",".join(names) or None) for tier, listed, names in map(flagging.told, held)] == found
