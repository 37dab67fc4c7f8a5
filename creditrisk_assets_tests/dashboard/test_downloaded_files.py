"""Files that people take away from a page: the rows on screen, and nothing that runs."""

import io

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dashboard import files

ROWS = pl.DataFrame({"subject": ["c-1", None, "late"], "pd": [0.25, None, -0.5], "vintage": [1, 2, 3]})


def test_files_hold_the_rows_on_screen() -> None:
    assert_frame_equal(pl.read_csv(io.BytesIO(files.csv(ROWS))), ROWS)
    assert_frame_equal(pl.read_parquet(io.BytesIO(files.parquet(ROWS))), ROWS)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+2", "@SUM(A1)", "\tx", '=HYPERLINK("http://x")'])
def test_a_text_that_a_spreadsheet_would_run_is_taken_away_as_text(text: str) -> None:
    rows = pl.DataFrame({"subject": [text, "plain"], "change": [-1.5, 2.0]})
    taken = pl.read_csv(io.BytesIO(files.csv(rows)))
    assert taken.rows() == [(f"'{text}", -1.5), ("plain", 2.0)]
    assert pl.read_parquet(io.BytesIO(files.parquet(rows))).equals(rows)
