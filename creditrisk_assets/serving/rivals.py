"""Champion and challenger over all vintages: sums of rows of monitoring/challenger.

Each loan is scored by the models of its vintage. Errors of vintages are independent of each other; intervals are of
95 %, as in the table. An AUC is within vintages: the chance that a default ranks above another loan of its vintage.
"""

import math
from itertools import product
from typing import Any

import polars as pl

from creditrisk_assets.contracts import DECISIONS
from creditrisk_assets.monitoring.challenger import MORE_IS_BETTER
from creditrisk_assets.monitoring.paired import Difference

NAMES = {"auc": "AUC", "log_loss": "Log loss", "brier": "Brier score"}
PAIR = ("champion_feature_set", "challenger_feature_set")


def pairs(frame: pl.DataFrame) -> list[tuple[str, str]]:
    """Feature sets of champion and challenger of vintages that both scored, the pair of the newest vintage first."""
    rows = _compared(frame).sort("vintage", descending=True)
    return [(str(one), str(other)) for one, other in rows.select(PAIR).unique(maintain_order=True).iter_rows()]


def measures(frame: pl.DataFrame, champion: str, challenger: str) -> pl.DataFrame:
    """measure, name, champion, challenger, difference, low, high, winner, loans, defaults: a row a measure.

    `winner` is null while the interval holds 0, and figures where nothing is known.
    """
    rows = _of(frame, champion, challenger)
    told = [{"measure": name, "name": NAMES[name], **_measured(rows, name, more)}
            for name, more in MORE_IS_BETTER.items()]  # fmt: skip
    figures = dict.fromkeys(("champion", "challenger", "difference", "low", "high"), pl.Float64)
    schema = {"measure": pl.String, "name": pl.String, **figures, "winner": pl.String, "loans": pl.Int64,
              "defaults": pl.Int64}  # fmt: skip
    return pl.DataFrame(told, schema=schema)


def decisions(frame: pl.DataFrame, champion: str, challenger: str) -> pl.DataFrame:
    """champion, challenger, loans, share: how both would decide, a row for every pair of decisions."""
    rows = _of(frame, champion, challenger)
    found = [{"champion": one, "challenger": other, "loans": int(rows[f"{one}_{other}"].sum())}
             for one, other in product(DECISIONS, DECISIONS)]  # fmt: skip
    counted = pl.DataFrame(found, schema={"champion": pl.String, "challenger": pl.String, "loans": pl.Int64})
    return counted.with_columns(share=(pl.col("loans") / pl.col("loans").sum()).fill_nan(0.0))


def _compared(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("loans") > 0)


def _of(frame: pl.DataFrame, champion: str, challenger: str) -> pl.DataFrame:
    mine = (pl.col(PAIR[0]) == champion) & (pl.col(PAIR[1]) == challenger)
    return _compared(frame).filter(mine)


def _measured(rows: pl.DataFrame, measure: str, more_is_better: bool) -> dict[str, Any]:
    """Losses are means over matured loans, areas over pairs of a default and another loan."""
    known = rows.filter(pl.col(f"{measure}_difference").is_not_null())
    pairs_of = pl.col("defaults") * (pl.col("matured") - pl.col("defaults"))
    weight = known.select(pairs_of if measure == "auc" else pl.col("matured")).to_series().cast(pl.Float64).to_numpy()
    counts = {"loans": int(known["matured"].sum()), "defaults": int(known["defaults"].sum())}
    if not weight.sum():
        return counts
    share = weight / weight.sum()
    one, other, difference = (
        float(share @ known[name].to_numpy())
        for name in (f"champion_{measure}", f"challenger_{measure}", f"{measure}_difference")
    )
    # A vintage too small to tell its error is as uncertain as such a difference can be.
    error = math.sqrt(float(share**2 @ known[f"{measure}_error"].fill_null(1.0).to_numpy() ** 2))
    found = Difference(difference, error)
    low, high = found.interval or (None, None)
    return {**counts, "champion": one, "challenger": other, "difference": difference, "low": low, "high": high,
            "winner": found.winner(more_is_better=more_is_better)}  # fmt: skip
