"""What the first visitor would wait for."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    MODELS_DIAGNOSTICS,
    PORTFOLIO_LOSS_DISTRIBUTION,
    PORTFOLIO_MOVEMENTS,
    PORTFOLIO_TOTALS,
    SCORES_LINEAGE,
    SERVING_LOSS_DRAWS,
    SERVING_SEGMENTS,
)
from creditrisk_assets.resources.delta import LakeError
from creditrisk_assets.serving.tables import ServedTables
from dashboard.reading import tables

SCORED = (SERVING_SEGMENTS, SERVING_LOSS_DRAWS, SCORES_LINEAGE, MODELS_DIAGNOSTICS)
VALUED = (PORTFOLIO_TOTALS, PORTFOLIO_MOVEMENTS, PORTFOLIO_LOSS_DISTRIBUTION)
AT_ONCE = 2
"""Tables read side by side."""


def warm_up() -> None:
    """Read the tables of the first page; those that are absent stay absent. Other pages read theirs when asked for."""
    served = tables()
    with ThreadPoolExecutor(AT_ONCE) as readers:
        list(readers.map(partial(_read, served), (*SCORED, *VALUED)))


def _read(served: ServedTables, table: Table) -> None:
    with suppress(LakeError):
        served.frame(table)
