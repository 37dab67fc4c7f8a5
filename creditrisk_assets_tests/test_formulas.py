"""A definition says the same over polars and of plain values, of a row and of many; what is not known fails at once."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets import formulas
from creditrisk_assets.formulas import Formula, missing, month_number
from creditrisk_assets.scores.scale import Scale, band

Definition = Callable[[Any], Any]
ENDS = (-0.0, 0.0, 0.5, 1.0, 1.5, 2.5, 12.0, 36.0, 999.0, 1e300, -1.0, -1e300, 5e-324)
NUMBERS = st.none() | st.sampled_from(ENDS) | st.floats(-1e6, 1e6)
TEXTS = st.none() | st.sampled_from(["", "a b", "Not Verified", "source", "ME", "Me me"]) | st.text("aA ", max_size=4)
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS, TEXTS), min_size=1, max_size=20)
DEFINITIONS: dict[str, Definition] = {
    "arithmetic": lambda on: (1 + on.col("x") * 2 - on.col("y") / 4) * (3 - on.col("x")),
    "quotient": lambda on: 12 / on.max_horizontal(on.col("x"), on.lit(1.0)),
    "larger": lambda on: on.max_horizontal(on.col("x"), on.col("y")),
    "compared": lambda on: ((on.col("x") <= on.col("y")) | (on.col("x") > 3)).fill_null(False),
    "differs": lambda on: (on.col("x") != on.col("y")).fill_null(False),
    "other text": lambda on: ((on.col("t") != "ME") & (on.col("x") >= 0)).fill_null(False),
    "equal text": lambda on: ((on.col("t") == "ME") | (on.col("x") < 0)).fill_null(False),
    "known": lambda on: on.col("x").is_null() | on.col("t").is_not_null(),
    "range": lambda on: on.col("x").is_between(0, 999, closed="left").fill_null(False),
    "clipped": lambda on: on.when(on.col("x") > 0).then("y").clip(0, 10),
    "logarithms": lambda on: on.col("x").log() + on.col("y").log1p(),
    "cases": lambda on: (
        on.when(on.col("x") > 1).then(on.col("y")).when(on.col("y") > 1).then(2 * on.col("x")).otherwise(on.lit(7.0))
    ),
    "rounded": lambda on: on.col("x").round(),
    "months": lambda on: on.when(on.col("x") > 0).then(on.col("x")).round(),
    "added conditions": lambda on: (on.col("x") > 1).fill_null(False).cast(pl.Int32) + on.lit(1),
    "written": lambda on: (
        on.when(on.col("t").str.to_uppercase().is_in(["ME", "A B"]))
        .then(on.col("t").str.to_lowercase().str.replace_all(" ", "_"))
        .otherwise(on.lit("?"))
    ),
    "begins": lambda on: (on.col("t").str.starts_with("No") | on.col("t").str.contains("our", literal=True)).fill_null(
        False
    ),
    "stands for": lambda on: on.col("t").replace_strict({"ME": 1.0, "": 2.0}, default=None, return_dtype=pl.Float64),
}


def told(values: list[Any]) -> list[Any]:
    """As polars tells them: what is not a number, where it came of something known, is told apart no more."""
    return [None if missing(value) else value for value in values]


@pytest.mark.parametrize("name", DEFINITIONS)
@given(rows=ROWS)
def test_formulas_say_what_polars_says(name: str, rows: list[tuple[float | None, float | None, str | None]]) -> None:
    schema = {"x": pl.Float64, "y": pl.Float64, "t": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    expected = told(frame.select(DEFINITIONS[name](pl)).to_series().to_list())
    formula: Formula = DEFINITIONS[name](formulas)
    arrays = {
        column: np.array(frame[column].to_list(), object if dtype == pl.String else np.float64)
        for column, dtype in schema.items()
    }
    assert formula.reads <= set(schema)
    with np.errstate(over="ignore", invalid="ignore"):
        assert told(np.asarray(formula.many(arrays)).tolist()) == expected
    plain = [{column: array[row] for column, array in arrays.items()} for row in range(len(rows))]
    assert told([formula.one(row) for row in plain]) == expected


@given(st.lists(st.floats(1e-12, 1 - 1e-12) | st.sampled_from([0.01, 0.02, 0.16, math.nextafter(0.1, 0)]), min_size=1))
def test_points_and_bands_are_those_of_frames(pds: list[float]) -> None:
    scale = Scale()
    frame = pl.DataFrame({"pd": pds}).select(scale.points(pl.col("pd")), band(pl.col("pd")).alias("band"))
    for formula, expected in zip((scale.points(formulas.col("pd")), band(formulas.col("pd"))), frame, strict=True):
        assert formula.many({"pd": np.array(pds)}).tolist() == expected.to_list()
        assert [formula.one({"pd": pd}) for pd in pds] == expected.to_list()


def test_months_have_a_year_and_a_number() -> None:
    from datetime import date

    day = formulas.col("day")
    for year, month in ((1930, 1), (1999, 12), (2012, 2), (2100, 1)):
        row = {"day": month_number(date(year, month, 9))}
        assert (day.dt.year().one(row), day.dt.month().one(row)) == (year, month)
    assert missing(day.dt.year().one({"day": math.nan}))


@pytest.mark.parametrize(
    "definition",
    [
        lambda on: ~on.col("x"),
        lambda on: on.col("x").sqrt(),
        lambda on: on.col("t").str.slice(0, 2),
        lambda on: on.col("t").str.replace_all("a.*", ""),
        lambda on: on.col("x").is_between(0, 1, closed="both"),
        lambda on: on.sum_horizontal(on.col("x")),
    ],
    ids=["not", "method", "text", "pattern", "ends", "function"],
)
def test_what_formulas_do_not_know_fails_when_it_is_written_down(definition: Definition) -> None:
    with pytest.raises((TypeError, AttributeError, AssertionError)):
        definition(formulas)


def test_what_has_no_value_is_an_arithmetic_error() -> None:
    with pytest.raises(ArithmeticError):
        (1 / formulas.col("x")).one({"x": 0.0})
