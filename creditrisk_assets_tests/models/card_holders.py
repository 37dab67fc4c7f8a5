"""The 30,000 card holders of Yeh and Lien (2009) as activity events: six months, default in the seventh."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.features.behaviour import behaviour, facts
from creditrisk_assets_tests.features.activity import SCHEMA

FILE = "external/uci_credit_card_30k.csv.gz"
STATUS = ("PAY_6", "PAY_5", "PAY_4", "PAY_3", "PAY_2", "PAY_0")
"""April to September 2005: months behind; -2 no use, -1 paid in full, 0 paid in part and revolving."""
LANDMARK = datetime(2005, 10, 1, tzinfo=UTC)
SPIKE = 0.8
"""Share of the limit from which a bill is a spike of utilisation."""


def card_holders(file: Path) -> tuple[pl.DataFrame, NDArray[np.bool_], NDArray[np.bool_]]:
    """Counts at the end of September, default in October, and whether the client id is odd; one row per client."""
    book = pl.read_csv(file).with_columns(customer_id=pl.col("ID").cast(pl.String))
    as_of = book.select("customer_id", as_of=pl.lit(LANDMARK, dtype=pl.Datetime("us", "UTC")))
    counts = behaviour(facts(activity(book)), as_of)
    outcome = book["default.payment.next.month"].cast(pl.Boolean).to_numpy()
    return counts, outcome, (book["ID"] % 2 == 1).to_numpy()


def activity(book: pl.DataFrame) -> pl.DataFrame:
    """Events of all clients: a payment made or missed a month, spikes, and the line told when it is opened."""
    parts = [_event(book, "line", "credit_line_change", datetime(2005, 4, 1, tzinfo=UTC), credit_line="LIMIT_BAL")]
    for place, status in enumerate(STATUS):
        month = datetime(2005, 4 + place, 20, tzinfo=UTC)
        bill, paid = f"BILL_AMT{6 - place}", f"PAY_AMT{6 - place}"
        late = book.filter(pl.col(status) > 0).with_columns(days=30 * pl.col(status))
        well = book.filter(pl.col(status) <= 0).with_columns(days=pl.lit(0))
        parts.append(_event(late, f"pay {place}", "payment_missed", month, amount=bill, days_past_due="days"))
        parts.append(_event(well, f"pay {place}", "payment_made", month, amount=paid, days_past_due="days"))
        spiked = book.with_columns(used=pl.col(bill) / pl.col("LIMIT_BAL")).filter(pl.col("used") >= SPIKE)
        parts.append(_event(spiked, f"spike {place}", "utilisation_spike", month, utilisation="used"))
    return pl.concat(parts)


def _event(book: pl.DataFrame, name: str, kind: str, time: datetime, **values: str) -> pl.DataFrame:
    told = {column: pl.col(values[column]) if column in values else pl.lit(None) for column in SCHEMA}
    told |= {
        "customer_id": pl.col("customer_id"),
        "event_id": pl.lit(name),
        "event_type": pl.lit(kind),
        "event_time": pl.lit(time),
    }
    return book.select(told[column].cast(dtype).alias(column) for column, dtype in SCHEMA.items())
