"""Charts of drift: which feature moved in which vintage, and whether a classifier tells vintages from the window."""

from functools import cache

from dashboard.charts.look import BLUE, GREY, INK, ORANGE, RED, SHAPED, Spec, framed, plain_axis, share_axis

TILE = {"light": "#e7ebef", "dark": "#232d37"}
"""Colour of what has not moved, by theme."""
VERDICTS = ["stable", "watch", "drifted"]
ROW = 17


@cache
def heat_map(features: int, theme: str) -> Spec:
    """Features by vintage, coloured and signed where they moved beyond chance; columns of `drift.heat_map`."""
    x = {
        "field": "label", "type": "ordinal", "scale": {"paddingInner": 0.08},
        "axis": plain_axis("Vintage", labelOverlap=True, domain=False),
    }  # fmt: skip
    y = {
        "field": "name", "type": "ordinal", "sort": {"field": "rank"}, "scale": {"paddingInner": 0.12},
        "axis": {"title": None, "ticks": False, "domain": False, "labelPadding": 6, "labelLimit": 130,
                 "labelOverlap": False, "labelBound": False, "labelFlush": False, "labelFontSize": 11},
    }  # fmt: skip
    colour = {
        "field": "verdict", "type": "nominal", "legend": SHAPED,
        "scale": {"domain": VERDICTS, "range": [TILE[theme], ORANGE, RED]},
    }  # fmt: skip
    shape = {
        "field": "verdict", "type": "nominal", "legend": SHAPED,
        "scale": {"domain": VERDICTS, "range": ["circle", "triangle-up", "square"]},
    }  # fmt: skip
    tooltip = [
        {"field": "name", "title": "Feature"},
        {"field": "label", "title": "Vintage"},
        {"field": "verdict", "title": "Verdict"},
        {"field": "psi", "title": "PSI", "type": "quantitative", "format": ".3f"},
        {"field": "psi_high", "title": "95 % by chance", "type": "quantitative", "format": ".3f"},
        {"field": "p_adjusted", "title": "p, adjusted", "type": "quantitative", "format": ".3f"},
        {"field": "moved", "title": "Moved most"},
        {"field": "moved_then", "title": "Share then", "type": "quantitative", "format": ".1%"},
        {"field": "moved_now", "title": "Share now", "type": "quantitative", "format": ".1%"},
        {"field": "loans", "title": "Loans", "type": "quantitative", "format": ",d"},
    ]
    return framed(
        ROW * max(features, 2),
        encoding={"x": x, "y": y, "tooltip": tooltip},
        layer=[
            {"mark": {"type": "rect", "cornerRadius": 1}, "encoding": {"color": colour}},
            {
                "transform": [{"filter": "datum.verdict != 'stable'"}],
                "mark": {"type": "point", "filled": True, "size": 18, "opacity": 1, "color": "#ffffff"},
                "encoding": {"shape": shape},
            },
        ],
    )


@cache
def population(theme: str) -> Spec:
    """AUC of telling a vintage from the window, over the band of chance; columns of `drift.population`."""
    x = {"field": "label", "type": "ordinal", "axis": plain_axis("Vintage", labelOverlap=True)}
    scale = {"zero": False, "nice": True}
    axis = share_axis("AUC against the window", format=".2f")
    told = {"domain": [False, True], "range": [BLUE, RED]}
    shapes = {"domain": [False, True], "range": ["circle", "square"]}
    legend = {**SHAPED, "labelExpr": "datum.value ? 'told apart' : 'alike'"}
    tooltip = [
        {"field": "label", "title": "Vintage"},
        {"field": "auc", "title": "AUC", "type": "quantitative", "format": ".3f"},
        {"field": "chance_high", "title": "95 % by chance", "type": "quantitative", "format": ".3f"},
        {"field": "p_value", "title": "p", "type": "quantitative", "format": ".3f"},
        {"field": "leaned_on", "title": "Told by"},
        {"field": "loans", "title": "Loans", "type": "quantitative", "format": ",d"},
    ]

    def layer(mark: Spec, name: str, **more: object) -> Spec:
        y = {"field": name, "type": "quantitative", "scale": scale, "axis": axis}
        return {"mark": mark, "encoding": {"x": x, "y": y, **more}}

    marked = {
        "color": {"field": "distinguishable", "type": "nominal", "scale": told, "legend": legend},
        "shape": {"field": "distinguishable", "type": "nominal", "scale": shapes, "legend": legend},
        "tooltip": tooltip,
    }
    return framed(
        215,
        layer=[
            layer({"type": "area", "color": GREY, "opacity": 0.25}, "chance_low", y2={"field": "chance_high"}),
            {"mark": {"type": "rule", "color": INK[theme], "strokeDash": [3, 3]}, "encoding": {"y": {"datum": 0.5}}},
            layer({"type": "line", "color": GREY, "strokeWidth": 1}, "auc"),
            layer({"type": "point", "filled": True, "size": 45, "opacity": 1}, "auc", **marked),
        ],
    )
