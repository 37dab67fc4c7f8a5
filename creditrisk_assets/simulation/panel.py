"""Every month of every loan, as its lender sees it: the panel behind event streams and transition matrices."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from creditrisk_assets.simulation.draws import Wholes, month_of
from creditrisk_assets.simulation.life import Life, standing
from creditrisk_assets.simulation.states import FIRST, PAID

PANEL_STATES = (
    "current", "grace", "late 16-30", "late 31-120", "default", "charged off", "prepaid", "paid at term", "recovered",
)  # fmt: skip
PANEL_DAYS = ("0", "1-15", "16-30", "31-60", "61-90", "91-120", "over 120")
_GRACE, _AT_TERM, _RECOVERED = 12, 13, 14
# By state of the life, then grace, paid at term and recovered.
_STATE_OF = np.array([0, 2, 2, 2, 2, 3, 3, 3, 3, 6, 4, 5, 1, 7, 8])
_DAYS_OF = np.array([0, 2, 2, 2, 2, 3, 3, 4, 5, 0, 6, 6, 1, 0, 6])


class Pages(Protocol):
    """Where the blocks of the panel go."""

    def add(self, block: pl.DataFrame) -> None:
        """Append the rows of a block."""


def panel(life: Life, ids: pl.Series, term: Wholes, vintage: int, age: int) -> pl.DataFrame:
    """One row per loan and month on book, from the month of issue (0) to the close or `age` months.

    Columns id, month_on_book, month (calendar month), state (PANEL_STATES) and days_past_due
    (PANEL_DAYS), in the order of loan and month. A recovery, three months after the charge-off, has a
    last row of its own. Days of loans on a payment plan stand still at 16-30.
    """
    now = standing(life, age)
    back = life.recovery_month
    recovered = (life.recovered > 0) & (back <= age)
    rows = now.closed + 1 + recovered
    loan = np.repeat(np.arange(len(term)), rows)
    ends = rows.cumsum()
    month = np.arange(len(loan)) - np.repeat(ends - rows, rows)
    last = np.zeros(len(loan), dtype=np.bool_)
    last[ends - 1] = True
    restored = last & recovered[loan]
    month[restored] = back[recovered]
    state = life.history[np.minimum(month, len(life.history) - 1), loan].astype(np.int64)
    state[(state == FIRST) & life.due_late[loan]] = _GRACE
    state[(state == PAID) & (month >= term[loan])] = _AT_TERM
    state[restored] = _RECOVERED
    calendar = pl.Series([month_of(vintage + step) for step in range(int(month.max()) + 1)], dtype=pl.Date)
    return pl.DataFrame(
        {
            "id": ids.gather(loan),
            "month_on_book": pl.Series(month, dtype=pl.UInt8),
            "month": calendar.gather(month),
            "state": _named(PANEL_STATES, _STATE_OF[state]),
            "days_past_due": _named(PANEL_DAYS, _DAYS_OF[state]),
        }
    )


@contextmanager
def panel_file(path: Path) -> Iterator[Pages]:
    """A Parquet file that grows block by block: a large panel never fits into memory."""
    import pyarrow.parquet as pq

    class Book:
        writer: pq.ParquetWriter | None = None

        def add(self, block: pl.DataFrame) -> None:
            table = block.to_arrow()
            self.writer = self.writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            self.writer.write_table(table)

    book = Book()
    try:
        yield book
    finally:
        if book.writer:
            book.writer.close()


def _named(names: tuple[str, ...], index: Wholes) -> pl.Series:
    """Category column of the names at the given indices."""
    return pl.Series(index, dtype=pl.UInt8).cat.to(pl.Enum(names))
