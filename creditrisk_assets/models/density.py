"""The posterior under quadratic evidence: scales and persistence by NUTS, coefficients integrated out exactly.

Given the group scales tau and the persistence phi the evidence makes the coefficients Gaussian, so
only these few need a sampler: no funnel between a scale and its effects, no choice between centred
and non-centred, no divergence when a book is small. A scale is sampled as a signed x with tau =
|x|: its density is even and smooth through zero, where log tau would have a long tail; phi by its
log-odds. Coefficients are then drawn from their Gaussian, one for each draw of the scales (a
partially collapsed sampler, van Dyk and Park 2008). Baselines and effects have fixed priors and are
eliminated once, so an evaluation costs one factorisation over groups and vintages.

The density is the one `declaration.py` states in Bambi. It is written out here because compiling
the stated graph costs 15 to 20 s in every new process; `sampling.py` compares the two after every fit.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.models import priors
from creditrisk_assets.models.evidence import Window

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
SMALLEST_RATIO = 1e-4
FURTHEST = 14.0
"""Log-odds of a persistence beyond which only its prior still tells apart."""


def _factor_and_inverse(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """Lower Cholesky factor and inverse of a positive definite matrix."""
    from scipy.linalg.lapack import dpotrf, dpotri

    factor, failed = dpotrf(matrix, lower=1)
    if failed:
        raise ValueError("the evidence is not positive definite: look for a feature of extreme values")
    lower, _ = dpotri(factor, lower=1)
    # dpotrf leaves zeros above the diagonal and dpotri does not touch them.
    inverse = lower + lower.T
    inverse.flat[:: len(inverse) + 1] *= 0.5
    return factor, inverse


@dataclass(frozen=True)
class Density:
    """Posterior of G group scales, the persistence and p coefficients; coordinates (G + 1,).

    The first G coordinates are +-tau / `scales`, the last the log-odds of phi.
    """

    window: Window
    scales: Vector

    @cached_property
    def _fixed(self) -> int:
        """Number of coefficients with a fixed prior; the others belong to groups."""
        return int(self.window.design.parts["effects"].stop)

    @cached_property
    def _eliminated(self) -> tuple[Matrix, Matrix, Vector, Matrix, Vector]:
        """Factor of the fixed block, its coupling to the groups, its mean; reduced information and linear term."""
        f, information = self._fixed, self.window.information
        prior, at = priors.fixed_precision(self.window.design)[:f], priors.fixed_mean(self.window.design)[:f]
        factor: Matrix = np.asarray(np.linalg.cholesky(information[:f, :f] + np.diag(prior)), np.float64)
        linear = self.window.linear[:f] + prior * at
        coupling: Matrix = np.linalg.solve(factor.T, np.linalg.solve(factor, information[:f, f:]))
        mean: Vector = np.linalg.solve(factor.T, np.linalg.solve(factor, linear))
        reduced = information[f:, f:] - information[f:, :f] @ coupling
        return factor, coupling, mean, (reduced + reduced.T) / 2, self.window.linear[f:] - information[f:, :f] @ mean

    @cached_property
    def _parts(self) -> list[slice]:
        design = self.window.design
        return [
            slice(design.parts[name].start - self._fixed, design.parts[name].stop - self._fixed)
            for name in design.scale_names
        ]

    def natural(self, points: Matrix) -> tuple[Matrix, Vector]:
        """(group scales tau (..., G), persistence phi (...,)) at coordinates (..., G + 1)."""
        scales = self.scales * np.maximum(np.abs(points[..., :-1]), SMALLEST_RATIO)
        log_odds = np.clip(points[..., -1], -FURTHEST, FURTHEST)
        return scales, np.asarray(1 / (1 + np.exp(-log_odds)), np.float64)

    def value_and_gradient(self, point: Vector) -> tuple[float, Vector]:
        """Log density of the coordinates with the coefficients integrated out, up to a constant; gradient (G + 1,)."""
        tau, persistence = self.natural(point)
        phi = float(persistence)
        _, _, _, reduced, linear = self._eliminated
        design = self.window.design
        factor, inverse = _factor_and_inverse(reduced + priors.group_precision(design, tau, phi))
        mean = inverse @ linear
        a, b = priors.PERSISTENCE_ALPHA, priors.PERSISTENCE_BETA
        count = len(design.vintages)
        value = 0.5 * float(linear @ mean) - np.log(np.diag(factor)).sum()
        # The prior goes on falling where phi itself is held, or chains would wander off.
        value -= a * float(np.logaddexp(0, -point[-1])) + b * float(np.logaddexp(0, point[-1]))
        value -= 0.5 * (count - 1) * np.log1p(-(phi**2))
        gradient = np.empty_like(point)
        for place, part in enumerate(self._parts):
            size = part.stop - part.start
            if place == len(self._parts) - 1:
                moments = inverse[part, part] + np.outer(mean[part], mean[part])
                energy = float((priors.correlation_inverse(size, phi) * moments).sum())
                slope = -0.5 * float((priors.correlation_inverse_slope(size, phi) * moments).sum()) / tau[place] ** 2
            else:
                energy = float(np.diag(inverse)[part].sum() + (mean[part] ** 2).sum())
            value -= size * np.log(tau[place]) + 0.5 * (tau[place] / priors.GROUP_SCALE) ** 2
            by_scale = energy / tau[place] ** 3 - size / tau[place] - tau[place] / priors.GROUP_SCALE**2
            gradient[place] = by_scale * self.scales[place] * np.sign(point[place])
        slope += (count - 1) * phi / (1 - phi**2)
        held = abs(point[-1]) >= FURTHEST
        gradient[-1] = a * (1 - phi) - b * phi + (0.0 if held else slope * phi * (1 - phi))
        return float(value), gradient

    def _given(self, tau: Vector, phi: float) -> tuple[Matrix, Vector]:
        """Lower factor of the precision, and mean, of the group coefficients given scales and persistence."""
        from scipy.linalg.lapack import dpotrs

        _, _, _, reduced, linear = self._eliminated
        precision = reduced + priors.group_precision(self.window.design, tau, phi)
        factor = np.asarray(np.linalg.cholesky(precision), np.float64)
        return factor, dpotrs(factor, linear, lower=1)[0]

    def draw(self, scales: Matrix, persistence: Vector, generator: np.random.Generator) -> Matrix:
        """Coefficients (S, p): an exact draw for each row of scales (S, G) and persistence (S,)."""
        from scipy.linalg.lapack import dtrtrs

        fixed, coupling, mean, _, _ = self._eliminated
        theta = generator.normal(size=(len(scales), len(self.window.design.parameters)))
        f = self._fixed
        for row, tau, phi in zip(theta, scales, persistence, strict=True):
            factor, centre = self._given(tau, float(phi))
            row[f:] = centre + dtrtrs(factor, row[f:], lower=1, trans=1)[0]
        theta[:, :f] = dtrtrs(fixed, theta[:, :f].T, lower=1, trans=1)[0].T + mean - theta[:, f:] @ coupling.T
        return theta

    def moments(self, scales: Matrix, persistence: Vector) -> tuple[Vector, Matrix]:
        """Mean (p,) and covariance (p, p) of the coefficients over some draws of the scales, sampling noise removed."""
        fixed, coupling, mean, reduced, linear = self._eliminated
        centres, inner = [], np.zeros_like(reduced)
        for tau, phi in zip(scales, persistence, strict=True):
            _, given = _factor_and_inverse(reduced + priors.group_precision(self.window.design, tau, float(phi)))
            centres.append(given @ linear)
            inner += given / len(scales)
        inner += np.cov(np.array(centres).T, ddof=0)
        centre = np.mean(centres, axis=0)
        inverse = np.linalg.inv(fixed)
        outer = inverse.T @ inverse + coupling @ inner @ coupling.T
        cross = -coupling @ inner
        covariance = np.block([[outer, cross], [cross.T, inner]])
        return np.concatenate([mean - coupling @ centre, centre]), (covariance + covariance.T) / 2

    def joint(self, theta: Vector, tau: Vector, phi: float) -> float:
        """Log density of (coefficients, log scales, log-odds of phi) up to a constant, as Bambi's model has it.

        The integrated density at the scales plus the Gaussian density of the coefficients given them.
        """
        design, f = self.window.design, self._fixed
        precision = self.window.information + np.diag(priors.fixed_precision(design))
        precision[f:, f:] += priors.group_precision(design, tau, phi)
        linear = self.window.linear + priors.fixed_precision(design) * priors.fixed_mean(design)
        shift = theta - np.linalg.solve(precision, linear)
        point = np.append(tau / self.scales, np.log(phi / (1 - phi)))
        marginal = self.value_and_gradient(point)[0] + np.log(tau).sum()
        return float(marginal + 0.5 * np.linalg.slogdet(precision)[1] - 0.5 * shift @ precision @ shift)
