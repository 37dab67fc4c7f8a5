"""The demo clears what it made itself, and nothing else."""

import os
from pathlib import Path

import pytest
from dotenv import dotenv_values

from creditrisk_assets.local import home as module
from creditrisk_assets.local.home import DemoError, Home, prepare


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(module, "DEMO_ENV", tmp_path / "demo.env")
    return Home(tmp_path)


def book(name: str) -> dict[str, str]:
    return {"CREDITRISK_LOANS": f"/{name}.csv"}


def test_the_same_book_keeps_its_tables_and_another_one_clears_them(home: Home) -> None:
    prepare(home, book("a"))
    for folder in (home.lake, home.dagster):
        (folder / "table").touch()
    prepare(home, book("a"))
    assert (home.lake / "table").exists()
    prepare(home, book("b"))
    assert sorted(path.name for path in home.lake.iterdir()) == [".demo.json"]
    assert sorted(path.name for path in home.dagster.iterdir()) == ["dagster.yaml"]


def test_the_book_is_noted_for_this_process_and_for_other_shells(home: Home) -> None:
    prepare(home, book("a"))
    assert os.environ["CREDITRISK_LOANS"] == "/a.csv"
    assert os.environ["DAGSTER_HOME"] == str(home.dagster)
    assert dotenv_values(home.data / "demo.env") == {"CREDITRISK_LOANS": "/a.csv"}


def test_a_noted_book_may_lie_under_any_name(home: Home) -> None:
    odd = {"CREDITRISK_LOANS": "/it's #1/my loans=\\final.csv"}
    prepare(home, odd)
    assert dotenv_values(home.data / "demo.env") == odd


def test_a_lake_elsewhere_is_used_and_an_empty_variable_counts_as_none(home: Home, tmp_path: Path) -> None:
    os.environ["CREDITRISK_LAKE"] = str(tmp_path / "elsewhere")
    assert home.lake == tmp_path / "elsewhere"
    os.environ["CREDITRISK_LAKE"] = ""
    assert home.lake == tmp_path / "lake"


def test_a_lake_that_is_no_folder_is_refused(home: Home) -> None:
    os.environ["CREDITRISK_LAKE"] = "s3://bucket/lake"
    with pytest.raises(DemoError, match="fills a folder, not s3://bucket/lake: unset CREDITRISK_LAKE"):
        prepare(home, book("a"))
    assert not home.dagster.exists()
