"""Observed against predicted by group of loans: the Jeffreys test of the PD, the interval of a rate, a traffic light.

European Central Bank, Instructions for reporting the validation results of internal models (2019), 2.5.3:
given D defaults among N loans the default rate is Beta(D + 1/2, N - D + 1/2), and the p-value is its
distribution function at the PD: small where the PD is too low. Where the loans of a group have unequal PDs
the PD is their mean; the count then varies less than the test allows for, so it errs on the quiet side.
The test takes loans as independent. Defaults of a vintage are not, so p-values alone only warn: what
decides is how far observed and expected are apart.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]

LEVEL = 0.05
AMBER, RED = 0.05, 0.10
"""Distances of observed over expected from one at which a light turns."""
LIGHTS = ("green", "amber", "red")


def jeffreys_p_value(defaults: ArrayLike, loans: ArrayLike, pd: ArrayLike) -> Vector:
    """P(rate <= pd) of a default rate given D of N: small where the PD is too low, near one where it is too high.

    Arrays of one shape. ValueError for a PD outside 0 to 1, or counts that are not 0 <= D <= N.
    """
    from scipy.special import betainc

    bad, count = _counts(defaults, loans)
    chance = np.asarray(pd, np.float64)
    if not ((chance >= 0) & (chance <= 1)).all():
        raise ValueError("PD must lie between 0 and 1 in every group: check the model that predicted it")
    return np.asarray(betainc(bad + 0.5, count - bad + 0.5, chance), np.float64)


def rate_interval(defaults: ArrayLike, loans: ArrayLike, share: float = 0.9) -> tuple[Vector, Vector]:
    """Jeffreys interval of the default rate; its ends are 0 without a default and 1 without anything else.

    Brown, Cai and DasGupta (2001), Interval estimation for a binomial proportion. ValueError as above.
    """
    from scipy.special import betaincinv

    bad, count = _counts(defaults, loans)
    low, high = (betaincinv(bad + 0.5, count - bad + 0.5, end) for end in ((1 - share) / 2, (1 + share) / 2))
    return np.where(bad == 0, 0.0, low), np.where(bad == count, 1.0, high)


def lights(observed: ArrayLike, expected: ArrayLike, p_value: ArrayLike, level: float = LEVEL) -> list[str]:
    """green, amber or red: observed over expected beyond 5 % or 10 % from one, and significant in that direction.

    `p_value` is small where more default than expected. Defaults where none was possible are red.
    """
    seen, foretold = np.asarray(observed, np.float64), np.asarray(expected, np.float64)
    distance = np.abs(seen - foretold)
    chance = np.asarray(p_value, np.float64)
    significant = np.where(seen > foretold, chance < level, 1 - chance < level)
    # An expectation of nothing at all is missed by any default.
    impossible = (foretold == 0) & (seen > 0)
    steps = (distance > AMBER * foretold).astype(np.int64) + (distance > RED * foretold)
    return [LIGHTS[step] for step in np.where(impossible, 2, steps * significant)]


def _counts(defaults: ArrayLike, loans: ArrayLike) -> tuple[Any, Any]:
    bad, count = np.asarray(defaults, np.float64), np.asarray(loans, np.float64)
    if not ((bad >= 0) & (bad <= count)).all():
        raise ValueError("defaults must be counts from 0 to the number of loans: check the outcomes")
    return bad, count
