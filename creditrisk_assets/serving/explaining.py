"""Why a score is what it is: from the average's log-odds to one's own, factor by factor, adding up exactly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import REASONS
from creditrisk_assets.serving import wording

Vector = NDArray[np.float64]

NORMAL_95 = 1.6448536269514722
LARGEST = 8
"""Contributions shown by themselves; the rest is one."""
SAME = 1e-6
"""Log-odds by which a recomputation may differ from what was stored, and still be of the same model."""
STEPS = {
    "step": pl.Int32, "factor": pl.String, "label": pl.String, "value": pl.String, "direction": pl.String,
    "contribution": pl.Float64, "low": pl.Float64, "high": pl.Float64, "start": pl.Float64, "end": pl.Float64,
}  # fmt: skip


@dataclass(frozen=True)
class Contributions:
    """Log-odds of the average (`base`) and of one (`log_odds`, deviation `spread`), and all that lies between.

    `names` (F,), `values` (F,) in words, `mean` (F,) and `deviation` (F,) of the contributions; a deviation is
    NaN where it is not known.
    """

    base: float
    log_odds: float
    spread: float
    names: tuple[str, ...]
    values: tuple[str, ...]
    mean: Vector
    deviation: Vector
    complete: bool = True


def contributions(
    score: Mapping[str, Any], names: Sequence[str], values: Mapping[str, Any], mean: Vector, deviation: Vector
) -> Contributions | None:
    """All contributions to a stored score; None when they do not add up to it: it is of another model.

    `score`: a row of scores/loans or scores/live; `mean`, `deviation` (F,) of the factors `names`; `values`: the
    row of features, and of raw columns, that they were taken from.
    """
    if abs(score["base"] + mean.sum() - score["log_odds"]) > SAME:
        return None
    told = tuple(wording.value(name, values) for name in names)
    return Contributions(score["base"], score["log_odds"], score["log_odds_sd"], tuple(names), told, mean, deviation)


def reasons_only(score: Mapping[str, Any]) -> Contributions:
    """What a stored score tells by itself: its reasons, and everything else as one."""
    found = [(score[f"reason_{n}"], score[f"contribution_{n}"]) for n in REASONS if score[f"reason_{n}"] is not None]
    mean = np.array([contribution for _, contribution in found], np.float64)
    names = tuple(name for name, _ in found)
    unknown = np.full(mean.shape, np.nan)
    return Contributions(score["base"], score["log_odds"], score["log_odds_sd"], names, ("",) * len(names), mean,
                         unknown, complete=False)  # fmt: skip


def waterfall(found: Contributions, largest: int = LARGEST, average: str = "Average loan") -> pl.DataFrame:
    """Steps from the average to the total (STEPS), the largest first, all others as one; ends where the score does.

    `low` and `high` (5 % and 95 %) are where a step may end, empty where it is not known. `start` and `end` are
    log-odds, and so is `contribution`.
    """
    order = np.argsort(-np.abs(found.mean), kind="stable")
    shown, rest = order[:largest], order[largest:]
    others = found.log_odds - found.base - found.mean[shown].sum()
    rows = [_total("average", average, found.base, float("nan"))]
    at = found.base
    for place in shown:
        rows.append(_step(found.names[place], wording.factor(found.names[place]), found.values[place],
                          found.mean[place], at, found.deviation[place]))  # fmt: skip
        at += found.mean[place]
    if rest.size or not found.complete:
        label = f"{rest.size} other factors" if rest.size > 1 else "All other factors"
        rows.append(_step("rest", label, "", others, at, float("nan")))
    rows.append(_total("total", "This one", found.log_odds, found.spread))
    frame = pl.DataFrame([{"step": step, **row} for step, row in enumerate(rows)], schema=STEPS)
    return frame.with_columns(pl.col("low", "high").fill_nan(None))


def told_steps(steps: pl.DataFrame, base: float) -> pl.DataFrame:
    """Steps of `waterfall` against the average, `base`, with name, meaning, effect and sure in words."""
    against = steps.with_columns(pl.col("start", "end", "low", "high") - base)
    ends = pl.col("direction") == "total"
    times = [
        pl.when(ends).then(pl.col(name)).otherwise(pl.col(name) - pl.col("start")) for name in ("end", "low", "high")
    ]
    effect, low, high = [(part.exp() - 1) * 100 for part in times]
    written = [pl.format("{} %", part.round(0).cast(pl.Int64)) for part in (effect, low, high)]
    names = {name: wording.meaning(name) for name in steps["factor"].to_list()}
    return against.with_columns(
        name=pl.when(pl.col("value") == "").then("label").otherwise(pl.concat_str("label", "value", separator="  ")),
        meaning=pl.col("factor").replace(names),
        effect=written[0],
        sure=pl.concat_str(written[1], pl.lit(" to "), written[2]),
    )


def in_words(found: Contributions, most: int = 4) -> list[str]:
    """The contributions that raise the risk most, then the one that lowers it most, as sentences."""
    order = np.argsort(-found.mean, kind="stable")
    raising = [place for place in order[:most] if found.mean[place] > 0]
    said = [f"{_named(found, place)} raises the odds of default by {_times(found.mean[place])}" for place in raising]
    last = int(order[-1]) if order.size else None
    if last is not None and found.mean[last] < 0:
        what = "them" if said else "the odds of default"
        said.append(f"{_named(found, last)} lowers {what} most, by {_times(-found.mean[last])}")
    return said


def _named(found: Contributions, place: int) -> str:
    value = found.values[place]
    return f"{wording.factor(found.names[place])} ({value})" if value else wording.factor(found.names[place])


def _times(log_odds: float) -> str:
    """A factor on the odds: by 35 %, by a factor of 2.4."""
    factor = float(np.exp(log_odds))
    return f"{100 * (factor - 1):.0f} %" if factor < 2 else f"a factor of {factor:.1f}"


def _step(factor: str, label: str, value: str, mean: float, start: float, deviation: float) -> dict[str, Any]:
    away = NORMAL_95 * deviation
    end = start + mean
    direction = "raises" if mean > 0 else "lowers"
    return {"factor": factor, "label": label, "value": value, "direction": direction, "contribution": float(mean),
            "low": end - away, "high": end + away, "start": float(start), "end": float(end)}  # fmt: skip


def _total(factor: str, label: str, log_odds: float, deviation: float) -> dict[str, Any]:
    row = _step(factor, label, "", 0.0, log_odds, deviation)
    return row | {"direction": "total", "contribution": log_odds}
