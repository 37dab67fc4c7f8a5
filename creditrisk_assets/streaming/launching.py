"""When a drain run is started: on news, for a successor in time, and with patience after failures. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

LEAD = 20.0
"""Seconds before a run's time is over in which its successor starts: a process takes some of them."""
LONGEST_PAUSE = 300.0
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

    watch: nothing is at work, look for news and start on any; wait: leave things as they are.
    """

    wish: Wish
    why: str


def planned(runs: Sequence[Run], seconds: float) -> Plan:
    """What to do, given the latest drain runs, newest first, and how long one lasts (`seconds`)."""
    active = [run for run in runs if run.ended is None]
    if active:
        youngest = min(run.age for run in active)
        if youngest < seconds - LEAD:
            return Plan("wait", f"a run is at work, for {youngest:.0f} s")
        return Plan("successor", f"the run at work is {youngest:.0f} s old: its successor starts")
    failures = 0
    for run in runs:
        if not run.failed:
            break
        failures += 1
    if failures:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1))
        since = runs[0].ended or 0.0
        if since < pause:
            return Plan("wait", f"{failures} runs failed in a row, the next one starts in {pause - since:.0f} s")
    return Plan("watch", "no run is at work")
