"""Pictures and tables of the catalogue."""

import base64
import io
import re
from datetime import date

import polars as pl

from creditrisk_assets.models.plots import SHOWN, as_markdown, coefficients_png, embedded, vintages_png
from creditrisk_assets.models.reliability import reliability_png


def pixels(png: bytes) -> tuple[int, ...]:
    from matplotlib.image import imread

    return imread(io.BytesIO(png), format="png").shape


def parameters(count: int) -> pl.DataFrame:
    means = [0.1 * number * (-1) ** number for number in range(count)]
    return pl.DataFrame(
        {
            "parameter": [f"effect_{number}" for number in range(count)],
            "mean": means,
            "low": [mean - 0.2 for mean in means],
            "high": [mean + 0.2 for mean in means],
        }
    )


def test_a_table_has_a_row_for_each_row_and_five_digits() -> None:
    frame = pl.DataFrame({"day": [date(2016, 1, 1)], "auc": [0.123456789], "n": [12], "none": [None]})
    assert as_markdown(frame) == "| day | auc | n | none |\n|---|---|---|---|\n| 2016-01-01 | 0.12346 | 12 | None |"


def test_a_picture_is_embedded_byte_for_byte() -> None:
    link = embedded(b"picture")
    found = re.fullmatch(r"!\[plot\]\(data:image/png;base64,(.+)\)", link)
    assert found is not None
    assert base64.b64decode(found[1]) == b"picture"


def test_coefficients_are_drawn_taller_the_more_there_are_up_to_a_limit() -> None:
    heights = [pixels(coefficients_png(parameters(count)))[0] for count in (2, 10, SHOWN, SHOWN + 20)]
    assert heights[0] < heights[1] < heights[2] == heights[3]


def test_groups_scales_and_baselines_are_not_drawn() -> None:
    others = [f"{name}[x]" for name in ("purpose", "addr_state", "vintage", "scale", "baseline")]
    others += ["persistence"]
    rows = pl.DataFrame({"parameter": others}).with_columns(mean=9.0, low=8.0, high=10.0)
    common = parameters(4)
    assert coefficients_png(pl.concat([common, rows])) == coefficients_png(common)


def test_a_plot_of_no_coefficient_is_still_a_picture() -> None:
    assert pixels(coefficients_png(parameters(1).clear()))[2] == 4


def test_reliability_is_a_picture_of_every_model() -> None:
    import numpy as np

    draw = np.random.default_rng(1)
    pd = draw.uniform(0.01, 0.4, 2_000)
    outcome = draw.random(2_000) < pd
    one = reliability_png(outcome, {"posterior": pd}, "title")
    two = reliability_png(outcome, {"posterior": pd, "logistic": pd / 2}, "title")
    assert len(pixels(one)) == len(pixels(two)) == 3
    assert one != two


def backtested(trials: list[int]) -> pl.DataFrame:
    count = len(trials)
    return pl.DataFrame(
        {
            "vintage": [date(2010, month + 1, 1) for month in range(count)],
            "trials": trials,
            "defaults": [number // 50 for number in trials],
            "expected_left_out": [number / 45 for number in trials],
            "low_left_out": [number / 90 for number in trials],
            "high_left_out": [number / 30 for number in trials],
        }
    )


def test_vintages_are_drawn_in_order_and_those_without_a_trial_are_not() -> None:
    table = backtested([900, 800, 700, 600])
    picture = vintages_png(table)
    assert pixels(picture)[2] == 4
    assert vintages_png(table.reverse()) == picture
    assert vintages_png(backtested([900, 800, 700, 600, 0])) == picture
    assert vintages_png(table.with_columns(pl.col("defaults") + 5)) != picture
