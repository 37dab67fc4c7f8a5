"""When each partition of a table was last written and how many rows it holds, from the Delta log alone."""

import polars as pl
from deltalake import DeltaTable

from creditrisk_assets.columns import Table
from creditrisk_assets.resources.delta import Lake

_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "vintage": pl.Date, "rows": pl.Int64, "written": pl.Datetime("us", "UTC"),
}  # fmt: skip
WRITTEN = pl.Schema(_COLUMNS)


def written(lake: Lake, table: Table) -> pl.DataFrame:
    """Rows and last change by vintage, in order; none when the table was never written. No data file is opened.

    A partition that was emptied shows as one that was never written. Compaction counts as a change.
    """
    return partitions_of(lake.open(table)) if lake.exists(table) else pl.DataFrame(schema=WRITTEN)


def partitions_of(stored: DeltaTable, column: str = "vintage") -> pl.DataFrame:
    """As `written`, of an open Delta table that is partitioned by the Date `column`."""
    files = pl.DataFrame(stored.get_add_actions(flatten=True))
    if files.is_empty():
        return pl.DataFrame(schema=WRITTEN)
    moment = pl.col("modification_time").cast(pl.Datetime("ms")).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return (
        files.select(
            pl.col(f"partition.{column}").cast(pl.Date).alias("vintage"),
            pl.col("num_records").cast(pl.Int64).alias("rows"),
            moment.alias("written"),
        )
        .drop_nulls("vintage")
        .group_by("vintage")
        .agg(pl.col("rows").sum(), pl.col("written").max())
        .sort("vintage")
    )
