"""Points and bands of a PD."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.scores.scale import BAND_EDGES, Scale, band

PDS = st.floats(1e-9, 1 - 1e-9)


def points(scale: Scale, *pds: float) -> list[int]:
    return pl.DataFrame({"pd": pds}).select(scale.points(pl.col("pd"))).to_series().to_list()


def bands(*pds: float) -> list[int]:
    return pl.DataFrame({"pd": pds}).select(band(pl.col("pd"))).to_series().to_list()


def odds(good: float) -> float:
    """The PD at odds of `good` to one."""
    return 1 / (1 + good)


@given(
    base=st.integers(0, 1_000), at=st.floats(0.5, 200), double=st.integers(1, 100), doublings=st.integers(-6, 6)
)  # fmt: skip
def test_base_odds_give_base_points_and_each_doubling_adds_exactly_the_points_to_double(
    base: int, at: float, double: int, doublings: int
) -> None:
    scale = Scale(base, at, double)
    assert points(scale, odds(at), odds(at * 2.0**doublings)) == [base, base + doublings * double]


def test_the_platforms_scale_is_600_points_at_50_to_1_and_20_to_double() -> None:
    assert points(Scale(), odds(50), odds(100), odds(25)) == [600, 620, 580]


@given(st.lists(PDS, min_size=2))
def test_more_risk_never_has_more_points_or_a_lower_band(pds: list[float]) -> None:
    ordered = sorted(pds)
    assert points(Scale(), *ordered) == sorted(points(Scale(), *ordered), reverse=True)
    assert bands(*ordered) == sorted(bands(*ordered))


def test_a_pd_on_an_edge_belongs_to_the_riskier_band() -> None:
    below = [edge * (1 - 1e-12) for edge in BAND_EDGES]
    assert bands(*BAND_EDGES) == [2, 3, 4, 5, 6, 7, 8]
    assert bands(*below) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(("pd", "expected"), [(0.0, 1), (1.0, 8)])
def test_bands_run_from_1_to_8(pd: float, expected: int) -> None:
    assert bands(pd) == [expected]


def test_points_and_bands_are_of_the_declared_type() -> None:
    frame = pl.DataFrame({"pd": [0.02]}).select(Scale().points(pl.col("pd")), band(pl.col("pd")).alias("band"))
    assert set(frame.dtypes) == {pl.Int32}
