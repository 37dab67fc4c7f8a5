"""Chart of defaults observed over expected by vintage."""

from functools import cache

from dashboard.charts.look import GREEN, GREY, INK, ORANGE, RED, SHAPED, Spec, framed, plain_axis, share_axis

LIGHTS = {"domain": ["green", "amber", "red"], "range": [GREEN, ORANGE, RED]}
SHAPES = {"domain": ["green", "amber", "red"], "range": ["circle", "triangle-up", "square"]}
HEIGHT = 250
TOPS = (2.0, 3.0, 4.0)
"""Ratios at which the axis may end; what is beyond stands at its end."""


@cache
def ratio(top: float, theme: str) -> Spec:
    """Ratio by hazard with its interval and light, resolved loans alone, and alarms; columns of `by_vintage`."""
    x = {"field": "label", "type": "ordinal", "axis": plain_axis("Vintage", labelOverlap=True)}
    scale = {"domain": [0, top], "clamp": True, "nice": False}
    axis = {**share_axis("Observed over expected"), "format": ".1f"}
    tooltip = [
        {"field": "label", "title": "Vintage"},
        {"field": "observed", "title": "Defaults so far", "type": "quantitative", "format": ",d"},
        {"field": "expected", "title": "Expected so far", "type": "quantitative", "format": ",.1f"},
        {"field": "ratio", "title": "Observed over expected", "type": "quantitative", "format": ".2f"},
        {"field": "ratio_low", "title": "90 % from", "type": "quantitative", "format": ".2f"},
        {"field": "ratio_high", "title": "to", "type": "quantitative", "format": ".2f"},
        {"field": "light", "title": "Light"},
        {"field": "resolved_ratio", "title": "Resolved loans alone", "type": "quantitative", "format": ".2f"},
        {"field": "early_defaults", "title": "Early defaults", "type": "quantitative", "format": ",d"},
        {"field": "early_expected", "title": "Expected", "type": "quantitative", "format": ",.1f"},
    ]

    def layer(mark: Spec, name: str, **more: object) -> Spec:
        y = {"field": name, "type": "quantitative", "scale": scale, "axis": axis}
        return {
            "transform": [{"filter": f"isValid(datum.{name})"}],
            "mark": mark,
            "encoding": {"x": x, "y": y, "tooltip": tooltip, **more},
        }

    lights = {
        "color": {"field": "light", "type": "nominal", "scale": LIGHTS, "legend": SHAPED},
        "shape": {"field": "light", "type": "nominal", "scale": SHAPES, "legend": SHAPED},
    }
    return framed(
        HEIGHT,
        layer=[
            {"mark": {"type": "rule", "color": INK[theme], "strokeDash": [3, 3]}, "encoding": {"y": {"datum": 1}}},
            layer({"type": "rule", "strokeWidth": 5, "color": GREY, "opacity": 0.4}, "ratio_low",
                  y2={"field": "ratio_high"}),
            layer({"type": "point", "shape": "diamond", "size": 40, "color": GREY, "opacity": 1}, "resolved_ratio"),
            layer({"type": "point", "filled": True, "size": 55, "opacity": 1}, "ratio", **lights),
            {
                "transform": [{"filter": "datum.alarm"}],
                "mark": {"type": "text", "text": "!", "fontSize": 16, "fontWeight": "bold", "color": RED},
                "encoding": {"x": x, "y": {"datum": 0.08}, "tooltip": tooltip},
            },
        ],
    )  # fmt: skip
