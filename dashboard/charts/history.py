"""What became of a PD over time."""

from functools import cache

from dashboard.charts.look import BLUE, ORANGE, Spec, framed, plain_axis, share_axis


@cache
def pd_over_time() -> Spec:
    """PD with its band by instant; columns of `history.scored` and `what`."""
    time = {
        "field": "as_of", "type": "temporal",
        "axis": plain_axis(None, tickCount=5, labelOverlap=True, format="%Y-%m-%d"),
    }  # fmt: skip
    y = {"type": "quantitative", "axis": share_axis("PD, 12 months")}
    told = [
        {"field": "as_of", "title": "As of", "type": "temporal", "format": "%Y-%m-%d %H:%M"},
        {"field": "what", "title": "What"},
        {"field": "pd", "title": "PD", "type": "quantitative", "format": ".1%"},
        {"field": "pd_low", "title": "90 % from", "type": "quantitative", "format": ".1%"},
        {"field": "pd_high", "title": "to", "type": "quantitative", "format": ".1%"},
    ]
    line = {"type": "line", "interpolate": "step-after", "color": BLUE, "strokeWidth": 2}
    band = {"type": "area", "interpolate": "step-after", "color": BLUE, "opacity": 0.18}
    return framed(
        170,
        encoding={"x": time, "tooltip": told},
        layer=[
            {"mark": band, "encoding": {"y": {**y, "field": "pd_low"}, "y2": {"field": "pd_high"}}},
            {"mark": line, "encoding": {"y": {**y, "field": "pd"}}},
            {
                "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
                "encoding": {
                    "y": {**y, "field": "pd"},
                    "color": {
                        "field": "what", "type": "nominal",
                        "scale": {"domain": ["Application", "Customer"], "range": [ORANGE, BLUE]},
                        "legend": {"orient": "top", "title": None, "offset": 2},
                    },
                },
            },
        ],
    )  # fmt: skip
