"""The platform over a lake and loan files of a test's own, and books that several tests look at."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.automation import QUIET, RANGE_END, RANGE_START
from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import TABLES
from creditrisk_assets.definitions import build_defs
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets.resources.lake import DeltaLakeIOManager
from creditrisk_assets.resources.loan_files import LoanFiles
from creditrisk_assets.simulation.book import SimulatedBook, simulate_loans

FIRST, LAST = date(2014, 1, 1), date(2016, 4, 1)
MODEL_DATES = (date(2016, 1, 1), date(2016, 4, 1))
VINTAGES = [add_months(FIRST, month) for month in range(28)]
BATCH = {key: table for key, table in TABLES.items() if table.partition in ("vintage", "model_date")}
"""Tables of the batch, by key."""


def simulated(out: Path) -> SimulatedBook:
    """28 vintages: two model dates with matured vintages before them, and one record in a hundred damaged.

    With fewer loans a posterior is sampled loan by loan, which takes six times as long.
    """
    return simulate_loans(loans=20_000, vintages=28, seed=3, out=out, observed_months=24, dirty=0.01)


@dataclass(frozen=True)
class World:
    """The platform with its lake under `root`, over loan files."""

    root: Path
    loans: str | None

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def lake(self) -> Lake:
        return Lake(str(self.root / "lake"))

    @property
    def resources(self) -> dict[str, object]:
        manager = DeltaLakeIOManager(root=str(self.root / "lake"))
        book = {"first_vintage": "2007-06-01", "last_vintage": "2020-12-01"}
        files = LoanFiles(loans=self.loans, landing=str(self.landing), **book)
        return {"lake": manager, "io_manager": manager, "loan_files": files}

    @property
    def definitions(self) -> dg.Definitions:
        return build_defs(resource_overrides=self.resources)

    def copy(self, root: Path) -> "World":
        """The same tables in a lake that may be changed."""
        shutil.copytree(self.root / "lake", root / "lake")
        return World(root, self.loans)

    def run(
        self,
        selection: str | dg.AssetSelection,
        first: date,
        last: date | None = None,
        *,
        instance: dg.DagsterInstance | None = None,
        fails: bool = False,
    ) -> dg.ExecuteInProcessResult:
        """Materialize or check what is selected over a range of partitions in one run."""
        chosen = dg.AssetSelection.from_string(selection) if isinstance(selection, str) else selection
        jobs = dg.Definitions(jobs=[dg.define_asset_job("some", selection=chosen)])
        tags = {RANGE_START: first.isoformat(), RANGE_END: (last or first).isoformat()}
        job = dg.Definitions.merge(self.definitions, jobs).resolve_job_def("some")
        return job.execute_in_process(run_config=QUIET, tags=tags, instance=instance, raise_on_error=not fails)

    def rows(self, table: Table) -> pl.DataFrame:
        """The table, sorted by its primary key."""
        return self.lake.scan(table).collect().sort(table.primary)

    def only(self, table: Table, *days: date) -> pl.DataFrame:
        """The rows of some partitions, sorted by the primary key."""
        return self.lake.scan(table, days).collect().sort(table.primary)


def failures(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], dict[str, object]]:
    """Metadata of every failed check, by asset and name."""
    return {
        (check.asset_key.to_user_string(), check.check_name): {k: v.value for k, v in check.metadata.items()}
        for check in result.get_asset_check_evaluations()
        if not check.passed
    }


def checked(world: World, name: str, asset: str, first: date, last: date | None = None) -> dict[str, object] | None:
    """Run one check alone: None when it passes, its metadata when it fails."""
    selection = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(asset.split("/")), name))
    result = world.run(selection, first, last, fails=True)
    assert len(result.get_asset_check_evaluations()) == 1
    return failures(result).get((asset, name))


def assert_same_tables(one: World, other: World, *tables: Table) -> None:
    """Row for row the same, when read sorted."""
    for table in tables:
        assert_frame_equal(one.rows(table), other.rows(table))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name`, filled by whichever test process comes first."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = base / name
    with _locked(base / f"{name}.lock"):
        if not (folder / ".made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / ".made").touch()
    return folder
