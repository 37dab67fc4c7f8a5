"""What monitoring adds to the table of the committee: drift, defaults so far, early defaults, and the rules."""

import polars as pl

from creditrisk_assets.monitoring.jeffreys import AMBER, RED
from creditrisk_assets.serving import agreement as agreeing
from creditrisk_assets.serving import drift as drifting
from creditrisk_assets.serving import observed as observing
from creditrisk_assets.serving.indicators import Reading, Status

ALARMS = 0.05
"""Chance of as many alarms under a posterior that is right, below which they are red."""
NAMED = 2
"""Features that a reading names."""


def watched(drift: pl.DataFrame, performance: pl.DataFrame, agreement: pl.DataFrame) -> list[Reading]:
    """Readings out of rows of monitoring/drift, /performance and /rule_agreement; unknown where there are none."""
    return [_drift(drift), _so_far(performance), _early(performance), _rules(agreement)]


def _drift(drift: pl.DataFrame) -> Reading:
    indicator = "Drift of features (PSI)"
    limits = "green below 0.10 or within chance, amber below 0.25"
    if drift.is_empty():
        return Reading(indicator, "not monitored yet", limits, "unknown")
    found, (features, vintages) = drifting.moved(drift), drifting.compared(drift)
    if found.is_empty():
        return Reading(indicator, f"none of {features} in {vintages} vintages", limits, "green")
    worst = found.filter(pl.col("severity") == found["severity"][0])
    names = worst["name"].head(NAMED).to_list()
    more = f" and {worst.height - NAMED} more" if worst.height > NAMED else ""
    status: Status = "red" if worst["verdict"][0] == "drifted" else "amber"
    return Reading(indicator, f"{worst.height} of {features}: {', '.join(names)}{more}", limits, status)


def _so_far(performance: pl.DataFrame) -> Reading:
    found = observing.together(performance)
    limits = f"green within {AMBER:.0%} of one or chance, amber within {RED:.0%}"
    reading = "no default expected yet"
    if found.ratio is not None:
        reading = f"{found.ratio:.2f}, 90 % {found.low:.2f} to {found.high:.2f}"
    return Reading("Defaults so far, observed over expected", reading, limits, found.light)


def _early(performance: pl.DataFrame) -> Reading:
    found = observing.alarms(performance)
    status: Status = "unknown"
    if found.vintages:
        status = "green" if not found.alarms else "red" if found.p_value < ALARMS else "amber"
    reading = f"{found.alarms} of {found.vintages}, {found.by_chance:.1f} by chance"
    return Reading(
        "Vintages with an alarm of early defaults", reading if found.vintages else "no trial yet",
        f"green without, amber as chance allows, else red; of {observing.RECENT}", status,
    )  # fmt: skip


def _rules(agreement: pl.DataFrame) -> Reading:
    by_measure = {row["measure"]: row for row in agreeing.pooled(agreement).iter_rows(named=True)}
    gain, mine, theirs = (by_measure[name] for name in ("recall_gain", "posterior_recall", "recall"))
    reading, status = "no outcome of scored loans yet", "unknown"
    if gain["value"] is not None:
        reading = f"{mine['value']:.1%} against {theirs['value']:.1%} of the rules"
        status = "green" if gain["low"] > 0 else "red" if gain["high"] < 0 else "amber"
    limits = "green when more than the rules beyond chance, red if fewer"
    return Reading("Defaults caught beside the rules", reading, limits, status)  # type: ignore[arg-type]
