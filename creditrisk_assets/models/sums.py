"""Sums over loans, draw by draw: what intervals of any sum are made of.

A sum of loan-level bounds would be far too wide, for loans do not err together that much; a sum of
means says nothing of spread. So every draw is added up on its own. Given a draw, a loan moves along
one axis, its log-odds beside the baseline, and its PD is a curve over it, `models.horizon` with the
baselines of the draw.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import DRAWS
from creditrisk_assets.models.adding import add_loans
from creditrisk_assets.models.draws import Draws
from creditrisk_assets.models.kernels import compiled
from creditrisk_assets.models.periods import FIRST_TRIAL, LONGEST

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Curve = NDArray[np.float32]

LOW, HIGH, PER_UNIT = -10.0, 10.0, 32
"""Log-odds beside the baseline over which curves are tabled: straight lines are off by 1e-4 of the PD at most."""
NODES = np.linspace(LOW, HIGH, int((HIGH - LOW) * PER_UNIT) + 1)


@dataclass(frozen=True)
class Sums:
    """By draw: `chances` and `amounts` (segments, D), sums of PD and of PD times amount; `places` (nodes, D), loans."""

    chances: Matrix
    amounts: Matrix
    places: Matrix


class Adding:
    """Adds loans up under every draw of one posterior, in one pass over them."""

    def __init__(self, draws: Draws) -> None:
        self.draws = draws
        tables = draws.tables
        self._starts = np.cumsum([0, *(len(table) for table in tables[:-1])])
        self._rows = np.ascontiguousarray(np.vstack(tables) * PER_UNIT, np.float32)
        self._curves: dict[tuple[int, int], Curve] = {}

    def known(self, term: int) -> int:
        """The nearest of the terms that the window knows."""
        return min(sorted(self.draws.design.repayment.hazard), key=lambda known: abs(known - term))

    def curve(self, term: int, month: int) -> Curve:
        """(nodes, D): PD by the end of a month on book, of a known term."""
        if (term, month) not in self._curves:
            share: Matrix = np.zeros((NODES.size, DRAWS))
            for _, found in defaulted(self.draws, term, month, NODES):
                share = found
            self._curves[term, month] = share.astype(np.float32)
        return self._curves[term, month]

    def add(self, loans: pl.DataFrame, vintage: date, curve: Curve, segment: NDArray[np.int64], amount: Vector) -> Sums:
        """Sums over rows of features/loans of one vintage, by number of the `segment` (n,); `amount` (n,).

        ValueError names a column that is absent or infinite.
        """
        shift = ((self.draws.vintage(vintage) - LOW) * PER_UNIT).astype(np.float32)
        chances, amounts = np.zeros((2, int(segment.max(initial=-1)) + 1, DRAWS))
        places = np.zeros((NODES.size, DRAWS))
        compiled(add_loans)(
            self.draws.design.code(loans).codes, segment, amount, self._rows, self._starts, shift, curve,
            np.empty(DRAWS, np.float32), chances, amounts, places,
        )  # fmt: skip
        return Sums(chances, amounts, places)


def defaulted(draws: Draws, term: int, months: int, at: Vector) -> Iterator[tuple[int, Matrix]]:
    """Month by month to `months`, the share (n, D) defaulted by then at log-odds `at` (n,) beside the baseline.

    `Horizons.survival` for all draws at once; the arrays are reused from one month to the next.
    """
    periods = draws.design.periods
    own = draws.cells[:, periods.stratum(term)]
    early, repaid = draws.design.repayment.of(term)
    share, alive = np.zeros((at.size, DRAWS)), np.full((at.size, DRAWS), 1.0 - early)
    hazards: dict[int, Matrix] = {}
    for month in range(1, months + 1):
        if FIRST_TRIAL <= month <= min(term, LONGEST):
            band = int(periods.band[month])
            if band not in hazards:
                hazards = {band: 1 / (1 + np.exp(-(at[:, None] + own[:, band])))}
            bad = alive * hazards[band]
            share += bad
            alive -= bad
            alive *= 1 - repaid[band]
        yield month, share
