"""The Dagster commands of the README, run as they stand there."""

from pathlib import Path

import pytest

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    MODELS_BINNING,
    MODELS_EVIDENCE,
    MODELS_POSTERIOR,
    MODELS_REFERENCE,
    RAW_LOANS_LEDGER,
)
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets_tests.commands import command
from creditrisk_assets_tests.raw.written import loan, text, write
from creditrisk_assets_tests.world import MODEL_DATES, VINTAGES, World

MODULE = ("-m", "creditrisk_assets.definitions")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [loan(number, issue_d=month) for number, month in enumerate(("Mar-2015", "Apr-2015", "Apr-2015"))]
    return write(tmp_path_factory.mktemp("files") / "loans.csv", text([*rows, loan(9, issue_d="Apr-2015", term="")]))


def test_the_definitions_are_valid(tmp_path: Path) -> None:
    done = command("dagster", "definitions", "validate", "-w", "workspace.yaml", data=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Validation successful for code location creditrisk" in done.stderr + done.stdout


def test_one_partition_is_materialised_with_its_checks(tmp_path: Path, files: Path) -> None:
    asked = ("--select", "group:raw or group:features", "--partition", "2015-04-01")
    done = command("dagster", "asset", "materialize", *MODULE, *asked, data=tmp_path, CREDITRISK_LOANS=files)
    assert done.returncode == 0, done.stderr
    lake = Lake(str(tmp_path / "lake"))
    assert lake.scan(FEATURES_LOANS).collect()["vintage"].dt.to_string("%Y-%m").to_list() == ["2015-04"] * 2
    assert lake.scan(RAW_LOANS_LEDGER).select("read", "clean", "quarantined").sum().collect().row(0) == (3, 2, 1)


def test_references_and_evidence_are_materialised_one_after_the_other(tmp_path: Path, ingested: World) -> None:
    ingested.copy(tmp_path)
    for asked in (
        ('key:"models/reference"', "--partition", "2016-01-01"),
        ('key:"models/evidence"', "--partition-range", "2014-01-01...2015-12-01"),
    ):
        done = command("dagster", "asset", "materialize", *MODULE, "--select", *asked, data=tmp_path)
        assert done.returncode == 0, done.stderr
    lake = Lake(str(tmp_path / "lake"))
    reference, evidence = (lake.scan(table).collect() for table in (MODELS_REFERENCE, MODELS_EVIDENCE))
    assert reference["model_date"].unique().to_list() == [MODEL_DATES[0]]
    assert lake.exists(MODELS_BINNING)
    assert evidence["vintage"].unique().sort().to_list() == VINTAGES[:24]
    assert set(evidence["reference"]) == set(reference["version"])


def test_the_batch_reads_everything_the_landing_folder_holds(tmp_path: Path, files: Path) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    (landing / files.name).write_bytes(files.read_bytes())
    done = command("dagster", "job", "execute", *MODULE, "-j", "batch", data=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ingest: 2 partitions, 2015-03-01 to 2015-04-01" in done.stderr
    lake = Lake(str(tmp_path / "lake"))
    assert lake.scan(FEATURES_LOANS).collect().height == 3
    assert not lake.exists(MODELS_POSTERIOR)
