"""Damage on purpose: the faults real files carry, in known numbers, for the quarantine to find."""

import numpy as np
import polars as pl

from creditrisk_assets.simulation.draws import Wholes, generator

KINDS = (
    "unreadable_amount", "negative_amount", "unknown_status", "missing_rate", "bad_date", "field_too_many",
    "field_too_few", "duplicate",
)  # fmt: skip
CLEAN = -1


def plan_damage(seed: int, loans: int, dirty: float) -> Wholes:
    """Index into KINDS per loan, CLEAN for most; shape (loans,).

    round(dirty * loans) loans are chosen at random and the kinds dealt out in turn, so that their
    numbers differ by at most one. A duplicated loan is itself clean: its second copy is the fault.
    """
    plan = np.full(loans, CLEAN, dtype=np.int64)
    chosen = generator(seed, 1).choice(loans, round(dirty * loans), replace=False)
    plan[chosen] = np.arange(len(chosen)) % len(KINDS)
    return plan


def count_kinds(plan: Wholes) -> dict[str, int]:
    """Number of damaged records by kind."""
    return {kind: int((plan == index).sum()) for index, kind in enumerate(KINDS)}


def kind_names(plan: Wholes) -> pl.Series:
    """Name of each loan's damage, empty for clean loans."""
    return pl.Series(KINDS).gather(pl.Series(plan).replace(CLEAN, None))


def damage(published: pl.DataFrame, plan: Wholes) -> pl.DataFrame:
    """The published text with the planned faults; duplicates are appended at the end.

    The last two columns are joined into one text: a comma more or less in it gives the record a
    field too many or too few without touching the other records.
    """
    *_, before_last, last = published.columns
    kind = pl.Series(plan)

    def spoil(name: str, fault: str, text: pl.Expr) -> pl.Expr:
        return pl.when(kind == KINDS.index(fault)).then(text).otherwise(pl.col(name)).alias(name)

    tail = pl.concat_str(before_last, last, separator=",").alias(last)
    amount = pl.col("loan_amnt")
    whole = published.with_columns(tail).drop(before_last)
    spoiled = (
        whole.with_columns(
            spoil("loan_amnt", "unreadable_amount", pl.concat_str(pl.lit("about "), amount)),
            spoil("loan_status", "unknown_status", pl.lit("Under Review")),
            spoil("int_rate", "missing_rate", pl.lit(None)),
            spoil("issue_d", "bad_date", pl.lit("Smarch-2015")),
            spoil(last, "field_too_many", pl.concat_str(pl.col(last), pl.lit(",N"))),
        )
        .with_columns(spoil("loan_amnt", "negative_amount", pl.concat_str(pl.lit("-"), amount)))
        .with_columns(spoil(last, "field_too_few", pl.col(last).str.head(1)))
    )
    return pl.concat([spoiled, spoiled.filter(kind == KINDS.index("duplicate"))])
