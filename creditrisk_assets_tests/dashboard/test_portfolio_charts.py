"""Charts of the portfolio and of trust: valid Vega-Lite that draws columns which are there."""

import json
from typing import Any

import altair as alt
import polars as pl
import pytest

from creditrisk_assets.contracts import (
    BUCKETS,
    MONITORING_DRIFT,
    MONITORING_PERFORMANCE,
    MONITORING_POPULATION,
)
from creditrisk_assets.serving.portfolio import BANDS
from dashboard.charts import agreement, drift, health, look, losses, observed, portfolio, vintages

CURVES = ("month", "year", "cohort", "observed", "expected", "low", "high", "loans")
SPECS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "bands": (portfolio.bands(), {"band", "pd_range", "risk_class", "loans", "exposure", "share"}),
    "decisions": (portfolio.decisions(), {"quarter", "label", "decision", "rank", "loans", "share"}),
    "curves": (vintages.curves(("2015", "2016")), set(CURVES)),
    "crowded curves": (vintages.curves(("2015", "2016"), True), set(CURVES)),
    "roll rates": (vintages.roll_rates("dark"), {"from_bucket", "to_bucket", "customers", "share", "turn"}),
    "comparison": (health.comparison("auc", "AUC", ("posterior", "logistic")),
                   {"label", "auc", "model", "rows", "bads"}),
    "calibration": (health.calibration("light"), {*BANDS.columns, "loans", "defaults", "observed", "low", "high",
                                                  "expected"}),
    "foretold": (health.foretold("light"), {"label", "defaults", "expected", "low", "high", "inside"}),
    "drift": (drift.heat_map(24, "dark"), {*MONITORING_DRIFT.schema, "name", "label", "rank"}),
    "population": (drift.population("light"), {*MONITORING_POPULATION.schema, "label", "chance_low", "chance_high",
                                               "leaned_on"}),
    "ratio": (observed.ratio(2.0, "light"), {*MONITORING_PERFORMANCE.schema, "label"}),
    "rules beside": (agreement.beside(), {"what", "who", "value", "low", "high", "events"}),
    "exceedance": (losses.exceedance(("with", "without"), "light"), {"factor", "loss", "exceeded", "label", "low",
                                                                     "high"}),
    "allowance": (losses.allowance("dark"), {"name", "step", "amount", "start", "end", "kind", "left"}),
}  # fmt: skip


def fields(spec: object) -> set[str]:
    """Every field that a specification draws."""
    if isinstance(spec, dict):
        mine = {spec["field"]} if isinstance(spec.get("field"), str) else set()
        return mine.union(*map(fields, spec.values()))
    return set().union(*map(fields, spec)) if isinstance(spec, list) else set()


@pytest.mark.parametrize("name", list(SPECS))
def test_a_chart_is_valid_and_draws_columns_that_are_there(name: str) -> None:
    spec, columns = SPECS[name]
    alt.Chart.from_dict(json.loads(json.dumps({**spec, "data": {"values": []}})))
    assert fields(spec) <= columns


def test_a_specification_is_made_once() -> None:
    assert portfolio.bands() is portfolio.bands()
    assert vintages.curves(("2016",)) is vintages.curves(("2016",))


def test_words_in_a_chart_stand_out_in_both_themes() -> None:
    assert vintages.roll_rates("light") != vintages.roll_rates("dark")
    assert set(look.INK) == {"light", "dark"}


@pytest.mark.parametrize("count", [1, 2, 5, 13])
def test_years_have_colours_of_their_own_the_newest_always_the_same(count: int) -> None:
    shades = vintages.in_order(count)
    assert len(set(shades)) == count
    assert shades[-1] == "#c8451b"


def test_bands_and_buckets_stand_in_their_order() -> None:
    assert pl.Series(look.BAND_ORDER).equals(BANDS["pd_range"].rename(""))
    axis = vintages.roll_rates("light")["encoding"]["x"]
    assert axis["sort"] == list(BUCKETS)


def test_what_drifted_is_told_apart_by_colour_and_by_shape() -> None:
    tiles, signs = drift.heat_map(24, "light")["layer"]
    assert tiles["encoding"]["color"]["scale"]["domain"] == signs["encoding"]["shape"]["scale"]["domain"]
    for scale in (tiles["encoding"]["color"]["scale"], signs["encoding"]["shape"]["scale"]):
        assert len(set(scale["range"])) == len(scale["domain"]) == 3
    assert "stable" in signs["transform"][0]["filter"]
