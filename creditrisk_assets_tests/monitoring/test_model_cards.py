"""monitoring/model_cards of a batch: what they say, and the check that no good posterior is without one."""

from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from creditrisk_assets.cli import main
from creditrisk_assets.contracts import (
    MODELS_COMPARISON,
    MODELS_DIAGNOSTICS,
    MODELS_POSTERIOR,
    MONITORING_CHALLENGER,
    MONITORING_DRIFT,
    MONITORING_MODEL_CARDS,
    MONITORING_PERFORMANCE,
    MONITORING_POPULATION,
)
from creditrisk_assets.models.registry.frozen import digest, rows_of
from creditrisk_assets.models.registry.promoting import Proposal, promote
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.monitoring.card_check import problems
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets_tests.monitoring.test_document import HOSTILE, Seen
from creditrisk_assets_tests.monitoring.unmonitored import shifted, trained_anew, unmonitored
from creditrisk_assets_tests.world import FIRST, LAST, MODEL_DATES, World, checked

CARDS, CHECK = "key:monitoring/model_cards", "every_model_has_a_card"
OLD, NEW = (Model("application", day) for day in MODEL_DATES)
TITLES = [
    "Purpose and population", "Data", "Likelihood", "Priors", "Diagnostics and gates", "Performance out of time",
    "Calibration and drift", "Agreement with the rules", "Champion and challenger", "Limits", "Owner and next review",
    "Assets",
]  # fmt: skip


