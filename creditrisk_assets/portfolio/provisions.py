"""Stage and allowance of every loan on the books at a reporting date, and their sums draw by draw.

Loans on book run off under the posterior of the date; the risk at origination is what the latest good posterior dated
by the vintage said of the same months, given survival so far, or the first good one for vintages before any. The PD of
the date is weighted over the scenarios, the one of origination is the model's alone. A hazard knows the age of a loan
and not its arrears: allowances of late loans in stage 2 are those of loans that are not late.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import DRAWS, PORTFOLIO_STAGES
from creditrisk_assets.models.draws import Draws
from creditrisk_assets.portfolio.expected_loss import Block, blocks, interval, lgd_of, log_odds_of
from creditrisk_assets.portfolio.ifrs9 import Choices
from creditrisk_assets.portfolio.impairment import allowance, credit_losses
from creditrisk_assets.portfolio.lifetime import hazards_of, lifetime_losses
from creditrisk_assets.portfolio.loss_given_default import LossGivenDefault
from creditrisk_assets.portfolio.movements import STAGES
from creditrisk_assets.portfolio.schedule import balance, exposure_at_default
from creditrisk_assets.portfolio.staging import staged

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

KEPT = ("loan_id", "vintage", "days_past_due", "in_default", "pd_12m", "pd_now", "pd_at_origination", "gross")


@dataclass(frozen=True)
class Models:
    """The posterior of a reporting date, its recoveries, and where to find that of a vintage's origination."""

    posterior_date: date
    draws: Draws
    lgd: LossGivenDefault
    origination: Callable[[date], tuple[date, Draws]]


@dataclass
class Provisions:
    """Rows of portfolio/stages as they are added, and the allowance by stage and draw: `sums` (3, D), USD."""

    models: Models
    choices: Choices
    reporting: date
    sums: Matrix = field(default_factory=lambda: np.zeros((len(STAGES), DRAWS)))
    _rows: list[pl.DataFrame] = field(default_factory=lambda: [pl.DataFrame(schema=PORTFOLIO_STAGES.schema)])

    @property
    def rows(self) -> pl.DataFrame:
        """Rows of portfolio/stages of what was added so far."""
        return pl.concat(self._rows)

    def add(self, on_book: pl.DataFrame, in_default: pl.DataFrame) -> None:
        """Loans of one vintage, as `book.on_book` has them, and those that defaulted and are not written off yet.

        ValueError as `expected_loss.blocks`.
        """
        for block in blocks(self.models.draws, self.models.lgd, on_book) if on_book.height else ():
            self._on_book(block)
        if in_default.height:
            self._in_default(in_default)

    def _on_book(self, block: Block) -> None:
        book, vintage = block.book, block.loans["vintage"][0]
        losses = credit_losses(block.hazards, block.log_odds, book, block.lgd, self.choices)
        _, before = self.models.origination(vintage)
        then = lifetime_losses(
            hazards_of(before, block.loans["term"]), log_odds_of(before, block.loans, vintage), book
        ).pd_lifetime.mean(axis=1)
        missed = block.loans["missed"].to_numpy()
        owed = balance(book.amount, book.rate, book.term, np.maximum(book.age - missed, 0))
        figures = {"pd_12m": losses.pd_12m, "pd_now": losses.pd, "pd_at_origination": then, "gross": owed}
        loans = staged(block.loans.lazy().with_columns(**_series(figures)), self.choices).collect()
        amounts = allowance(loans["stage"].to_numpy(), losses, owed, block.lgd)
        self._keep(loans, amounts)

    def _in_default(self, loans: pl.DataFrame) -> None:
        amount, rate, term, age = (
            loans[name].cast(pl.Float64).to_numpy() for name in ("amount", "rate", "term", "months_on_book")
        )
        owed, lgd = exposure_at_default(amount, rate, term, age), lgd_of(self.models.lgd, loans)
        empty = pl.lit(None, pl.Float64)
        told = loans.lazy().with_columns(pd_12m=1.0, pd_now=1.0, pd_at_origination=empty, **_series({"gross": owed}))
        self._keep(staged(told, self.choices).collect(), lgd * owed[:, None])

    def _keep(self, loans: pl.DataFrame, amounts: Matrix) -> None:
        stage = loans["stage"].to_numpy()
        for place, number in enumerate(STAGES):
            self.sums[place] += amounts[stage == number].sum(axis=0)
        origination, _ = self.models.origination(loans["vintage"][0])
        lost = pl.col("stage") == 3
        columns = {
            "model_date": pl.lit(self.reporting), "posterior_date": pl.lit(self.models.posterior_date),
            "origination_date": pl.lit(origination), "choices": pl.lit(self.choices.version),
            "pd_12m": pl.when(lost).then(1.0).otherwise("pd_12m"),
            "pd_lifetime": pl.when(lost).then(1.0).otherwise("pd_now"),
            "coverage": pl.when(pl.col("gross") > 0).then(pl.col("ecl") / pl.col("gross")).otherwise(0.0),
        }  # fmt: skip
        told = loans.lazy().select(*KEPT, "stage", "reason").with_columns(**interval("ecl", amounts))
        self._rows.append(PORTFOLIO_STAGES.conform(told.with_columns(**columns)).collect())


def _series(figures: dict[str, Vector]) -> dict[str, pl.Series]:
    return {name: pl.Series(values) for name, values in figures.items()}
