"""What a vintage is compared with: the training window of the model that scored it, as that model saw it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.models.binning import Binning
from creditrisk_assets.models.scorer import BLOCK
from creditrisk_assets.monitoring.gathering import Gathered, gather
from creditrisk_assets.scores.loans import Scoring
from creditrisk_assets.scores.scale import BAND_EDGES, Scale, band

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Counts = NDArray[np.int64]
Codes = NDArray[np.uint8]

SCORE_GROUPS = 10
SAMPLE = 50_000
"""Loans of a window that are scored again: every n-th of a larger one."""


@dataclass(frozen=True)
class Scored:
    """A window under its model: `effects` (factors, bins) add up to the log-odds beside the vintage's own level.

    `bands` (8,): sampled loans by band, under the vintage effects of their own months.
    """

    effects: Matrix
    bands: Counts
    scale: Scale

    def risk(self, codes: Codes) -> Vector:
        """Log-odds (n,) of loans in bins (factors, n), less those of the average training loan of their vintage."""
        risk = np.zeros(codes.shape[1])
        for row, effects in zip(codes, self.effects, strict=True):
            risk += effects[row]
        return risk


@dataclass(frozen=True)
class Baseline:
    """A training window in bins: `counts` of loans by bin of each factor, `sample` (factors, loans) of its loans.

    `scored` None: the bins are known but no posterior, so there is neither score nor CSI.
    """

    model_date: date
    binning: Binning
    counts: tuple[Counts, ...]
    sample: Codes
    scored: Scored | None = None

    @cached_property
    def gathered(self) -> tuple[Gathered, ...]:
        """Groups of the bins of each factor."""
        return tuple(gather(factor, counts) for factor, counts in zip(self.binning.factors, self.counts, strict=True))

    @cached_property
    def sampled_risk(self) -> Vector:
        """Risk of the sampled loans, see `Scored.risk`."""
        assert self.scored is not None
        return self.scored.risk(self.sample)

    @cached_property
    def risk_edges(self) -> Vector:
        """Bounds of the groups of the score: tenths of the window, a value on an edge lies above it."""
        return np.unique(np.quantile(self.sampled_risk, np.arange(1, SCORE_GROUPS) / SCORE_GROUPS))

    def by_risk(self, risk: Vector) -> Counts:
        """Loans by group of the score."""
        edges = self.risk_edges
        return np.bincount(np.searchsorted(edges, risk, side="right"), minlength=edges.size + 1).astype(np.int64)


def binned(binning: Binning, frame: pl.DataFrame) -> tuple[Counts, ...]:
    """Loans of rows of features/loans by bin of each factor; ValueError as `Binning.codes`."""
    return counted(binning, binning.codes(frame))


def counted(binning: Binning, codes: Codes) -> tuple[Counts, ...]:
    """Loans by bin of each factor, from codes (factors, loans)."""
    return tuple(
        np.bincount(row, minlength=factor.size).astype(np.int64)
        for row, factor in zip(codes, binning.factors, strict=True)
    )


def from_model(scoring: Scoring, window: pl.DataFrame) -> Baseline:
    """The training window of a posterior; `window`: its rows of features/loans, in a fixed order.

    Shares of the bins are those the posterior was frozen with, as in models/binning, whatever has become
    of the loans since. ValueError when the window holds no loans any more.
    """
    scorer = scoring.posterior.scorer
    if window.is_empty():
        months = scorer.design.vintages
        raise ValueError(
            f"features/loans holds no loans of {months[0]:%Y-%m} to {months[-1]:%Y-%m}, the training window of model "
            f"date {scoring.model_date:%Y-%m}: materialise features/loans of these vintages again"
        )
    counts = tuple(np.rint(np.array(shares) * window.height).astype(np.int64) for shares in scorer.design.mix)
    sample = window.gather_every(-(-window.height // SAMPLE))
    blocks = [sample[start : start + BLOCK] for start in range(0, sample.height, BLOCK)]
    codes, bands = [], np.zeros(len(BAND_EDGES) + 1, np.int64)
    for block in blocks:
        coded = scorer.design.code(block)
        codes.append(coded.codes)
        bands += by_band(scorer.predict_coded(coded, scorer.terms_of(block)).select(band(pl.col("pd"))).to_series())
    scored = Scored(scorer.tables.contributions, bands, scoring.scale)
    return Baseline(scoring.model_date, scorer.design.binning, counts, np.hstack(codes), scored)


def by_band(bands: pl.Series | Sequence[int]) -> Counts:
    """Loans by risk band, 1 to 8 in order."""
    places = np.asarray(bands, np.int64) - 1
    return np.bincount(places, minlength=len(BAND_EDGES) + 1).astype(np.int64)
