"""The loans LendingClub issued from 2007 to 2011, from the published file to figures out of time."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from creditrisk_assets.cli import main
from creditrisk_assets.contracts import RAW_LOANS_LEDGER
from creditrisk_assets_tests.world import World

LEAST_AUC = {"application": 0.695, "application_with_price": 0.705}
MOST_BRIER = {"application": 0.1208, "application_with_price": 0.1200}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> World:
    made = World(tmp_path_factory.mktemp("real"), str(shared_data / "lendingclub" / "loans_2007_2011.csv.gz"))
    made.run("group:raw or group:features", date(2007, 6, 1), date(2011, 12, 1))
    return made


def evaluate(world: World, features: str, outcomes: str) -> dict[str, Any]:
    """What `creditrisk evaluate` says of a model dated 2011, tested on the loans of 2011."""
    asked = ["--model-date", "2011-01", "--from", "2011-01", "--to", "2011-12", "--outcomes", outcomes]
    environment = {"CREDITRISK_LAKE": str(world.root / "lake")}
    result = CliRunner().invoke(main, ["evaluate", *asked, "--features", features, "--json"], env=environment)
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.output)
    return told


@pytest.fixture(scope="module", params=list(LEAST_AUC))
def evaluated(request: pytest.FixtureRequest, world: World) -> dict[str, Any]:
    return evaluate(world, request.param, "final")


@pytest.fixture(scope="module", params=list(LEAST_AUC))
def known(request: pytest.FixtureRequest, world: World) -> dict[str, Any]:
    return evaluate(world, request.param, "as_known")


def test_every_record_of_the_file_is_accounted_for(world: World) -> None:
    ledger = world.rows(RAW_LOANS_LEDGER)
    assert ledger["read"].sum() == ledger["clean"].sum() + ledger["quarantined"].sum() == 42_535


@pytest.mark.parametrize("model", ["posterior", "logistic"])
def test_both_models_rank_the_loans_of_2011_at_least_as_well_as_asked(evaluated: dict[str, Any], model: str) -> None:
    assert evaluated["models"][model]["auc"] >= LEAST_AUC[evaluated["features"]]


def test_the_posterior_ranks_as_the_logistic_does_and_errs_less(evaluated: dict[str, Any]) -> None:
    posterior, logistic = evaluated["models"]["posterior"], evaluated["models"]["logistic"]
    assert posterior["auc"] >= logistic["auc"] - 0.001
    assert posterior["log_loss"] < logistic["log_loss"]
    assert posterior["brier"] <= MOST_BRIER[evaluated["features"]]


def test_the_mean_pd_is_close_to_what_was_observed(evaluated: dict[str, Any]) -> None:
    for model, most in (("posterior", 0.005), ("logistic", 0.01)):
        figures = evaluated["models"][model]
        assert abs(figures["mean_pd"] - figures["observed"]) <= most


def test_loans_of_every_age_teach_more_than_those_whose_first_year_is_over(known: dict[str, Any]) -> None:
    posterior, logistic = known["models"]["posterior"], known["models"]["logistic"]
    assert known["outcomes"] == "as_known"
    assert posterior["auc"] > logistic["auc"]
    assert posterior["log_loss"] < logistic["log_loss"]
    errors = [abs(model["mean_pd"] - model["observed"]) for model in (posterior, logistic)]
    assert errors[0] < errors[1]


def test_the_population_and_the_protocol_are_told(evaluated: dict[str, Any]) -> None:
    assert evaluated["outcomes"] == "final"
    assert 20_000 < evaluated["rows"] <= 21_721
    assert list(evaluated["models"]) == ["posterior", "logistic", "boosting"]
    assert evaluated["diagnostics"]["passed"] is True
