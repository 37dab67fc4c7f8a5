"""The lake as Dagster sees it: frames in and out of assets, one commit per run."""

from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl
from pydantic import Field

from creditrisk_assets.columns import Table
from creditrisk_assets.resources.delta import Lake, LakeError, Written

if TYPE_CHECKING:
    from dagster_deltalake.config import ClientConfig, S3Config


def s3_options(s3: "S3Config", client: "ClientConfig | None" = None) -> dict[str, str]:
    """Storage options from the configuration classes of dagster-deltalake.

    They cost a second to import, hence the caller names them only where S3 is configured. The bucket is
    part of the root, and an unset option is left to the environment.
    """
    options = s3.model_dump(exclude_defaults=True) | (client.model_dump(exclude_defaults=True) if client else {})
    return {name: str(value) for name, value in options.items() if name not in {"provider", "bucket"}}


def column_schema(table: Table) -> dg.TableSchema:
    """The contract as the Columns tab shows it: type, meaning with unit, constraints."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=str(column.dtype),
                description=f"{column.meaning} ({column.unit})" if column.unit else column.meaning,
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable,
                    unique=table.primary == (column.name,),
                    other=[column.rule] if column.rule else [],
                ),
            )
            for column in table.columns
        ]
    )


def partition_day(definition: dg.PartitionsDefinition, key: str) -> date:
    """The Date a partition key stands for; LakeError for keys that are not whole days.

    An hour would share its Date with the other hours of the day and replace them.
    """
    if isinstance(definition, dg.TimeWindowPartitionsDefinition):
        window = definition.time_window_for_partition_key(key)
        if window.start.time() != time(0) or window.end.date() <= window.start.date():
            raise LakeError(
                f"partition {key} is not a whole day or more from midnight, and tables are partitioned by Date"
            )
        return window.start.date()
    try:
        return date.fromisoformat(key)
    except ValueError as error:
        raise LakeError(f"partition {key!r} is no date, and tables are partitioned by Date") from error


def _days(context: dg.OutputContext | dg.InputContext) -> list[date]:
    definition = context.asset_partitions_def
    return [partition_day(definition, key) for key in context.asset_partition_keys]


def _consumer_is_whole(context: dg.InputContext) -> bool:
    """Is the asset or check being computed unpartitioned, so that it wants all of its input?"""
    try:
        step = context.step_context
    except dg.DagsterInvariantViolationError:
        return False  # loaded outside a run: the caller named the partitions
    return step.entity_partitions_def is None


def input_days(context: dg.InputContext) -> list[date] | None:
    """Days of the upstream table that this run reads, None for all of it."""
    if not context.has_asset_partitions or _consumer_is_whole(context):
        return None
    return _days(context)


def check_days(context: dg.AssetCheckExecutionContext) -> list[date] | None:
    """Days a check looks at: those of the run for a partitioned check, None (the whole table) for a plain one."""
    definition = context.get_step_execution_context().entity_partitions_def
    if definition is None or not (context.has_partition_key or context.has_partition_key_range):
        return None
    return [partition_day(definition, key) for key in context.partition_keys]


def commit_metadata(table: Table, run_id: str, days: Sequence[date] | None) -> dict[str, str]:
    """What the Delta log notes about one commit: who wrote what."""
    return {
        "dagster_run_id": run_id,
        "dagster_asset": table.name,
        "dagster_partitions": ",".join(day.isoformat() for day in days or ()),
    }


def output_metadata(table: Table, uri: str, written: Written, days: Sequence[date] | None) -> dict[str, Any]:
    """What the catalogue shows about one materialization."""
    metadata: dict[str, Any] = {
        "dagster/row_count": written.table_rows,
        "dagster/uri": uri,
        "dagster/column_schema": column_schema(table),
        "delta_version": written.version,
        "table_bytes": written.table_bytes,
    }
    rows = {day.isoformat(): 0 for day in days or ()} | dict(written.partition_rows)
    if days is not None and len(days) == 1:
        metadata["dagster/partition_row_count"] = rows[days[0].isoformat()]
    elif days is not None:
        metadata["partition_rows"] = rows
    return metadata


class DeltaLakeIOManager(dg.ConfigurableIOManager):
    """Keeps every asset as the Delta table of its contract under `root`, a local path or `s3://…`.

    Outputs are LazyFrames or DataFrames, and replace exactly the partitions of the run. Inputs are
    LazyFrames (DataFrames where the parameter says so) of the partitions the run depends on; columns
    are those of `AssetIn(metadata={"columns": [...]})`, else all declared ones. Assets that write
    their table themselves return nothing.
    """

    root: str
    storage_options: dict[str, str] = Field(default_factory=dict)

    @property
    def lake(self) -> Lake:
        """The same lake without Dagster."""
        return Lake(self.root, self.storage_options)

    def tables(self) -> Mapping[tuple[str, ...], Table]:
        """Contracts by asset key; override to serve other tables than those of the platform."""
        from creditrisk_assets.contracts import TABLES

        return TABLES

    def table(self, key: dg.AssetKey) -> Table:
        """The contract of an asset; LakeError when there is none."""
        tables = self.tables()
        if tuple(key.path) not in tables:
            raise LakeError(f"{key.to_user_string()} has no contract: declare its table in contracts")
        return tables[tuple(key.path)]

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Replace the run's partitions, or all of an unpartitioned table, by the frame in one commit."""
        if obj is None:
            context.log.info("nothing returned, nothing written to the lake")
            return
        if not context.has_asset_key:
            raise LakeError(f"output {context.name!r} belongs to no asset; only assets are kept in the lake")
        table = self.table(context.asset_key)
        if not isinstance(obj, pl.LazyFrame | pl.DataFrame):
            raise LakeError(f"{table.name} returned {type(obj).__name__}: return a polars LazyFrame or DataFrame")
        days = _days(context) if context.has_asset_partitions else None
        written = self.lake.overwrite(table, obj, days, commit_metadata(table, context.run_id, days))
        context.add_output_metadata(output_metadata(table, self.lake.uri(table), written, days))

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame | pl.DataFrame:
        """The upstream partitions this run depends on, all of them for an unpartitioned consumer."""
        if not context.has_asset_key:
            raise LakeError(f"input {context.name!r} belongs to no asset; only assets are kept in the lake")
        table = self.table(context.asset_key)
        columns = context.definition_metadata.get("columns")
        frame = self.lake.scan(table, input_days(context), columns)
        if context.dagster_type.typing_type is pl.DataFrame:
            return frame.collect(engine="streaming")
        return frame
