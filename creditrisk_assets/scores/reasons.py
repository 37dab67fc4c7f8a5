"""Reasons of a score: the factors that raised the risk most, as far as the posterior is sure that they did.

Contributions add up to the log-odds, so a reason is a term of the score itself and never a second
model's guess. A factor whose sign the posterior leaves open is no reason: it would come and go with
the draw. At most four, as the commentary on Regulation B advises (12 CFR 1002.9(b)(2), comment 1).
"""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.models.kernels import compiled, rank_of_loans

Matrix = NDArray[np.float64]


def reasons(
    contributions: Matrix, spread: Matrix, factors: Sequence[str], most: int = 4, certainty: float = 0.9
) -> pl.DataFrame:
    """`reason_1`.. to `reason_{most}` and `contribution_1`.. of every row, largest first, null when fewer.

    `contributions` (rows, F): posterior mean of each factor's share of the log-odds of default,
    against the factor's base; `spread` (rows, F): its posterior standard deviation, 0 when certain;
    `factors`: the F names. A factor is a reason when its contribution is above 0 and
    P(contribution > 0) = Phi(contribution / spread) >= `certainty` (0.5 to below 1). Equal
    contributions stand in the order of `factors`. A row's reasons do not depend on the other rows.

    ValueError names shapes that do not fit, values that are not finite, and spreads below 0.
    """
    return named(*ranking(contributions, spread, factors, most, certainty), factors)


def ranking(
    contributions: Matrix, spread: Matrix, factors: Sequence[str], most: int = 4, certainty: float = 0.9
) -> tuple[NDArray[np.int32], Matrix]:
    """The same as arrays (most, rows): places of the reasons among `factors`, F where fewer; their contributions."""
    from scipy.special import ndtri

    contributions, spread = np.asarray(contributions, np.float64), np.asarray(spread, np.float64)
    _refuse_misfits(contributions, spread, factors, most, certainty)
    rows, count = contributions.shape
    ranked = np.full((most, rows), count, np.int32)
    values = np.full((most, rows), np.nan)
    # Phi(c / s) >= certainty read as c >= s * Phi^-1(certainty): no division, and a spread of 0 is certain.
    if compiled(rank_of_loans)(contributions, spread, float(ndtri(certainty)), ranked, values) >= 0:
        _refuse_values(contributions, spread)
    return ranked, values


def named(ranked: NDArray[np.int32], values: Matrix, factors: Sequence[str]) -> pl.DataFrame:
    """What `ranking` found in the columns of `reasons`."""
    most, rows = ranked.shape
    names = pl.Series([*factors, None], dtype=pl.String).gather(pl.Series(ranked.ravel()))
    said = [names[n * rows : (n + 1) * rows].alias(f"reason_{n + 1}") for n in range(most)]
    given = [pl.Series(f"contribution_{n}", value, nan_to_null=True) for n, value in enumerate(values, 1)]
    return pl.DataFrame([*said, *given])


def _refuse_misfits(contributions: Matrix, spread: Matrix, factors: Sequence[str], most: int, certainty: float) -> None:
    expected = f"(rows, {len(factors)}) for {len(factors)} factors"
    if contributions.ndim != 2 or contributions.shape[1] != len(factors):
        raise ValueError(f"contributions must have the shape {expected}, not {contributions.shape}")
    if spread.shape != contributions.shape:
        raise ValueError(f"spread {spread.shape} must have the shape of contributions {contributions.shape}")
    if len(set(factors)) < len(factors):
        doubled = sorted({name for name in factors if list(factors).count(name) > 1})
        raise ValueError(f"factors must differ: {', '.join(doubled)} stands there more than once")
    if most < 1:
        raise ValueError(f"most must be at least 1, not {most}")
    if not (math.isfinite(certainty) and 0.5 <= certainty < 1):
        raise ValueError(f"certainty must be at least 0.5 and below 1, not {certainty}")


def _refuse_values(contributions: Matrix, spread: Matrix) -> None:
    for name, matrix in (("contributions", contributions), ("spread", spread)):
        finite = np.isfinite(matrix)
        if not finite.all():
            row, factor = np.argwhere(~finite)[0]
            raise ValueError(f"{name} must be finite, but row {row}, factor {factor} is {matrix[row, factor]}")
    if (spread < 0).any():
        row, factor = np.argwhere(spread < 0)[0]
        raise ValueError(f"spread must not be below 0, but row {row}, factor {factor} is {spread[row, factor]}")
