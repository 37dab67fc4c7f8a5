"""A loan coded alone falls into the bins it falls into among others."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.models.binning import Binning, Levels, Numeric

BINNING = Binning(
    "application",
    (Numeric("fico", (660.0, 700.0, 750.0), (-1.0, 0.0, 0.5, 1.0), 700.0, 30.0, True),),
    (Levels("home_ownership", ("MORTGAGE", "RENT")),),
    (Levels("purpose", ("car", "house")),),
)
NUMBERS = st.none() | st.sampled_from([660.0, 750.0, math.nan, -0.0]) | st.floats(-1e6, 1e6)
ROWS = st.tuples(NUMBERS, st.sampled_from([None, "RENT", "MORTGAGE", "TENT"]), st.sampled_from([None, "car", "boat"]))
SCHEMA = {"fico": pl.Float64, "home_ownership": pl.String, "purpose": pl.String}


@given(st.lists(ROWS, min_size=2, max_size=8))
def test_a_loan_has_the_same_bins_alone_and_among_others(rows: list[tuple[object, ...]]) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    alone = [BINNING.codes(frame[place : place + 1]) for place in range(frame.height)]
    assert np.array_equal(np.hstack(alone), BINNING.codes(frame))
    assert alone[0].dtype == np.uint8


@pytest.mark.parametrize("height", [1, 2])
def test_an_infinite_value_is_refused_alone_and_among_others(height: int) -> None:
    frame = pl.DataFrame([(math.inf, "RENT", "car")] * height, schema=SCHEMA, orient="row")
    with pytest.raises(ValueError, match="fico holds infinite"):
        BINNING.codes(frame)
