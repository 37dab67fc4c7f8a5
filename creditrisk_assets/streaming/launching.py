"""When a drain run is started: on news, for a successor in time, and with patience after failures. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

LEAD = 20.0
"""Seconds before a run's time is over in which its successor starts: a process takes some of them."""
LONGEST_PAUSE = 60.0
FIRST_PAUSE = 5.0

Wish = Literal["start", "successor", "watch", "wait"]


@dataclass(frozen=True)
class Run:
    """A drain run as the history tells it: seconds since it was asked for, and since it ended (None: it has not)."""

    age: float
    ended: float | None = None
    failed: bool = False


@dataclass(frozen=True)
class Plan:
    """What to do now, and why.

    watch: nothing is at work, look for news and start on any; start: whether there is news or not, for a
    failure left work undone; successor: the same, beside the run at work; wait: leave things as they are.
    """

    wish: Wish
    why: str


def planned(runs: Sequence[Run], seconds: float) -> Plan:
    """What to do, given the latest drain runs, newest first, and how long one lasts (`seconds`).

    One that never ended and has had a successor since is dead, and nobody waits for it.
    """
    active = [run.age for run in runs if run.ended is None]
    if active and min(active) < seconds - min(LEAD, seconds / 2):
        return Plan("wait", f"a run is at work, for {min(active):.0f} s")
    if runs and runs[0].ended is None:
        return Plan("successor", f"the run at work is {runs[0].age:.0f} s old: its successor starts")
    failures = sum(1 for _ in takewhile(lambda run: run.failed, runs))
    if not failures:
        return Plan("watch", "no run is at work")
    left = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1)) - (runs[0].ended or 0.0)
    if left > 0:
        return Plan("wait", f"runs failed, {failures} in a row: the next one starts in {left:.0f} s")
    return Plan("start", f"runs failed, {failures} in a row: another tries")
