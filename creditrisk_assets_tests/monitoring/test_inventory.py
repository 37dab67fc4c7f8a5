"""monitoring/inventory: every model once, with the part it plays, what hangs on it, and when it is looked at again."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MODELS_BEHAVIOUR,
    MODELS_BOOSTING,
    MODELS_COMPARISON,
    MODELS_DIAGNOSTICS,
    MODELS_LOGISTIC,
    MODELS_MOMENTS,
    MODELS_POSTERIOR,
    MONITORING_DRIFT,
    MONITORING_INVENTORY,
    MONITORING_MODEL_CARDS,
    PORTFOLIO_LGD,
    PORTFOLIO_TOTALS,
    SCORES_LOANS,
    SCORES_RULES,
)
from creditrisk_assets.models.registry.promoting import Proposal, promote
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.monitoring.commits import commits, newest, version_at
from creditrisk_assets.monitoring.inventory import inventory
from creditrisk_assets.monitoring.materiality import tier
from creditrisk_assets.monitoring.model_card import rows_of_cards, write_cards
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets_tests.monitoring.unmonitored import unmonitored
from creditrisk_assets_tests.world import FIRST, MODEL_DATES, World

OLD, NEW = MODEL_DATES
TODAY = datetime.now(UTC).date()
VALUES = Settings(_env_file=None)


def taken(lake: Lake, values: Settings = VALUES, today: date = TODAY) -> dict[str, dict[str, object]]:
    rows = inventory(lake, values, "team:x", today)
    assert MONITORING_INVENTORY.violations(rows.lazy()) == {}
    assert rows["name"].n_unique() == rows.height
    return {row["name"]: row for row in rows.to_dicts()}


def roles(lake: Lake, kind: str = "posterior", values: Settings = VALUES) -> dict[str, object]:
    return {name.removeprefix(f"{kind} "): row["role"] for name, row in taken(lake, values).items()
            if row["kind"] == kind}  # fmt: skip


@pytest.fixture(scope="module")
def plain(batched: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    return unmonitored(batched, tmp_path_factory.mktemp("plain"))


@pytest.fixture
def lake(plain: World, tmp_path: Path) -> Lake:
    return plain.copy(tmp_path).lake


def test_every_model_of_the_lake_is_listed_once_and_rules_are_told_from_models(plain: World) -> None:
    found = taken(plain.lake)
    trained = {
        f"{kind} {feature_set} of {day}"
        for kind, table in (("posterior", MODELS_DIAGNOSTICS), ("logistic", MODELS_LOGISTIC),
                            ("boosting", MODELS_BOOSTING))
        for feature_set, day in plain.rows(table).select("feature_set", "model_date").rows()
    }  # fmt: skip
    assert len(trained) == 12
    assert set(found) == trained | {"rules", "policy"}
    assert {name for name, row in found.items() if not row["is_model"]} == {"rules", "policy"}
    for name in ("rules", "policy"):
        assert "deterministic rules, not a model" in str(found[name]["purpose"])
        assert found[name]["role"] is None
    assert {row["owner"] for row in found.values()} == {"team:x"}


def test_the_newest_good_posteriors_decide_and_challenge_and_the_others_are_retired(plain: World) -> None:
    priced = "application_with_price"
    assert roles(plain.lake) == {
        f"application of {OLD}": "retired", f"{priced} of {OLD}": "retired",
        f"application of {NEW}": "champion", f"{priced} of {NEW}": "challenger",
    }  # fmt: skip
    assert roles(plain.lake, values=Settings(_env_file=None, challenger="none"))[f"{priced} of {NEW}"] == "candidate"
    for kind in ("logistic", "boosting"):
        assert roles(plain.lake, kind)[f"application of {NEW}"] == "benchmark"
        assert roles(plain.lake, kind)[f"application of {OLD}"] == "retired"


def test_a_promotion_changes_the_parts_and_whoever_is_newer_becomes_a_candidate(lake: Lake) -> None:
    scored = lake.scan(SCORES_LOANS).filter(pl.col("model_date") == OLD).select(pl.len()).collect().item()
    promote(lake, VALUES, Proposal(Model("application", OLD), "It ranks better than the other", "Ada"), "run-1")
    found = roles(lake)
    assert (found[f"application of {OLD}"], found[f"application of {NEW}"]) == ("champion", "candidate")
    assert roles(lake, "logistic")[f"application of {OLD}"] == "benchmark"
    rows = lake.scan(MODELS_POSTERIOR, [OLD]).with_columns(pl.col("value") * 1.01).collect()
    lake.overwrite(MODELS_POSTERIOR, rows, [OLD])
    again = taken(lake)
    assert again[f"posterior application of {OLD}"]["role"] == "candidate"
    (kept,) = [row for name, row in again.items() if "as promoted" in name]
    assert (kept["role"], kept["loans"], kept["has_card"]) == ("champion", scored, False)
    assert (kept["table_version"], kept["review_due"]) == (None, TODAY + timedelta(days=91))
    assert again[f"posterior application of {OLD}"]["loans"] == 0


def test_one_that_failed_its_gates_is_unfit_and_asks_for_neither_card_nor_review(lake: Lake) -> None:
    worse = lake.scan(MODELS_DIAGNOSTICS, [NEW]).with_columns(passed=pl.lit(value=False)).collect()
    lake.overwrite(MODELS_DIAGNOSTICS, worse, [NEW])
    row = taken(lake)[f"posterior application_with_price of {NEW}"]
    assert (row["role"], row["card"], row["review_trigger"], row["review_now"]) == ("unfit", None, None, False)
    assert roles(lake)[f"application of {OLD}"] == "champion"


def test_exposure_is_the_amount_lent_to_the_loans_that_a_model_scored(plain: World) -> None:
    found, lent = taken(plain.lake), plain.rows(FEATURES_LOANS).select("loan_id", "loan_amount")
    scored = plain.rows(SCORES_LOANS).join(lent, on="loan_id")
    total = scored["loan_amount"].sum()
    for day in MODEL_DATES:
        mine, row = scored.filter(model_date=day), found[f"posterior application of {day}"]
        assert (row["loans"], row["exposure"]) == (mine.height, pytest.approx(mine["loan_amount"].sum()))
        assert row["exposure_share"] == pytest.approx(mine["loan_amount"].sum() / total)
    assert (found["policy"]["exposure"], found["policy"]["review_due"]) == (pytest.approx(total), None)
    assert found["rules"]["loans"] == plain.rows(SCORES_RULES).height
    assert found[f"logistic application of {NEW}"]["exposure"] == 0


@pytest.mark.parametrize(
    ("role", "share", "expected"),
    [("champion", None, 1), ("champion", 0.0, 1), ("retired", 0.25, 1), ("retired", 0.2, 2), ("challenger", 0.0, 2),
     ("retired", 0.05, 2), ("retired", 0.049, 3), ("benchmark", None, 3), (None, 1.0, 1)],
)  # fmt: skip
def test_the_tier_follows_from_role_and_exposure(role: str | None, share: float | None, expected: int) -> None:
    assert tier(role, share) == expected


def test_versions_are_those_of_the_log(lake: Lake) -> None:
    row = taken(lake)[f"posterior application of {NEW}"]
    wrote = newest(commits(lake, MODELS_POSTERIOR), NEW)
    assert wrote is not None
    assert wrote.days == {NEW}
    assert wrote.run_id
    assert (row["table_version"], row["written_at"], row["features_version"]) == (wrote.version, wrote.written, 0)
    features = lake.scan(FEATURES_LOANS, [FIRST]).collect()
    lake.overwrite(FEATURES_LOANS, features, [FIRST])
    assert taken(lake)[f"posterior application of {NEW}"]["features_version"] == 0
    lake.overwrite(MODELS_POSTERIOR, lake.scan(MODELS_POSTERIOR, [NEW]).collect(), [NEW])
    again = taken(lake)
    assert again[f"posterior application of {NEW}"]["features_version"] == 1
    assert again[f"posterior application of {NEW}"]["table_version"] == wrote.version + 1
    assert again[f"posterior application of {OLD}"]["features_version"] == 0
    assert version_at(commits(lake, FEATURES_LOANS), datetime(2000, 1, 1, tzinfo=UTC)) is None


def test_a_review_is_due_a_quarter_after_the_last_look_at_outcomes(lake: Lake) -> None:
    looked = newest(commits(lake, MODELS_COMPARISON), NEW)
    assert looked is not None
    on = looked.written.date()
    carded(lake, on)
    row = taken(lake, today=on)[f"posterior application of {NEW}"]
    assert (row["last_validated"], row["review_due"]) == (on, on + timedelta(days=91))
    assert (row["review_trigger"], row["review_now"], row["has_card"], row["card"]) == (
        "quarterly date",
        False,
        True,
        None,
    )
    late = taken(lake, today=on + timedelta(days=91))[f"logistic application of {NEW}"]
    assert (late["review_trigger"], late["review_now"]) == ("quarterly date", True)


def carded(lake: Lake, today: date) -> None:
    rows = rows_of_cards(write_cards(lake, VALUES, None, "team:x", today))
    lake.overwrite(MONITORING_MODEL_CARDS, rows, list(MODEL_DATES))


def test_without_a_card_that_is_what_opens_the_review(plain: World) -> None:
    row = taken(plain.lake)[f"posterior application of {NEW}"]
    assert (row["review_trigger"], row["review_now"], row["has_card"]) == ("card", True, False)
    assert row["review_reading"] == row["card"] == f"it has no card: materialise monitoring/model_cards of {NEW}"
    retired = taken(plain.lake)[f"posterior application_with_price of {OLD}"]
    assert (retired["card"], retired["review_trigger"]) == (row["card"].replace(f"{NEW}", f"{OLD}"), None)  # type: ignore[union-attr]


def test_drift_of_what_it_scored_opens_the_review_and_that_of_others_does_not(lake: Lake) -> None:
    carded(lake, TODAY)
    row = {name: None for name in MONITORING_DRIFT.schema} | {
        "vintage": NEW, "model_date": NEW, "feature_set": "application", "feature": "fico", "kind": "feature",
        "verdict": "drifted",
    }  # fmt: skip
    for written_by, trigger in ((OLD, "quarterly date"), (NEW, "drift")):
        rows = pl.DataFrame([row | {"model_date": written_by}], schema=MONITORING_DRIFT.schema)
        lake.overwrite(MONITORING_DRIFT, rows, [NEW])
        found = taken(lake)[f"posterior application of {NEW}"]
        assert found["review_trigger"] == trigger
    assert found["review_reading"] == "1 of 1 vintages: fico"
    assert taken(lake)[f"posterior application of {OLD}"]["review_trigger"] == "quarterly date"


def test_behaviour_and_loss_given_default_are_listed_once_they_are_learned(lake: Lake) -> None:
    behaviour = {name: 1 for name in MODELS_BEHAVIOUR.schema} | {
        "version": "abc", "source": "history", "passed": True, "model": "{}",
    }  # fmt: skip
    lake.overwrite(MODELS_BEHAVIOUR, pl.DataFrame([behaviour], schema=MODELS_BEHAVIOUR.schema, strict=False))
    lgd = {name: 1 for name in PORTFOLIO_LGD.schema} | {
        "term_months": 0, "purpose": "all", "any_recovered_draws": [0.5], "share_recovered_draws": [0.2],
    }  # fmt: skip
    rows = [lgd | {"model_date": day} for day in MODEL_DATES]
    lake.overwrite(PORTFOLIO_LGD, pl.DataFrame(rows, schema=PORTFOLIO_LGD.schema, strict=False), list(MODEL_DATES))
    totals = {name: [1.0] for name in PORTFOLIO_TOTALS.schema} | {
        "model_date": NEW, "term_months": 0, "purpose": "all", "loans": 7, "balance": 1_000.0,
    }  # fmt: skip
    lake.overwrite(PORTFOLIO_TOTALS, pl.DataFrame([totals], schema=PORTFOLIO_TOTALS.schema), [NEW])
    found = taken(lake)
    assert (found["behaviour"]["role"], found["behaviour"]["version"], found["behaviour"]["tier"]) == (
        "champion",
        "abc",
        1,
    )
    old, new = (found[f"loss given default of {day}"] for day in MODEL_DATES)
    assert (old["role"], old["exposure"], old["tier"]) == ("retired", None, 3)
    assert (new["role"], new["loans"], new["exposure"], new["tier"]) == ("champion", 7, 1_000.0, 1)


def test_an_empty_lake_has_rules_and_no_models(tmp_path: Path) -> None:
    found = taken(Lake(str(tmp_path / "lake")))
    assert set(found) == {"rules", "policy"}
    assert {row["loans"] for row in found.values()} == {0}
    assert commits(Lake(str(tmp_path / "lake")), MODELS_MOMENTS) == []


def test_the_asset_writes_what_the_function_says(plain: World, tmp_path: Path) -> None:
    world = plain.copy(tmp_path)
    world.run("key:monitoring/model_cards", *MODEL_DATES)
    result = world.run("key:monitoring/inventory", FIRST)
    assert result.success
    expected = inventory(world.lake, VALUES, "team:credit-risk", TODAY)
    assert_frame_equal(world.rows(MONITORING_INVENTORY), expected)
