"""Figures in words: the same money, shares and changes on every page."""

from collections.abc import Callable

from creditrisk_assets.serving import wording
from creditrisk_assets.serving.portfolio import Estimate

FLAT = 0.005
"""A relative change below this is told as none."""


def money(value: float) -> str:
    """USD, shortened: $2.41 M."""
    for size, unit in ((1e9, " bn"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"${value / size:.3g}{unit}" if abs(value) < 1e3 * size else f"${value / size:,.0f}{unit}"
    return f"${value:,.0f}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share in percent, a dash where there is none."""
    return "-" if share is None else wording.percent(share, digits)


def credible(estimate: Estimate, spell: Callable[[float], str] = money) -> str:
    """The interval of an estimate in words."""
    return f"90 % credible {spell(estimate.low)} to {spell(estimate.high)}"


def relative(now: float, before: float) -> str | int:
    """A change in percent; the number 0, which shows grey and without arrow, when it is small."""
    if not before or abs(now / before - 1) < FLAT:
        return 0
    return f"{100 * (now / before - 1):+.1f} %"


def points(now: float, before: float) -> str | int:
    """A change of a share in percentage points; the number 0 when it is small beside the share."""
    if abs(now - before) < FLAT * abs(before):
        return 0
    return f"{100 * (now - before):+.2f} pp"


def counted(number: int, one: str, many: str | None = None) -> str:
    """1 loan, 2,000 loans."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
