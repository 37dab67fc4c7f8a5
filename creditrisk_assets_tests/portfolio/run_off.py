"""Hazards and loans made by hand, and their run-off month by month as anybody would reckon it."""

import math

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.models.periods import LONGEST
from creditrisk_assets.portfolio.lifetime import Book, Hazards

STARTS = (5, 9, 20)


def hazards(seed: int = 1, draws: int = 1, repaid: bool = True) -> Hazards:
    """Two terms with three bands each."""
    random = np.random.default_rng(seed)
    band = np.maximum(np.searchsorted(STARTS, np.arange(LONGEST + 1), side="right") - 1, 0)
    return Hazards(
        np.array([36, 60]),
        np.exp(random.normal(4, 0.5, (2, 3, draws))),
        random.uniform(0, 0.05, (2, 3)) * repaid,
        random.uniform(0.01, 0.05, 2) * repaid,
        band,
    )


def loans(count: int, seed: int = 2) -> Book:
    """Loans of both terms and every age."""
    random = np.random.default_rng(seed)
    term = random.choice([36, 60], count)
    age = random.integers(0, 64, count) % term
    rate = random.uniform(0, 30, count)
    return Book(term, age, random.uniform(500, 40_000, count), rate, rate / 1_200 + random.uniform(0, 0.005, count))


def one(term: int = 36, age: int = 0, amount: float = 10_000, rate: float = 12, effective: float = 0.01) -> Book:
    """A single loan."""
    return Book(np.array([term]), np.array([age]), np.array([amount]), np.array([rate]), np.array([effective]))


def by_hand(hazards: Hazards, log_odds: NDArray[np.float64], book: Book) -> NDArray[np.float64]:
    """(4, n): what `lifetime_losses` finds under the only draw, loan by loan and month by month."""
    return np.array([_loan(hazards, float(x), book, i) for i, x in enumerate(log_odds[:, 0])]).T


def _loan(hazards: Hazards, log_odds: float, book: Book, i: int) -> tuple[float, float, float, float]:
    term, age, rate = int(book.term[i]), int(book.age[i]), float(book.rate[i]) / 1_200
    place = hazards.terms.tolist().index(term)
    early = float(hazards.early[place])
    survived = {month: 1 - early * month / 4 for month in range(5)}
    chance, loss = [0.0, 0.0], [0.0, 0.0]
    for month in range(5, min(term, 72) + 1):
        band = sum(start <= month for start in STARTS[1:])
        hazard = 1 / (1 + math.exp(-log_odds) * float(hazards.against[place, band, 0]))
        bad = survived[month - 1] * hazard
        survived[month] = (survived[month - 1] - bad) * (1 - float(hazards.repaid[place, band]))
        if month <= age:
            continue
        paid = month - 5
        growth = (1 + rate) ** term
        owed = 1 - paid / term if rate == 0 else (growth - (1 + rate) ** paid) / (growth - 1)
        worth = float(book.amount[i]) * owed / (1 + float(book.effective[i])) ** (month - age)
        for which, months in enumerate((12, 1_000)):
            if month <= age + months:
                chance[which] += bad / survived[age]
                loss[which] += bad / survived[age] * worth
    return chance[0], loss[0], chance[1], loss[1]
