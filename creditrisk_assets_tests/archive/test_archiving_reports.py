"""Reports into the archive: each state of each date once, and cards that any browser shows."""

import io
import re

import polars as pl
from polars.testing import assert_frame_equal

from creditrisk_assets.archive.index import reports_index
from creditrisk_assets.archive.manifest import Entry
from creditrisk_assets.archive.reports import GROUP, archive_reports
from creditrisk_assets.archive.reports import Kept as Done
from creditrisk_assets.contracts import ARCHIVE_REPORTS, MONITORING_DRIFT
from creditrisk_assets_tests.archive.days import Kept
from creditrisk_assets_tests.archive.reported import APRIL, FEBRUARY, JANUARY, with_cards, with_drift


def entries(done: Done) -> list[Entry]:
    assert done.manifest is not None
    return list(done.manifest.entries)


def test_every_date_of_every_report_becomes_an_object_named_by_what_it_is_about(anywhere: Kept) -> None:
    with_drift(anywhere.lake, JANUARY, FEBRUARY)
    with_cards(anywhere.lake, APRIL)
    done = archive_reports(anywhere.lake, anywhere.archive)
    assert [re.sub(r"-[0-9a-f]{12}\.", "-….", entry.name) for entry in entries(done)] == [
        "vintage=2016-01-01/drift-….parquet",
        "vintage=2016-02-01/drift-….parquet",
        "model_date=2016-04-01/model_cards-….parquet",
        "model_date=2016-04-01/card-application-….html",
    ]
    assert done.manifest == anywhere.archive.newest(GROUP)
    drift, card = anywhere.archive.read(GROUP, entries(done)[0]), anywhere.archive.read(GROUP, entries(done)[3])
    assert_frame_equal(pl.read_parquet(io.BytesIO(drift)), anywhere.lake.scan(MONITORING_DRIFT, [JANUARY]).collect())
    assert card == b"<html>a card</html>"


def test_the_same_report_is_archived_once_however_often_it_is_written(kept: Kept) -> None:
    with_drift(kept.lake, JANUARY)
    first = archive_reports(kept.lake, kept.archive)
    with_drift(kept.lake, JANUARY)
    again = archive_reports(kept.lake, kept.archive)
    assert (again.objects, again.bytes) == (0, 0)
    assert again.manifest == first.manifest


def test_a_report_that_says_something_else_is_kept_beside_what_it_said_before(kept: Kept) -> None:
    with_drift(kept.lake, JANUARY, FEBRUARY)
    first = archive_reports(kept.lake, kept.archive)
    with_drift(kept.lake, FEBRUARY, psi=0.5)
    second = archive_reports(kept.lake, kept.archive)
    assert second.objects == 1
    assert entries(second)[:2] == entries(first)
    psi = [pl.read_parquet(io.BytesIO(kept.archive.read(GROUP, one)))["psi"].item() for one in entries(second)]
    assert psi == [0.125, 0.125, 0.5]


def test_a_lake_without_reports_leaves_no_trace(kept: Kept) -> None:
    done = archive_reports(kept.lake, kept.archive)
    assert (done.manifest, done.objects) == (None, 0)
    assert kept.archive.objects.listed(GROUP) == []
    assert reports_index(None).schema == ARCHIVE_REPORTS.schema


def test_the_index_lists_every_object_as_its_contract_declares(kept: Kept) -> None:
    with_drift(kept.lake, JANUARY, FEBRUARY)
    with_cards(kept.lake, APRIL)
    found = reports_index(archive_reports(kept.lake, kept.archive).manifest)
    assert ARCHIVE_REPORTS.shape_differences(found.schema) == []
    assert ARCHIVE_REPORTS.violations(found.lazy()) == {}
    assert found["day"].to_list() == [JANUARY, FEBRUARY, APRIL, APRIL]
