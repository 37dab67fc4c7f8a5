"""Rows of monitoring/calibration: observed against expected defaults of a vintage, whole, by band and by decile."""

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import MONITORING_CALIBRATION
from creditrisk_assets.monitoring.expected import Expected
from creditrisk_assets.monitoring.jeffreys import LEVEL, jeffreys_p_value, lights, rate_interval

Matrix = NDArray[np.float64]

ENDS = (0.05, 0.95)
SPLITS = {"all": pl.lit(0, pl.Int32), "band": pl.col("band"), "decile": pl.col("decile")}
COUNTS = ("loans", "tried", "observed", "matured", "matured_expected", "matured_observed")


def calibration(found: Expected) -> pl.DataFrame:
    """monitoring/calibration of one vintage, from its expectations; ValueError as `jeffreys_p_value`."""
    parts = [_split(found, name) for name in SPLITS]
    return pl.concat(parts).sort(MONITORING_CALIBRATION.primary)


def _split(found: Expected, name: str) -> pl.DataFrame:
    segments = found.segments.with_columns(group=SPLITS[name]).with_row_index("row")
    groups = segments.group_by("group").agg(pl.col(COUNTS).sum(), pl.col("row")).sort("group")
    draws = np.stack([found.by_draw[rows.to_numpy()].sum(axis=0) for rows in groups["row"]])
    low, high = np.quantile(draws, ENDS, axis=1)
    told = groups.with_columns(expected=draws.mean(axis=1), expected_low=low, expected_high=high)
    # Among g groups one is beyond the level by chance g times as often (Bonferroni).
    judged = _judged(told, LEVEL / told.height)
    dated: dict[str, date] = {"vintage": found.vintage, "model_date": found.model_date}
    constants = {key: pl.lit(value) for key, value in dated.items()}
    return MONITORING_CALIBRATION.conform(judged.lazy().with_columns(**constants, split=pl.lit(name))).collect()


def _judged(groups: pl.DataFrame, level: float) -> pl.DataFrame:
    """Adds ratio, rate with its interval, p-values and light; empty where nobody was tried, or is matured."""
    p_value, matured_p = (
        _p_values(groups, *names)
        for names in (("observed", "tried", "expected"), ("matured_observed", "matured", "matured_expected"))
    )
    observed, tried = groups["observed"].to_numpy(), groups["tried"].to_numpy()
    low, high = rate_interval(observed, tried)
    seen = pl.col("tried") > 0
    light = lights(observed, groups["expected"].to_numpy(), p_value, level)
    return groups.with_columns(
        ratio=pl.when(pl.col("expected") > 0).then(pl.col("observed") / pl.col("expected")),
        rate=pl.when(seen).then(pl.col("observed") / pl.col("tried")),
        rate_low=pl.when(seen).then(pl.Series(low)),
        rate_high=pl.when(seen).then(pl.Series(high)),
        p_value=pl.when(seen).then(pl.Series(p_value)),
        light=pl.when(seen).then(pl.Series(light, dtype=pl.String)),
        matured_p_value=pl.when(pl.col("matured") > 0).then(pl.Series(matured_p)),
    )


def _p_values(groups: pl.DataFrame, defaults: str, loans: str, expected: str) -> NDArray[np.float64]:
    count = groups[loans].to_numpy().astype(np.float64)
    # Sums of shares may pass their number by the last bit.
    chance = np.minimum(groups[expected].to_numpy() / np.maximum(count, 1.0), 1.0)
    return jeffreys_p_value(groups[defaults].to_numpy(), count, chance)
