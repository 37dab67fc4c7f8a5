"""A batch before anybody looked at it: models and scores, neither monitored, valued nor written up."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl

from creditrisk_assets.contracts import MODELS_DIAGNOSTICS, MODELS_MOMENTS, MODELS_POSTERIOR
from creditrisk_assets_tests.world import World


def unmonitored(batched: World, root: Path) -> World:
    """A copy of the batch without the tables of monitoring and portfolio, and without cards."""
    world = batched.copy(root)
    for folder in ("monitoring", "portfolio", "artifacts/model_cards"):
        shutil.rmtree(world.root / "lake" / folder, ignore_errors=True)
    return world


def trained_anew(world: World, day: date, change: Callable[[pl.DataFrame], pl.DataFrame] = lambda rows: rows) -> None:
    """The posteriors of a model date written once more, changed or not."""
    for table in (MODELS_POSTERIOR, MODELS_MOMENTS, MODELS_DIAGNOSTICS):
        world.lake.overwrite(table, change(world.only(table, day)) if table is MODELS_POSTERIOR else
                             world.only(table, day), [day])  # fmt: skip


def shifted(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("value") + 0.01)
