"""What every asset of the platform shares: group from its key, owner, contract in the catalogue."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from creditrisk_assets.columns import Table
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.resources.lake import DeltaLakeIOManager, column_schema, commit_metadata
from creditrisk_assets.workloads import Workload

OWNERS = ["team:credit-risk"]


def catalogue(table: Table, kinds: set[str]) -> dict[str, Any]:
    """Arguments of `dg.asset` that follow from the contract."""
    return {
        "key": dg.AssetKey(list(table.key)),
        "group_name": table.key[0],
        "kinds": kinds,
        "owners": OWNERS,
        "metadata": {"dagster/column_schema": column_schema(table), "primary_key": ", ".join(table.primary)},
    }


def asset_out(table: Table, kinds: set[str]) -> dg.AssetOut:
    """One output of a multi-asset, described by its contract; it may be selected without its siblings."""
    return dg.AssetOut(description=table.meaning, is_required=False, **catalogue(table, kinds))


def at_once(work: Workload) -> dict[str, Any]:
    """Arguments of an asset whose partitions are backfilled in one run, and what a pod for it takes."""
    return {"backfill_policy": dg.BackfillPolicy.single_run(), "op_tags": work.tags}


def by_vintage(work: Workload) -> dict[str, Any]:
    """Arguments of an asset whose vintages need nothing of each other.

    A backfill of it is as many runs as CREDITRISK_VINTAGES_PER_RUN makes of its vintages: on Kubernetes as many
    pods. Unset it is one run, which on a single machine costs least.
    """
    most = settings().vintages_per_run
    policy = dg.BackfillPolicy.single_run() if most is None else dg.BackfillPolicy.multi_run(most)
    return {"backfill_policy": policy, "op_tags": work.tags}


def in_one_pod(work: Workload, **tags: str) -> Callable[..., Any]:
    """`dg.define_asset_job` for jobs whose steps are too short for pods of their own: the run is one process."""
    return partial(dg.define_asset_job, executor_def=dg.in_process_executor, tags=work.tags | tags)


@dataclass(frozen=True)
class Part:
    """One table of several that come from one computation, with what the catalogue shows about it."""

    table: Table
    frame: pl.DataFrame
    metadata: dict[str, Any] = field(default_factory=dict)


def together(
    context: dg.AssetExecutionContext, lake: DeltaLakeIOManager, parts: Sequence[Part]
) -> Iterator[dg.Output[pl.DataFrame]]:
    """Output the parts that were selected and write the others as well.

    The tables of one computation describe each other (draws and their design, loans and their
    ledger): whichever is asked for, none may stay behind.
    """
    days = [date.fromisoformat(key) for key in context.partition_keys]
    selected = context.op_execution_context.selected_output_names
    for part in parts:
        name = part.table.key[1]
        if name in selected:
            yield dg.Output(part.frame, name, metadata=part.metadata)
        else:
            lake.lake.overwrite(part.table, part.frame, days, commit_metadata(part.table, context.run.run_id, days))
            context.log.info(f"{part.table.name} was not selected, and is kept in step")
