"""Where borrowers live: share of the book, postal prefixes and price level of every state.

Shares follow LendingClub's published loans (California 14 %, New York and Texas 8 % each); the
postal prefixes are those of the US Postal Service; the last figure shifts log income.
"""

import numpy as np
import polars as pl

from creditrisk_assets.simulation.draws import Reals, Wholes, named, pick

STATES: dict[str, tuple[float, int, int, float]] = {
    "AK": (0.24, 995, 999, 0.08), "AL": (1.25, 350, 369, -0.07), "AR": (0.75, 716, 729, -0.10),
    "AZ": (2.40, 850, 865, -0.03), "CA": (14.0, 900, 961, 0.08), "CO": (2.20, 800, 816, 0.03),
    "CT": (1.50, 60, 69, 0.09), "DC": (0.25, 200, 205, 0.18), "DE": (0.28, 197, 199, 0.00),
    "FL": (7.20, 320, 349, -0.06), "GA": (3.20, 300, 319, 0.00), "HI": (0.48, 967, 968, 0.02),
    "IA": (0.05, 500, 528, -0.04), "ID": (0.15, 832, 838, -0.08), "IL": (3.90, 600, 629, 0.03),
    "IN": (1.60, 460, 479, -0.06), "KS": (0.83, 660, 679, -0.03), "KY": (0.97, 400, 427, -0.08),
    "LA": (1.20, 700, 714, -0.02), "MA": (2.30, 10, 27, 0.10), "MD": (2.40, 206, 219, 0.11),
    "ME": (0.20, 39, 49, -0.08), "MI": (2.60, 480, 499, -0.05), "MN": (1.80, 550, 567, 0.01),
    "MO": (1.60, 630, 658, -0.06), "MS": (0.50, 386, 397, -0.11), "MT": (0.29, 590, 599, -0.10),
    "NC": (2.80, 270, 289, -0.03), "ND": (0.15, 580, 588, 0.00), "NE": (0.33, 680, 693, -0.06),
    "NH": (0.49, 30, 38, 0.04), "NJ": (3.60, 70, 89, 0.12), "NM": (0.55, 870, 884, -0.07),
    "NV": (1.45, 889, 898, -0.06), "NY": (8.30, 100, 149, 0.05), "OH": (3.30, 430, 459, -0.06),
    "OK": (0.92, 730, 749, -0.05), "OR": (1.20, 970, 979, -0.05), "PA": (3.40, 150, 196, -0.01),
    "RI": (0.44, 28, 29, 0.00), "SC": (1.20, 290, 299, -0.06), "SD": (0.20, 570, 577, -0.08),
    "TN": (1.55, 370, 385, -0.06), "TX": (8.20, 750, 799, 0.05), "UT": (0.74, 840, 847, 0.00),
    "VA": (2.80, 220, 246, 0.08), "VT": (0.20, 50, 59, -0.07), "WA": (2.10, 980, 994, 0.05),
    "WI": (1.35, 530, 549, -0.06), "WV": (0.36, 247, 268, -0.08), "WY": (0.22, 820, 831, 0.00),
}  # fmt: skip

_NAMES = tuple(STATES)
_PREFIXES = tuple(f"{prefix:03d}xx" for prefix in range(1_000))


def draw_places(rng: np.random.Generator, loans: int) -> tuple[dict[str, pl.Series], Reals]:
    """State and postal prefix of each borrower, and the shift of log income that goes with it."""
    table = np.array(list(STATES.values()))
    state: Wholes = pick(rng, table[:, 0].tolist(), loans)
    low, high, shift = (table[state, column] for column in (1, 2, 3))
    # The square crowds borrowers into the low prefixes, as cities do in the published loans.
    prefix = (low + np.floor((high - low + 1) * rng.random(loans) ** 2)).astype(np.int64)
    return {"zip_code": named(_PREFIXES, prefix), "addr_state": named(_NAMES, state)}, shift
