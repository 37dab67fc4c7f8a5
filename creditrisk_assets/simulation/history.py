"""A history to learn behaviour from: activity of a simulated book, and one landmark per customer.

The application's log-odds of default within twelve months are told as a lender would know them: from
what the borrower declared, with neither the fate of the vintage nor the economy, and with an error of
the stated variance.
"""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from creditrisk_assets.simulation import activity as events
from creditrisk_assets.simulation.book import Block, blocks, draw_block
from creditrisk_assets.simulation.chances import default_chances, intensity_of
from creditrisk_assets.simulation.draws import Flags, Reals, Wholes, generator, month_number, month_of
from creditrisk_assets.simulation.hazards import HUMPS, ordinary_hazards
from creditrisk_assets.simulation.panel import panel, panel_file
from creditrisk_assets.simulation.plan import Drift, Plan, make_plan
from creditrisk_assets.simulation.states import PAID

EVENTS, LANDMARKS = "events.parquet", "landmarks.parquet"
FIRST_LANDMARK, LAST_LANDMARK, HORIZON = 3, 18, 12
"""Months on book."""
ERROR = 0.2
"""Standard deviation of the application's log-odds around the true ones."""


@dataclass(frozen=True)
class SimulatedHistory:
    """Where a simulated history stands and what it holds: landmarks are fewer than customers, some loans had ended."""

    folder: Path
    customers: int
    landmarks: int
    defaults: int
    events: int


def simulate_history(
    *, customers: int, seed: int, out: Path, vintages: int = 24, first_vintage: date = date(2014, 1, 1)
) -> SimulatedHistory:
    """Write `events.parquet`, `landmarks.parquet` and the truth behind them into the directory `out`.

    One loan per customer. Events reach to the end of the outcomes, so whoever learns must keep to what was
    known at a landmark. `truth/landmarks.parquet` tells state and stress there, `truth/history.json` the
    coefficients of stress. Same arguments, same rows. ValueError names the argument that is out of range.
    """
    plan = make_plan(
        loans=customers, vintages=vintages, seed=seed, first_vintage=first_vintage,
        observed_months=LAST_LANDMARK + HORIZON, dirty=0.0, drift=Drift(),
    )  # fmt: skip
    (out / "truth").mkdir(parents=True, exist_ok=True)
    landmarks, count = [], 0
    part = out / f"{EVENTS}.part"
    with panel_file(part) as pages:
        for vintage, number, size in blocks(plan):
            block = draw_block(plan, vintage, number, size)
            months = panel(block.life, block.truth["id"], block.term.to_numpy(), month_number(vintage),
                           plan.observed - month_number(vintage))  # fmt: skip
            loans = block.published.select("id", instalment=pl.col("installment").cast(pl.Float64))
            happened = events.activity(months, loans.with_columns(block.truth["id"]), seed)
            pages.add(happened)
            count += happened.height
            landmarks.append(_landmarks(plan, block, months, vintage, number))
    part.replace(out / EVENTS)
    frame = pl.concat(landmarks)
    truth = ["customer_id", "true_log_odds", "state", "stress"]
    frame.select(truth).write_parquet(out / "truth" / LANDMARKS)
    (out / "truth" / "history.json").write_text(json.dumps(_facts(seed, customers), indent=2) + "\n")
    frame.drop(truth[1:]).write_parquet(out / LANDMARKS)
    return SimulatedHistory(out, customers, frame.height, int(frame["default_12m"].sum()), count)


def _landmarks(plan: Plan, block: Block, months: pl.DataFrame, vintage: date, number: int) -> pl.DataFrame:
    """Landmarks of the loans that were open then, in the middle of their first eighteen months."""
    rng = generator(plan.seed, 5, month_number(vintage), number)
    size = len(block.term)
    at = rng.integers(FIRST_LANDMARK, LAST_LANDMARK + 1, size)
    default = block.life.default_month
    true = _application(block)
    month = month_number(vintage) + at + 1
    ends = pl.Series([month_of(step) for step in month.tolist()], dtype=pl.Date)
    frame = pl.DataFrame(
        {
            "customer_id": events.customer_of(block.truth["id"]),
            "as_of": ends.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            "log_odds": true + ERROR * rng.standard_normal(size),
            "log_odds_variance": np.full(size, ERROR**2),
            "default_12m": (default > at) & (default <= at + HORIZON),
            "true_log_odds": true,
            "id": block.truth["id"],
            "month_on_book": pl.Series(at, dtype=pl.UInt8),
        }
    )
    shown = months.select("id", "month_on_book", "state", stress=pl.Series(events.hidden_stress(months)))
    open_then: Flags = block.life.history[at, np.arange(size)] < PAID
    joined = frame.filter(pl.Series(open_then)).join(shown, on=["id", "month_on_book"], maintain_order="left")
    return joined.drop("id", "month_on_book")


def _application(block: Block) -> Reals:
    """Log-odds of default within twelve months by what is known at application, in ordinary times."""
    known = (block.truth["log_odds"] - block.truth["vintage_effect"] - block.truth["drift"]).to_numpy()
    term: Wholes = block.term.to_numpy()
    chance = np.empty(len(term))
    for months in HUMPS:
        here = np.flatnonzero(term == months)
        chance[here] = default_chances(intensity_of(known[here], months), ordinary_hazards(months))[0]
    odds: Reals = np.log(chance / (1 - chance))
    return odds


def _facts(seed: int, customers: int) -> dict[str, object]:
    names = ("at no stress", "added by full stress", "deviation between borrowers")
    return {
        "seed": seed,
        "customers": customers,
        "months_of_stress_before_arrears": events.LEAD_MONTHS,
        "log_odds_of_a_spike_a_month": dict(zip(names, events.SPIKE, strict=True)),
        "log_odds_of_an_inquiry_a_month": dict(zip(names, events.INQUIRY, strict=True)),
        "error_of_the_application": ERROR,
    }
