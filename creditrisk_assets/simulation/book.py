"""One simulated loan book: a LendingClub file, and beside it the truth it was drawn from."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl

from creditrisk_assets.simulation.borrowers import draw_application, draw_traits
from creditrisk_assets.simulation.credit_report import draw_credit_report
from creditrisk_assets.simulation.dirt import count_kinds, damage, kind_names
from creditrisk_assets.simulation.draws import Reals, generator, month_number, whole
from creditrisk_assets.simulation.facts import book_facts
from creditrisk_assets.simulation.lendingclub import HEADER, as_published
from creditrisk_assets.simulation.life import MONTHS, Life, draw_life
from creditrisk_assets.simulation.observation import Terms, latest_score, observe
from creditrisk_assets.simulation.panel import Pages, panel, panel_file
from creditrisk_assets.simulation.plan import Drift, Plan, make_plan
from creditrisk_assets.simulation.pricing import draw_price
from creditrisk_assets.simulation.risk import application_log_odds, area_under_curve

BLOCK = 100_000  # loans drawn at a time: bounds the memory of very large vintages
HIDDEN = ("employment_years", "months_since_delinquency", "revolving_utilisation")


@dataclass(frozen=True)
class SimulatedBook:
    """Where a simulated book stands and what it holds.

    `file` is the loan file, `truth` the table of true risk (with `truth.json` beside it). `rows`
    counts the records of the file, header apart, and `dirty_rows` those a reader must reject.
    """

    file: Path
    truth: Path
    auc: float
    vintages: tuple[date, ...]
    rows: int
    dirty_rows: int


@dataclass(frozen=True)
class Block:
    """One block of loans: text of the file, truth, and what the panel needs."""

    published: pl.DataFrame
    truth: pl.DataFrame
    life: Life
    term: pl.Series


def simulate_loans(
    *,
    loans: int,
    vintages: int,
    seed: int,
    out: Path,
    first_vintage: date = date(2014, 1, 1),
    observed_months: int = 60,
    dirty: float = 0.0,
    drift: float = 0.0,
    drift_from: date | None = None,
    income_drift: float = 0.0,
    life: bool = False,
) -> SimulatedBook:
    """Write a loan book with known true risk into the directory `out` (made when missing).

    `loans` are spread over `vintages` consecutive months from `first_vintage`, growing by 2 % a
    month. The file knows outcomes up to `observed_months` after the last vintage; the same
    arguments with a later observation give the same loans, later in life. `dirty` is the share of
    damaged records. From the vintage `drift_from` on, `drift` is added to the log-odds of default and
    `income_drift` to log income. Same arguments, same bytes.

    Writes `loans_<first>_<last>.csv`, `truth/truth.parquet` (id, vintage, log_odds, pd_term, pd_12m,
    default_month_on_book, vintage_effect, drift, the values behind empty fields, damage; one row per
    loan) and `truth/truth.json` (settings, coefficients, effects, true AUC, records and damage by
    kind). With `life` also `truth/life.parquet`, one row per loan and month observed, see `panel`.
    One directory holds one book: a second one replaces the truth of the first.

    ValueError names the argument that is out of range and what would be in range.
    """
    plan = make_plan(
        loans=loans,
        vintages=vintages,
        seed=seed,
        first_vintage=first_vintage,
        observed_months=observed_months,
        dirty=dirty,
        drift=Drift(drift, income_drift, drift_from),
    )
    settings = {"loans": loans, "observed_months": observed_months, "dirty": dirty, "life": life}
    return _publish(plan, out, settings)


def _publish(plan: Plan, out: Path, settings: dict[str, Any]) -> SimulatedBook:
    """Draw the book and write its files."""
    # In a folder of its own: a book may be simulated into a landing folder, which takes every file for loans.
    months, truth_file = plan.vintages, out / "truth" / "truth.parquet"
    truth_file.parent.mkdir(parents=True, exist_ok=True)
    life_file = truth_file.with_name("life.parquet")
    # The panel of an earlier book would not be the life of these loans.
    life_file.unlink(missing_ok=True)
    file = out / f"loans_{months[0]:%Y-%m}_{months[-1]:%Y-%m}.csv"
    part = file.with_name(file.name + ".part")
    with ExitStack() as open_files:
        sink = open_files.enter_context(part.open("wb"))
        pages = open_files.enter_context(panel_file(life_file)) if settings["life"] else None
        truth = _write(plan, sink, pages)
    truth.write_parquet(truth_file)
    counts = count_kinds(plan.damage)
    rows = len(truth) + counts["duplicate"]
    auc = area_under_curve(truth["pd_term"].to_numpy(), truth["default_month_on_book"].is_not_null())
    facts = book_facts(plan, settings, auc, rows)
    truth_file.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n")
    # Named last and at once: whoever watches the directory never reads half a file.
    part.replace(file)
    return SimulatedBook(file, truth_file, auc, months, rows, sum(counts.values()))


def _write(plan: Plan, sink: IO[bytes], pages: Pages | None) -> pl.DataFrame:
    """Write the loan file and the panel block by block; returns the truth, one row per loan."""
    sink.write(HEADER.encode())
    truths, start = [], 0
    for vintage, number, size in blocks(plan):
        block = draw_block(plan, vintage, number, size)
        faults = plan.damage[start : start + size]
        damage(block.published, faults).write_csv(sink, include_header=False, quote_style="never")
        truths.append(block.truth.with_columns(kind_names(faults).alias("damage")))
        if pages:
            month = month_number(vintage)
            pages.add(panel(block.life, block.truth["id"], block.term.to_numpy(), month, plan.observed - month))
        start += size
    return pl.concat(truths)


def blocks(plan: Plan) -> Iterator[tuple[date, int, int]]:
    """Vintage, number within the vintage and size of each block of loans."""
    for vintage, volume in zip(plan.vintages, plan.volumes, strict=True):
        for number, start in enumerate(range(0, volume, BLOCK)):
            yield vintage, number, min(BLOCK, volume - start)


def draw_block(plan: Plan, vintage: date, number: int, size: int) -> Block:
    """Draw `size` loans of one vintage, from the application to the end of their lives."""
    month = month_number(vintage)
    rng = generator(plan.seed, 2, month, number)
    drift, income_drift = plan.drift.at(vintage)
    traits = draw_traits(rng, size)
    application = draw_application(rng, traits, income_drift)
    report = draw_credit_report(rng, traits, application, month)
    known = pl.concat([application, report], how="horizontal")
    log_odds = known.select(application_log_odds(plan.risk, month)).to_series().to_numpy()
    amount, term = known["loan_amnt"].to_numpy().astype(np.float64), known["term"].to_numpy()
    # Rates move slowly and by a few tenths of a percent, all sub-grades together.
    market = 0.4 * float(np.sin(month / 7 + plan.seed % 7))
    price = draw_price(rng, log_odds, amount, term.astype(np.float64), market)
    # The lender prices what it knows: neither the fate of the vintage nor the drift.
    log_odds = log_odds + plan.risk.vintage_effects[vintage] + drift
    life = draw_life(rng, log_odds, term, month, plan.calendar)
    terms = Terms(amount, price["int_rate"].to_numpy(), term, price["installment"].to_numpy())
    outcome = observe(rng, terms, life, month, plan.observed)
    score = latest_score(rng, known["fico_range_low"].to_numpy().astype(np.float64), outcome["loan_status"])
    # Year and month lead the id, so that vintages and books never share one.
    ids = pl.Series("id", int(f"{vintage:%Y%m}") * 10_000_000 + number * BLOCK + np.arange(1, size + 1))
    keys = pl.DataFrame({"id": ids, "issue_d": whole(np.full(size, month))})
    published = as_published(pl.concat([keys, known, price, outcome, score], how="horizontal"))
    truth = _truth(plan, vintage, life, log_odds).insert_column(0, ids)
    return Block(published, truth.with_columns(known.select(HIDDEN)), life, known["term"])


def _truth(plan: Plan, vintage: date, life: Life, log_odds: Reals) -> pl.DataFrame:
    """What the file does not say about the loans of one block."""
    size, default_month = len(log_odds), life.default_month
    return pl.DataFrame(
        {
            "vintage": pl.repeat(vintage, size, dtype=pl.Date, eager=True),
            "log_odds": log_odds,
            "pd_term": life.chance,
            "pd_12m": life.chance_12m,
            "default_month_on_book": whole(default_month, default_month < MONTHS),
            "vintage_effect": np.full(size, plan.risk.vintage_effects[vintage]),
            "drift": np.full(size, plan.drift.at(vintage)[0]),
        }
    )
