"""The population stability index, and how far it moves when nothing has changed.

    PSI = sum over bins of (a - e) ln(a / e),  a, e: shares of a bin now and in the reference

(Siddiqi, Credit Risk Scorecards, 2006). The customary limits of .10 and .25 know nothing of the number
of loans: without any drift PSI is about (1/n + 1/m) times a chi-square of B - 1 degrees of freedom
(Yurdakul & Naranjo, Statistical properties of the population stability index, Journal of Risk Model
Validation 14(4), 2020), so that ten bins of 60 loans pass .10 every other time. Where a bin is too thin
for the chi-square, the same law is drawn: both samples from the shares of the two together.

A bin that is empty in one of the two samples counts half a loan there, which keeps PSI finite; a bin
that is empty in both says nothing. A PSI without empty bins is the formula and nothing else.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Counts = NDArray[np.int64]

EMPTY = 0.5
"""Loans that an empty bin counts for."""
WATCH, DRIFTED = 0.10, 0.25
"""PSI from which a feature is watched, and from which it has drifted (Siddiqi, 2006)."""
VERDICTS = ("stable", "watch", "drifted")
THIN = 20.0
"""Loans that the smaller sample must expect in every bin for the chi-square to hold."""
MOST_THIN = 0.1
"""Share of loans in thin bins up to which the others still follow their chi-square."""
DRAWS = 1_999
ALPHA = 0.05


@dataclass(frozen=True)
class Shift:
    """PSI of a feature beside what it would be without drift: mean, 95 % quantile and p-value."""

    psi: float
    expected: float
    high: float
    p_value: float


def psi(reference: NDArray[np.generic], counts: NDArray[np.generic]) -> Vector:
    """PSI of `counts` (..., bins) against `reference` (..., bins), both numbers of loans; shape (...).

    ValueError for bins that do not pair, negative or broken counts, and for a sample without loans.
    """
    then, now = (np.asarray(each, np.float64) for each in (reference, counts))
    if then.shape[-1:] != now.shape[-1:] or then.ndim == 0:
        raise ValueError(f"bins of the reference {then.shape} and of the vintage {now.shape} must be the same")
    totals = []
    for name, sample in (("reference", then), ("vintage", now)):
        if not np.isfinite(sample).all() or (sample < 0).any():
            raise ValueError(f"counts of the {name} must be numbers from 0: count its loans again")
        totals.append(sample.sum(axis=-1, keepdims=True))
        if (totals[-1] == 0).any():
            raise ValueError(f"the {name} holds no loans: PSI needs at least one on either side")
    return np.asarray(terms(then, totals[0], now, totals[1]).sum(axis=-1))


def terms(then: Vector | Counts, m: Vector | int, now: Vector | Counts, n: Vector | int) -> Vector:
    """What each bin adds to PSI: counts (..., bins) of m loans then, and of n now."""
    e, a = (np.where(sample > 0, sample, EMPTY) / total for sample, total in ((then, m), (now, n)))
    return np.where((then > 0) | (now > 0), (a - e) * np.log(a / e), 0.0)


def shift(reference: Counts, counts: Counts, seed: int = 0) -> Shift:
    """PSI of one feature with its law under no drift; `reference` and `counts` (bins,). ValueError as `psi`."""
    from scipy.special import chdtrc, chdtri

    found = float(psi(reference, counts))
    kept = (reference > 0) | (counts > 0)
    then, now = np.asarray(reference[kept], np.int64), np.asarray(counts[kept], np.int64)
    m, n = int(then.sum()), int(now.sum())
    freedom = then.size - 1
    if freedom == 0:  # one bin holds everything: there is nothing that could move
        return Shift(found, 0.0, 0.0, 1.0)
    pooled, unit = (then + now) / (m + n), 1 / n + 1 / m
    thin = min(m, n) * pooled < THIN
    if not thin.any():
        high = unit * float(chdtri(freedom, ALPHA))
        return Shift(found, unit * freedom, high, float(chdtrc(freedom, found / unit)))
    drawn = _without_drift(m, n, pooled, thin, np.random.default_rng(seed))
    # A draw that differs by rounding only is as far away as what was found.
    beyond = int((drawn >= found * (1 - 1e-12)).sum())
    return Shift(found, float(drawn.mean()), float(np.quantile(drawn, 1 - ALPHA)), (1 + beyond) / (1 + DRAWS))


def _without_drift(m: int, n: int, pooled: Vector, thin: NDArray[np.bool_], draw: np.random.Generator) -> Vector:
    """PSI (DRAWS,) of two samples of `pooled` (bins,): thin bins drawn loan by loan, the others by their chi-square.

    Where most bins are thin, all are drawn: they depend on each other then.
    """
    if pooled[thin].sum() > MOST_THIN:
        return psi(draw.multinomial(m, pooled, DRAWS), draw.multinomial(n, pooled, DRAWS))
    then, now = (draw.binomial(total, pooled[thin], (DRAWS, int(thin.sum()))) for total in (m, n))
    rest = (1 / n + 1 / m) * draw.chisquare(max(int((~thin).sum()) - 1, 1), DRAWS) * ((~thin).sum() > 1)
    return np.asarray(terms(then, m, now, n).sum(axis=-1) + rest)


def verdict(psi: float, *, significant: bool) -> str:
    """What to make of a PSI: its size counts only where chance alone would not bring it about."""
    if not significant or psi < WATCH:
        return VERDICTS[0]
    return VERDICTS[1] if psi < DRIFTED else VERDICTS[2]


def holm(p_values: Vector) -> Vector:
    """P-values adjusted for their number (Holm, 1979): the chance of any false alarm stays below alpha.

    Holds however the features hang together; order is kept, ties are equal, nothing exceeds one.
    """
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * np.arange(p_values.size, 0, -1)
    adjusted = np.empty(p_values.size)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted
