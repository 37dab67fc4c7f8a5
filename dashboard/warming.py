"""What the first visitor would wait for."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    MODELS_COMPARISON,
    MODELS_DIAGNOSTICS,
    MONITORING_DRIFT,
    MONITORING_PERFORMANCE,
    MONITORING_RULE_AGREEMENT,
    PORTFOLIO_LOSS_DISTRIBUTION,
    PORTFOLIO_MOVEMENTS,
    PORTFOLIO_TOTALS,
    SCORES_LINEAGE,
    TABLES,
)
from creditrisk_assets.resources.delta import LakeError
from creditrisk_assets.serving.tables import ServedTables
from dashboard.reading import tables

SCORED = (SCORES_LINEAGE, MODELS_COMPARISON, MODELS_DIAGNOSTICS)
MONITORED = (MONITORING_DRIFT, MONITORING_PERFORMANCE, MONITORING_RULE_AGREEMENT)
AT_ONCE = 4
"""Tables read side by side: most of it is waiting for the lake."""
VALUED = (PORTFOLIO_TOTALS, PORTFOLIO_MOVEMENTS, PORTFOLIO_LOSS_DISTRIBUTION)


def warm_up() -> None:
    """Read the tables that pages add up, several at a time; those that are absent stay absent."""
    served = tables()
    small = [table for table in TABLES.values() if table.key[0] == "serving"]
    with ThreadPoolExecutor(AT_ONCE) as readers:
        list(readers.map(partial(_read, served), (*small, *SCORED, *MONITORED, *VALUED)))


def _read(served: ServedTables, table: Table) -> None:
    with suppress(LakeError):
        served.frame(table)
