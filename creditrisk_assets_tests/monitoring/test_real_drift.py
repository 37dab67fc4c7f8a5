"""The loans of 2014 and of March 2016 against a model of 2007-2011: they have drifted, and it says in what."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from creditrisk_assets.contracts import MODELS_BINNING, RAW_LOANS
from creditrisk_assets.features.loans import features
from creditrisk_assets.models.exposure import learned_from
from creditrisk_assets.models.records import binning_rows, fit_expansion
from creditrisk_assets.monitoring.baseline import Baseline
from creditrisk_assets.monitoring.drift import drift_rows, population_row
from creditrisk_assets.raw.intake import read_loans

MODEL_DATE, LAST = date(2012, 1, 1), date(2011, 12, 1)
BOOK = (date(2007, 1, 1), date(2018, 12, 1))
PACKS = {date(2014, 6, 1): "loans_2014_raw_prospectus_line.csv", date(2016, 3, 1): "loans_2016_03_raw.csv"}
LOANS = {date(2014, 6, 1): 998, date(2016, 3, 1): 1_000}

pytestmark = pytest.mark.slow


def loans(folder: Path, name: str) -> pl.DataFrame:
    clean = read_loans([folder / "lendingclub" / name], BOOK).clean
    assert RAW_LOANS.shape_differences(clean.schema) == []
    return features(clean.lazy()).collect()


@pytest.fixture(scope="module")
def baseline(shared_data: Path) -> Baseline:
    """The window as models/binning keeps it: no posterior is needed for PSI."""
    window = learned_from(loans(shared_data, "loans_2007_2011.csv.gz").lazy(), MODEL_DATE, "expanding")
    expansion, coded = fit_expansion(window, "application_with_price", MODEL_DATE, LAST)
    kept = binning_rows(expansion, coded)
    assert kept.schema == MODELS_BINNING.schema
    binning = expansion.design.binning
    counts = tuple(kept.filter(factor=name).sort("bin")["loans"].to_numpy() for name in binning.names)
    return Baseline(MODEL_DATE, binning, counts, coded.codes)


@pytest.fixture(scope="module", params=PACKS)
def vintage(request: pytest.FixtureRequest) -> date:
    found: date = request.param
    return found


@pytest.fixture(scope="module")
def rows(shared_data: Path, baseline: Baseline, vintage: date) -> pl.DataFrame:
    codes = baseline.binning.codes(loans(shared_data, PACKS[vintage]))
    assert codes.shape[1] == LOANS[vintage]
    return drift_rows(vintage, codes, None, baseline)


def test_both_packs_have_drifted_in_debt_and_purpose(rows: pl.DataFrame) -> None:
    drifted = rows.filter(verdict="drifted")["feature"].to_list()
    assert {"debt_to_income", "purpose", "log_installment"} <= set(drifted)
    assert rows.filter(verdict="stable").height >= 2, "not everything has changed"
    found: dict[str, Any] = rows.row(by_predicate=pl.col("feature") == "debt_to_income", named=True)
    assert found["psi"] > 0.4
    assert found["psi_high"] < 0.02
    assert found["moved"].endswith("and more")


def test_the_features_that_moved_are_the_known_ones(rows: pl.DataFrame, vintage: date) -> None:
    psi = dict(rows.select("feature", "psi").iter_rows())
    told = {date(2014, 6, 1): ("open_accounts", 0.296), date(2016, 3, 1): ("verification_status", 0.264)}
    name, size = told[vintage]
    assert psi[name] == pytest.approx(size, abs=0.01)
    assert rows.row(by_predicate=pl.col("feature") == name, named=True)["verdict"] == "drifted"


def test_a_classifier_tells_both_packs_from_the_window(shared_data: Path, baseline: Baseline, vintage: date) -> None:
    codes = baseline.binning.codes(loans(shared_data, PACKS[vintage]))
    row = population_row(vintage, codes, baseline).row(0, named=True)
    assert row["auc"] > 0.75
    assert row["p_value"] == 0.005
    assert "debt_to_income" in (row["feature_1"], row["feature_2"], row["feature_3"])
