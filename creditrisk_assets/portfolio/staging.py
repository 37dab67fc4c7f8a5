"""The IFRS 9 stage of a loan, and why: 1 as it was granted, 2 riskier than that, 3 in default.

Significance is relative to origination (5.5.9): the PD over what is left of the term, weighted over the
scenarios, against the one that the model of the day of origination gave to the same months. Beside it stand
the backstops on days past due (5.5.11, B5.5.37). A loan whose risk has fallen back is in stage 1 again: the standard
asks for no probation, and the files tell of no arrears that were cured.
"""

import polars as pl

from creditrisk_assets.portfolio.ifrs9 import Choices

REASONS = ("none", "sicr", "30 days past due", "90 days past due", "default")
"""Why a loan is in its stage; the days are those of the choices in force."""


def staged(loans: pl.LazyFrame, choices: Choices) -> pl.LazyFrame:
    """Adds `stage` (1, 2 or 3) and `reason`, the strongest there is.

    `loans` with `in_default`, `days_past_due`, and `pd_now` and `pd_at_origination` over the remaining term, which
    say nothing where they are empty.
    """
    stage, reason = pl.lit(1), pl.lit("none")
    for number, name, holds in (
        (2, "sicr", _risen(choices)),
        (2, "30 days past due", pl.col("days_past_due") > choices.significant_increase_days),
        (3, "90 days past due", pl.col("days_past_due") >= choices.default_days),
        (3, "default", pl.col("in_default")),
    ):
        met = holds.fill_null(False)
        stage, reason = pl.when(met).then(number).otherwise(stage), pl.when(met).then(pl.lit(name)).otherwise(reason)
    return loans.with_columns(stage=stage.cast(pl.Int32), reason=reason)


def _risen(choices: Choices) -> pl.Expr:
    """By the factor and by the points: the one alone would move the safest loans, the other the riskiest."""
    now, then = pl.col("pd_now"), pl.col("pd_at_origination")
    return (now >= choices.relative_increase * then) & (now - then >= choices.absolute_increase) & (now > then)
