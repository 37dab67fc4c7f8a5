"""Mean and variance of the loss of a book, given a draw of the posterior and the factor common to all loans.

The posterior knows by how much vintages differ, tau, and how long that lasts, phi (`models.priors`): within twelve
months the level of risk moves by tau sqrt(1 - phi^24) z. Such a move is taken to meet every loan on book, z being its
standard normal factor, more is worse. It is centred, - sigma^2 / 2, so that it spreads losses and hardly raises them.

Given both, loans default independently, and an LGD is 1 or what is left after the mean share recovered. So mean and
variance of the loss are sums over loans; a large book's loss is close to normal (`portfolio.mixture`). The sums run
over a histogram of log-odds: their cost beside it does not depend on the number of loans.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.models.draws import Draws
from creditrisk_assets.models.kernels import compiled
from creditrisk_assets.models.outcomes import HORIZON
from creditrisk_assets.portfolio.distribution_kernels import move_places, place_loans
from creditrisk_assets.portfolio.lifetime import Book, Hazards, lifetime_losses
from creditrisk_assets.portfolio.loss_given_default import LossGivenDefault

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

LOW, HIGH, PER_UNIT = -12.0, 10.0, 16
"""Log-odds beside the baseline over which PDs are tabled: straight lines are off by 5e-4 of the PD at most."""
NODES = np.linspace(LOW, HIGH, int((HIGH - LOW) * PER_UNIT) + 1)
FACTOR = np.linspace(-5.0, 5.0, 33)
"""Values of the factor at which the book is moved; between them log mean and log variance are splines."""


def deviation(draws: Draws) -> Vector:
    """(D,): how far the log-odds of default can move within the horizon, a standard deviation."""
    kept = draws.persistence ** (2 * HORIZON)
    return np.asarray(draws.scales[:, -1] * np.sqrt(1 - kept), np.float64)


def squares(lgd: LossGivenDefault) -> LossGivenDefault:
    """The mean square of a loan's LGD in place of its mean: 1 where nothing comes back, (1 - share)^2 elsewhere.

    1 - q + q (1 - s)^2 is 1 - q s (2 - s): another share recovered.
    """
    shares = {segment: share * (2 - share) for segment, share in lgd.share_recovered.items()}
    return LossGivenDefault(lgd.any_recovered, shares, lgd.counted)


@dataclass
class Conditional:
    """Sums of the loss of a book given the factor; `deviation` (D,): what it does to the log-odds.

    `sums` (2, J + 1, D): mean (USD) and variance of the loss at the J values `FACTOR`, last without a factor; `exposed`
    (D,): the loss if every loan defaulted.
    """

    deviation: Vector
    sums: NDArray[np.float64] = field(init=False)
    exposed: Vector = field(init=False)
    loans: int = 0

    def __post_init__(self) -> None:
        self.sums = np.zeros((2, FACTOR.size + 1, self.deviation.size))
        self.exposed = np.zeros(self.deviation.size)
        self._curves: dict[tuple[int, int], Matrix] = {}
        moved = self.deviation * FACTOR[:, None] - self.deviation**2 / 2
        self._shift = np.vstack([moved, np.zeros(self.deviation.size)]) * PER_UNIT

    @property
    def mean(self) -> Matrix:
        """(J, D): mean loss at the values of the factor, USD."""
        return np.asarray(self.sums[0, :-1], np.float64)

    @property
    def variance(self) -> Matrix:
        """(J, D): variance of the loss at the values of the factor."""
        return np.asarray(self.sums[1, :-1], np.float64)

    @property
    def still(self) -> Matrix:
        """(2, D): mean and variance without a factor."""
        return np.asarray(self.sums[:, -1], np.float64)

    def add(
        self, hazards: Hazards, book: Book, log_odds: Matrix, exposure: Matrix, lgd: Matrix, square: Matrix
    ) -> None:
        """Add n loans: log-odds beside the baseline, exposure at default (USD), LGD and its mean square, all (n, D).

        ValueError as `lifetime_losses`.
        """
        groups = np.stack([book.term, book.age], axis=1)
        for term, age in np.unique(groups, axis=0).tolist():
            mine = (book.term == term) & (book.age == age)
            places = np.zeros((3, *self._curve(hazards, term, age).shape))
            parts = (np.ascontiguousarray(part[mine]) for part in (log_odds, exposure, lgd, square))
            compiled(place_loans)(*parts, LOW, float(PER_UNIT), places)
            compiled(move_places)(places, self._curve(hazards, term, age), self._shift, *self.sums)
            self.exposed += places[0].sum(axis=0)
        self.loans += book.term.size

    def _curve(self, hazards: Hazards, term: int, age: int) -> Matrix:
        """(nodes, D): PD within twelve months at some age; the last few are kept, as loans come by vintage."""
        if (term, age) not in self._curves:
            if len(self._curves) >= 8:
                self._curves.clear()
            terms, ages = (np.full(NODES.size, value, np.int64) for value in (term, age))
            pseudo = Book(terms, ages, np.ones(NODES.size), np.zeros(NODES.size), np.zeros(NODES.size))
            at = np.repeat(NODES[:, None], self.deviation.size, axis=1)
            self._curves[term, age] = lifetime_losses(hazards, at, pseudo).pd_12m
        return self._curves[term, age]
