"""One simulated loan book: a LendingClub file, and beside it the truth it was drawn from."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl

from creditrisk_assets.simulation import risk as true_risk
from creditrisk_assets.simulation.borrowers import draw_application, draw_traits
from creditrisk_assets.simulation.credit_report import draw_credit_report
from creditrisk_assets.simulation.dirt import count_kinds, damage, kind_names, plan_damage
from creditrisk_assets.simulation.draws import Wholes, generator, month_number, month_of, whole
from creditrisk_assets.simulation.lendingclub import HEADER, as_published
from creditrisk_assets.simulation.observation import Terms, latest_score, observe
from creditrisk_assets.simulation.outcomes import draw_fate
from creditrisk_assets.simulation.pricing import draw_price
from creditrisk_assets.simulation.risk import Risk, application_log_odds, area_under_curve, draw_risk

BLOCK = 100_000  # loans drawn at a time: bounds the memory of very large vintages
GROWTH = 1.02  # of the number of loans from one vintage to the next


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
class _Plan:
    """Everything decided before the first loan is drawn; volumes are loans per vintage."""

    seed: int
    vintages: tuple[date, ...]
    volumes: tuple[int, ...]
    observed: int
    risk: Risk
    damage: Wholes


def simulate_loans(
    *,
    loans: int,
    vintages: int,
    seed: int,
    out: Path,
    first_vintage: date = date(2014, 1, 1),
    observed_months: int = 60,
    dirty: float = 0.0,
) -> SimulatedBook:
    """Write a loan book with known true risk into the directory `out` (made when missing).

    `loans` are spread over `vintages` consecutive months from `first_vintage`, growing by 2 % a
    month. The file knows outcomes up to `observed_months` after the last vintage; the same
    arguments with a later observation give the same loans, later in life. `dirty` is the share of
    damaged records. Same arguments, same bytes.

    Writes `loans_<first>_<last>.csv`, `truth/truth.parquet` (id, vintage, log_odds, pd_term, pd_12m,
    default_month_on_book, vintage_effect, damage; one row per loan) and `truth/truth.json` (settings,
    coefficients, effects, true AUC, records and damage by kind).
    One directory holds one book: a second one replaces the truth of the first.

    ValueError names the argument that is out of range and what would be in range.
    """
    plan = _plan(
        loans=loans,
        vintages=vintages,
        seed=seed,
        first_vintage=first_vintage,
        observed_months=observed_months,
        dirty=dirty,
    )
    settings = {"loans": loans, "observed_months": observed_months, "dirty": dirty}
    return _publish(plan, out, settings)


def _publish(plan: _Plan, out: Path, settings: dict[str, Any]) -> SimulatedBook:
    """Draw the book and write its three files."""
    # In a folder of its own: a book may be simulated into a landing folder, which takes every file for loans.
    months, truth_file = plan.vintages, out / "truth" / "truth.parquet"
    truth_file.parent.mkdir(parents=True, exist_ok=True)
    file = out / f"loans_{months[0]:%Y-%m}_{months[-1]:%Y-%m}.csv"
    part = file.with_name(file.name + ".part")
    with part.open("wb") as sink:
        truth = _write(plan, sink)
    truth.write_parquet(truth_file)
    counts = count_kinds(plan.damage)
    rows = len(truth) + counts["duplicate"]
    auc = area_under_curve(truth["pd_term"].to_numpy(), truth["default_month_on_book"].is_not_null())
    _write_facts(truth_file.with_suffix(".json"), plan, settings, auc, rows)
    # Named last and at once: whoever watches the directory never reads half a file.
    part.replace(file)
    return SimulatedBook(file, truth_file, auc, months, rows, sum(counts.values()))


def _plan(*, loans: int, vintages: int, seed: int, first_vintage: date, observed_months: int, dirty: float) -> _Plan:
    """Check the arguments and draw what concerns the whole book."""
    first = month_number(first_vintage)
    observed = first + vintages - 1 + observed_months
    _check(loans, vintages, seed, observed_months, dirty)
    _check_months(first, observed)
    months = tuple(month_of(first + step) for step in range(vintages))
    volumes = volumes_of(loans, vintages)
    return _Plan(seed, months, volumes, observed, draw_risk(seed, months, volumes), plan_damage(seed, loans, dirty))


def volumes_of(loans: int, vintages: int) -> tuple[int, ...]:
    """Loans per vintage: at least one each, growing by 2 % a month, `loans` in all."""
    weights = GROWTH ** np.arange(vintages)
    bounds = np.rint((loans - vintages) * np.cumsum(weights) / weights.sum()).astype(np.int64)
    return tuple((1 + np.diff(bounds, prepend=0)).tolist())


def _check(loans: int, vintages: int, seed: int, observed_months: int, dirty: float) -> None:
    if vintages < 1:
        raise ValueError(f"vintages is {vintages}: ask for at least 1 month of issue")
    if loans < vintages:
        raise ValueError(f"loans is {loans}: ask for at least one loan per vintage, {vintages} or more")
    if seed < 0:
        raise ValueError(f"seed is {seed}: give a whole number from 0 up")
    if observed_months < 0:
        raise ValueError(f"observed_months is {observed_months}: give 0 (as of the last vintage) or more months")
    if not 0 <= dirty < 1:
        raise ValueError(f"dirty is {dirty}: give a share from 0 (clean) to below 1")


def _check_months(first: int, observed: int) -> None:
    if first < month_number(date(1970, 1, 1)) or observed >= month_number(date(2099, 1, 1)):
        span = f"{first // 12} to {observed // 12}"
        raise ValueError(f"first_vintage to observation runs from {span}: keep it within 1970 to 2098")


def _write(plan: _Plan, sink: IO[bytes]) -> pl.DataFrame:
    """Write the loan file block by block; returns the truth, one row per loan."""
    sink.write(HEADER.encode())
    truths, start = [], 0
    for vintage, number, size in _blocks(plan):
        published, truth = _draw_block(plan, vintage, number, size)
        faults = plan.damage[start : start + size]
        damage(published, faults).write_csv(sink, include_header=False, quote_style="never")
        truths.append(truth.with_columns(kind_names(faults).alias("damage")))
        start += size
    return pl.concat(truths)


def _blocks(plan: _Plan) -> Iterator[tuple[date, int, int]]:
    """Vintage, number within the vintage and size of each block of loans."""
    for vintage, volume in zip(plan.vintages, plan.volumes, strict=True):
        for number, start in enumerate(range(0, volume, BLOCK)):
            yield vintage, number, min(BLOCK, volume - start)


def _draw_block(plan: _Plan, vintage: date, number: int, size: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Published text and truth of one block of loans; both have `size` rows."""
    month = month_number(vintage)
    rng = generator(plan.seed, 2, month, number)
    traits = draw_traits(rng, size)
    application = draw_application(rng, traits)
    report = draw_credit_report(rng, traits, application, month)
    known = pl.concat([application, report], how="horizontal")
    log_odds = known.select(application_log_odds(plan.risk, month)).to_series().to_numpy()
    amount, term = known["loan_amnt"].to_numpy().astype(np.float64), known["term"].to_numpy()
    # Rates move slowly and by a few tenths of a percent, all sub-grades together.
    market = 0.4 * float(np.sin(month / 7 + plan.seed % 7))
    price = draw_price(rng, log_odds, amount, term.astype(np.float64), market)
    effect = plan.risk.vintage_effects[vintage]
    fate = draw_fate(rng, log_odds + effect, term)
    terms = Terms(amount, price["int_rate"].to_numpy(), term, price["installment"].to_numpy())
    outcome = observe(rng, terms, fate, month, plan.observed)
    score = latest_score(rng, known["fico_range_low"].to_numpy().astype(np.float64), outcome["loan_status"])
    # Year and month lead the id, so that vintages and books never share one.
    ids = pl.Series("id", int(f"{vintage:%Y%m}") * 10_000_000 + number * BLOCK + np.arange(1, size + 1))
    keys = pl.DataFrame({"id": ids, "issue_d": whole(np.full(size, month))})
    truth = pl.DataFrame(
        {
            "id": ids,
            "vintage": pl.repeat(vintage, size, dtype=pl.Date, eager=True),
            "log_odds": log_odds + effect,
            "pd_term": fate.chance,
            "pd_12m": fate.chance_12m,
            "default_month_on_book": whole(fate.default_month, fate.defaulted),
            "vintage_effect": np.full(size, effect),
        }
    )
    return as_published(pl.concat([keys, known, price, outcome, score], how="horizontal")), truth


def _write_facts(path: Path, plan: _Plan, settings: dict[str, Any], auc: float, rows: int) -> None:
    """The truth that is not per loan, as JSON."""
    faults = count_kinds(plan.damage)
    facts = {
        "seed": plan.seed,
        "settings": settings | {"vintages": len(plan.vintages), "first_vintage": f"{plan.vintages[0]:%Y-%m}"},
        "observed_month": f"{month_of(plan.observed):%Y-%m}",
        "auc": auc,
        "intercept": true_risk.INTERCEPT,
        "coefficients": true_risk.COEFFICIENTS,
        "home_effects": true_risk.HOME_EFFECTS,
        "purpose_effects": true_risk.PURPOSE_EFFECTS,
        "state_effects": plan.risk.state_effects,
        "vintage_effects": {f"{month:%Y-%m}": effect for month, effect in plan.risk.vintage_effects.items()},
        "loans_by_vintage": {f"{month:%Y-%m}": n for month, n in zip(plan.vintages, plan.volumes, strict=True)},
        "records": rows,
        "clean_records": rows - sum(faults.values()),
        "dirty_records": faults,
    }
    path.write_text(json.dumps(facts, indent=2) + "\n")