@pytest.fixture(scope="module")
def carded(batched: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Monitored, then every posterior described."""
    world = unmonitored(batched, tmp_path_factory.mktemp("carded"))
    world.run("key:monitoring/performance or key:monitoring/calibration or key:monitoring/rule_agreement", FIRST, LAST)
    result = world.run(CARDS, *MODEL_DATES)
    event, _ = [one for one in result.get_asset_materialization_events() if one.asset_key]  # one a model date
    told = event.step_materialization_data.materialization.metadata
    assert told["cards"].value == 4
    assert str(told[f"posterior {NEW}"].value).startswith(f"# Model card: posterior {NEW}\n")
    world.run("key:monitoring/inventory", FIRST)
    return world


@pytest.fixture
def world(carded: World, tmp_path: Path) -> World:
    return carded.copy(tmp_path)


def missing(world: World) -> str:
    """What the check says is wrong; empty when it passes."""
    figures = checked(world, CHECK, "monitoring/inventory", FIRST)
    return "" if figures is None else str(figures["failed"])


def card_of(world: World, model: Model) -> dict[str, str]:
    (row,) = world.only(MONITORING_MODEL_CARDS, model.model_date).filter(feature_set=model.feature_set).to_dicts()
    return row


def test_every_posterior_has_a_card_of_itself_beside_the_tables(carded: World) -> None:
    rows = carded.rows(MONITORING_MODEL_CARDS)
    assert MONITORING_MODEL_CARDS.violations(rows.lazy()) == {}
    diagnostics = carded.rows(MODELS_DIAGNOSTICS)
    assert rows.select("model_date", "feature_set").rows() == diagnostics.select("model_date", "feature_set").rows()
    for row in rows.iter_rows(named=True):
        model = Model(row["feature_set"], row["model_date"])
        assert row["posterior"] == digest(rows_of(carded.lake, model))
        assert (row["posterior_version"], row["features_version"]) == (carded.lake.version(MODELS_POSTERIOR), 0)
        for ending, column in (("md", "markdown"), ("html", "html")):
            name = f"model_cards/{model.model_date}_{model.feature_set}.{ending}"
            assert carded.lake.get_bytes(name).decode() == row[column]
    assert missing(carded) == ""


def test_a_card_tells_the_figures_of_the_tables(carded: World) -> None:
    text = card_of(carded, OLD)["markdown"]
    told = carded.rows(MODELS_DIAGNOSTICS).filter(model_date=OLD.model_date, feature_set=OLD.feature_set)
    (row,) = told.to_dicts()
    assert f"{row['loans']:,} / {row['trials']:,.0f} / {row['defaults']:,}" in text
    assert f"| r_hat_max | at most 1.01 | {row['r_hat_max']:.4g} | passed |" in text
    assert row["reference"] in text
    for one in carded.only(MODELS_COMPARISON, OLD.model_date).filter(feature_set=OLD.feature_set).to_dicts():
        assert f"| {one['model']} | {one['auc']:.4f} | {one['ks']:.4f} | {one['brier']:.4f} |" in text
    performance = carded.rows(MONITORING_PERFORMANCE).filter(model_date=OLD.model_date)
    assert performance.height == 3
    for one in performance.to_dicts():
        assert f"| {one['vintage']:%Y-%m} | {one['loans']:,} | {one['observed']:,} | {one['expected']:.1f} |" in text
    assert "Drift: not monitored yet (monitoring/drift)." in text
    assert "| recall |" in text
    assert "| observed over expected | 0.90 to 1.10, or within chance |" in text
    titles = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert titles == TITLES


def test_the_html_holds_its_plots_and_no_address(carded: World) -> None:
    html = card_of(carded, NEW)["html"]
    found = Seen()
    found.feed(html)
    assert len(found.links) == 2
    assert all(link.startswith("data:image/png;base64,") for link in found.links)
    assert "http://" not in html
    assert "https://" not in html
    assert len(html) < 300_000


def test_before_anything_was_monitored_the_card_says_so(batched: World, tmp_path: Path) -> None:
    plain = unmonitored(batched, tmp_path)
    plain.run(CARDS, NEW.model_date)
    text = card_of(plain, NEW)["markdown"]
    for said in (
        "Calibration: not monitored yet",
        "Drift: not monitored yet",
        "Not monitored yet (monitoring/rule_agree",
    ):
        assert said in text
    assert "Vintages scored: 1 (2016-04 to 2016-04)." in text


def test_drift_and_the_challenger_are_told_once_they_are_monitored(world: World) -> None:
    world.run("key:monitoring/drift or key:monitoring/population or key:monitoring/challenger", NEW.model_date)
    world.run(CARDS, NEW.model_date)
    text = card_of(world, NEW)["markdown"]
    worst = world.only(MONITORING_DRIFT, NEW.model_date).sort("psi", descending=True).row(0, named=True)
    assert (
        f"| {worst['feature']} | 2016-04 | {worst['psi']:.3f} | {worst['psi_high']:.3f} | {worst['verdict']} |" in text
    )
    (tested,) = world.only(MONITORING_POPULATION, NEW.model_date).to_dicts()
    told_apart = int(tested["distinguishable"])
    assert f"A classifier tells {told_apart} of 1 vintages from the window; largest AUC {tested['auc']:.3f}." in text
    (both,) = world.only(MONITORING_CHALLENGER, NEW.model_date).to_dicts()
    priced = card_of(world, Model("application_with_price", NEW.model_date))["markdown"]
    for card in (text, priced):
        assert f"Decided otherwise: {both['differing']:.1%} of {both['loans']:,} loans." in card
    assert "It has scored no vintage: not monitored yet." in priced


def test_without_its_card_a_model_fails_the_check_by_name(world: World) -> None:
    rows = world.only(MONITORING_MODEL_CARDS, OLD.model_date)
    world.lake.overwrite(MONITORING_MODEL_CARDS, rows.filter(pl.col("feature_set") != "application"), [OLD.model_date])
    assert missing(world) == (
        f"posterior {OLD}: it has no card: materialise monitoring/model_cards of {OLD.model_date}"
    )  # fmt: skip
    world.run(CARDS, OLD.model_date)
    assert missing(world) == ""


def test_a_card_of_another_posterior_fails_the_check_and_names_both(world: World) -> None:
    before = card_of(world, NEW)
    trained_anew(world, NEW.model_date, shifted)
    said = missing(world)
    assert said.count("its card describes another posterior") == 2
    assert f"posterior {NEW}: its card describes another posterior ({before['posterior'][:12]}, version 1" in said
    assert digest(rows_of(world.lake, NEW))[:12] in said
    assert f"posterior {OLD}" not in said
    world.run(CARDS, NEW.model_date)
    assert missing(world) == ""


def test_a_card_of_an_older_version_fails_the_check_though_the_draws_are_the_same(world: World) -> None:
    trained_anew(world, OLD.model_date)
    said = missing(world)
    assert f"posterior {OLD}: its card describes version 1 of models/posterior, version 2 replaced it" in said
    assert f"posterior {NEW}" not in said


def test_a_lake_without_cards_fails_and_one_without_posteriors_passes(batched: World, tmp_path: Path) -> None:
    plain = unmonitored(batched, tmp_path / "plain")
    plain.run("key:monitoring/inventory", FIRST, fails=True)
    assert missing(plain).count("it has no card") == 4
    empty = World(tmp_path / "empty", None)
    empty.run(CARDS, *MODEL_DATES)
    assert empty.rows(MONITORING_MODEL_CARDS).is_empty()
    empty.run("key:monitoring/inventory", FIRST)
    assert missing(empty) == ""


def test_one_that_failed_its_gates_has_a_card_that_says_so_and_needs_none(world: World) -> None:
    worse = world.only(MODELS_DIAGNOSTICS, NEW.model_date).with_columns(passed=pl.lit(value=False), r_hat_max=1.2)
    world.lake.overwrite(MODELS_DIAGNOSTICS, worse, [NEW.model_date])
    world.run(CARDS, NEW.model_date)
    text = card_of(world, NEW)["markdown"]
    assert "Unfit; did NOT pass its gates." in text
    assert "r_hat_max 1.2 \\> 1.01. It never scores." in text
    world.lake.overwrite(MONITORING_MODEL_CARDS, world.rows(MONITORING_MODEL_CARDS).clear(), list(MODEL_DATES))
    assert set(problems(world.lake)) == {f"posterior {OLD}", f"posterior application_with_price of {OLD.model_date}"}


def test_a_promoted_posterior_keeps_a_card_of_its_own_when_its_date_is_trained_anew(world: World) -> None:
    promote(world.lake, Settings(_env_file=None), Proposal(OLD, HOSTILE, "Ada <b>"), "run-1")
    before = digest(rows_of(world.lake, OLD))
    trained_anew(world, OLD.model_date, shifted)
    assert f"posterior {OLD} as promoted" not in missing(world)
    world.run(CARDS, OLD.model_date)
    rows = world.only(MONITORING_MODEL_CARDS, OLD.model_date).filter(feature_set=OLD.feature_set).sort("promoted")
    assert rows.select("promoted", "role").rows() == [(False, "candidate"), (True, "champion")]
    assert rows["posterior"][1] == before
    assert world.lake.get_bytes(f"model_cards/{OLD.model_date}_application_promoted_{before[:12]}.html")
    assert missing(world) == ""
    found = Seen()
    found.feed(rows["html"][1])
    assert HOSTILE.replace("&amp;", "&") in found.text.replace("&amp;", "&")
    assert not {"script", "b"} & set(found.tags)
    assert "<script>" not in rows["markdown"][1].replace("\\<", "")
    assert "the lake has another posterior of this date since" in rows["markdown"][1]


def printed(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setenv("CREDITRISK_LAKE", str(world.root / "lake"))
    return CliRunner().invoke(main, ["model-card", "--model-date", *arguments])


def test_the_command_prints_the_card_that_is_kept(carded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    row = card_of(carded, OLD)
    for arguments, column in ((("2016-01",), "markdown"), (("2016-01", "--html"), "html")):
        result = printed(carded, monkeypatch, *arguments, "--features", "application")
        assert (result.exit_code, result.stdout) == (0, f"{row[column]}\n")
        assert result.stderr == ""


def test_the_command_warns_of_a_card_that_is_too_old(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    trained_anew(world, OLD.model_date, shifted)
    result = printed(world, monkeypatch, "2016-01")
    assert result.exit_code == 0
    assert f"Warning: posterior {OLD}: its card describes another posterior" in result.stderr


def test_the_command_says_how_to_get_a_card_that_is_not_there(carded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    result = printed(carded, monkeypatch, "2015-10")
    assert result.exit_code == 1
    assert "Error: there is no card of the posterior application of 2015-10-01: materialise monitoring/model_cards" in (
        result.stderr
    )
