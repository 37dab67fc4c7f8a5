"""Defaults observed over expected, vintage by vintage and together: rows of monitoring/performance.

By hazard: every loan counts for as long as it was observed, so that young vintages are neither left out nor judged
by the few loans that are resolved already.
"""

from dataclasses import dataclass

import polars as pl

from creditrisk_assets.monitoring.jeffreys import LEVEL, lights
from creditrisk_assets.serving.indicators import Status

SHOWN = 48
"""Vintages of a chart, the newest ones."""
RECENT = 12
"""Vintages whose alarms count."""


@dataclass(frozen=True)
class Together:
    """All vintages at once: `ratio` is observed over expected defaults, None while none is expected.

    `low`, `high`: 90 % interval of the ratio by the chance of the count alone, gamma quantiles of observed + 1/2 over
    the expected defaults (Jeffreys), as on the model card. `resolved_ratio`: what resolved loans alone would claim.
    """

    vintages: int
    observed: int
    expected: float
    ratio: float | None
    low: float | None
    high: float | None
    resolved_ratio: float | None
    light: Status


@dataclass(frozen=True)
class Alarms:
    """Alarms of early defaults in the newest vintages that had a chance to give one.

    `by_chance`: how many a posterior that is right gives; `p_value`: how likely it gives as many as `alarms`, each
    vintage on its own.
    """

    alarms: int
    vintages: int
    by_chance: float
    p_value: float


def by_vintage(performance: pl.DataFrame, most: int = SHOWN) -> pl.DataFrame:
    """The newest `most` vintages ascending, with `label`; those in which no default was possible yet too."""
    rows = performance.sort("vintage").tail(most)
    return rows.with_columns(label=pl.col("vintage").dt.strftime("%Y-%m"))


def together(performance: pl.DataFrame) -> Together:
    """Sums over vintages."""
    from scipy.special import gammainc, gammaincinv

    sums = performance.select(
        pl.col("observed", "expected", "resolved_observed", "resolved_expected").sum()
    ).row(0, named=True)  # fmt: skip
    observed, expected, resolved = int(sums["observed"]), float(sums["expected"]), float(sums["resolved_expected"])
    resolved_ratio = sums["resolved_observed"] / resolved if resolved > 0 else None
    if not expected:
        light: Status = "red" if observed else "unknown"
        return Together(performance.height, observed, 0.0, None, None, None, resolved_ratio, light)
    low, high = (float(gammaincinv(observed + 0.5, end)) / expected for end in (0.05, 0.95))
    colour: Status = lights([observed], [expected], [gammainc(observed + 0.5, expected)])[0]  # type: ignore[assignment]
    ratio = observed / expected
    return Together(performance.height, observed, expected, ratio, low, high, resolved_ratio, colour)


def alarms(performance: pl.DataFrame, most: int = RECENT) -> Alarms:
    """Of the newest `most` vintages with a trial; none without such a vintage."""
    import numpy as np

    tried = performance.filter(pl.col("early_p_value").is_not_null()).sort("vintage").tail(most)
    rates, found = tried["false_alarm_rate"].fill_null(LEVEL).to_list(), int(tried["alarm"].sum())
    chances = np.ones(1)
    for rate in rates:  # alarms among the vintages so far: a sum of unequal coin tosses
        chances = np.convolve(chances, [1 - rate, rate])
    return Alarms(found, tried.height, float(sum(rates)), float(chances[found:].sum()))
