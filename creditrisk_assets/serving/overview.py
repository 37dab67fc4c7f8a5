"""Everything the overview shows of one selection."""

from dataclasses import dataclass

import polars as pl

from creditrisk_assets.serving.portfolio import (
    LossDraws,
    Totals,
    by_band,
    by_quarter,
    by_segment,
    decisions_by_quarter,
    totals,
)
from creditrisk_assets.serving.selection import Selection


@dataclass(frozen=True)
class Overview:
    """Totals now and over the preceding period, None where that holds no scored loan, and tables of `portfolio`.

    `quarters` and `decisions` reach back over three years; `unscored` counts loans, `unscored_vintages` vintages.
    """

    now: Totals
    before: Totals | None
    quarters: pl.DataFrame
    decisions: pl.DataFrame
    bands: pl.DataFrame
    segments: pl.DataFrame
    unscored: int
    unscored_vintages: int


def overview(
    segments: pl.DataFrame, lineage: pl.DataFrame, draws: LossDraws, selection: Selection, key: str
) -> Overview:
    """Figures of a selection out of serving/segments and scores/lineage; `key` splits the table of segments.

    Loans without a score are counted by vintage alone: nothing else is known of them here.
    """
    chosen, drawn = selection(segments), draws.chosen(selection)
    earlier, until = selection.before(segments), selection.until(segments)
    missing = lineage.filter(pl.col("vintage").is_between(selection.first, selection.last) & (pl.col("unscored") > 0))
    return Overview(
        now=totals(chosen, drawn),
        before=None if earlier.is_empty() else totals(earlier, draws.chosen(selection.before)),
        quarters=by_quarter(until),
        decisions=decisions_by_quarter(until),
        bands=by_band(chosen),
        segments=by_segment(chosen, until, drawn, key),
        unscored=int(missing["unscored"].sum()),
        unscored_vintages=missing.height,
    )
