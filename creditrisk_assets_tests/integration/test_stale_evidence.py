"""What a vintage can change, and what becomes of evidence that its loans have moved away from."""

import logging
import re
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.automation import Stage, run_stage
from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MODELS_BACKTEST,
    MODELS_BINNING,
    MODELS_BOOSTING,
    MODELS_EVIDENCE,
    MODELS_LOGISTIC,
    MODELS_MOMENTS,
    MODELS_PARAMETERS,
    MODELS_POSTERIOR,
    MODELS_REFERENCE,
    SCORES_LINEAGE,
    SCORES_LOANS,
)
from creditrisk_assets.features import assets as feature_assets
from creditrisk_assets.features.loans import features
from creditrisk_assets.models import binning, boosting, standardised
from creditrisk_assets_tests.world import FIRST, LAST, MODEL_DATES, VINTAGES, World

EARLIER, LATER = MODEL_DATES
POSTERIOR = (MODELS_POSTERIOR, MODELS_PARAMETERS, MODELS_MOMENTS, MODELS_BACKTEST)


def keys(*tables: Table) -> str:
    return " or ".join(f'key:"{table.name}"' for table in tables)


def materialise(world: World, *tables: Table, first: date, last: date) -> None:
    world.run(keys(*tables), first, last)


def change(world: World, vintage: date, of: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Write features of one vintage as if its loans had been read from another file."""
    world.lake.overwrite(FEATURES_LOANS, of(world.only(FEATURES_LOANS, vintage)), [vintage])


def poorer(loans: pl.DataFrame) -> pl.DataFrame:
    """As many loans and defaults as before, other borrowers."""
    return loans.with_columns(pl.col("fico") - 40)


def why(result: dg.ExecuteInProcessResult) -> str:
    """The one reason for which a run failed, the class of the error first."""
    (failure,) = result.get_step_failure_events()
    error = failure.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    assert error is not None
    return error.message.strip()


def changed(one: World, other: World, tables: Iterable[Table]) -> set[date]:
    """Model dates of which any row differs in any of the tables; no tolerance."""
    return {day for table in tables for day in MODEL_DATES if not one.only(table, day).equals(other.only(table, day))}


@pytest.mark.parametrize(
    ("vintage", "learning"),
    [(VINTAGES[1], {EARLIER}), (VINTAGES[10], {EARLIER, LATER}), (VINTAGES[25], {LATER})],
    ids=["before the later window", "in both windows", "after the earlier model"],
)
def test_other_data_of_a_vintage_changes_exactly_the_posteriors_whose_window_holds_it(
    tmp_path: Path, batched: World, vintage: date, learning: set[date]
) -> None:
    world = batched.copy(tmp_path)
    change(world, vintage, poorer)
    materialise(world, MODELS_BINNING, MODELS_REFERENCE, first=EARLIER, last=LATER)
    materialise(world, MODELS_EVIDENCE, first=FIRST, last=LAST)
    materialise(world, *POSTERIOR, first=EARLIER, last=LATER)
    assert changed(world, batched, (MODELS_POSTERIOR,)) == learning
    assert changed(world, batched, (*POSTERIOR, MODELS_BINNING, MODELS_REFERENCE)) == learning
    for day in MODEL_DATES:
        same = [place.rows(MODELS_EVIDENCE).filter(model_date=day) for place in (world, batched)]
        assert same[0].equals(same[1]) is (day not in learning)


def test_evidence_of_vintages_one_by_one_is_that_of_one_run(tmp_path: Path, batched: World) -> None:
    world = batched.copy(tmp_path)
    for vintage in (VINTAGES[20], VINTAGES[3], VINTAGES[27], VINTAGES[20]):
        materialise(world, MODELS_EVIDENCE, first=vintage, last=vintage)
    assert_frame_equal(world.rows(MODELS_EVIDENCE), batched.rows(MODELS_EVIDENCE), check_exact=True)


def stale(world: World, model_date: date) -> str:
    """What models/posterior says when it refuses the evidence of a model date."""
    said = why(world.run(keys(MODELS_POSTERIOR), model_date, fails=True))
    assert said.startswith("creditrisk_assets.models.records.StaleEvidenceError: "), said
    return said


@pytest.mark.parametrize(
    ("of", "told"),
    [
        (poorer, r"(\d+) loans with (\d+) defaults have become \1 with \2, or other features"),
        (lambda loans: loans.head(100), r"(\d+) loans with \d+ defaults have become (?!\1)\d+ with \d+"),
    ],
    ids=["other features", "fewer loans"],
)
def test_a_posterior_refuses_evidence_that_is_older_than_its_features(
    tmp_path: Path, batched: World, of: Callable[[pl.DataFrame], pl.DataFrame], told: str
) -> None:
    world = batched.copy(tmp_path)
    change(world, VINTAGES[1], of)
    said = stale(world, EARLIER)
    assert "models/evidence of vintage 2014-02 does not fit model date 2016-01 (application): " in said
    assert re.search(told, said), said
    remedy = "Materialise models/reference of this model date and then models/evidence of vintages 2014-01 to 2015-12"
    assert remedy in said
    assert changed(world, batched, POSTERIOR) == set()


def test_a_posterior_refuses_evidence_of_another_reference(tmp_path: Path, batched: World) -> None:
    world = batched.copy(tmp_path)
    change(world, VINTAGES[1], poorer)
    materialise(world, MODELS_BINNING, MODELS_REFERENCE, first=EARLIER, last=EARLIER)
    assert "of vintage 2014-01 does not fit" in (said := stale(world, EARLIER))
    assert "it was expanded at another reference" in said


def test_a_posterior_refuses_a_window_in_which_evidence_is_missing(tmp_path: Path, batched: World) -> None:
    world = batched.copy(tmp_path)
    world.lake.overwrite(MODELS_EVIDENCE, world.rows(MODELS_EVIDENCE).clear(), [VINTAGES[5]])
    assert "of vintage 2014-06 does not fit" in (said := stale(world, LATER))
    assert re.search(r"there is none of its \d+ loans", said)


def test_a_posterior_refuses_a_vintage_that_came_after_its_reference(tmp_path: Path, batched: World) -> None:
    world, first = batched.copy(tmp_path), VINTAGES[3]
    change(world, first, pl.DataFrame.clear)
    materialise(world, MODELS_BINNING, MODELS_REFERENCE, first=LATER, last=LATER)
    materialise(world, MODELS_EVIDENCE, first=FIRST, last=LAST)
    world.lake.overwrite(FEATURES_LOANS, batched.only(FEATURES_LOANS, first), [first])
    assert "there are loans of vintages that its reference did not know" in stale(world, LATER)


def test_a_posterior_without_a_reference_says_so(tmp_path: Path, batched: World) -> None:
    world = batched.copy(tmp_path)
    world.lake.overwrite(MODELS_REFERENCE, world.rows(MODELS_REFERENCE).clear(), [LATER])
    assert f"no reference dated {LATER}: materialise models/reference first" in stale(world, LATER)


@pytest.mark.parametrize("later", ["defaulted", "observed_months", "default_month"])
@pytest.mark.parametrize("table", [MODELS_REFERENCE, MODELS_LOGISTIC, MODELS_BOOSTING], ids=lambda table: table.name)
def test_a_later_column_in_a_feature_set_fails_every_model(
    tmp_path: Path, batched: World, monkeypatch: pytest.MonkeyPatch, table: Table, later: str
) -> None:
    injected = {name: (*features, later) for name, features in binning.NUMERICS.items()}
    monkeypatch.setattr(binning, "NUMERICS", injected)
    for module in (boosting, standardised):
        monkeypatch.setattr(module, "NUMERICS", injected)
    world = batched.copy(tmp_path)
    said = why(world.run(keys(table), LATER, fails=True))
    assert f"ValueError: '{later}' is known after application only: it can never be a feature" in said
    assert world.lake.version(table) == batched.lake.version(table)


def test_an_undeclared_column_in_features_fails_the_build(
    tmp_path: Path, ingested: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaking(raw: pl.LazyFrame) -> pl.LazyFrame:
        paid = raw.select("loan_id", paid_back="total_pymnt")
        return features(raw).join(paid, on="loan_id", how="left")

    monkeypatch.setattr(feature_assets, "features", leaking)
    world = ingested.copy(tmp_path)
    said = why(world.run(keys(FEATURES_LOANS), VINTAGES[0], fails=True))
    assert "features/loans declares no column paid_back: declare it in contracts, or leave it out" in said
    assert world.lake.version(FEATURES_LOANS) == ingested.lake.version(FEATURES_LOANS)


def test_model_dates_with_nothing_to_learn_are_told_and_left_out_of_a_range(tmp_path: Path, ingested: World) -> None:
    world = ingested.copy(tmp_path)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        run = world.run(keys(MODELS_BINNING, MODELS_REFERENCE), date(2014, 1, 1), date(2014, 10, 1), instance=instance)
        warned = [record.user_message for record in instance.all_logs(run.run_id) if record.level == logging.WARNING]
        kept = instance.get_materialized_partitions(dg.AssetKey(list(MODELS_REFERENCE.key)))
    assert [re.findall(r"model date (\d{4}-\d\d)", line) for line in warned] == [["2014-01"], ["2014-04"], ["2014-07"]]
    assert all("holds no" in line and "later model date" in line for line in warned[:2])
    assert world.rows(MODELS_REFERENCE)["model_date"].unique().to_list() == [date(2014, 10, 1)]
    assert kept == {"2014-01-01", "2014-04-01", "2014-07-01", "2014-10-01"}


def test_a_batch_whose_only_model_date_has_nothing_to_learn_goes_on_without_a_model(
    tmp_path: Path, ingested: World
) -> None:
    world, day, said = ingested.copy(tmp_path), "2014-04-01", list[str]()
    with dg.DagsterInstance.ephemeral() as instance:
        for stage in (
            Stage("references", "set_references", day, day, 1),
            Stage("evidence", "gather_evidence", "2014-01-01", "2014-03-01", 3),
            Stage("models", "train_models", day, day, 1),
            Stage("scores", "score_vintages", "2014-01-01", "2014-03-01", 3),
        ):
            run_stage(stage, world.definitions, instance, said.append)
    assert said
    assert all(line.startswith("no model: ") and "model date 2014-04" in line for line in said)
    assert world.rows(SCORES_LOANS).is_empty()
    assert world.rows(SCORES_LINEAGE)["scored"].sum() == 0
