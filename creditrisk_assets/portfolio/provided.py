"""Stages and allowances of reporting dates, read from the lake: of a date and of the one before it, always anew.

Movements need both dates. The earlier one is computed from the same loans, posteriors and choices rather than read from
what happens to be stored, so that a table never mixes two states of the book.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    PORTFOLIO_MOVEMENTS,
    PORTFOLIO_STAGES,
    RAW_LOANS,
)
from creditrisk_assets.models.outcomes import ORDER
from creditrisk_assets.portfolio.arrears import with_arrears
from creditrisk_assets.portfolio.book import RAW, on_book
from creditrisk_assets.portfolio.ifrs9 import Choices, load_choices
from creditrisk_assets.portfolio.movements import STAGES, dated, movements
from creditrisk_assets.portfolio.posteriors import Posteriors
from creditrisk_assets.portfolio.provisions import Models, Provisions
from creditrisk_assets.portfolio.reported import learn_lgd
from creditrisk_assets.resources.delta import Lake

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Provided:
    """Rows of portfolio/stages at a date, allowances by stage and draw (3, D), and loan_id of what is written off."""

    stages: pl.DataFrame
    sums: Matrix
    written_off: pl.Series
    posterior_date: date | None


def provide(posteriors: Posteriors, reporting: date, choices: Choices, policy: float) -> Provided:
    """Stages and allowances at a reporting date; no rows when no good posterior is dated then or before.

    `policy`: the lender's own loss given default, see `reported.learn_lgd`.
    """
    lake, model = posteriors.lake, posteriors.at(reporting)
    if model is None:
        empty = pl.DataFrame(schema=PORTFOLIO_STAGES.schema)
        return Provided(empty, np.zeros((len(STAGES), 1)), pl.Series(dtype=pl.String), None)
    lgd = learn_lgd(lake, reporting, policy)
    models = Models(model.model_date, posteriors.draws(model), lgd, posteriors.at_origination)
    provisions, written_off = Provisions(models, choices, reporting), [pl.Series(dtype=pl.String)]
    for live, bad, gone in books(lake, reporting, choices.months_to_write_off):
        provisions.add(live, bad)
        written_off.append(gone)
    return Provided(provisions.rows, provisions.sums, pl.concat(written_off), model.model_date)


def books(
    lake: Lake, reporting: date, months_to_write_off: int
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, pl.Series]]:
    """By vintage: loans on book, loans in default that are not written off, and loan_id of those that are."""
    features, raw = lake.scan(FEATURES_LOANS), lake.scan(RAW_LOANS, columns=["vintage", *RAW])
    issued = features.filter(pl.col("vintage") < reporting).select(pl.col("vintage").unique().sort()).collect()
    for vintage in issued["vintage"]:
        mine = pl.col("vintage") == vintage
        loans, told = features.filter(mine), raw.filter(mine)
        live = on_book(loans, told, reporting).sort(ORDER).collect()
        bad = defaulted(loans, told, reporting, months_to_write_off).sort(ORDER).collect()
        gone = bad.filter("written_off")["loan_id"]
        yield live, bad.filter(~pl.col("written_off")), gone


def defaulted(features: pl.LazyFrame, raw: pl.LazyFrame, as_of: date, months_to_write_off: int) -> pl.LazyFrame:
    """Loans in default by a reporting date, as `book.on_book` has others, and whether they are `written_off`.

    `months_on_book` is the month of default, which says what is owed.
    """
    term = pl.col("term_months").round().cast(pl.Int64)
    month, issued = pl.col("default_month"), pl.col("vintage")
    age = (month.dt.year() - issued.dt.year()) * 12 + month.dt.month().cast(pl.Int32) - issued.dt.month().cast(pl.Int32)
    loans = features.filter(month < pl.lit(as_of)).join(raw.select(RAW), on="loan_id", maintain_order="left")
    return (
        with_arrears(loans, as_of, months_to_write_off)
        .with_columns(
            term=term,
            months_on_book=age.cast(pl.Int64).clip(0, term),
            amount=pl.coalesce("funded_amnt", "loan_amnt"),
        )
        .rename({"int_rate": "rate", "installment": "instalment"})
    )


class Moving:
    """Goes from date to date; each is provided for once, also when it is first the later and then the earlier one."""

    def __init__(self, posteriors: Posteriors, choices: Path | None, policy: float) -> None:
        self._posteriors, self._policy, self.choices = posteriors, policy, load_choices(choices)
        self._kept: tuple[date, Provided] | None = None

    def at(self, reporting: date) -> Provided:
        """What is provided for at a date."""
        if self._kept is None or self._kept[0] != reporting:
            self._kept = reporting, provide(self._posteriors, reporting, self.choices, self._policy)
        return self._kept[1]

    def to(self, reporting: date, previous: date | None) -> tuple[Provided, pl.DataFrame]:
        """What is provided for at a date, and rows of portfolio/movements since `previous`, None for the first date."""
        before = None if previous is None else self.at(previous)
        now = self.at(reporting)
        opening = _amounts(before.stages if before else pl.DataFrame(schema=PORTFOLIO_STAGES.schema))
        rows = dated(movements(opening, _amounts(now.stages), now.written_off), reporting, previous)
        bounds = [_bounds("closing", now.sums)] + ([_bounds("opening", before.sums)] if before else [])
        told = rows.join(pl.concat(bounds), on=["stage", "movement"], how="left", maintain_order="left")
        return now, PORTFOLIO_MOVEMENTS.conform(told.lazy()).collect()


def _amounts(stages: pl.DataFrame) -> pl.DataFrame:
    return stages.select("loan_id", "stage", "gross", allowance="ecl")


def _bounds(movement: str, sums: Matrix) -> pl.DataFrame:
    low, high = np.quantile(sums, [0.05, 0.95], axis=1)
    stages = pl.Series("stage", STAGES, dtype=pl.Int32)
    return pl.DataFrame([stages, pl.Series("allowance_low", low), pl.Series("allowance_high", high)]).with_columns(
        movement=pl.lit(movement)
    )
