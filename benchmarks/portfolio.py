"""Lifetime expected credit loss: loans a second under one draw on one core, beside months in numpy and the goal.

Usage: python benchmarks/portfolio.py [--loans N]. Schedules of the loans are part of both, hazards and log-odds not.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.models.periods import FIRST_TRIAL, LONGEST
from creditrisk_assets.portfolio.lifetime import Book, Hazards, lifetime_losses

GOAL = 1_000_000
DRAWS, BLOCK = 200, 2_048
STARTS = (5, 6, 7, 8, 9, 11, 13, 16, 19, 25, 37)
Vector = NDArray[np.float64]
Run = Callable[[Hazards, Vector, Book], Vector]


def prepare(loans: int, draws: int) -> tuple[Hazards, NDArray[np.float64], Book]:
    """Hazards of two terms in eleven bands, about as LendingClub's, and loans of every age. Not timed."""
    random = np.random.default_rng(1)
    band = np.maximum(np.searchsorted(STARTS, np.arange(LONGEST + 1), side="right") - 1, 0)
    hazards = Hazards(
        np.array([36, 60]), np.exp(random.normal(5, 0.3, (2, len(STARTS), draws))),
        random.uniform(0.01, 0.03, (2, len(STARTS))), np.full(2, 0.04), band,
    )  # fmt: skip
    term, rate = random.choice([36, 60], loans), random.uniform(5, 30, loans)
    age = (random.random(loans) * term).astype(np.int64)
    book = Book(term, age, random.uniform(1_000, 40_000, loans), rate, rate / 1_200)
    return hazards, random.normal(0, 0.8, (loans, draws)), book


def ours(hazards: Hazards, log_odds: NDArray[np.float64], book: Book) -> Vector:
    """(n,): discounted exposure lost over the remaining life."""
    return lifetime_losses(hazards, log_odds, book).lost_lifetime[:, 0]


def in_numpy(hazards: Hazards, log_odds: NDArray[np.float64], book: Book) -> Vector:
    """The same, one month of all loans after another."""
    rows = np.searchsorted(hazards.terms, book.term)
    growth, worth = 1 + book.rate / 1_200, 1 / (1 + book.effective)
    against, whole = np.exp(-log_odds[:, 0]), growth**book.term
    early = hazards.early[rows]
    alive = np.where(book.age < FIRST_TRIAL - 1, (1 - early) / (1 - early * book.age / (FIRST_TRIAL - 1)), 1.0)
    lost = np.zeros(book.term.size)
    for month in range(FIRST_TRIAL, min(int(hazards.terms.max()), LONGEST) + 1):
        ahead = (month > book.age) & (month <= book.term)
        band = hazards.band[month]
        bad = alive / (1 + against * hazards.against[rows, band, 0])
        owed = book.amount * (whole - growth ** (month - FIRST_TRIAL)) / (whole - 1)
        lost += np.where(ahead, bad * owed * worth ** (month - book.age), 0.0)
        alive = np.where(ahead, (alive - bad) * (1 - hazards.repaid[rows, band]), alive)
    return lost


def timed(run: Run, hazards: Hazards, log_odds: NDArray[np.float64], book: Book) -> tuple[float, Vector]:
    """(CPU seconds of the quickest of five runs, what it returned)."""
    result, found = run(hazards, log_odds, book), []  # the first compiles
    for _ in range(5):
        start = time.process_time()
        result = run(hazards, log_odds, book)
        found.append(time.process_time() - start)
    return min(found), result


def main() -> None:
    """Print both, how far they differ, and the goal; then the pace of all draws at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loans", type=int, default=500_000)
    loans = parser.parse_args().loans
    made = prepare(loans, 1)
    (quick, one), (plain, other) = timed(ours, *made), timed(in_numpy, *made)
    print(f"lifetime ECL of {loans:,} loans, one draw, one core        loans/s")
    for name, seconds in (("ours", quick), ("numpy, month by month", plain)):
        print(f"{name:<52} {loans / seconds:>12,.0f}")
    apart, pace = float(np.max(np.abs(one / other - 1))), loans / quick
    print(
        f"ratio {plain / quick:.1f}; goal {GOAL:,}, ratio to it {pace / GOAL:.1f}; they differ by {apart:.0e} at most"
    )
    seconds, _ = timed(ours, *prepare(BLOCK, DRAWS))
    print(f"{DRAWS} draws at once, in blocks of {BLOCK:,}: {BLOCK / seconds:,.0f} loans/s")


if __name__ == "__main__":
    main()
