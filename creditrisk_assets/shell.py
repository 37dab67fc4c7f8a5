"""What every asset of the platform shares: group from its key, owner, contract in the catalogue."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from creditrisk_assets.columns import Table
from creditrisk_assets.resources.lake import column_schema

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


def asset_out(table: Table, kinds: set[str], **more: Any) -> dg.AssetOut:
    """One output of a multi-asset, described by its contract."""
    return dg.AssetOut(description=table.meaning, **catalogue(table, kinds), **more)


def contract_arguments(table: Table, kinds: set[str]) -> Mapping[str, Any]:
    """Arguments of a single asset; its description is the function's docstring."""
    return catalogue(table, kinds)
