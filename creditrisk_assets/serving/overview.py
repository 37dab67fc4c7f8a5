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
    """Totals now and over the preceding period, None unless each of its vintages is scored, and tables of `portfolio`.

    `quarters` and `decisions` reach back over three years, `quarters` without those that are scored or chosen in part:
    their sums would look like a fall. `unscored` counts loans, `unscored_vintages` vintages.
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
    compared = _vintages(segments, selection.before).len() == selection.months
    missing = lineage.filter(pl.col("vintage").is_between(selection.first, selection.last) & (pl.col("unscored") > 0))
    return Overview(
        now=totals(chosen, drawn),
        before=None if earlier.is_empty() or not compared else totals(earlier, draws.chosen(selection.before)),
        quarters=by_quarter(until).filter(pl.col("quarter").is_in(_whole(segments, selection.until).implode())),
        decisions=decisions_by_quarter(until),
        bands=by_band(chosen),
        segments=by_segment(chosen, until, drawn, key),
        unscored=int(missing["unscored"].sum()),
        unscored_vintages=missing.height,
    )


def _vintages(segments: pl.DataFrame, selection: Selection) -> pl.Series:
    """The scored vintages of a period, whatever their terms and purposes."""
    return segments["vintage"].filter(segments["vintage"].is_between(selection.first, selection.last)).unique()


def _whole(segments: pl.DataFrame, selection: Selection) -> pl.Series:
    """First days of the quarters of which all three vintages are scored and selected."""
    quarters = _vintages(segments, selection).dt.truncate("1q").value_counts(name="vintages")
    return quarters.filter(pl.col("vintages") == 3)["vintage"]
