"""What if: the very same score where nothing is changed, and the PD moves the way that the values say."""

import polars as pl
import pytest

from creditrisk_assets.contracts import SCORES_LOANS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.serving import whatif
from creditrisk_assets.serving.applicant import Score, find, loan_features
from creditrisk_assets.serving.scoring import signed
from creditrisk_assets.serving.tables import ServedTables
from creditrisk_assets.serving.whatif import LEVERS, changed, rescored, value, weightiest
from creditrisk_assets_tests.serving.streamed_lake import APPLICANT
from creditrisk_assets_tests.streaming.flowing import settings_of

SOME = 40


@pytest.fixture(scope="module")
def some(streamed_lake: Lake) -> list[tuple[Score, pl.DataFrame]]:
    """Booked loans here and there, and an application, with their raw columns."""
    tables = ServedTables(streamed_lake)
    loans = streamed_lake.scan(SCORES_LOANS).collect().sort("loan_id")
    chosen = [Score("loan", row) for row in loans.gather_every(loans.height // SOME).rows(named=True)]
    chosen += find(tables, APPLICANT)
    found = [(score, loan_features(tables, score)) for score in chosen]
    return [(score, both[1]) for score, both in found if both is not None]


def scored(lake: Lake, score: Score, raw: pl.DataFrame, **changes: object) -> dict[str, float]:
    scoring = signed(lake, settings_of(lake), score.row["model_date"], score.row["feature_set"])
    assert scoring is not None
    return rescored(scoring, raw, changes)


def test_with_unchanged_values_it_is_the_stored_score_to_the_last_bit(
    some: list[tuple[Score, pl.DataFrame]], streamed_lake: Lake
) -> None:
    assert len(some) > SOME
    for score, raw in some:
        same = {lever.name: raw[lever.name][0] for lever in LEVERS if raw[lever.name][0] is not None}
        for changes in ({}, same):
            found = scored(streamed_lake, score, raw, **changes)
            assert {name: told for name, told in found.items() if name in score.row and score.row[name] != told} == {}


@pytest.mark.parametrize(
    ("name", "better", "worse"),
    [("fico_range_low", 840, 600), ("inq_last_6mths", 0, 8), ("dti", 1.0, 45.0)],
)
def test_the_pd_moves_the_right_way(
    name: str, better: float, worse: float, some: list[tuple[Score, pl.DataFrame]], streamed_lake: Lake
) -> None:
    for score, raw in some[:: SOME // 8]:
        safer, riskier = (scored(streamed_lake, score, raw, **{name: told})["pd"] for told in (better, worse))
        assert safer <= riskier
        assert safer < riskier or name == "dti"


def test_fico_moves_as_a_band_and_income_moves_what_follows_from_it(
    some: list[tuple[Score, pl.DataFrame]],
) -> None:
    _, raw = some[0]
    width = raw["fico_range_high"][0] - raw["fico_range_low"][0]
    row = changed(raw, {"fico_range_low": 700.0, "annual_inc": 60_000.0, "loan_amnt": 6_000.0})
    assert row["fico_range_high"][0] == 700 + width
    told = whatif.features(row.lazy()).collect().row(0, named=True)
    assert told["fico"] == 700 + width / 2
    assert told["loan_to_income"] == 0.1
    assert row.schema == raw.schema
    assert raw["loan_amnt"][0] != 6_000 or raw["annual_inc"][0] != 60_000


def test_a_column_without_a_lever_is_refused(some: list[tuple[Score, pl.DataFrame]]) -> None:
    with pytest.raises(KeyError):
        changed(some[0][1], {"loan_id": "another"})


def test_levers_stand_in_the_order_in_which_they_count() -> None:
    found = weightiest({"purpose": -2.0, "fico": 0.5, "log_annual_income": 0.4, "loan_to_income": -0.4})
    assert [lever.name for lever in found][:4] == ["purpose", "annual_inc", "fico_range_low", "loan_amnt"]
    assert set(found) == set(LEVERS)


def test_a_lever_says_what_was_recorded(some: list[tuple[Score, pl.DataFrame]]) -> None:
    by_name = {lever.name: lever for lever in LEVERS}
    _, raw = some[-1]
    assert value(by_name["term"], raw) in by_name["term"].choices
    assert value(by_name["purpose"], raw) in by_name["purpose"].choices
    assert by_name["annual_inc"].spelled(21_000.0) == "$21,000"
