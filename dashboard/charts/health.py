"""Charts of model health."""

from functools import cache, partial

from dashboard.charts.look import (
    BAND_ORDER,
    BLUE,
    GREEN,
    GREY,
    INK,
    LEGEND,
    ORANGE,
    RED,
    RISK,
    Spec,
    framed,
    plain_axis,
    share_axis,
)

INSIDE = {"domain": [True, False], "range": [BLUE, RED]}


def _layer(axis: Spec, mark: Spec, name: str, **more: object) -> Spec:
    return {"mark": mark, "encoding": {"y": {"field": name, "type": "quantitative", "axis": axis}, **more}}


@cache
def comparison(measure: str, title: str, models: tuple[str, ...]) -> Spec:
    """One measure by model date and model; columns of `health.comparison`, and `label` of the model date."""
    colours = dict(zip(("posterior", "logistic", "boosting", "rules"), (BLUE, ORANGE, GREEN, GREY), strict=True))
    scale = {"domain": list(models), "range": [colours.get(name, GREY) for name in models]}
    y = {
        "field": measure, "type": "quantitative", "scale": {"zero": False, "padding": 12},
        "axis": share_axis(title, format=".3f" if measure in ("auc", "ks") else ".4f"),
    }  # fmt: skip
    tooltip = [
        {"field": "model", "title": "Model"},
        {"field": "label", "title": "Model date"},
        {"field": measure, "title": title, "type": "quantitative", "format": ".4f"},
        {"field": "rows", "title": "Loans", "type": "quantitative", "format": ",d"},
        {"field": "bads", "title": "Defaults", "type": "quantitative", "format": ",d"},
    ]
    return framed(
        235,
        mark={"type": "line", "point": {"filled": True, "size": 45}, "strokeWidth": 2},
        encoding={
            "x": {"field": "label", "type": "ordinal", "axis": plain_axis("Model date"), "scale": {"padding": 0.3}},
            "y": y,
            "color": {"field": "model", "type": "nominal", "scale": scale, "legend": LEGEND},
            "tooltip": tooltip,
        },
    )


@cache
def calibration(theme: str) -> Spec:
    """Observed rate with its interval, and the PD expected, by band; columns of `health.calibration`."""
    x = {
        "field": "pd_range", "type": "ordinal", "sort": BAND_ORDER,
        "axis": plain_axis("PD within twelve months", labelOverlap=True),
        "scale": {"padding": 0.3},
    }  # fmt: skip
    axis = share_axis("Defaulted within twelve months")
    colour = {"field": "risk_class", "type": "nominal", "scale": RISK, "legend": LEGEND}
    tooltip = [
        {"field": "pd_range", "title": "PD"},
        {"field": "loans", "title": "Matured loans", "type": "quantitative", "format": ",d"},
        {"field": "defaults", "title": "Defaults", "type": "quantitative", "format": ",d"},
        {"field": "observed", "title": "Observed", "type": "quantitative", "format": ".2%"},
        {"field": "low", "title": "90 % from", "type": "quantitative", "format": ".2%"},
        {"field": "high", "title": "to", "type": "quantitative", "format": ".2%"},
        {"field": "expected", "title": "Expected", "type": "quantitative", "format": ".2%"},
    ]

    layer = partial(_layer, axis)
    return framed(
        235,
        encoding={"x": x, "tooltip": tooltip},
        layer=[
            layer({"type": "bar", "cornerRadiusEnd": 2}, "observed", color=colour),
            layer({"type": "rule", "strokeWidth": 2, "color": GREY}, "low", y2={"field": "high"}),
            layer({"type": "tick", "thickness": 3, "color": INK[theme], "bandSize": 26}, "expected"),
        ],
    )


@cache
def foretold(theme: str) -> Spec:
    """Defaults of every vintage beside the interval foretold; columns of `health.foretold`, and `label`."""
    x = {"field": "label", "type": "ordinal", "axis": plain_axis("Vintage", labelOverlap=True)}
    axis = {**share_axis("Defaults"), "format": ",d"}
    colour = {
        "field": "inside", "type": "nominal", "scale": INSIDE,
        "legend": {**LEGEND, "labelExpr": "datum.value ? 'inside the interval' : 'outside'"},
    }  # fmt: skip
    tooltip = [
        {"field": "label", "title": "Vintage"},
        {"field": "defaults", "title": "Defaults", "type": "quantitative"},
        {"field": "expected", "title": "Foretold", "type": "quantitative", "format": ".1f"},
        {"field": "low", "title": "90 % from", "type": "quantitative", "format": ".1f"},
        {"field": "high", "title": "to", "type": "quantitative", "format": ".1f"},
    ]

    layer = partial(_layer, axis)
    return framed(
        235,
        encoding={"x": x, "tooltip": tooltip},
        layer=[
            layer({"type": "rule", "strokeWidth": 5, "color": GREY, "opacity": 0.45}, "low", y2={"field": "high"}),
            layer({"type": "tick", "thickness": 2, "color": INK[theme], "bandSize": 10}, "expected"),
            layer({"type": "circle", "size": 50, "opacity": 1}, "defaults", color=colour),
        ],
    )
