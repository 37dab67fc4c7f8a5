"""From PD to points and bands, over polars or `formulas`."""

import math
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TypeVar

import polars as pl

from creditrisk_assets.formulas import Formula

Expression = TypeVar("Expression", pl.Expr, Formula)

BAND_EDGES = (0.01, 0.02, 0.03, 0.045, 0.065, 0.10, 0.16)
"""Upper PD of bands 1 to 7 over twelve months; band 8 lies above. About a factor of 1.5 each."""


@dataclass(frozen=True)
class Scale:
    """A scorecard scale: `base_points` at odds of `base_odds` good to one bad, `double` more for twice the odds.

    Source: Siddiqi, Credit Risk Scorecards, 2006, chapter 6.
    """

    base_points: float = 600
    base_odds: float = 50
    double: float = 20

    def points(self, pd: Expression) -> Expression:
        """Whole points for a PD in (0, 1); more points, less risk."""
        log_odds = ((1 - pd) / pd).log()
        scaled = self.base_points + self.double / math.log(2) * (log_odds - math.log(self.base_odds))
        return scaled.round().cast(pl.Int32)


def band(pd: Expression) -> Expression:
    """Risk band 1 (least) to 8 (most) of a PD; a PD on an edge belongs to the riskier band."""
    return (reduce(add, ((pd >= edge).cast(pl.Int32) for edge in BAND_EDGES)) + 1).cast(pl.Int32)
