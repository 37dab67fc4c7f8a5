"""A lake after the batch into which a little stream has run: somebody of every kind to look at."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import FEATURES_BEHAVIOUR, SCORES_LIVE, SCORES_LOANS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.assembly import models_in_charge
from creditrisk_assets.streaming.deriving import Deriver
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.remembering import remembered
from creditrisk_assets.streaming.table import StreamTable
from creditrisk_assets_tests.streaming.flowing import applied, did, settings_of, take, with_behaviour
from creditrisk_assets_tests.world import World

APPLICANT, CUSTOMER = "a-1", "c-1"
"""An application, and the customer who made it and then lived on."""
FIRST = datetime(2026, 11, 20, 23, 59, 58, tzinfo=UTC)


def streamed(root: Path, batched: World) -> Lake:
    """Three micro-batches, the second on the day after; a borrower of the book among the customers."""
    lake = with_behaviour(batched.copy(root).lake)
    borrower = borrower_of(lake)
    events, live = Events(lake), StreamTable(lake, SCORES_LIVE)
    for number, messages in enumerate(
        (
            (applied(1, CUSTOMER, -90), applied(2), did(borrower, "payment_made", -40)),
            (did(CUSTOMER, days=-30), did(borrower, "credit_inquiry", -20), did("stranger", days=-3)),
            (did(CUSTOMER, days=-1, event_id="worse", days_past_due=65), did(borrower, "utilisation_spike", -2)),
        )
    ):
        events._clock = lambda number=number: FIRST + timedelta(seconds=3 * number)
        take(events, *messages)
    values = settings_of(lake)
    deriver = Deriver(models_in_charge(lake, values), remembered(lake, events, live, None))
    found = [deriver.derive(batch.frame) for batch in events.after(None)]
    _written(lake, FEATURES_BEHAVIOUR, [one.features for one in found])
    _written(lake, SCORES_LIVE, [one.scores for one in found])
    return lake


def _written(lake: Lake, table: Table, parts: list[pl.DataFrame]) -> None:
    rows = pl.concat(parts)
    lake.overwrite(table, rows, rows["ingest_day"].unique().to_list())


def borrower_of(lake: Lake) -> str:
    """A loan of the book that lives on in the stream."""
    return str(lake.scan(SCORES_LOANS, columns=["loan_id"]).collect()["loan_id"].min())


@pytest.fixture(scope="session")
def streamed_lake(tmp_path_factory: pytest.TempPathFactory, batched: World) -> Lake:
    """That lake, to be read only."""
    return streamed(tmp_path_factory.mktemp("streamed"), batched)
