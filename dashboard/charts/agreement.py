"""Chart of the rules beside the posterior."""

from functools import cache

from dashboard.charts.look import BLUE, ORANGE, SHAPED, Spec, framed, share_axis

WHO = {"domain": ["rules", "posterior"], "range": [ORANGE, BLUE]}
SHAPES = {"domain": ["rules", "posterior"], "range": ["diamond", "circle"]}


@cache
def beside() -> Spec:
    """Recall and ranking of both with their intervals; columns of `agreement.beside`."""
    y = {
        "field": "what", "type": "ordinal", "sort": None,
        "axis": {"title": None, "ticks": False, "domain": False, "labelPadding": 6, "labelLimit": 130},
    }  # fmt: skip
    offset = {"field": "who", "type": "nominal", "sort": WHO["domain"]}
    who = {"field": "who", "type": "nominal"}
    tooltip = [
        {"field": "what", "title": "What"},
        {"field": "who", "title": "Of"},
        {"field": "value", "title": "Value", "type": "quantitative", "format": ".3f"},
        {"field": "low", "title": "90 % from", "type": "quantitative", "format": ".3f"},
        {"field": "high", "title": "to", "type": "quantitative", "format": ".3f"},
        {"field": "events", "title": "Defaults", "type": "quantitative", "format": ",d"},
    ]
    x = {"type": "quantitative", "scale": {"zero": True}, "axis": {**share_axis("Share, or area"), "format": ".1f"}}
    return framed(
        230,
        encoding={"y": y, "yOffset": offset, "tooltip": tooltip, "color": {**who, "scale": WHO, "legend": SHAPED}},
        layer=[
            {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": {"x": {**x, "field": "low"},
                                                                     "x2": {"field": "high"}}},
            {
                "mark": {"type": "point", "filled": True, "size": 75, "opacity": 1},
                "encoding": {
                    "x": {**x, "field": "value"}, "shape": {**who, "scale": SHAPES, "legend": SHAPED},
                },
            },
        ],
    )  # fmt: skip
