"""What was really sent, and how the customers really are: Parquet files beside which a stream can be counted."""

from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

import polars as pl

from creditrisk_assets.contracts import Instant
from creditrisk_assets.simulation.living import Lives
from creditrisk_assets.simulation.panel import PANEL_DAYS, PANEL_STATES

MESSAGE_COLUMNS = ("position", "topic", "key", "kind", "poison", "event_id", "event_time", "customer_id", "month")
CUSTOMERS: dict[str, pl.DataType | type[pl.DataType]] = {
    "customer_id": pl.String, "begin": pl.Float64, "month_on_book": pl.UInt8, "state": pl.Enum(PANEL_STATES),
    "days_past_due": pl.Enum(PANEL_DAYS), "stress": pl.Float64, "over": pl.Boolean,
    "default_month_on_book": pl.UInt8, "defaults_within_12m": pl.Boolean, "log_odds": pl.Float64, "pd_12m": pl.Float64,
}  # fmt: skip
_GIVEN: dict[str, pl.DataType | type[pl.DataType]] = {
    "topic": pl.String, "key": pl.String, "kind": pl.String, "poison": pl.String, "event_id": pl.String,
    "event_time": Instant, "customer_id": pl.String, "month": pl.Float64, "value": pl.Binary,
}  # fmt: skip


def customers_file(file: Path) -> Path:
    """Where the truth about the customers stands, beside that about the messages."""
    return file.with_name(f"{file.stem}_customers{file.suffix}")


class MessagesTruth(AbstractContextManager["MessagesTruth"]):
    """Writes one row per message sent, in their order: MESSAGE_COLUMNS, and `raw`, the bytes of poison.

    `position` counts the messages from 0; `event_id` names poison even where the message does not.
    """

    def __init__(self, file: Path) -> None:
        import pyarrow.parquet as pq

        file.parent.mkdir(parents=True, exist_ok=True)
        empty = _rows(pl.DataFrame(schema=_GIVEN), 0).to_arrow()
        self._writer = pq.ParquetWriter(file, empty.schema, compression="zstd")
        self._count = 0

    def add(self, messages: pl.DataFrame) -> None:
        """The messages that were sent next; see `stream.MESSAGES`."""
        if messages.height:
            self._writer.write_table(_rows(messages, self._count).to_arrow())
            self._count += messages.height

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()


def customers_truth(lives: list[tuple[Lives, pl.DataFrame]], month: float) -> pl.DataFrame:
    """How the customers who had begun by `month` of the stream's clock stood then: one row each, CUSTOMERS.

    `state` and the others are those of the end of the `month_on_book` they were in, or of the last one when
    they are `over`. `defaults_within_12m`: in the twelve months after that one.
    """
    return pl.concat([pl.DataFrame(schema=CUSTOMERS), *(_standing(*block, month) for block in lives)])


def _standing(lives: Lives, begins: pl.DataFrame, month: float) -> pl.DataFrame:
    begun = begins.filter(pl.col("begin") <= month)
    reached = lives.months.join(begun, on="number").filter(pl.col("month_on_book") <= month - pl.col("begin"))
    last = lives.months.group_by("number").agg(last=pl.col("month_on_book").max())
    now = reached.sort("number", "month_on_book").unique("number", keep="last", maintain_order=True)
    ahead = pl.col("default_month_on_book").cast(pl.Int64) - pl.col("month_on_book").cast(pl.Int64)
    found = begun.join(now.drop("begin"), on="number").join(last, on="number").join(lives.loans, on="number")
    return (
        found.sort("begin")
        .with_columns(
            customer_id="name",
            over=month - pl.col("begin") >= pl.col("last").cast(pl.Int64) + 1,
            defaults_within_12m=ahead.is_between(1, 12).fill_null(False),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in CUSTOMERS.items())
    )


def _rows(messages: pl.DataFrame, first: int) -> pl.DataFrame:
    raw = pl.when(pl.col("poison").is_not_null()).then("value")
    return messages.with_columns(raw=raw).with_row_index("position", first).select(*MESSAGE_COLUMNS, "raw").cast(
        {"position": pl.Int64, "kind": pl.String}
    )  # fmt: skip
