"""From the average loan to one's own risk, step by step."""

from functools import cache
from math import log

from dashboard.charts.look import BLUE, GREY, RED, Spec, framed

TIMES = tuple(2.0**power for power in range(-8, 13))
"""Odds of default against the average loan, where the axis is labelled."""
_DIRECTIONS = {"domain": ["raises", "lowers", "total"], "range": [RED, BLUE, GREY]}
_ROW = 26


@cache
def waterfall(steps: int) -> Spec:
    """Bars of `explaining.waterfall` with `name` and log-odds against the average, for so many rows."""
    names = {
        "field": "name", "type": "ordinal", "sort": {"field": "step"},
        "axis": {"title": None, "labelLimit": 210, "ticks": False, "domain": False, "labelPadding": 6},
    }  # fmt: skip
    odds = {
        "title": "Odds of default, average: \u00d71",
        "values": [log(times) for times in TIMES],
        "labelExpr": "'\u00d7' + (datum.value < -0.01 ? '1/' + format(exp(-datum.value), '.0f') : "
        "format(exp(datum.value), '.0f'))",
        "grid": True, "domain": False, "ticks": False, "titlePadding": 8,
    }  # fmt: skip
    told = [
        {"field": "label", "title": "Factor"},
        {"field": "value", "title": "Value"},
        {"field": "meaning", "title": "Meaning"},
        {"field": "effect", "title": "Effect on the odds"},
        {"field": "sure", "title": "90 % credible"},
    ]
    colour = {"field": "direction", "type": "nominal", "scale": _DIRECTIONS, "legend": None}
    x = {"field": "start", "type": "quantitative", "axis": odds, "scale": {"zero": False, "nice": False}}
    return framed(
        _ROW * steps,
        encoding={"y": names, "tooltip": told},
        layer=[
            {
                "transform": [{"filter": "datum.direction != 'total'"}],
                "mark": {"type": "bar", "height": {"band": 0.62}, "cornerRadius": 1},
                "encoding": {"x": x, "x2": {"field": "end"}, "color": colour},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 2, "color": GREY},
                "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "transform": [{"filter": "datum.direction == 'total'"}],
                "mark": {"type": "point", "filled": True, "size": 90, "shape": "diamond", "opacity": 1},
                "encoding": {"x": {**x, "field": "end"}, "color": colour},
            },
        ],
    )  # fmt: skip
