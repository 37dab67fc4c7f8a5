"""What the first visitor would wait for."""

from creditrisk_assets.contracts import (
    MODELS_COMPARISON,
    MODELS_DIAGNOSTICS,
    MONITORING_DRIFT,
    MONITORING_PERFORMANCE,
    MONITORING_RULE_AGREEMENT,
    PORTFOLIO_LOSS_DISTRIBUTION,
    PORTFOLIO_MOVEMENTS,
    PORTFOLIO_TOTALS,
    TABLES,
)
from creditrisk_assets.resources.delta import LakeError
from dashboard.reading import tables

MONITORED = (MONITORING_DRIFT, MONITORING_PERFORMANCE, MONITORING_RULE_AGREEMENT)
VALUED = (PORTFOLIO_TOTALS, PORTFOLIO_MOVEMENTS, PORTFOLIO_LOSS_DISTRIBUTION)


def warm_up() -> None:
    """Read the tables that pages add up; those that are absent stay absent."""
    served = tables()
    small = [table for table in TABLES.values() if table.key[0] == "serving"]
    for table in (*small, MODELS_COMPARISON, MODELS_DIAGNOSTICS, *MONITORED, *VALUED):
        try:
            served.frame(table)
        except LakeError:
            continue
