"""Every factor and value has words that a person reads, and none of them is a column's name."""

from datetime import UTC, datetime, timedelta

import pytest

from creditrisk_assets.contracts import BEHAVIOUR, DECISIONS, FEATURES_LOANS
from creditrisk_assets.models.binning import CATEGORIES, GROUPS, NUMERICS
from creditrisk_assets.scores.policy import Policy
from creditrisk_assets.scores.scale import BAND_EDGES
from creditrisk_assets.serving import wording

FACTORS = sorted(
    {*NUMERICS["application_with_price"], *CATEGORIES, *GROUPS} - {"vintage"} | {name for name, *_ in BEHAVIOUR}
)
POLICY = Policy("p", 0.75, 0.07, 0.08, 0.1, 0.8)


@pytest.mark.parametrize("name", FACTORS)
def test_every_factor_has_a_name_and_a_meaning(name: str) -> None:
    assert name in wording.SHORT
    assert "_" not in wording.factor(name) + wording.meaning(name)
    assert "logarithm" not in wording.meaning(name)


@pytest.mark.parametrize(
    ("told", "unit", "words"),
    [
        (21_000.0, "USD", "$21,000"), (33.14, "percent", "33.1 %"), (36.0, "months", "36 months"), (1, "days", "1 day"),
        (0.5, "ratio", "0.50"), (662.0, "points", "662"), (12.25, "percent a year", "12.2 %"), (2, "count", "2"),
        ("debt_consolidation", "", "Debt consolidation"), ("RENT", "", "Rent"), ("NY", "", "NY"), ("A1", "", "A1"),
        ("Not Verified", "", "Not Verified"),
    ],
)  # fmt: skip
def test_values_are_written_with_their_unit(told: object, unit: str, words: str) -> None:
    assert wording.with_unit(told, unit) == words


def test_what_is_missing_is_told_as_none_or_not_known() -> None:
    row = {**dict.fromkeys(FEATURES_LOANS.schema), "annual_inc": 60_000.0}
    assert wording.value("log_annual_income", row) == "$60,000"
    assert wording.value("months_since_delinquency", row) == "none"
    assert wording.value("debt_to_income", row) == "not known"
    assert wording.value("application", row) == ""


def test_bands_are_told_by_their_pds() -> None:
    assert [wording.band(number) for number in (1, 2, 8)] == ["below 1 %", "1 % to 2 %", "16 % and more"]
    assert len({wording.band(number) for number in range(1, len(BAND_EDGES) + 2)}) == 8


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("policy", [POLICY, None])
def test_every_decision_is_reasoned(decision: str, policy: Policy | None) -> None:
    told = wording.reasoning(decision, 0.72, policy)
    assert "72 %" in told
    assert (policy is None) or "80 %" in told


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (0.0, "less than 1 %"),
        (0.004, "less than 1 %"),
        (0.5, "50 %"),
        (0.994, "99 %"),
        (0.99998, "more than 99 %"),
        (1.0, "more than 99 %"),
    ],
)
def test_what_is_not_certain_is_never_told_as_certain(probability: float, words: str) -> None:
    assert wording.certain(probability) == words
    assert f"with {words} probability" in wording.reasoning("decline", probability, POLICY)


def test_small_intervals_keep_two_digits() -> None:
    assert wording.interval(0.0012, 0.0034) == "0.12 % to 0.34 %"
    assert wording.interval(0.0312, 0.0996) == "3.1 % to 10.0 %"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s"), (12, "12 s"), (300, "5 min"), (10_800, "3 h"), (86_400, "1 day"), (800_000, "9 days"),
     (70_000_000, "2 years")],
)  # fmt: skip
def test_ages_are_told_in_their_own_unit(seconds: float, words: str) -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    assert wording.ago(now - timedelta(seconds=seconds), now) == words
