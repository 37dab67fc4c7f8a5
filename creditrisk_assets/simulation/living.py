"""Customers of the stream in blocks: what each applies with, does month by month, and is in truth.

New customers are drawn without end. Those of a simulated book are drawn again from the settings beside
its file, so that their activity concerns loans which are scored already.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from creditrisk_assets.simulation.activity import activity, hidden_stress
from creditrisk_assets.simulation.applying import payloads
from creditrisk_assets.simulation.book import Block, blocks, draw_block
from creditrisk_assets.simulation.dirt import CLEAN, KINDS
from creditrisk_assets.simulation.draws import month_number
from creditrisk_assets.simulation.panel import panel
from creditrisk_assets.simulation.plan import Drift, Plan, make_plan

LIFE_MONTHS = 24
"""Months on book that a customer lives through in the stream, unless the loan is over before."""
VINTAGES, FIRST_VINTAGE = 12, date(2014, 1, 1)
LOANS_A_VINTAGE = 1_000
"""Of the book behind new customers: sets the effects of vintages and economy, not how many there are."""


@dataclass(frozen=True)
class Lives:
    """A block of n customers.

    `loans` (n): number, name (customer and application identifier), log_odds, pd_12m, default_month_on_book.
    `months`: number, month_on_book, state, days_past_due, stress, in the order of customer and month.
    `events`: number, lived (months since the application), event_id, event_type, event_time and measures.
    `applications` (n): payloads of the applications; empty where they applied before the stream.
    `applied`: when.
    """

    loans: pl.DataFrame
    months: pl.DataFrame
    events: pl.DataFrame
    applications: list[bytes]
    applied: datetime


def new_customers(seed: int, start: datetime, size: int, applying: bool = True, prefix: str = "S") -> Iterator[Lives]:
    """Blocks of `size` customers who were never seen before, without end; named by prefix, seed and number.

    The last of twelve vintages has its last month right before that of `start` (UTC).
    """
    plan = make_plan(
        loans=VINTAGES * LOANS_A_VINTAGE, vintages=VINTAGES, seed=seed, first_vintage=FIRST_VINTAGE,
        observed_months=LIFE_MONTHS, dirty=0.0, drift=Drift(),
    )  # fmt: skip
    shift, number = shift_to(plan, start), 0
    while True:
        vintage = plan.vintages[number % VINTAGES]
        numbers = pl.Series("number", np.arange(number * size, (number + 1) * size))
        block = draw_block(plan, vintage, number // VINTAGES, size)
        yield _lives(block, numbers, f"{prefix}{seed}-", vintage, shift, seed, applying)
        number += 1


def customers_of_book(file: Path, seed: int, start: datetime) -> Iterator[Lives]:
    """The loans of a simulated book that a reader accepts, by vintage, the newest first; they applied before.

    Raises ValueError when the truth beside the file is missing or does not belong to it.
    """
    plan = _plan_of(file)
    shift = shift_to(plan, start)
    starts = np.cumsum([0, *(size for _, _, size in blocks(plan))])
    for (vintage, number, size), first in reversed(list(zip(blocks(plan), starts, strict=False))):
        block = draw_block(plan, vintage, number, size)
        lives = _lives(block, block.truth["id"].alias("number"), "", vintage, shift, seed, applying=False)
        damage = plan.damage[first : first + size]
        fit = lives.loans["number"].filter(pl.Series((damage == CLEAN) | (damage == KINDS.index("duplicate"))))
        kept = pl.col("number").is_in(fit.implode())
        yield Lives(lives.loans.filter(kept), lives.months.filter(kept), lives.events.filter(kept), [], lives.applied)


def shift_to(plan: Plan, start: datetime) -> int:
    """Months from the calendar of the plan to one in which its last customers end before the month of `start`."""
    return start.year * 12 + start.month - 2 - LIFE_MONTHS - month_number(plan.vintages[-1])


def _lives(
    block: Block, numbers: pl.Series, prefix: str, vintage: date, shift: int, seed: int, applying: bool
) -> Lives:
    month = month_number(vintage)
    months = panel(block.life, numbers.alias("id"), block.term.to_numpy(), month, LIFE_MONTHS)
    instalment = block.published.select(instalment=pl.col("installment").cast(pl.Float64))
    happened = activity(months, instalment.with_columns(numbers.alias("id")), seed)
    names = prefix + numbers.cast(pl.String)
    loans = block.truth.select(
        numbers, names.alias("name"), "log_odds", "pd_12m", pl.col("default_month_on_book").cast(pl.UInt8)
    )
    return Lives(
        loans,
        months.select("month_on_book", "state", "days_past_due", number="id", stress=pl.Series(hidden_stress(months))),
        _dated(happened, prefix, month, shift),
        payloads(block.published, names, shift) if applying else [],
        datetime((month + shift) // 12, (month + shift) % 12 + 1, 1, tzinfo=UTC),
    )


def _dated(happened: pl.DataFrame, prefix: str, month: int, shift: int) -> pl.DataFrame:
    """Events with their place in the customer's life, moved by whole months; no day is later than the 28th."""
    time = pl.col("event_time")
    within = (time - time.dt.truncate("1mo")).dt.total_microseconds() / (31 * 86_400e6)
    bare = pl.col("customer_id").str.slice(1)
    return happened.select(
        bare.cast(pl.Int64).alias("number"),
        (time.dt.year().cast(pl.Int64) * 12 + time.dt.month() - 1 - month + within).alias("lived"),
        (prefix + pl.col("event_id").str.slice(1)).alias("event_id"),
        "event_type",
        time.dt.offset_by(f"{shift}mo"),
        "amount", "days_past_due", "utilisation", "credit_line",
    )  # fmt: skip


def _plan_of(file: Path) -> Plan:
    """The plan by which a book was drawn, and certainly this one."""
    told = file.parent / "truth" / "truth.json"
    remedy = "name a file that `creditrisk simulate loans` wrote, and leave its folder truth beside it"
    if not file.is_file() or not told.is_file():
        raise ValueError(f"{told if file.is_file() else file}: no such file; {remedy}")
    try:
        plan = _plan_from(json.loads(told.read_text()))
        truth = pl.read_parquet(told.with_suffix(".parquet"), columns=["id", "log_odds"])
    except (KeyError, TypeError, json.JSONDecodeError, OSError, pl.exceptions.PolarsError) as error:
        raise ValueError(f"{told}: cannot be read ({error!r}); {remedy}") from error
    vintage, number, size = next(blocks(plan))
    again = draw_block(plan, vintage, number, size).truth.select("id", "log_odds")
    if truth.height != sum(plan.volumes) or not again.equals(truth.head(size)):
        raise ValueError(f"{told}: drawn by another version of the simulation; simulate the book again")
    return plan


def _plan_from(told: dict[str, Any]) -> Plan:
    settings, drift = told["settings"], told["drift"]
    first = drift["from"] and date.fromisoformat(f"{drift['from']}-01")
    return make_plan(
        loans=settings["loans"], vintages=settings["vintages"], seed=told["seed"],
        first_vintage=date.fromisoformat(f"{settings['first_vintage']}-01"),
        observed_months=settings["observed_months"], dirty=settings["dirty"],
        drift=Drift(drift["logits"], drift["log_income"], first),
    )  # fmt: skip
