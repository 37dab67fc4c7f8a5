"""Books that several tests look at, simulated once, and their columns as numbers."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from creditrisk_assets.simulation.book import SimulatedBook, simulate_loans

LOANS, VINTAGES, SEED = 12_000, 24, 11


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Kept until the test process ends, which removes it."""
    return tempfile.TemporaryDirectory(prefix="simulated-")


@cache
def book(observed_months: int = 60, dirty: float = 0.0, seed: int = SEED) -> SimulatedBook:
    out = Path(_folder().name) / f"{observed_months} {dirty} {seed}"
    return simulate_loans(
        loans=LOANS, vintages=VINTAGES, seed=seed, out=out, observed_months=observed_months, dirty=dirty
    )


@cache
def texts(observed_months: int = 60) -> pl.DataFrame:
    """The file as text, column by column; empty fields are null."""
    return pl.read_csv(book(observed_months).file, infer_schema=False)


@cache
def truth(observed_months: int = 60) -> pl.DataFrame:
    return pl.read_parquet(book(observed_months).truth)


@cache
def panel_book() -> SimulatedBook:
    """A book large enough to count the rarer moves of a month, with its panel."""
    return simulate_loans(loans=60_000, vintages=24, seed=SEED, out=Path(_folder().name) / "panel", life=True)


@cache
def panel() -> pl.DataFrame:
    """One row per loan and month observed; grace, which a month's end shows by chance, counts as late 16-30.

    `state` has one kind of paid, and `following` is the state a month later, empty in the last row of a loan.
    """
    same = {"grace": "late 16-30", "prepaid": "paid", "paid at term": "paid"}
    frame = pl.read_parquet(panel_book().truth.with_name("life.parquet"))
    frame = frame.with_columns(state=pl.col("state").cast(pl.String).replace(same))
    return frame.with_columns(following=pl.col("state").shift(-1).over("id"))


def facts(simulated: SimulatedBook) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(simulated.truth.with_name("truth.json").read_text())
    return found


def number(name: str) -> pl.Expr:
    """A published column as a number: percent signs and units off."""
    return pl.col(name).str.extract(r"(-?[\d.]+)").cast(pl.Float64)


def month(name: str) -> pl.Expr:
    """A published month such as Dec-2015 as the number of months since year 0."""
    day = pl.concat_str(pl.lit("01-"), pl.col(name)).str.to_date("%d-%b-%Y")
    return day.dt.year().cast(pl.Int64) * 12 + day.dt.month().cast(pl.Int64) - 1
