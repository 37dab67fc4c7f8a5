"""Expected loss = PD x LGD x EAD, loan by loan and draw by draw, and its sums.

Every loan is run off under each of the posterior's draws with the loss given default of the same number, so that a
figure of one loan and a sum over all of them come from the same two hundred worlds. No more than BLOCK loans by draws
are held at once; what stays of a loan is mean and interval, what stays of a draw are sums by segment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import PORTFOLIO_EXPECTED_LOSS, PORTFOLIO_TOTALS
from creditrisk_assets.models.draws import Draws
from creditrisk_assets.models.kernels import compiled
from creditrisk_assets.portfolio.book import book_of, owed
from creditrisk_assets.portfolio.kernels import add_effects
from creditrisk_assets.portfolio.lifetime import Book, Hazards, Losses, hazards_of, lifetime_losses
from creditrisk_assets.portfolio.loss_given_default import ALL, LossGivenDefault, Segment
from creditrisk_assets.portfolio.schedule import exposure_at_default

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

BLOCK = 2_048
SUMS = ("exposure_at_default", "expected_defaults_12m", "expected_defaults_lifetime", "expected_loss_12m",
        "expected_loss_lifetime")  # fmt: skip
"""Vectors of portfolio/totals."""
_KEPT = ("loan_id", "vintage", "purpose", "months_on_book", "days_past_due")
_SMALLEST = 1e-280
"""A PD below this has no exposure that could be told from it."""


@dataclass(frozen=True)
class Block:
    """Some loans of one vintage under every draw: `log_odds` (n, D) beside the baseline, `lgd` (n, D), `hazards`."""

    loans: pl.DataFrame
    book: Book
    hazards: Hazards
    log_odds: Matrix
    lgd: Matrix


def log_odds_of(draws: Draws, loans: pl.DataFrame, vintage: date) -> Matrix:
    """(n, D): log-odds of loans of one vintage beside the baseline. ValueError names an absent or infinite column."""
    tables = draws.tables
    starts = np.cumsum([0, *(len(table) for table in tables[:-1])])
    result = np.tile(draws.vintage(vintage), (loans.height, 1))
    compiled(add_effects)(draws.design.code(loans).codes, np.ascontiguousarray(np.vstack(tables)), starts, result)
    return result


def blocks(draws: Draws, lgd: LossGivenDefault, loans: pl.DataFrame) -> Iterator[Block]:
    """Rows of `book.on_book`, vintage by vintage, as many at a time as fit. ValueError as `log_odds_of`, `book_of`."""
    hazards = hazards_of(draws, loans["term"])
    for (vintage,), group in loans.group_by("vintage", maintain_order=True):
        assert isinstance(vintage, date)
        for start in range(0, group.height, BLOCK):
            part = group[start : start + BLOCK]
            yield Block(part, book_of(part), hazards, log_odds_of(draws, part, vintage), lgd_of(lgd, part))


def lgd_of(lgd: LossGivenDefault, loans: pl.DataFrame) -> Matrix:
    """(n, D): loss given default of loans with `term` (months) and `purpose`."""
    segments = loans.select("term", "purpose").unique(maintain_order=True).with_row_index("row")
    draws = np.array([lgd.of(int(term), purpose) for _, term, purpose in segments.iter_rows()])
    rows = loans.join(segments, on=["term", "purpose"], maintain_order="left", nulls_equal=True)["row"]
    return np.asarray(draws[rows.to_numpy()], np.float64)


def exposures(block: Block, losses: Losses) -> Matrix:
    """(n, D): discounted exposure at a default within twelve months, so that PD x LGD x EAD is the expected loss.

    Where there is no such default, what a default in the next month would leave; nothing after the last month.
    """
    book = block.book
    soonest = exposure_at_default(book.amount, book.rate, book.term, book.age + 1) / (1 + book.effective)
    found: Matrix = np.tile(np.where(book.age < book.term, soonest, 0.0)[:, None], losses.pd_12m.shape[1])
    return np.divide(losses.lost_12m, losses.pd_12m, out=found, where=losses.pd_12m > _SMALLEST)


class Expecting:
    """Adds a book up at a reporting date under one posterior and one model of losses."""

    def __init__(self, draws: Draws, posterior_date: date, lgd: LossGivenDefault, reporting: date) -> None:
        self._draws, self._posterior, self._lgd, self._reporting = draws, posterior_date, lgd, reporting
        self._sums: dict[Segment, Matrix] = {}
        self._counts: dict[Segment, tuple[int, float]] = {}

    def add(self, loans: pl.DataFrame) -> pl.DataFrame:
        """Rows of portfolio/expected_loss of rows of `book.on_book`; ValueError as `blocks`."""
        rows = [pl.DataFrame(schema=PORTFOLIO_EXPECTED_LOSS.schema)]
        if loans.height:
            rows += [self._block(block) for block in blocks(self._draws, self._lgd, loans)]
        return pl.concat(rows)

    def _block(self, block: Block) -> pl.DataFrame:
        losses = lifetime_losses(block.hazards, block.log_odds, block.book)
        figures = {
            "exposure_at_default": exposures(block, losses),
            "pd_12m": losses.pd_12m,
            "pd_lifetime": losses.pd_lifetime,
            "expected_loss_12m": losses.lost_12m * block.lgd,
            "expected_loss_lifetime": losses.lost_lifetime * block.lgd,
        }
        balances = owed(block.book)
        self._add(block.loans, balances, list(figures.values()))
        columns: dict[str, object] = {
            "model_date": self._reporting, "posterior_date": self._posterior, "term_months": pl.Series(block.book.term),
            "balance": pl.Series(balances), "effective_rate": pl.Series(block.book.effective),
        }  # fmt: skip
        for name, values in {"loss_given_default": block.lgd, **figures}.items():
            columns |= interval(name, values)
        told = block.loans.lazy().select(_KEPT).with_columns(**columns)  # type: ignore[arg-type]
        return PORTFOLIO_EXPECTED_LOSS.conform(told).collect()

    def _add(self, loans: pl.DataFrame, balances: Vector, figures: list[Matrix]) -> None:
        segments = loans.select("term", "purpose", balance=pl.Series(balances), row=pl.int_range(pl.len()))
        for (term, purpose), group in segments.group_by("term", "purpose", maintain_order=True):
            segment, rows = (int(str(term)), str(purpose)), group["row"].to_numpy()
            sums = np.array([values[rows].sum(axis=0) for values in figures])
            count, balance = self._counts.get(segment, (0, 0.0))
            self._sums[segment] = self._sums.get(segment, np.zeros_like(sums)) + sums
            self._counts[segment] = (count + rows.size, balance + float(group["balance"].sum()))

    def totals(self) -> pl.DataFrame:
        """Rows of portfolio/totals of what was added so far: one a segment, and the whole; none of an empty book."""
        sums, counts = dict(sorted(self._sums.items())), self._counts
        if not sums:
            return pl.DataFrame(schema=PORTFOLIO_TOTALS.schema)
        sums[ALL] = np.sum(list(sums.values()), axis=0)
        counts = {**counts, ALL: (sum(n for n, _ in counts.values()), sum(owed for _, owed in counts.values()))}
        rows = [
            {"model_date": self._reporting, "term_months": segment[0], "purpose": segment[1],
             "loans": counts[segment][0], "balance": counts[segment][1],
             **{name: vector.tolist() for name, vector in zip(SUMS, parts, strict=True)}}
            for segment, parts in sums.items()
        ]  # fmt: skip
        frame = pl.LazyFrame(rows, schema=PORTFOLIO_TOTALS.schema)
        return PORTFOLIO_TOTALS.conform(frame).sort(PORTFOLIO_TOTALS.primary).collect()


def interval(name: str, values: Matrix) -> dict[str, pl.Series]:
    """Mean of the draws, and where 5 and 95 % of them end, as numpy's quantile has it, but sorted, which is faster."""
    ordered = np.sort(values, axis=1)
    found = {name: values.mean(axis=1)}
    for suffix, share in (("low", 0.05), ("high", 0.95)):
        place = share * (ordered.shape[1] - 1)
        below = int(place)
        found[f"{name}_{suffix}"] = ordered[:, below] + (place - below) * (ordered[:, below + 1] - ordered[:, below])
    return {column: pl.Series(value) for column, value in found.items()}
