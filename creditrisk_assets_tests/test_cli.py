"""The command line as people use it."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from creditrisk_assets.cli import main
from creditrisk_assets.models.evaluation import FIGURES, parse_window
from creditrisk_assets.resources import environments
from creditrisk_assets.resources.environments import settings
from creditrisk_assets_tests.world import World

ASK = ["evaluate", "--model-date", "2016-01", "--from", "2016-01", "--to", "2016-02"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(*arguments: str) -> str:
    """The one line a command must fail with."""
    result = run(*arguments)
    assert result.exit_code != 0
    assert not isinstance(result.exception, ValueError | KeyError | RuntimeError), result.exception
    told = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert len(told) == 1, result.output
    return told[0]


@pytest.fixture
def lake(ingested: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The settings point at a lake with features."""
    monkeypatch.setenv("CREDITRISK_LAKE", str(ingested.root / "lake"))
    return ingested


def test_simulate_writes_a_book_and_says_where(tmp_path: Path) -> None:
    result = run("simulate", "loans", "--loans", "300", "--vintages", "3", "--seed", "5", "--out", tmp_path / "new",
                 "--first-vintage", "2015-02", "--observed-months", "12", "--dirty", "0.1")  # fmt: skip
    assert result.exit_code == 0
    file = tmp_path / "new" / "loans_2015-02_2015-04.csv"
    records = len(file.read_text().splitlines()) - 1
    assert re.fullmatch(rf"{re.escape(str(file))}: \d+ records over 3 vintages, true AUC 0\.\d\d\d\n", result.output)
    assert records >= 300


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--loans", "2", "--vintages", "3"], "ask for at least one loan per vintage, 3 or more"),
        (["--loans", "0"], "0 is not in the range x>=1"),
        (["--dirty", "2"], "give a share from 0 (clean) to below 1"),
        (["--drift", "0.5"], "name its first vintage with drift_from"),
        (["--drift", "0.5", "--drift-from", "1999-01"], "choose a vintage of the book, 2014-01 to 2016-12"),
        (["--first-vintage", "spring"], "'spring' is not a month; write it as 2011-01"),
    ],
)
def test_simulate_says_what_would_be_in_range(tmp_path: Path, arguments: list[str], told: str) -> None:
    assert told in refused("simulate", "loans", "--out", str(tmp_path), *arguments)


def test_simulate_passes_on_the_drift_and_writes_the_life(tmp_path: Path) -> None:
    result = run("simulate", "loans", "--loans", "300", "--vintages", "3", "--out", tmp_path, "--drift", "0.5",
                 "--income-drift", "-0.1", "--drift-from", "2014-02", "--life")  # fmt: skip
    assert result.exit_code == 0, result.output
    facts = json.loads((tmp_path / "truth" / "truth.json").read_text())
    assert facts["drift"] == {"from": "2014-02", "logits": 0.5, "log_income": -0.1}
    assert (tmp_path / "truth" / "life.parquet").exists()


def test_evaluate_as_json_repeats_the_question_and_holds_the_figures_of_all_models(lake: World, tmp_path: Path) -> None:
    result = run(*ASK, "--json", "--plot", str(tmp_path / "deciles.png"))
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    asked = {"model_date": "2016-01", "from": "2016-01", "to": "2016-02", "features": "application",
             "window": settings().training_window, "outcomes": "as_known"}  # fmt: skip
    assert {name: told[name] for name in asked} == asked
    assert list(told["models"]) == list(told["calibration"]) == ["posterior", "logistic", "boosting"]
    assert {len(deciles) for deciles in told["calibration"].values()} == {10}
    assert (tmp_path / "deciles.png").read_bytes().startswith(b"\x89PNG")
    for figures in told["models"].values():
        assert tuple(figures) == FIGURES
        assert figures["observed"] == pytest.approx(told["bads"] / told["rows"])
    assert told["diagnostics"]["passed"] is True


def test_evaluate_as_a_table_names_protocol_features_window_and_population(lake: World) -> None:
    result = run(*ASK, "--window", "9", "--features", "application_with_price")
    assert result.exit_code == 0, result.output
    head, columns, *rows = result.output.splitlines()
    assert re.fullmatch(
        r"model date 2016-01, tested on 2016-01 to 2016-02, outcomes as_known, features application_with_price, "
        r"window 9: [\d,]+ loans, \d+ bad", head,
    )  # fmt: skip
    assert columns.split() == list(FIGURES)
    assert [row.split()[0] for row in rows] == ["posterior", "logistic", "boosting"]
    assert all(re.fullmatch(r"\w+( +\d\.\d{4}){6}", row) for row in rows)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--outcomes", "final"], "hold no loan observed to the end of its term"),
        (["--model-date", "2017-01"], "must follow in order on model date 2017-01"),
        (["--from", "2016-02", "--to", "2016-01"], "must follow in order"),
        (["--model-date", "2014-02"], "holds no loan"),
        (["--window", "none"], "write a number of months from 1 to 1200, or expanding"),
        (["--window", "0"], "write a number of months from 1 to 1200, or expanding"),
        (["--model-date", "yesterday"], "'yesterday' is not a month; write it as 2011-01"),
        (["--features", "all"], "'all' is not one of"),
        (["--outcomes", "now"], "'now' is not one of"),
    ],
)
def test_evaluate_refuses_in_one_line(lake: World, arguments: list[str], told: str) -> None:
    assert told in refused(*ASK, *arguments)


def test_evaluate_of_a_lake_without_features_says_what_to_materialise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDITRISK_LAKE", str(tmp_path))
    assert "materialize features/loans first" in refused(*ASK)


def test_a_wrong_setting_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_BASE_ODDS", "0")
    assert "CREDITRISK_BASE_ODDS" in refused(*ASK)


@pytest.mark.parametrize(("text", "window"), [("expanding", "expanding"), ("24", 24)])
def test_a_window_is_a_number_of_months_or_expanding(text: str, window: object) -> None:
    assert parse_window(text) == window


def test_docs_are_written_checked_and_told_when_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "PROJECT", tmp_path)
    assert "tables.md is stale: run make docs" in refused("docs", "--check")
    assert run("docs").exit_code == 0
    tables = tmp_path / "docs" / "tables.md"
    assert "## raw/loans" in tables.read_text()
    assert run("docs", "--check").exit_code == 0
    tables.write_text(tables.read_text() + "more")
    assert "is stale" in refused("docs", "--check")


def test_every_command_explains_itself() -> None:
    for command in ([], ["simulate"], ["simulate", "loans"], ["demo"], ["evaluate"], ["docs"]):
        result = run(*command, "--help")
        assert result.exit_code == 0
        assert len(result.output.splitlines()) > 3
