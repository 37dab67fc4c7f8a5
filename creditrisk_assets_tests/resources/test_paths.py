"""A lake may lie in any folder a person would name, or says why not."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.contracts import RAW_LOANS_QUARANTINE
from creditrisk_assets.resources.delta import Lake, LakeError

JANUARY, FEBRUARY = date(2014, 1, 1), date(2014, 2, 1)
ROWS = pl.DataFrame(
    {
        "vintage": [None, JANUARY, FEBRUARY],
        "file": ["a.csv", "a.csv", "b.csv"],
        "line": [1, 2, 3],
        "reasons": [["x"], ["y"], ["z"]],
        "raw": ["r", "s", "t"],
    },
    schema=dict(RAW_LOANS_QUARANTINE.schema),
)


@pytest.mark.parametrize("name", ["plain", "with space", "ünï", "q?x#"])
def test_a_folder_name_does_not_change_what_is_read(tmp_path: Path, name: str) -> None:
    lake = Lake(str(tmp_path / name))
    lake.overwrite(RAW_LOANS_QUARANTINE, ROWS, [JANUARY, FEBRUARY])
    assert lake.scan(RAW_LOANS_QUARANTINE).collect().sort("line").equals(ROWS)
    assert lake.scan(RAW_LOANS_QUARANTINE).collect_schema() == RAW_LOANS_QUARANTINE.schema
    assert lake.scan(RAW_LOANS_QUARANTINE, [JANUARY]).collect()["line"].to_list() == [2]


def test_rows_of_no_partition_come_along_when_asked_for(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.overwrite(RAW_LOANS_QUARANTINE, ROWS, [JANUARY, FEBRUARY])
    assert sorted(lake.scan(RAW_LOANS_QUARANTINE, [JANUARY], of_none=True).collect()["line"]) == [1, 2]


@pytest.mark.parametrize("name", ["per%20cent", "br[1]"])
def test_a_folder_that_delta_cannot_keep_is_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(LakeError, match="move the lake"):
        Lake(str(tmp_path / name)).overwrite(RAW_LOANS_QUARANTINE, ROWS, [JANUARY, FEBRUARY])
