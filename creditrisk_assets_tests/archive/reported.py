"""A lake with reports in it, as small as they come."""

from datetime import UTC, date, datetime

import polars as pl

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts import MONITORING_DRIFT, MONITORING_MODEL_CARDS
from creditrisk_assets.resources.delta import Lake

JANUARY, FEBRUARY, APRIL = date(2016, 1, 1), date(2016, 2, 1), date(2016, 4, 1)


def _value(column: Column, number: int) -> object:
    """Something that keeps the declaration."""
    if column.allowed:
        return column.allowed[number % len(column.allowed)]
    if column.dtype == pl.String:
        return f"{column.name} {number}"
    if column.dtype == pl.Boolean:
        return True
    if column.dtype == pl.Date:
        return JANUARY
    if column.dtype == pl.Datetime("us", "UTC"):
        return datetime(2016, 1, 1, tzinfo=UTC)
    low = float(column.low or 0)  # type: ignore[arg-type]
    return low if column.dtype == pl.Float64 else int(low)


def _frame(table: Table, *days: date, **changes: object) -> pl.DataFrame:
    rows = [
        {column.name: _value(column, number) for column in table.columns} | {table.partition: day} | changes
        for number, day in enumerate(days)
    ]
    return pl.DataFrame(rows, schema=table.schema)


def with_drift(lake: Lake, *days: date, psi: float = 0.125) -> None:
    """Drift of some vintages."""
    lake.overwrite(MONITORING_DRIFT, _frame(MONITORING_DRIFT, *days, psi=psi), days)


def with_cards(lake: Lake, *days: date, html: str = "<html>a card</html>") -> None:
    """A model card of some dates."""
    lake.overwrite(MONITORING_MODEL_CARDS, _frame(MONITORING_MODEL_CARDS, *days, html=html), days)
