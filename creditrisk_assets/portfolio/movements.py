"""How gross amounts and allowances moved by stage from one reporting date to the next (IFRS 7.35H and 35I).

A loan that was on the books on both dates leaves its old stage with what it had then, arrives in the new one with the
same, and is remeasured there; one that came is new in the stage it has now; one that is gone left from the stage it
had. A loan that came and went between two dates is seen on neither. By construction opening and movements add up to
closing; `imbalances` proves it of any table, and that it opens where the one before closed.
"""

from collections.abc import Sequence
from datetime import date
from itertools import permutations

import polars as pl

STAGES = (1, 2, 3)
TRANSFERS = tuple(f"{old} to {new}" for old, new in permutations(STAGES, 2))
MOVEMENTS = ("opening", "new", "repaid", "written off", *TRANSFERS, "remeasured", "closing")
"""Rows of a stage; gross amounts are remeasured by instalments, allowances by the change of what is expected."""

TOLERANCE = 0.01
"""USD within which a table must reconcile."""
AMOUNTS = ("loans", "gross", "allowance")

Schema = {"loan_id": pl.String, "stage": pl.Int32, "gross": pl.Float64, "allowance": pl.Float64}


def movements(opening: pl.DataFrame, closing: pl.DataFrame, written_off: pl.Series) -> pl.DataFrame:
    """Rows stage, movement, loans, gross and allowance (USD), one for every movement a stage can see.

    `opening` and `closing`: loan_id, stage, gross and allowance of the loans on the books on each date, one row a loan;
    no rows before the first date. `written_off`: loan_id of loans written off by the closing date; others that are
    gone were repaid.
    """
    both = _known(opening).join(_known(closing), on="loan_id", how="full", suffix="_now", coalesce=True)
    came, left = pl.col("stage").is_null(), pl.col("stage_now").is_null()
    lost = pl.col("loan_id").is_in(written_off.implode())
    moved = ~came & ~left & (pl.col("stage") != pl.col("stage_now"))
    transfer = pl.format("{} to {}", "stage", "stage_now")
    entries = [
        _entries(both.filter(~came), "stage", pl.lit("opening"), _then(1)),
        _entries(both.filter(came), "stage_now", pl.lit("new"), _now(1)),
        _entries(both.filter(left & lost), "stage", pl.lit("written off"), _then(-1)),
        _entries(both.filter(left & ~lost), "stage", pl.lit("repaid"), _then(-1)),
        _entries(both.filter(moved), "stage", transfer, _then(-1)),
        _entries(both.filter(moved), "stage_now", transfer, _then(1)),
        _entries(both.filter(~came & ~left), "stage_now", pl.lit("remeasured"), _change()),
        _entries(both.filter(~left), "stage_now", pl.lit("closing"), _now(1)),
    ]
    summed = pl.concat(entries).group_by("stage", "movement").agg(pl.col(*AMOUNTS).sum())
    return (
        _frame()
        .join(summed, on=["stage", "movement"], how="left", maintain_order="left")
        .with_columns(pl.col("loans").fill_null(0), pl.col("gross", "allowance").fill_null(0.0))
    )


def imbalances(table: pl.DataFrame, only: Sequence[date] | None = None) -> list[str]:
    """What does not add up in rows of `dated` tables of some dates, or `only` of these; nothing, if all is well.

    Opening and movements make closing, transfers between stages cancel, and a date opens where the previous one
    closed, when that is among the rows.
    """
    said: list[str] = []
    for (day,), rows in table.sort("model_date").group_by("model_date", maintain_order=True):
        if only is not None and day not in only:
            continue
        said += _of_a_day(f"{day}", rows)
        previous = rows["previous_date"][0]
        before = table.filter(pl.col("model_date").eq_missing(pl.lit(previous, pl.Date)))
        if not before.is_empty():
            what = f"{day} opens otherwise than {previous} closed"
            found = _differences(what, _of(before, "closing"), _of(rows, "opening"))
            said += [f"{one}. Loans or choices have changed since: materialise {previous} again" for one in found]
    return said


