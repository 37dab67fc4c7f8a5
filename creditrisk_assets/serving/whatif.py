"""What a score would be, had the borrower said otherwise: the same features, model and policy, other raw values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from creditrisk_assets.columns import Column
from creditrisk_assets.contracts import PURPOSES, RAW_LOANS
from creditrisk_assets.features.loans import features
from creditrisk_assets.scores.loans import Scoring
from creditrisk_assets.serving import wording

FICO_BAND = ("fico_range_low", "fico_range_high")


@dataclass(frozen=True)
class Lever:
    """A raw column that may be changed, `low` to `high` in steps of `step`, or to one of `choices`.

    `factors`: the factors of the model that follow from it.
    """

    name: str
    label: str
    factors: tuple[str, ...]
    low: float = 0.0
    high: float = 0.0
    step: float = 1.0
    choices: tuple[Any, ...] = ()

    @property
    def column(self) -> Column:
        """Its declaration: meaning, unit and what it may be."""
        return RAW_LOANS.column(self.name)

    def spelled(self, told: Any) -> str:
        """A value with its unit."""
        return wording.with_unit(told, self.column.unit)


LEVERS = (
    Lever("annual_inc", "Annual income", ("log_annual_income", "loan_to_income"), 5_000, 300_000, 1_000),
    Lever("loan_amnt", "Amount", ("log_loan_amount", "loan_to_income"), 500, 50_000, 500),
    Lever("dti", "Debt to income", ("debt_to_income",), 0, 60, 0.5),
    Lever("revol_util", "Utilisation", ("revolving_utilisation",), 0, 150, 1),
    Lever("fico_range_low", "FICO", ("fico",), 600, 850, 5),
    Lever("inq_last_6mths", "Inquiries, 6 months", ("inquiries_6m",), 0, 8, 1),
    Lever("term", "Term", ("term_months",), choices=(36, 60)),
    Lever("purpose", "Purpose", ("purpose",), choices=PURPOSES),
)


def value(lever: Lever, raw: pl.DataFrame) -> Any:
    """What a row of raw columns says; a purpose as the model reads it, None where it is not known."""
    told = raw[lever.name][0]
    if lever.name == "purpose":
        return features(raw.lazy()).select("purpose").collect().item()
    return told


def changed(raw: pl.DataFrame, changes: Mapping[str, Any]) -> pl.DataFrame:
    """The row with other values by raw column; the FICO band moves as a whole. KeyError for columns of no lever."""
    known = {lever.name: lever for lever in LEVERS}
    row = raw
    for name, told in changes.items():
        column = known[name].column
        if name == FICO_BAND[0]:
            width = (raw[FICO_BAND[1]] - raw[FICO_BAND[0]]).fill_null(4.0)[0]
            row = row.with_columns(pl.lit(told + width, RAW_LOANS.column(FICO_BAND[1]).dtype).alias(FICO_BAND[1]))
        row = row.with_columns(pl.lit(told, column.dtype).alias(name))
    return row


def rescored(scoring: Scoring, raw: pl.DataFrame, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The row of scores/loans that the loan of `raw` (one row) would have had with `changes` (see `changed`)."""
    row = changed(raw, changes)
    scored = scoring.score(features(row.lazy()).collect())
    return scored.row(0, named=True)


def weightiest(found: Mapping[str, float], levers: tuple[Lever, ...] = LEVERS) -> tuple[Lever, ...]:
    """Levers in the order in which they count for somebody: `found` are contributions by factor."""
    weight = [sum(abs(found.get(name, 0.0)) for name in lever.factors) for lever in levers]
    return tuple(levers[place] for place in np.argsort(-np.array(weight), kind="stable"))
