"""Charts of what the book can lose: the chance of more than any loss, and how the allowance moved."""

from functools import cache

from dashboard.charts.look import BLUE, GREY, INK, LEGEND, RED, Spec, framed, plain_axis, share_axis

CHANCE = "format(datum.value, '~%')"
"""A logarithmic axis would leave labels out by itself, and ticks where few are asked for."""
CHANCES = (0.5, 0.1, 0.05, 0.01, 0.001, 0.0001)
DIRECTIONS = {"domain": ["total", "raises", "lowers"], "range": [GREY, RED, BLUE]}


@cache
def exceedance(factors: tuple[str, str], theme: str) -> Spec:
    """Chance that a loss is exceeded, with and without the factor, in rows of `on_book.curve` and `on_book.levels`.

    Those of `levels`, with a `label`, are marked as values at risk.
    """
    x = {
        "field": "loss", "type": "quantitative", "scale": {"zero": False, "nice": False},
        "axis": plain_axis("Loss within twelve months", format="$.3~s", tickCount=5, labelOverlap=True),
    }  # fmt: skip
    y = {
        "field": "exceeded", "type": "quantitative",
        "scale": {"type": "log", "domain": [CHANCES[-1], 1], "clamp": True},
        "axis": share_axis("Chance of more", values=list(CHANCES), tickCount=50, labelOverlap=False, labelExpr=CHANCE),
    }  # fmt: skip
    legend = {**LEGEND, "symbolType": "stroke"}
    colour = {"field": "factor", "type": "nominal", "scale": {"domain": list(factors), "range": [RED, BLUE]},
              "legend": legend}  # fmt: skip
    dash = {"field": "factor", "type": "nominal", "legend": legend,
            "scale": {"domain": list(factors), "range": [[1, 0], [5, 3]]}}  # fmt: skip
    tooltip = [
        {"field": "factor", "title": "Distribution"},
        {"field": "loss", "title": "Loss", "type": "quantitative", "format": "$,.0f"},
        {"field": "exceeded", "title": "Chance of more", "type": "quantitative", "format": ".2%"},
    ]
    bounds = [
        {"field": "label", "title": "Level"}, *tooltip[:2],
        {"field": "low", "title": "90 % from", "type": "quantitative", "format": "$,.0f"},
        {"field": "high", "title": "to", "type": "quantitative", "format": "$,.0f"},
    ]  # fmt: skip
    marked: Spec = {"transform": [{"filter": "isValid(datum.label)"}]}
    named: Spec = {"transform": [{"filter": f"isValid(datum.label) && datum.factor == '{factors[0]}'"}]}
    return framed(
        250,
        encoding={"x": x, "y": y},
        layer=[
            {
                "transform": [{"filter": "!isValid(datum.label)"}],
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {"color": colour, "strokeDash": dash, "tooltip": tooltip},
            },
            {
                **marked,
                "mark": {"type": "rule", "strokeWidth": 5, "opacity": 0.35},
                "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "color": colour},
            },
            {
                **marked,
                "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
                "encoding": {"color": colour, "tooltip": bounds},
            },
            {
                **named,
                "mark": {"type": "text", "align": "left", "dx": 8, "dy": -8, "color": INK[theme]},
                "encoding": {"text": {"field": "label"}},
            },
        ],
    )  # fmt: skip


@cache
def allowance(theme: str) -> Spec:
    """The allowance from opening to closing, downwards; columns of `provisions.steps`."""
    y = {
        "field": "name", "type": "ordinal", "sort": {"field": "step"}, "scale": {"padding": 0.25},
        "axis": {"title": None, "ticks": False, "domain": False, "labelPadding": 6},
    }  # fmt: skip
    x = {
        "field": "start", "type": "quantitative",
        "axis": plain_axis("Allowance", format="$.3~s", tickCount=4, grid=True, domain=False, labelOverlap=True),
    }  # fmt: skip
    tooltip = [
        {"field": "name", "title": "Movement"},
        {"field": "amount", "title": "Allowance", "type": "quantitative", "format": "$,.0f"},
    ]
    colour = {"field": "kind", "type": "nominal", "scale": DIRECTIONS, "legend": LEGEND}
    amount = {"field": "amount", "type": "quantitative"}
    inside: Spec = {"transform": [{"filter": "datum.kind == 'total'"}]}
    beside: Spec = {"transform": [{"filter": "datum.kind != 'total'"},
                                  {"calculate": "min(datum.start, datum.end)", "as": "left"}]}  # fmt: skip
    words: Spec = {"type": "text", "align": "right", "fontSize": 11}
    return framed(
        250,
        encoding={"y": y, "tooltip": tooltip},
        layer=[
            {
                "mark": {"type": "bar", "cornerRadius": 1},
                "encoding": {"x": x, "x2": {"field": "end"}, "color": colour},
            },
            {
                **inside,
                "mark": {**words, "dx": -6, "color": INK["light"]},
                "encoding": {"x": {"field": "end", "type": "quantitative"}, "text": {**amount, "format": "$.3s"}},
            },
            {
                **beside,
                "mark": {**words, "dx": -6, "color": INK[theme]},
                "encoding": {"x": {"field": "left", "type": "quantitative"}, "text": {**amount, "format": "+$.3s"}},
            },
        ],
    )
