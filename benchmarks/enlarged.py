"""A lake of as many loans as wanted: a simulated book after its batch, every loan many times. For dashboard.py."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    SCORES_LOANS,
    SERVING_DEFAULT_CURVES,
    SERVING_LOSS_DRAWS,
    SERVING_SEGMENTS,
)
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.scores.policy import load_policy
from creditrisk_assets.serving.totals import add_up


def lake(folder: Path, loans: int) -> str:
    """Root of a lake in `folder` with at least that many scored loans; made where it is not there yet."""
    root = folder / "lake"
    if not (folder / "ready").exists():
        print(f"making a lake of {loans:,} loans in {folder}, once", flush=True)
        _batch(folder)
        _enlarge(Lake(str(root)), loans)
        (folder / "ready").touch()
    return str(root)


def months(root: str) -> list[str]:
    """Its scored vintages."""
    found = Lake(root).scan(SERVING_SEGMENTS, columns=["vintage"]).unique().sort("vintage").collect()
    return [f"{month:%Y-%m}" for month in found["vintage"]]


def _batch(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"CREDITRISK_DATA": str(folder), "CREDITRISK_MODEL_EVERY_MONTHS": "12", "PYTHONWARNINGS": "ignore"}
    command = [str(Path(sys.executable).parent / "creditrisk"), "demo", "--once"]
    subprocess.run(command, env=os.environ | settings, check=True, stdout=subprocess.DEVNULL)


def _enlarge(lake: Lake, loans: int) -> None:
    """Repeat the scored loans vintage by vintage, each copy under a name of its own, and add them up anew."""
    scored = lake.scan(SCORES_LOANS, columns=["loan_id", "vintage"]).collect()
    copies = -(-loans // scored.height)
    vintages: list[date] = scored["vintage"].unique().sort().to_list()
    for table in (FEATURES_LOANS, SCORES_LOANS):
        rows = lake.scan(table, vintages).collect()
        numbers = pl.DataFrame({"copy": range(copies)})
        many = rows.join(numbers, how="cross").with_columns(pl.format("{}-{}", "loan_id", "copy").alias("loan_id"))
        lake.overwrite(table, many.drop("copy"), vintages)
    totals = add_up(lake, vintages, load_policy(settings().policy).loss_given_default)
    for table, parts in (
        (SERVING_SEGMENTS, totals.segments),
        (SERVING_LOSS_DRAWS, totals.loss_draws),
        (SERVING_DEFAULT_CURVES, totals.default_curves),
    ):
        lake.overwrite(table, pl.concat(parts), vintages)
