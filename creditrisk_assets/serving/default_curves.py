"""Share of a vintage defaulted by month on book: as observed, and as the draws of its model expected it.

The observed share is Aalen and Johansen's estimate (1978) of a cumulative incidence: repayment is
the other way to leave, and loans not observed any longer count for as long as they were. Months are
counted as `models.exposure` counts them: nobody can be 120 days late before the fifth month.
"""

from collections.abc import Mapping
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import SERVING_DEFAULT_CURVES
from creditrisk_assets.features.loans import months_between
from creditrisk_assets.models.periods import FIRST_TRIAL

LOOKED_AT = ("vintage", "term_months", "default_month", "repaid_month", "observed_months")
"""Columns of features/loans that the observed share is made of."""


def default_curves(
    loans: pl.DataFrame, model_date: date | None, expected: Mapping[int, NDArray[np.float64]]
) -> pl.DataFrame:
    """serving/default_curves of the loans of one vintage (rows with LOOKED_AT).

    `expected` (term, draws) by term: the cumulative share by the end of month 1, 2, ... by draw; terms it does not
    hold have what was observed only.
    """
    known = observed(loans).with_columns(model_date=pl.lit(model_date, pl.Date))
    parts = []
    for (term,), rows in known.group_by("term_months", maintain_order=True):
        curve = expected.get(int(str(term)))
        mean = pl.lit(None, pl.Float64) if curve is None else pl.Series(curve.mean(axis=1))
        draws = pl.lit(None) if curve is None else pl.Series(curve.astype(np.float32).tolist())
        parts.append(rows.with_columns(expected=mean, draws=draws).lazy())
    conformed = [SERVING_DEFAULT_CURVES.conform(part).collect() for part in parts]
    return pl.concat([pl.DataFrame(schema=SERVING_DEFAULT_CURVES.schema), *conformed])


def observed(loans: pl.DataFrame) -> pl.DataFrame:
    """vintage, term_months, month 1 to term, loans, at_risk, defaults, observed; in this order. Rows with LOOKED_AT."""
    lives = loans.lazy().select(LOOKED_AT).with_columns(term_months=pl.col("term_months").round().cast(pl.Int32))
    lives = lives.with_columns(**_lives())
    place = ["vintage", "term_months"]
    ends = lives.group_by(*place, month="last").agg(
        gone=pl.len(), defaults=pl.col("bad").sum(), repaid=pl.col("good").sum()
    )
    groups = lives.group_by(place).agg(loans=pl.len(), reached=pl.col("reached").max())
    grid = groups.with_columns(month=pl.int_ranges(1, pl.col("term_months") + 1, dtype=pl.Int32)).explode("month")
    early = ends.filter(pl.col("month") < 1).group_by(place).agg(never=pl.col("gone").sum())
    counts = grid.join(ends, on=[*place, "month"], how="left").join(early, on=place, how="left")
    counts = counts.with_columns(pl.col("gone", "defaults", "repaid", "never").fill_null(0)).sort(*place, "month")
    at_risk = pl.col("loans") - pl.col("never") - (pl.col("gone").cum_sum() - pl.col("gone")).over(place)
    # Who is only observed to the end of a month before is not at risk in it; who leaves in it is.
    counts = counts.with_columns(at_risk=at_risk.cast(pl.Int64))
    rate = [pl.when(pl.col("at_risk") > 0).then(part / pl.col("at_risk")).otherwise(0.0)
            for part in (pl.col("defaults"), pl.col("defaults") + pl.col("repaid"))]  # fmt: skip
    left = (1 - rate[1]).cum_prod().over(place)
    before = left.shift(1, fill_value=1.0).over(place)
    share = (before * rate[0]).cum_sum().over(place).clip(0, 1)
    seen = pl.col("month") <= pl.col("reached")
    return counts.select(
        *place, "month", "loans", "at_risk", "defaults", observed=pl.when(seen).then(share)
    ).collect()  # fmt: skip


def _lives() -> dict[str, pl.Expr]:
    """`last`: the last month a loan is at risk in, and whether it ends `bad` or `good`; `reached`: months observed."""
    known, term = pl.col("observed_months"), pl.col("term_months")
    default, repaid = months_between("vintage", "default_month"), months_between("vintage", "repaid_month")
    bad = ((known >= FIRST_TRIAL) & (default <= known)).fill_null(False)
    good = ((repaid <= known) & ~bad).fill_null(False)
    # After the term an unpaid rest is no outcome yet.
    last = (
        pl.when(bad).then(pl.min_horizontal(pl.max_horizontal(default, FIRST_TRIAL), term))
        .when(good).then(pl.min_horizontal(pl.max_horizontal(repaid, 1), term))
        .otherwise(pl.min_horizontal(known, term - 1))
    )  # fmt: skip
    return {"bad": bad, "good": good, "last": last.cast(pl.Int32), "reached": known}
