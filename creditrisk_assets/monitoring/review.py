"""When a model must be looked at again: what was found of it decides, and the calendar where nothing was."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from creditrisk_assets.contracts import MODELS_COMPARISON, MONITORING_PERFORMANCE, TRIGGERS
from creditrisk_assets.monitoring.commits import Logs, newest
from creditrisk_assets.monitoring.monitored import Monitored
from creditrisk_assets.resources.commit import listed

QUARTER = timedelta(days=91)
FURTHEST = 0.1
"""Observed over expected defaults may be that far from one."""
NOTHING = "not monitored yet"


@dataclass(frozen=True)
class Trigger:
    """One reason to review: its limit and its reading in words, and whether it has fired."""

    name: str
    limit: str
    reading: str
    fired: bool


@dataclass(frozen=True)
class Review:
    """`due`: the quarterly date. `triggers` in the order of TRIGGERS."""

    due: date
    triggers: tuple[Trigger, ...]

    @property
    def next(self) -> Trigger:
        """The first that has fired, else the quarterly date."""
        return next((one for one in self.triggers if one.fired), self.triggers[-1])


def review(found: Monitored, card: str | None, since: date, today: date) -> Review:
    """Readings of all triggers. `card`: what is wrong with the card, None for nothing; `since`: see `looked_at`."""
    due = since + QUARTER
    late = f", {(today - due).days} days ago" if today >= due else ""
    triggers = (
        Trigger("card", "describes this very posterior", card or "it does", card is not None),
        _alarm(found.performance),
        observed_over_expected(found.performance),
        _drift(found.drift),
        Trigger("quarterly date", "a quarter after it was last validated, or written", f"{due}{late}", today >= due),
    )
    assert tuple(one.name for one in triggers) == TRIGGERS
    return Review(due, triggers)


def looked_at(today: date, last: date | None, *moments: datetime | None) -> date:
    """When it was validated `last`, else the first known of other moments; else so long ago that a review is due."""
    known = [moment.date() for moment in moments if moment is not None]
    return last or (known[0] if known else today - QUARTER)


def validated(logs: Logs, day: date | None, seen: Monitored | None) -> date | None:
    """Day (UTC) of the last look at outcomes: the comparison of a model date, None for no such, and what was `seen`.

    None where nobody looked, or the logs do not reach back so far.
    """
    looks = [] if day is None else [newest(logs.of(MODELS_COMPARISON), day)]
    if seen is not None and not seen.performance.is_empty():
        looks += [newest(logs.of(MONITORING_PERFORMANCE), vintage) for vintage in seen.performance["vintage"]]
    return max((look.written.date() for look in looks if look is not None), default=None)


def _alarm(performance: pl.DataFrame) -> Trigger:
    limit = "no vintage with more early defaults than the posterior can account for"
    if performance.is_empty():
        return Trigger("alarm", limit, NOTHING, fired=False)
    alarms = performance.filter("alarm")
    by_chance = performance["false_alarm_rate"].sum()
    reading = f"{alarms.height} of {performance.height} vintages{_months(alarms)}, {by_chance:.1f} by chance"
    return Trigger("alarm", limit, reading, alarms.height > 0)


def observed_over_expected(performance: pl.DataFrame) -> Trigger:
    """Of rows of monitoring/performance, all vintages together: beyond 10 % from one, and beyond chance.

    Chance is the 90 % interval of a Poisson rate given the observed count (Jeffreys): gamma quantiles of
    observed + 1/2, over the expected defaults.
    """
    from scipy.special import gammaincinv

    name = "observed over expected"
    limit = f"{1 - FURTHEST:.2f} to {1 + FURTHEST:.2f}, or within chance"
    expected = float(performance["expected"].sum())
    if not expected:
        nothing = NOTHING if performance.is_empty() else "no default was possible yet"
        return Trigger(name, limit, nothing, fired=False)
    observed = int(performance["observed"].sum())
    low, high = (float(gammaincinv(observed + 0.5, end)) / expected for end in (0.05, 0.95))
    ratio = observed / expected
    reading = (
        f"{ratio:.2f} (90 % interval {low:.2f} to {high:.2f}): {observed} defaults of {expected:.1f} expected in "
        f"{performance.height} vintages"
    )
    return Trigger(name, limit, reading, abs(ratio - 1) > FURTHEST and not low <= 1 <= high)


def _drift(drift: pl.DataFrame) -> Trigger:
    limit = "no feature, nor the score, has drifted (PSI of .25 beyond chance)"
    if drift.is_empty():
        return Trigger("drift", limit, NOTHING, fired=False)
    drifted = drift.filter(verdict="drifted")
    vintages = f"{drifted['vintage'].n_unique()} of {drift['vintage'].n_unique()} vintages"
    names = ", ".join(drifted["feature"].unique().sort())
    return Trigger("drift", limit, f"{vintages}{': ' if names else ''}{names}", drifted.height > 0)


def _months(rows: pl.DataFrame) -> str:
    months = listed(f"{month:%Y-%m}" for month in rows["vintage"])
    return f": {months}" if months else ""