def unlike(table: pl.DataFrame, loans: pl.DataFrame) -> list[str]:
    """Where a date closes otherwise than its loans add up: model_date, stage, loans, gross and allowance of them."""
    said: list[str] = []
    for (day,), rows in table.sort("model_date").group_by("model_date", maintain_order=True):
        mine = loans.filter(pl.col("model_date") == day).select("stage", *AMOUNTS)
        said += _differences(f"{day} closes otherwise than its loans add up", mine, _of(rows, "closing"))
    return said


def _of_a_day(day: str, rows: pl.DataFrame) -> list[str]:
    totals = rows.filter(pl.col("movement") != "closing").group_by("stage").agg(pl.col(*AMOUNTS).sum())
    said = _differences(f"{day} closes otherwise than its movements say", totals, _of(rows, "closing"))
    crossed = rows.filter(pl.col("movement").is_in(TRANSFERS)).group_by("movement").agg(pl.col(*AMOUNTS).sum())
    off = crossed.filter(pl.any_horizontal(pl.col(*AMOUNTS).abs() > TOLERANCE))
    return said + [f"{day}: what left by the transfer {name} did not arrive" for name in off["movement"].sort()]


def _differences(what: str, expected: pl.DataFrame, found: pl.DataFrame) -> list[str]:
    both = expected.join(found, on="stage", how="full", suffix="_found", coalesce=True).sort("stage").fill_null(0)
    said = []
    for name in AMOUNTS:
        off = both.filter((pl.col(name) - pl.col(f"{name}_found")).abs() > TOLERANCE)
        said += [f"{what}: {name} of stage {stage}, {one:.2f} against {other:.2f}"
                 for stage, one, other in off.select("stage", f"{name}_found", name).iter_rows()]  # fmt: skip
    return said


def _of(rows: pl.DataFrame, movement: str) -> pl.DataFrame:
    return rows.filter(pl.col("movement") == movement).select("stage", *AMOUNTS)


def dated(rows: pl.DataFrame, day: date, previous: date | None) -> pl.DataFrame:
    """The rows with the dates between which they moved."""
    return rows.with_columns(model_date=pl.lit(day, pl.Date), previous_date=pl.lit(previous, pl.Date))


def _known(loans: pl.DataFrame) -> pl.DataFrame:
    return loans.select(pl.col(name).cast(kind) for name, kind in Schema.items())


def _entries(rows: pl.DataFrame, stage: str, movement: pl.Expr, amounts: dict[str, pl.Expr]) -> pl.DataFrame:
    return rows.select(
        stage=pl.col(stage), movement=movement, **{name: value.cast(_KINDS[name]) for name, value in amounts.items()}
    )


_KINDS: dict[str, type[pl.DataType]] = {"loans": pl.Int64, "gross": pl.Float64, "allowance": pl.Float64}


def _then(sign: int) -> dict[str, pl.Expr]:
    return {"loans": pl.lit(sign), "gross": sign * pl.col("gross"), "allowance": sign * pl.col("allowance")}


def _now(sign: int) -> dict[str, pl.Expr]:
    return {"loans": pl.lit(sign), "gross": sign * pl.col("gross_now"), "allowance": sign * pl.col("allowance_now")}


def _change() -> dict[str, pl.Expr]:
    change = {name: pl.col(f"{name}_now") - pl.col(name) for name in ("gross", "allowance")}
    return {"loans": pl.lit(0), **change}


def _frame() -> pl.DataFrame:
    rows = [
        {"stage": stage, "movement": movement}
        for stage in STAGES
        for movement in MOVEMENTS
        if movement not in TRANSFERS or str(stage) in movement.split(" to ")
    ]
    return pl.DataFrame(rows, schema={"stage": pl.Int32, "movement": pl.String})
