"""The posterior under quadratic evidence: group scales by NUTS, coefficients integrated out exactly.

Given the scales tau the evidence makes the coefficients Gaussian, so only tau needs a sampler: no funnel
between a scale and its effects, no choice between centred and non-centred, no divergence when a
book is small. The sampled coordinate is a signed x with tau = |x|: its density is even and smooth
through zero, where log tau would have a long tail. Coefficients are then drawn from their Gaussian,
one for each draw of tau (a partially collapsed sampler, van Dyk and Park 2008).

The density is the one `declaration.py` states in Bambi. It is written out here because compiling
the stated graph costs 15 to 20 s in every new process; `sampling.py` compares the two after every
fit. Effects of one group meet each other only through the rest, so their block of the precision is
diagonal: the largest group is eliminated by division, and the cost hardly grows with vintages.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.models.design import Design
from creditrisk_assets.models.evidence import GROUP_SCALE, Evidence, prior_precision

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
SMALLEST_RATIO = 1e-4


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
    """Posterior of G group scales and p coefficients; coordinates are x = +-tau / `scales`, shape (G,)."""

    design: Design
    evidence: Evidence
    scales: Vector

    @cached_property
    def _membership(self) -> Matrix:
        """(G, p): one where a coefficient belongs to a group."""
        member = np.zeros((len(self.scales), len(self.design.parameters)))
        for row, part in enumerate(self.design.group_slices().values()):
            member[row, part] = 1.0
        return member

    @cached_property
    def _sizes(self) -> Vector:
        sizes: Vector = self._membership.sum(axis=1)
        return sizes

    @cached_property
    def _fixed_precision(self) -> Vector:
        """Prior precision of the common effects, zero for group effects."""
        common = self._membership.sum(axis=0) == 0
        return np.asarray(prior_precision(self.design, self.scales) * common, np.float64)

    @cached_property
    def _largest(self) -> slice:
        return max(self.design.group_slices().values(), key=lambda part: part.stop - part.start)

    @cached_property
    def _blocks(self) -> tuple[NDArray[np.int64], Matrix, Matrix, Vector, Vector, Vector]:
        """Indices of the rest; information of the rest, of rest by largest, of the largest; linear terms."""
        rest = np.delete(np.arange(len(self.design.parameters)), self._largest)
        information, linear, large = self.evidence.information, self.evidence.linear, self._largest
        return (
            rest,
            information[np.ix_(rest, rest)],
            np.ascontiguousarray(information[rest, large]),
            np.diag(information)[large].copy(),
            linear[rest],
            linear[large],
        )

    def _eliminated(self, precision: Vector) -> tuple[Matrix, Vector, Matrix, Vector]:
        """Precision and linear term of the rest; its coupling over, and the precision of, the largest group."""
        rest, own, cross, diagonal, linear, linear_large = self._blocks
        large = diagonal + precision[self._largest]
        coupling = cross / large
        reduced = own - coupling @ cross.T
        reduced.flat[:: len(rest) + 1] += precision[rest]
        return reduced, linear - coupling @ linear_large, coupling, large

    def group_scales(self, points: Matrix) -> Matrix:
        """Group scales tau (..., G) at coordinates (..., G)."""
        return self.scales * np.maximum(np.abs(points), SMALLEST_RATIO)

    def value_and_gradient(self, point: Vector) -> tuple[float, Vector]:
        """Log density of the coordinates with the coefficients integrated out, up to a constant; gradient (G,)."""
        tau = self.group_scales(point)
        squared = tau**2
        precision = self._fixed_precision + (1 / squared) @ self._membership
        rest, _, _, _, _, linear_large = self._blocks
        reduced, linear, coupling, large = self._eliminated(precision)
        factor, inverse = _factor_and_inverse(reduced)
        mean = inverse @ linear
        mean_large = linear_large / large - mean @ coupling
        moments = np.empty_like(precision)
        moments[rest] = np.diag(inverse) + mean**2
        moments[self._largest] = 1 / large + ((inverse @ coupling) * coupling).sum(axis=0) + mean_large**2
        value = 0.5 * (linear @ mean + linear_large @ (linear_large / large) - squared.sum() / GROUP_SCALE**2)
        value -= np.log(np.diag(factor)).sum() + 0.5 * np.log(large).sum() + self._sizes @ np.log(tau)
        slope = ((self._membership @ moments) / squared - self._sizes) / tau - tau / GROUP_SCALE**2
        return float(value), np.asarray(slope * self.scales * np.sign(point))

    def draw(self, points: Matrix, generator: np.random.Generator) -> tuple[Matrix, Matrix]:
        """(coefficients (S, p), scales (S, G)): an exact draw of the coefficients per row of `points` (S, G)."""
        from scipy.linalg.lapack import dtrtrs

        scales = self.group_scales(points)
        precisions = self._fixed_precision + scales**-2 @ self._membership
        rest, _, _, _, _, linear_large = self._blocks
        theta = generator.normal(size=precisions.shape)
        for row, precision in zip(theta, precisions, strict=True):
            reduced, linear, coupling, large = self._eliminated(precision)
            factor = np.linalg.cholesky(reduced)
            row[rest] = dtrtrs(factor, dtrtrs(factor, linear, lower=1)[0] + row[rest], lower=1, trans=1)[0]
            row[self._largest] = (linear_large / large - row[rest] @ coupling) + row[self._largest] / np.sqrt(large)
        return theta, scales

    def joint(self, theta: Vector, scales: Vector) -> float:
        """Log density of (coefficients, log scales) up to a constant: what Bambi's centred model states.

        The integrated density at the scales plus the Gaussian density of the coefficients given them.
        """
        precision = self.evidence.information + np.diag(self._fixed_precision + scales**-2 @ self._membership)
        shift = theta - np.linalg.solve(precision, self.evidence.linear)
        marginal = self.value_and_gradient(scales / self.scales)[0] + np.log(scales).sum()
        return float(marginal + 0.5 * np.linalg.slogdet(precision)[1] - 0.5 * shift @ precision @ shift)
