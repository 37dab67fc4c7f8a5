"""Everything decided before the first loan of a book is drawn."""

from dataclasses import dataclass
from datetime import date
from math import isfinite

import numpy as np

from creditrisk_assets.simulation.dirt import plan_damage
from creditrisk_assets.simulation.draws import Wholes, month_number, month_of
from creditrisk_assets.simulation.hazards import exposure_by_age
from creditrisk_assets.simulation.life import MONTHS
from creditrisk_assets.simulation.risk import Risk, draw_risk
from creditrisk_assets.simulation.seasons import Calendar, draw_calendar

GROWTH = 1.02  # of the number of loans from one vintage to the next


@dataclass(frozen=True)
class Drift:
    """A change from one vintage on: `logits` of default and `income`, of log income; both 0 before `first`."""

    logits: float = 0.0
    income: float = 0.0
    first: date | None = None

    def at(self, vintage: date) -> tuple[float, float]:
        """Shift of the log-odds of default, and of log income, for the loans of a vintage."""
        return (self.logits, self.income) if self.first and vintage >= self.first else (0.0, 0.0)


@dataclass(frozen=True)
class Plan:
    """What concerns the whole book; volumes are loans per vintage, `observed` is a month number."""

    seed: int
    vintages: tuple[date, ...]
    volumes: tuple[int, ...]
    observed: int
    risk: Risk
    calendar: Calendar
    drift: Drift
    damage: Wholes


def make_plan(
    *,
    loans: int,
    vintages: int,
    seed: int,
    first_vintage: date,
    observed_months: int,
    dirty: float,
    drift: Drift,
) -> Plan:
    """Check the arguments and draw what concerns the whole book.

    ValueError names the argument that is out of range and what would be in range.
    """
    first = month_number(first_vintage)
    observed = first + vintages - 1 + observed_months
    _check(loans, vintages, seed, observed_months, dirty)
    _check_months(first, observed)
    months = tuple(month_of(first + step) for step in range(vintages))
    _check_drift(drift, months)
    volumes = volumes_of(loans, vintages)
    risk = draw_risk(seed, months, volumes)
    # Over all the months any loan may live, whatever is observed of them.
    calendar = draw_calendar(seed, first, np.convolve(volumes, exposure_by_age(np.arange(MONTHS))))
    return Plan(seed, months, volumes, observed, risk, calendar, drift, plan_damage(seed, loans, dirty))


def volumes_of(loans: int, vintages: int) -> tuple[int, ...]:
    """Loans per vintage: at least one each, growing by 2 % a month, `loans` in all."""
    weights = GROWTH ** np.arange(vintages)
    bounds = np.rint((loans - vintages) * np.cumsum(weights) / weights.sum()).astype(np.int64)
    return tuple((1 + np.diff(bounds, prepend=0)).tolist())


def _check(loans: int, vintages: int, seed: int, observed_months: int, dirty: float) -> None:
    if vintages < 1:
        raise ValueError(f"vintages is {vintages}: ask for at least 1 month of issue")
    if loans < vintages:
        raise ValueError(f"loans is {loans}: ask for at least one loan per vintage, {vintages} or more")
    if seed < 0:
        raise ValueError(f"seed is {seed}: give a whole number from 0 up")
    if observed_months < 0:
        raise ValueError(f"observed_months is {observed_months}: give 0 (as of the last vintage) or more months")
    if not 0 <= dirty < 1:
        raise ValueError(f"dirty is {dirty}: give a share from 0 (clean) to below 1")


def _check_months(first: int, observed: int) -> None:
    if first < month_number(date(1970, 1, 1)) or observed >= month_number(date(2099, 1, 1)):
        span = f"{first // 12} to {observed // 12}"
        raise ValueError(f"first_vintage to observation runs from {span}: keep it within 1970 to 2098")


def _check_drift(drift: Drift, vintages: tuple[date, ...]) -> None:
    for name, size in (("drift", drift.logits), ("income_drift", drift.income)):
        if not isfinite(size):
            raise ValueError(f"{name} is {size}: give a finite number")
        if size and drift.first is None:
            raise ValueError(f"{name} is {size} but starts nowhere: name its first vintage with drift_from")
    if drift.first is None:
        return
    if not (drift.logits or drift.income):
        raise ValueError(f"drift_from is {drift.first:%Y-%m} but nothing drifts: give drift or income_drift, too")
    if not vintages[0] <= drift.first <= vintages[-1]:
        span = f"{vintages[0]:%Y-%m} to {vintages[-1]:%Y-%m}"
        raise ValueError(f"drift_from is {drift.first:%Y-%m}: choose a vintage of the book, {span}")
