"""How much money hangs on a model: what it speaks for, and the tier that follows."""

from dataclasses import dataclass

import polars as pl

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    ALL_PURPOSES,
    ALL_TERMS,
    FEATURES_LOANS,
    PORTFOLIO_TOTALS,
    SCORES_LOANS,
    SCORES_RULES,
)
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.resources.delta import Lake

GREAT, SMALL = 0.25, 0.05
"""Shares of the exposure from which a model is of the first and of the second tier."""


@dataclass(frozen=True)
class Exposure:
    """Loans and amount in USD that a model speaks for; None where none are counted. `share`: of all of its kind."""

    loans: int | None = None
    amount: float | None = None
    share: float | None = None


def scored_by(lake: Lake) -> dict[Model, Exposure]:
    """Loans of scores/loans and the amount lent to them, by the model that scored them."""
    sums = _lent(lake, SCORES_LOANS, ["feature_set", "model_date"])
    total = float(sums["amount"].sum())
    return {
        Model(feature_set, day): Exposure(loans, amount, amount / total if total else None)
        for feature_set, day, loans, amount in sums.rows()
    }


def flagged(lake: Lake) -> Exposure:
    """Loans of scores/rules and the amount lent to them: what the rules speak for."""
    return whole(_lent(lake, SCORES_RULES, ["rules"]))


def whole(sums: pl.DataFrame) -> Exposure:
    """All of some sums with loans and amount."""
    amount = float(sums["amount"].sum())
    return Exposure(int(sums["loans"].sum()), amount, 1.0 if amount else None)


def _lent(lake: Lake, table: Table, by: list[str]) -> pl.DataFrame:
    if not (lake.exists(table) and lake.exists(FEATURES_LOANS)):
        keys = {name: table.schema[name] for name in by}
        return pl.DataFrame(schema=keys | {"loans": pl.Int64, "amount": pl.Float64})
    lent = lake.scan(FEATURES_LOANS, columns=["loan_id", "loan_amount"])
    found = lake.scan(table, columns=["loan_id", *by]).join(lent, on="loan_id", how="left")
    sums = found.group_by(by).agg(loans=pl.len().cast(pl.Int64), amount=pl.col("loan_amount").sum())
    return sums.sort(by).collect(engine="streaming")


def on_book(lake: Lake, reporting: object) -> Exposure:
    """Loans on book at a reporting date and the principal they owe; none where they were not added up."""
    if not lake.exists(PORTFOLIO_TOTALS):
        return Exposure()
    mine = (pl.col("term_months") == ALL_TERMS) & (pl.col("purpose") == ALL_PURPOSES)
    rows = lake.scan(PORTFOLIO_TOTALS, columns=["model_date", "term_months", "purpose", "loans", "balance"])
    rows = rows.filter(mine, pl.col("model_date") == reporting)
    found = rows.select("loans", amount="balance").collect()
    return Exposure() if found.is_empty() else whole(found)


def tier(role: str | None, share: float | None) -> int:
    """1: it decides now, or speaks for a quarter of the exposure; 2: it challenges, or for a twentieth; 3: else."""
    if role == "champion" or (share or 0.0) >= GREAT:
        return 1
    return 2 if role == "challenger" or (share or 0.0) >= SMALL else 3
