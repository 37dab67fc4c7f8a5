"""What all charts share: colours told apart by everyone on white and on black, axes, and the frame."""

from typing import Any

from creditrisk_assets.contracts import DECISIONS
from creditrisk_assets.serving.portfolio import BANDS, CLASSES

Spec = dict[str, Any]

BLUE, SKY, ORANGE, RED, GREEN, GREY = "#3b7fb8", "#8fb8d8", "#e69f00", "#c8451b", "#2b9c7a", "#8a949e"
INK = {"light": "#1c2733", "dark": "#e4e9ee"}
"""Colour of words inside a chart, by theme."""
BAND_ORDER = BANDS["pd_range"].to_list()
RISK = {"domain": list(CLASSES), "range": [BLUE, SKY, ORANGE, RED]}
DECIDED = {"domain": list(DECISIONS), "range": [BLUE, ORANGE, RED]}
LEGEND: Spec = {
    "orient": "top", "direction": "horizontal", "title": None, "titleOrient": "left", "titlePadding": 0,
    "symbolType": "square", "symbolOpacity": 1, "offset": 4, "padding": 0,
}  # fmt: skip

SHAPED: Spec = {name: value for name, value in LEGEND.items() if name != "symbolType"}
"""A legend whose signs have the shapes of the chart."""


def framed(height: int, **parts: Any) -> Spec:
    """A chart of this height without the empty strip that is drawn below by default."""
    return {"height": height, "padding": {"left": 4, "top": 4, "right": 8, "bottom": 0}, **parts}


def share_axis(title: str, **more: Any) -> Spec:
    """An axis in percent, five ticks, faint horizontal lines."""
    return {"title": title, "format": ".0%", "tickCount": 5, "grid": True, "domain": False, "titlePadding": 8,
            "labelPadding": 6, **more}  # fmt: skip


def plain_axis(title: str | None, **more: Any) -> Spec:
    """An axis without grid, labels upright."""
    return {"title": title, "grid": False, "labelAngle": 0, "ticks": False, "titlePadding": 8,
            "labelPadding": 6, **more}  # fmt: skip
