"""Vasicek's one-factor model of a large, even book: closed forms to hold the simulated distribution against.

Borrowers default when sqrt(rho) Z + sqrt(1 - rho) e_i falls below Phi^-1(PD), with one Z for all of
them. Without limit on the number of loans the share that defaults is a function of Z alone
(Vasicek, The distribution of loan portfolio value, Risk, December 2002; Basel framework, CRE31).
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Real: TypeAlias = float | NDArray[np.float64]

BASEL_LEVEL = 0.999
BASEL_RETAIL = (0.03, 0.16)
"""Correlations between which Basel places other retail loans: those of the riskiest, and of the safest."""
_DECAY = 35.0


def conditional_pd(pd: Real, correlation: Real, factor: Real) -> NDArray[np.float64]:
    """PD of a borrower once the systematic factor is known: a standard normal, of which more is better.

    PDs of 0 and 1 stay as they are. ValueError for a PD outside 0..1, or a correlation outside 0..1 (1 excluded).
    """
    from scipy.special import ndtr, ndtri

    _refuse(pd, correlation)
    shifted = ndtri(pd) - np.sqrt(correlation) * np.asarray(factor)
    return np.asarray(ndtr(shifted / np.sqrt(1 - np.asarray(correlation))), np.float64)


def loss_quantile(pd: Real, loss_given_default: Real, correlation: Real, level: Real) -> NDArray[np.float64]:
    """Loss, as a share of exposure, that an even book without limit does not exceed with probability `level`.

    LGD Phi((Phi^-1(PD) + sqrt(rho) Phi^-1(level)) / sqrt(1 - rho)). ValueError as `conditional_pd`, and for an LGD or
    a level outside 0..1.
    """
    from scipy.special import ndtri

    _refuse_shares(loss_given_default, level)
    return np.asarray(loss_given_default * conditional_pd(pd, correlation, -ndtri(level)), np.float64)


def loss_probability(loss: Real, pd: Real, loss_given_default: Real, correlation: Real) -> NDArray[np.float64]:
    """Probability that the book loses at most `loss`, a share of exposure: the inverse of `loss_quantile`.

    ValueError as `conditional_pd`, and for a correlation or an LGD of 0, where the loss is certain.
    """
    from scipy.special import ndtr, ndtri

    _refuse(pd, correlation)
    _refuse_shares(loss_given_default)
    if np.any(np.asarray(loss_given_default) <= 0):
        raise ValueError("loss given default is 0: nothing is ever lost, and that is certain")
    if np.any(np.asarray(correlation) <= 0):
        raise ValueError("correlation is 0: the loss of an even book without limit is PD times LGD, and certain")
    share = np.clip(np.asarray(loss) / loss_given_default, 0.0, 1.0)
    scaled = np.sqrt(1 - np.asarray(correlation)) * ndtri(share) - ndtri(pd)
    return np.asarray(ndtr(scaled / np.sqrt(correlation)), np.float64)


def capital(pd: Real, loss_given_default: Real, correlation: Real, level: float = BASEL_LEVEL) -> NDArray[np.float64]:
    """Capital per unit of exposure: the loss at `level` beyond the expected one, which provisions cover (CRE31)."""
    expected = np.asarray(pd) * loss_given_default
    return np.asarray(loss_quantile(pd, loss_given_default, correlation, level) - expected, np.float64)


def retail_correlation(pd: Real) -> NDArray[np.float64]:
    """Basel's correlation of other retail loans: .16 at a PD of 0, falling towards .03 (CRE31)."""
    low, high = BASEL_RETAIL
    share = np.expm1(-_DECAY * np.asarray(pd)) / np.expm1(-_DECAY)
    return np.asarray(low * share + high * (1 - share), np.float64)


def implied_correlation(pd: float, spread: float) -> float:
    """The correlation at which a PD moves with the factor by a standard deviation of `spread`.

    Solves Phi2(h, h; rho) - PD^2 = spread^2 with h = Phi^-1(PD), where the left side is the integral of
    exp(-h^2 / (1 + r)) / (2 pi sqrt(1 - r^2)) over r from 0 to rho (Plackett, 1954). 0 where nothing can
    move (a spread of 0, a PD of 0 or 1); ValueError for a spread that no PD in 0..1 can have.
    """
    from scipy.integrate import quad
    from scipy.optimize import brentq
    from scipy.special import ndtri

    _refuse(pd, 0.0)
    if not 0 <= spread**2 <= pd * (1 - pd) * (1 + 1e-12):
        raise ValueError(f"spread is {spread:g}, but a PD of {pd:g} has at most {np.sqrt(pd * (1 - pd)):g}")
    if pd in (0.0, 1.0) or spread == 0:
        return 0.0
    square = float(ndtri(pd)) ** 2

    def variance(correlation: float) -> float:
        # With r = sin t the pole of the integrand at 1 is gone.
        return float(quad(lambda t: np.exp(-square / (1 + np.sin(t))), 0, np.arcsin(correlation))[0] / (2 * np.pi))

    if variance(1.0) <= spread**2:
        return 1.0
    return float(brentq(lambda correlation: variance(correlation) - spread**2, 0.0, 1.0, xtol=1e-14))


def _refuse(pd: Real, correlation: Real) -> None:
    if not np.all((np.asarray(pd) >= 0) & (np.asarray(pd) <= 1)):
        raise ValueError("PD must lie between 0 and 1: give it as a fraction, six per cent as 0.06")
    if not np.all((np.asarray(correlation) >= 0) & (np.asarray(correlation) < 1)):
        raise ValueError("correlation must be at least 0 and below 1: Basel's for retail loans are .03 to .16")


def _refuse_shares(loss_given_default: Real, level: Real = 0.5) -> None:
    if not np.all((np.asarray(loss_given_default) >= 0) & (np.asarray(loss_given_default) <= 1)):
        raise ValueError("loss given default must lie between 0 and 1: give it as a share of the exposure")
    if not np.all((np.asarray(level) > 0) & (np.asarray(level) < 1)):
        raise ValueError("level must lie between 0 and 1: write 99.9 per cent as 0.999")
