"""The platform on a lake in a bucket: the whole batch, the stream on top of it, the archive, and back from that."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from creditrisk_assets.archive.events import archive_day
from creditrisk_assets.archive.reports import archive_reports
from creditrisk_assets.archive.restoring import restore
from creditrisk_assets.archive.storage import Archive
from creditrisk_assets.contracts import (
    FEATURES_BEHAVIOUR,
    MODELS_DIAGNOSTICS,
    MONITORING_DRIFT,
    MONITORING_MODEL_CARDS,
    PORTFOLIO_TOTALS,
    RAW_EVENTS,
    RAW_LOANS,
    RAW_LOANS_LEDGER,
    SCORES_LIVE,
    SCORES_LOANS,
    TOPICS,
)
from creditrisk_assets.models.artifacts import netcdf_name
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.lake import DeltaLakeIOManager
from creditrisk_assets.resources.objects import Objects
from creditrisk_assets.simulation.book import simulate_loans
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.upkeep import upkeep
from creditrisk_assets_tests.archive.days import rows, transactions
from creditrisk_assets_tests.resources.stores import S3Server
from creditrisk_assets_tests.streaming.brokers import DevelopmentBroker
from creditrisk_assets_tests.streaming.clients import bounds
from creditrisk_assets_tests.streaming.flowing import (
    Platform,
    derived_in_one_go,
    everything,
    renewed_topics,
    some_messages,
)
from creditrisk_assets_tests.world import BATCH, MODEL_DATES, World

VINTAGES = 25
"""The fewest that give a model and a vintage that it scores."""


@dataclass(frozen=True)
class BucketWorld(World):
    """The platform with its lake in a bucket."""

    bucket: str = ""

    @property
    def lake(self) -> Lake:
        return Lake(f"{self.bucket}/bank/lake")

    @property
    def archive(self) -> Archive:
        return Archive(Objects(f"{self.bucket}/bank/archive"))

    @property
    def resources(self) -> dict[str, object]:
        manager = DeltaLakeIOManager(root=self.lake.root)
        return super().resources | {"lake": manager, "io_manager": manager}


@pytest.fixture(scope="module")
def world(s3_server_process: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketWorld]:
    """A lake in a bucket after the batch job."""
    folder = tmp_path_factory.mktemp("bucket")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server_process.environment.items():
            patch.setenv(name, value)
        book = simulate_loans(
            loans=20_000, vintages=VINTAGES, seed=3, out=folder / "files", observed_months=24, dirty=0.01
        )
        world = BucketWorld(folder, str(book.file), s3_server_process.bucket())
        with dg.DagsterInstance.ephemeral() as instance:
            assert world.definitions.resolve_job_def("batch").execute_in_process(instance=instance).success
        yield world


@pytest.fixture
def platform(world: BucketWorld, development: DevelopmentBroker) -> Platform:
    """The stream over that lake."""
    development.ensure()
    renewed_topics(development)
    return Platform(world.lake, development)


def test_the_batch_fills_a_lake_in_a_bucket(world: BucketWorld) -> None:
    assert not Path(world.root, "lake").exists()
    for key, table in BATCH.items():
        assert world.lake.exists(table), key
    ledger = world.rows(RAW_LOANS_LEDGER)
    assert ledger["clean"].sum() == world.rows(RAW_LOANS).height > 19_000
    assert world.rows(MODELS_DIAGNOSTICS)["model_date"].unique().to_list() == [MODEL_DATES[0]]
    assert world.rows(SCORES_LOANS)["vintage"].unique().to_list() == [MODEL_DATES[0]]
    assert world.rows(PORTFOLIO_TOTALS).height > 0
    for feature_set in world.rows(MODELS_DIAGNOSTICS)["feature_set"]:
        assert world.lake.get_bytes(netcdf_name(MODEL_DATES[0], feature_set)).startswith(b"\x89HDF")


def test_its_reports_are_archived_once(world: BucketWorld) -> None:
    done = archive_reports(world.lake, world.archive)
    assert done.manifest is not None
    tables = {entry.report.table for entry in done.manifest.entries if entry.report is not None}
    assert {MONITORING_DRIFT.name, MONITORING_MODEL_CARDS.name, "monitoring/model_cards/application"} <= tables
    assert list(world.archive.faults(done.manifest)) == []
    cards = world.rows(MONITORING_MODEL_CARDS).filter(pl.col("feature_set") == "application")
    html = [world.archive.read("reports", entry) for entry in done.manifest.entries if entry.name.endswith(".html")]
    assert cards["html"][0].encode() in html
    assert archive_reports(world.lake, world.archive).objects == 0


def test_the_stream_runs_on_it_and_goes_on_exactly_once_in_a_lake_restored_from_the_archive(
    world: BucketWorld, platform: Platform
) -> None:
    platform.send(*some_messages(1, 60))
    with platform.pipeline(rows=20) as pipeline:
        assert everything(pipeline) == 60
    assert scored(platform.lake)["pd"].null_count() == 0
    for table, frame in zip((FEATURES_BEHAVIOUR, SCORES_LIVE), derived_in_one_go(platform), strict=True):
        assert_frame_equal(platform.lake.scan(table).collect().sort(table.primary), frame)
    assert upkeep(Events(platform.lake), fewest=2).merged > 0

    days = sorted(set(rows(platform.lake)["ingest_day"]))
    for day in days:
        assert archive_day(Events(platform.lake), world.archive, day).rows > 0
    restored = replace(platform, lake=Lake(f"{world.bucket}/another/lake"))
    assert sum(day.rows for day in restore(world.archive, restored.lake)) == 60
    assert_frame_equal(rows(restored.lake), rows(platform.lake))
    assert transactions(restored.lake) == transactions(platform.lake)

    platform.send(*some_messages(2, 30))
    with restored.pipeline() as pipeline:
        pipeline.catch_up()
        assert everything(pipeline) == 30
    found = rows(restored.lake)
    for topic in TOPICS:
        for partition in (0, 1):
            own = found.filter(topic=topic, partition=partition)
            assert own["offset"].sort().to_list() == list(range(*bounds(platform.broker.bootstrap, topic, partition)))
    assert restored.lake.scan(RAW_EVENTS).collect().height == 90


def scored(lake: Lake) -> pl.DataFrame:
    found = lake.scan(SCORES_LIVE).collect()
    assert found.height > 0
    return found
