"""The whole life of a loan under the posterior: PD and share still on book, month by month."""

import numpy as np
import polars as pl

from creditrisk_assets.models.scorer import NODES, SHARES, Scorer


def survival_curves(scorer: Scorer, frame: pl.DataFrame, months: int = 60) -> pl.DataFrame:
    """One row per row of features/loans and month on book 0 to `months`, both causes of leaving the book at work.

    Columns row (position in `frame`), month, pd (posterior mean of default by then), pd_low and pd_high
    (5 % and 95 %), on_book (mean share neither defaulted nor repaid). After the term nothing changes
    any more. ValueError when the model knows one trial for the whole term, and so no months.
    """
    if not scorer.design.periods.starts:
        raise ValueError("a model of final outcomes knows no months: fit one as known at a date")
    predicted, term = scorer.predict(frame), scorer.terms_of(frame)
    mean, spread = predicted["log_odds"].to_numpy(), predicted["log_odds_sd"].to_numpy()
    parts = []
    for place, length in enumerate(scorer.horizons.terms):
        rows = np.flatnonzero(term == place)
        if not rows.size:
            continue
        at = mean[rows] + NODES[:, None] * spread[rows]
        pd, alive = scorer.horizons.survival(at.ravel(), length, months)
        pd, alive = (values.reshape(months + 1, len(NODES), rows.size) for values in (pd, alive))
        quadrature = len(SHARES)
        parts.append(
            pl.DataFrame(
                {
                    "row": np.tile(rows, months + 1),
                    "month": np.repeat(np.arange(months + 1), rows.size),
                    "pd": np.tensordot(pd[:, :quadrature], SHARES, (1, 0)).ravel(),
                    "pd_low": pd[:, quadrature].ravel(),
                    "pd_high": pd[:, quadrature + 1].ravel(),
                    "on_book": np.tensordot(alive[:, :quadrature], SHARES, (1, 0)).ravel(),
                }
            )
        )
    return pl.concat(parts).sort("row", "month")
