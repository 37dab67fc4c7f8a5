"""Rows are only ever added, each by a decision on all rows there are, whoever else adds meanwhile."""

from pathlib import Path

import polars as pl
import pytest
from deltalake.exceptions import DeltaError

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.resources.appending import append
from creditrisk_assets.resources.delta import Lake, LakeError

NUMBERS = Table(("some", "numbers"), "Numbers in their order.", (Column("number", pl.Int64, "a number"),), ("number",))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "a lake"))


def following(rows: pl.DataFrame) -> pl.DataFrame:
    """The number after the largest."""
    return pl.DataFrame({"number": [rows["number"].max() + 1 if rows.height else 1]})  # type: ignore[operator]


def numbers(lake: Lake) -> list[int]:
    return lake.scan(NUMBERS).collect()["number"].sort().to_list()


def test_rows_are_added_to_those_there_are(lake: Lake) -> None:
    for _ in range(3):
        added = append(lake, NUMBERS, following, {"why": "a test"})
    assert added is not None
    assert added["number"].to_list() == [3]
    assert numbers(lake) == [1, 2, 3]
    assert lake.open(NUMBERS).history(1)[0]["why"] == "a test"


def test_nothing_is_added_where_there_is_nothing_to_add(lake: Lake) -> None:
    assert append(lake, NUMBERS, lambda rows: None, {}) is None
    assert numbers(lake) == []


def test_who_is_overtaken_decides_anew_on_all_rows(lake: Lake) -> None:
    overtaken = iter([True, True, False, False])

    def slow(rows: pl.DataFrame) -> pl.DataFrame:
        if next(overtaken):
            append(lake, NUMBERS, following, {})
        return following(rows)

    for _ in range(2):
        append(lake, NUMBERS, slow, {})
    assert numbers(lake) == [1, 2, 3, 4]


def test_who_is_always_overtaken_gives_up(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("creditrisk_assets.resources.appending.LONGEST_PAUSE", 0)

    def slow(rows: pl.DataFrame) -> pl.DataFrame:
        append(lake, NUMBERS, following, {})
        return following(rows)

    with pytest.raises(LakeError, match="20 commits lost to other writers"):
        append(lake, NUMBERS, slow, {})
    assert numbers(lake) == list(range(1, 21))


def test_what_was_added_cannot_be_replaced_or_removed(lake: Lake) -> None:
    append(lake, NUMBERS, following, {})
    with pytest.raises(DeltaError, match="append-only"):
        lake.open(NUMBERS).delete("number = 1")
    with pytest.raises((DeltaError, LakeError), match="append-only"):
        lake.overwrite(NUMBERS, pl.DataFrame({"number": [7]}))
    assert numbers(lake) == [1]
