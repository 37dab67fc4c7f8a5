"""Allowances under IFRS 9 as a page shows them: stages, and how the allowance moved; rows of portfolio/movements."""

from datetime import date

import polars as pl

STAGES = {1: "1, performing", 2: "2, risk has risen", 3: "3, in default"}
WHOLE = "All stages"
STEPS = {
    "opening": "Opening", "new": "New loans", "repaid": "Repaid", "written off": "Written off",
    "remeasured": "Remeasured", "closing": "Closing",
}  # fmt: skip
"""Movements of all stages together; transfers between them cancel out."""
BETWEEN = "Between stages"


def stages(movements: pl.DataFrame, day: date) -> pl.DataFrame:
    """Rows with stage in words, loans, gross, share of it, allowance, allowance_low, allowance_high (USD), coverage.

    A row for every stage and one for all, whose interval is unknown: the draws of stages are not kept apart. None
    when the date was not reckoned.
    """
    closing = _of(movements, day).filter(pl.col("movement") == "closing").sort("stage")
    names = ["loans", "gross", "allowance", "allowance_low", "allowance_high"]
    rows = closing.select(pl.col("stage").replace_strict(STAGES, return_dtype=pl.String), *names)
    if rows.is_empty():
        return rows.with_columns(share=pl.lit(0.0), coverage=pl.lit(0.0))
    empty = pl.lit(None, pl.Float64)
    whole = rows.select(
        pl.lit(WHOLE).alias("stage"), pl.col(names[:3]).sum(), *(empty.alias(name) for name in names[3:])
    )
    gross = pl.col("gross")
    return pl.concat([rows, whole]).with_columns(
        share=pl.when(whole["gross"][0] > 0).then(gross / whole["gross"][0]),
        coverage=pl.when(gross > 0).then(pl.col("allowance") / gross),
    )


def steps(movements: pl.DataFrame, day: date) -> pl.DataFrame:
    """step, name, amount, start, end (USD), kind: the allowance of all stages from opening to closing.

    `kind` is total, raises or lowers. No rows when the date was not reckoned.
    """
    summed = _of(movements, day).group_by("movement").agg(amount=pl.col("allowance").sum())
    order = pl.DataFrame({"movement": list(STEPS), "name": list(STEPS.values())}).with_row_index("step")
    rows = order.join(summed, on="movement", how="inner", maintain_order="left")
    end = pl.when(pl.col("movement") == "closing").then(pl.col("amount")).otherwise(pl.col("amount").cum_sum())
    total = pl.col("movement").is_in(["opening", "closing"])
    kind = pl.when(total).then(pl.lit("total")).when(pl.col("amount") > 0).then(pl.lit("raises"))
    return rows.with_columns(end=end, kind=kind.otherwise(pl.lit("lowers"))).with_columns(
        start=pl.when(total).then(0.0).otherwise(pl.col("end") - pl.col("amount"))
    )


def moved(movements: pl.DataFrame, day: date) -> pl.DataFrame:
    """name, stage_1, stage_2, stage_3, all_stages (USD of allowance): a row a movement, transfers summed into one."""
    rows = _of(movements, day).with_columns(name=pl.col("movement").replace_strict(STEPS, default=BETWEEN))
    columns = {stage: f"stage_{stage}" for stage in STAGES}
    sums = rows.group_by("name").agg(
        *(pl.col("allowance").filter(pl.col("stage") == stage).sum().alias(name) for stage, name in columns.items()),
        all_stages=pl.col("allowance").sum(),
    )
    names = [*list(STEPS.values())[:4], BETWEEN, *list(STEPS.values())[4:]]
    return pl.DataFrame({"name": names}).join(sums, on="name", how="inner", maintain_order="left")


def previous_date(movements: pl.DataFrame, day: date) -> date | None:
    """The reporting date before; None for the first one."""
    found = _of(movements, day)["previous_date"].max()
    return found if isinstance(found, date) else None


def _of(movements: pl.DataFrame, day: date) -> pl.DataFrame:
    return movements.filter(pl.col("model_date") == day)
