"""Expected losses by draw: loans a second and core, beside matrices of loans by draws in numpy.

Usage: python benchmarks/losses.py [--loans N] [--fitted N]. Both add up one vintage; coding of the loans is part of it.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

MODEL_DATE, VINTAGE, LGD = date(2018, 7, 1), date(2018, 8, 1), 0.75
GOAL = 200_000
ROWS = 4_096


def prepare(loans: int, fitted: int) -> tuple[Any, pl.DataFrame]:
    """200 draws of a posterior of some loans, and all of them as if issued after it. Not timed."""
    from creditrisk_assets.features.loans import features
    from creditrisk_assets.models.draws import draws_of
    from creditrisk_assets.models.exposure import learned_from
    from creditrisk_assets.models.posterior import fit_posterior
    from creditrisk_assets.raw.intake import read_loans
    from creditrisk_assets.simulation.book import simulate_loans

    with tempfile.TemporaryDirectory(prefix="creditrisk-") as folder:
        book = simulate_loans(loans=loans, vintages=54, seed=3, out=Path(folder))
        raw = read_loans([book.file], (book.vintages[0], book.vintages[-1])).clean
    frame = features(raw.lazy()).collect()
    known = learned_from(frame.lazy(), MODEL_DATE, "expanding")
    fit = fit_posterior(known.gather_every(max(1, known.height // fitted)), "application", date(2018, 6, 1))
    return draws_of(fit.posterior), frame.with_columns(vintage=pl.lit(VINTAGE))


def ours(draws: Any, loans: pl.DataFrame) -> float:
    """Mean over the draws of the expected loss."""
    from creditrisk_assets.serving.losses import Summing

    rows = Summing(draws, MODEL_DATE, LGD).add(VINTAGE, loans).loss_draws
    return float(np.sum(rows["expected_loss"].to_list(), axis=0).mean())


def in_numpy(draws: Any, loans: pl.DataFrame) -> float:
    """The same by blocks of loans by draws: effects looked up and added, curves interpolated draw by draw."""
    from creditrisk_assets.serving.losses import NODES, defaulted

    codes, amounts, total = draws.design.code(loans).codes, loans["loan_amount"].to_numpy(), 0.0
    terms = loans["term_months"].to_numpy()
    for term in np.unique(terms).astype(int):
        *_, (_, curve) = defaulted(draws, term, 12, NODES)
        for start in range(0, len(mine := np.flatnonzero(terms == term)), ROWS):
            block = mine[start : start + ROWS]
            at = np.broadcast_to(draws.vintage(VINTAGE), (block.size, draws.persistence.size)).copy()
            for table, code in zip(draws.tables, codes, strict=True):
                at += table[code[block]]
            for draw in range(at.shape[1]):
                total += amounts[block] @ np.interp(at[:, draw], NODES, curve[:, draw])
    return LGD * total / draws.persistence.size


def timed(run: Callable[[Any, pl.DataFrame], float], draws: Any, loans: pl.DataFrame) -> tuple[float, float]:
    """(CPU seconds of the quickest of three runs, what it returned)."""
    run(draws, loans[:ROWS])
    found = []
    for _ in range(3):
        start = time.process_time()
        result = run(draws, loans)
        found.append(time.process_time() - start)
    return min(found), result


def main() -> None:
    """Print both, their ratio, and the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loans", type=int, default=200_000)
    parser.add_argument("--fitted", type=int, default=50_000)
    asked = parser.parse_args()
    draws, loans = prepare(asked.loans, asked.fitted)
    (quick, one), (plain, other) = timed(ours, draws, loans), timed(in_numpy, draws, loans)
    count = draws.persistence.size
    print(f"{loans.height:,} loans x {count} draws, one core   loans/s   expected loss")
    for name, seconds, loss in (("ours", quick, one), ("numpy, loans by draws", plain, other)):
        print(f"{name:<38} {loans.height / seconds:>10,.0f}   {loss:,.0f}")
    print(f"ratio {plain / quick:.1f}, goal {GOAL:,} loans/s; the two differ by {abs(one / other - 1):.1e}")


if __name__ == "__main__":
    main()
