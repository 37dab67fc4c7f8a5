"""What a risk committee reads: an indicator, its reading, the limits, and a colour."""

from collections.abc import Sequence
from dataclasses import astuple

import polars as pl

from creditrisk_assets.models.artifacts import LEAST, MOST
from creditrisk_assets.serving.indicators import Reading, Status, at_least

AUC = (0.65, 0.60)
AHEAD = (0.0, -0.01)
"""Of the AUC of the logistic benchmark."""
BIAS = ((0.80, 1.25), (0.67, 1.50))
"""Observed over expected defaults."""
BANDS_INSIDE = (0.75, 0.50)
VINTAGES_INSIDE = (0.75, 0.60)
"""The first is where the check of the backtest warns."""


def committee(
    compared: pl.DataFrame,
    calibrated: pl.DataFrame,
    diagnosed: pl.DataFrame,
    foretold: pl.DataFrame,
    watched: Sequence[Reading],
) -> pl.DataFrame:
    """indicator, reading, limits, status (green, amber, red, unknown), worst first.

    From the tables of `health`, of which one without rows makes its indicators unknown, and what is `watched`, see
    `watching`.
    """
    lines = [
        *_ranking(compared), _level(calibrated), _bands(calibrated), _vintages(foretold), *_sampler(diagnosed),
        *watched,
    ]  # fmt: skip
    order = pl.Enum(["red", "amber", "unknown", "green"])
    frame = pl.DataFrame([astuple(line) for line in lines], schema=list(Reading.__dataclass_fields__), orient="row")
    return frame.with_columns(pl.col("status").cast(order)).sort("status", maintain_order=True)


def _ranking(compared: pl.DataFrame) -> list[Reading]:
    newest = compared.filter(pl.col("model_date") == pl.col("model_date").max())
    known = dict(newest.select("model", "auc").iter_rows())
    mine, other = known.get("posterior"), known.get("logistic")
    ahead = None if mine is None or other is None else mine - other
    return [
        Reading(
            "Ranking out of time (AUC)", "no comparison yet" if mine is None else f"{mine:.3f}",
            f"green from {AUC[0]:.2f}, amber from {AUC[1]:.2f}", at_least(mine, AUC),
        ),
        Reading(
            "Against the logistic benchmark (AUC)", "no comparison yet" if ahead is None else f"{ahead:+.3f}",
            f"green from {AHEAD[0]:g}, amber from {AHEAD[1]:+.2f}", at_least(ahead, AHEAD),
        ),
    ]  # fmt: skip


def _level(calibrated: pl.DataFrame) -> Reading:
    expected = float((calibrated["expected"] * calibrated["loans"]).sum())
    ratio = float(calibrated["defaults"].sum()) / expected if expected else None
    status: Status = "unknown"
    if ratio is not None:
        inside = [low <= ratio <= high for low, high in BIAS]
        status = "green" if inside[0] else "amber" if inside[1] else "red"
    (low, high), (least, most) = BIAS
    limits = f"green {low:.2f} to {high:.2f}, amber {least:.2f} to {most:.2f}"
    return Reading("Defaults observed over expected", "no matured loan" if ratio is None else f"{ratio:.2f}",
                   limits, status)  # fmt: skip


def _bands(calibrated: pl.DataFrame) -> Reading:
    count, inside = calibrated.height, int(calibrated["inside"].sum())
    limits = f"green from {BANDS_INSIDE[0]:.0%} of the bands, amber from {BANDS_INSIDE[1]:.0%}"
    reading = f"{inside} of {count}" if count else "no matured loan"
    return Reading("Bands whose PD lies in the observed interval", reading, limits,
                   at_least(inside / count if count else None, BANDS_INSIDE))  # fmt: skip


def _vintages(foretold: pl.DataFrame) -> Reading:
    count, inside = foretold.height, int(foretold["inside"].sum())
    limits = f"green from {VINTAGES_INSIDE[0]:.0%} of the vintages, amber from {VINTAGES_INSIDE[1]:.0%}"
    return Reading("Vintages foretold by all others", f"{inside} of {count}" if count else "no backtest yet", limits,
                   at_least(inside / count if count else None, VINTAGES_INSIDE))  # fmt: skip


def _sampler(diagnosed: pl.DataFrame) -> list[Reading]:
    if diagnosed.is_empty():
        return [Reading("Sampler and certificate", "no model yet", "green when every gate passed, else red", "unknown")]
    row = diagnosed.sort("model_date").row(-1, named=True)
    gates = [f"R-hat {row['r_hat_max']:.3f}", f"ESS {min(row['ess_bulk_min'], row['ess_tail_min']):,.0f}"]
    gates += [f"{row['divergences']} divergences"] if row["divergences"] else []
    limits = (
        f"R-hat at most {MOST['r_hat_max']:g}, ESS from {LEAST['ess_bulk_min']:g}, no divergence, certified; else red"
    )
    passed = int(diagnosed["passed"].sum())
    share = f"{passed} of {diagnosed.height}"
    return [
        Reading("Sampler and certificate of the newest model", ", ".join(gates), limits,
                "green" if row["passed"] else "red"),
        Reading("Models that passed their gates", share, "green when all, else amber; the last good one scores",
                "green" if passed == diagnosed.height else "amber"),
    ]  # fmt: skip
