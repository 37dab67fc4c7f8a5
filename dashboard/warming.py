"""What the first visitor would wait for."""

from creditrisk_assets.contracts import MODELS_COMPARISON, MODELS_DIAGNOSTICS, TABLES
from creditrisk_assets.resources.delta import LakeError
from dashboard.reading import tables


def warm_up() -> None:
    """Read the tables that pages add up; those that are absent stay absent."""
    served = tables()
    small = [table for table in TABLES.values() if table.key[0] == "serving"]
    for table in (*small, MODELS_COMPARISON, MODELS_DIAGNOSTICS):
        try:
            served.frame(table)
        except LakeError:
            continue
