"""One line of what a risk committee reads, and how its colour comes about."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["green", "amber", "red", "unknown"]


@dataclass(frozen=True)
class Reading:
    """`limits` says in words where green and amber end."""

    indicator: str
    reading: str
    limits: str
    status: Status


def at_least(value: float | None, limits: tuple[float, float]) -> Status:
    """Green from the first limit, amber from the second, else red; unknown without a value."""
    if value is None:
        return "unknown"
    return "green" if value >= limits[0] else "amber" if value >= limits[1] else "red"
